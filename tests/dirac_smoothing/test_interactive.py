"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import numpy as np
import pytest
from widgets import Widget, WidgetTests, numbers

from sjedu.dirac_smoothing import interactive, theory

WIDGETS = Widget.all(interactive, "kernel_and_function", "draw_your_own", "floor", "two_families")


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 10


# ---------------------------------------------------------------- what the sentences say


def test_the_mean_under_the_bell_is_the_smoothed_function():
    sentence = WIDGETS["kernel_and_function"].update(function="|x|", kernel="student", log_width=0.0, x=1.0)
    assert "the mean of f under the bell is 1.41" in sentence
    assert "The largest error is 1.000; the law K s E|U| allows 1.000" in sentence


def test_what_diverges_is_said_and_drawn_as_nothing():
    update = WIDGETS["kernel_and_function"].update
    for function in ("ReLU", "|x|", "floor", "soft shrink"):
        assert "has no mean" in update(function=function, kernel="cauchy", log_width=0.0, x=1.0)
    assert "half of the jump, 1.000" in update(function="sign", kernel="cauchy", log_width=-1.0, x=1.0)


@pytest.mark.parametrize("function", interactive.ALL_FUNCTIONS)
@pytest.mark.parametrize("kernel", theory.KERNELS)
def test_every_pair_can_be_drawn(function, kernel):
    assert WIDGETS["kernel_and_function"].update(function=function, kernel=kernel, log_width=-0.5, x=0.5)


def test_the_floor_saturates_and_becomes_a_line():
    update = WIDGETS["floor"].update
    assert "climbs from −6 to 10 and is flat beyond" in update(t=10.0, M=5, N=10, fourier=False)
    assert "mean error inside is 0.136" in update(t=10.0, M=5, N=10, fourier=False)
    assert "no end" in update(t=10.0, M=5, N=10, fourier=True)
    assert "nearly the line" in update(t=2.0, M=5, N=10, fourier=True)


def test_a_drawn_function_passes_through_its_knots():
    f = interactive.drawn((0.0, 1.0, -0.5, 0.5, 0.0), 1.0)
    assert f(np.array([-9.0, -1.0, -1e-9, 1e-9, 1.0, 9.0])).round(6).tolist() == [0, 1, -0.5, 0.5, 1.5, 1]
    sentence = WIDGETS["draw_your_own"].update(**{**WIDGETS["draw_your_own"].start, "jump": 0.0})
    assert "Jumps: 0" in sentence


def test_the_families_and_their_gaps():
    sentence = WIDGETS["two_families"].update(kernel="gaussian", width=1.0)
    assert numbers(sentence)[:5] == [1.0, 0.399, 0.0, 0.170, 0.752]
    assert "binary entropy" in WIDGETS["two_families"].update(kernel="logistic", width=1.0)
