"""Each exercise of each lesson accepts its reference solution, and says of its stub that nothing is answered yet."""

from importlib import import_module

import pytest

from sjedu.course import LESSONS

EXERCISES = [
    pytest.param(exercise, id=f"{lesson.room}-{exercise.name}")
    for lesson in LESSONS
    for exercise in import_module(f"sjedu.{lesson.room}.exercises").EXERCISES.values()
]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_reference_solution_passes(exercise):
    feedback = exercise.check(exercise.solution)
    assert feedback.correct, feedback.message
    assert f"def {exercise.name}(" in exercise.solution_source()


@pytest.mark.parametrize("exercise", EXERCISES)
def test_stub_is_not_answered_yet(exercise):
    namespace = {}
    exec(exercise.stub, namespace)
    assert exercise.check(namespace[exercise.name]).correct is None
