import numpy as np
import pytest
import torch
from torch import Tensor

from sjedu.course.exercises import (
    Exercise,
    Exercises,
    Feedback,
    WrongAnswer,
    close,
    describe,
    describe_call,
    expect,
    judged_by,
)

ROTATE = """q: (2,) -> (2,)

Rotate `q` by $\\theta$.
Keep its length.

Hint: Use a matrix.

Shows: rotations keep
lengths.
"""


def rotate(q, angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ q


def keeps_norm(answer):
    length = np.linalg.norm(answer(np.array([3.0, 4.0]), 0.3))
    expect(close(length, 5.0), "a rotation keeps the length of q; yours does not.")


def refuses_text(answer):
    try:
        answer("no vector", 0.3)
    except (TypeError, ValueError):
        return
    raise WrongAnswer("text is no vector: raise TypeError or ValueError.")


def make(solution=rotate, checks=(keeps_norm, refuses_text), docstring=ROTATE) -> Exercise:
    solution.__doc__ = docstring
    exercises = Exercises()
    decorate = exercises.add("1", "Rotate", minutes=4, difficulty="easy")
    assert decorate(judged_by(*checks)(solution)) is solution
    return exercises["1"]


@pytest.mark.parametrize(
    ("found", "wanted", "tolerances", "verdict"),
    [
        ([1.0, 2.0], [1, 2], (), True),
        (torch.tensor([1.0, 2.0]), [1, 2 + 1e-8], (), False),
        ([1e6], [1e6 + 1], (0.0, 1e-5), True),
        ([1.0, 1.0], 1.0, (), False),  # no broadcasting: the shape is part of an answer
        (float("nan"), 1.0, (), False),
    ],
)
def test_close_compares_shapes_and_numbers(found, wanted, tolerances, verdict):
    assert close(found, wanted, *tolerances) is verdict


def test_solution_is_accepted():
    assert make().check(rotate) == Feedback(True, "rotations keep lengths.")


def test_wrong_answer_hears_the_reason():
    assert make().check(lambda q, angle: 2 * q) == Feedback(
        False, "a rotation keeps the length of q; yours does not."
    )


def test_later_checks_count_too():
    feedback = make().check(lambda q, angle: q)
    assert feedback.correct is False
    assert feedback.message == "text is no vector: raise TypeError or ValueError."


def unfinished(q, angle): ...


@pytest.mark.parametrize(
    "answer",
    [None, ..., unfinished, lambda q, angle: ..., lambda q, angle: (q, ...)],
    ids=["None", "ellipsis", "bare body", "returns an ellipsis", "returns one in a tuple"],
)
def test_stub_is_not_answered_yet(answer):
    feedback = make().check(answer)
    assert feedback.correct is None
    assert repr(feedback).startswith("not answered yet")
    assert "rotate" in repr(feedback)


def test_stub_in_the_exercise_is_not_answered_yet():
    namespace = {}
    exec(make().stub, namespace)
    assert make().check(namespace["rotate"]).correct is None


def test_exception_of_the_reader_names_input():
    def divides(q, angle):
        raise ValueError("no luck")

    assert make().check(divides) == Feedback(
        False, "your function raised ValueError: no luck (input ndarray of float64 (2,), 0.3)"
    )


def test_exception_without_message():
    def asserts(q, angle):
        raise AssertionError

    assert "raised AssertionError (input" in make().check(asserts).message


def test_exception_while_checking_blames_the_kind_of_result():
    feedback = make().check(lambda q, angle: object())
    assert feedback.correct is False
    assert feedback.message.startswith("what your function returned cannot be checked (TypeError")


def test_result_instead_of_function():
    feedback = make().check(np.ones(2))
    assert feedback == Feedback(
        False,
        "hand over the function rotate itself, without calling it; got ndarray of float64 (2,).",
    )


def test_callable_object_keeps_its_attributes():
    class Rotation:
        name = "mine"

        def __call__(self, q, angle):
            return rotate(q, angle)

    def has_name(answer):
        if answer.name != "mine":
            raise WrongAnswer("name?")

    assert make(checks=[has_name, keeps_norm]).check(Rotation()).correct is True


def test_keyboard_interrupt_is_not_swallowed():
    def interrupted(q, angle):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make().check(interrupted)


@pytest.mark.parametrize(
    ("correct", "badge"), [(None, "not answered yet"), (True, "✓ correct"), (False, "✗ not yet")]
)
def test_feedback_as_html_is_escaped(correct, badge):
    html = Feedback(correct, "a < b")._repr_mimebundle_()["text/html"]
    assert badge in html
    assert "a &lt; b" in html


@pytest.mark.parametrize(
    ("correct", "text"), [(True, "✓ yes"), (False, "✗ yes"), (None, "not answered yet: yes")]
)
def test_feedback_as_text(correct, text):
    assert repr(Feedback(correct, "yes")) == text


def test_solution_source_is_the_function():
    assert make().solution_source().startswith("def rotate(q, angle):\n    return np.array(")


def test_the_docstring_holds_all_that_is_said():
    exercise = make()
    assert (exercise.contract, exercise.hint) == ("q: (2,) -> (2,)", "Use a matrix.")
    assert exercise.task == "Rotate `q` by $\\theta$.\nKeep its length."
    assert exercise.shows == "rotations keep lengths."


def test_the_stub_is_the_solution_without_types_and_body():
    def turn(q: Tensor, *, angle: float = 0.5, layout: str = "half") -> Tensor:
        return q

    assert make(turn).stub == (
        'def turn(q, *, angle=0.5, layout="half"):\n    """q: (2,) -> (2,)"""\n    return ...'
    )
    assert (
        '(q, angle):\n    """one line\n    and one more\n    """\n'
        in make(docstring=ROTATE.replace("q: (2,) -> (2,)", "one line\nand one more")).stub
    )


@pytest.mark.parametrize("part", ["q: (2,) -> (2,)\n\n", "Hint: ", "Shows: "])
def test_an_exercise_without_a_part_is_refused(part):
    with pytest.raises(ValueError, match=r"exercise '1': .* expected .* contract, task, Hint: \.\.\., Shows"):
        make(docstring=ROTATE.replace(part, ""))


def test_an_id_stands_once():
    exercises = Exercises()
    add = exercises.add("1", "Rotate", minutes=4, difficulty="easy")
    add(make().solution)
    with pytest.raises(ValueError, match="exercise '1': got an id that is taken"):
        add(make().solution)


def test_describe_is_short():
    assert describe(torch.zeros(2, 3)) == "Tensor of float32 (2, 3)"
    assert describe(rotate) == "the function rotate"
    assert describe(0.5) == "0.5"
    assert len(describe(list(range(10_000)))) < 60


def test_describe_call():
    assert describe_call((1, "a"), {"dtype": torch.float64}) == "1, 'a', dtype=torch.float64"
    assert describe_call((), {}) == "none"
