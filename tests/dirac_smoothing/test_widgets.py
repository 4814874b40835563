"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import math

import numpy as np
import pytest
from widgets import WidgetTests, numbers, said

from sjedu.dirac_smoothing import theory, widgets
from sjedu.dirac_smoothing.functions import PiecewiseLinear


class TestWidgets(WidgetTests):
    room = widgets
    without_torch = True


# ---------------------------------------------------------------- what the sentences say


def test_the_mean_under_the_bell_is_the_smoothed_function():
    sentence = said(widgets.kernel_and_function, function="|x|", kernel="student", log10_width=0.0, x=1.0)
    assert "the mean of f under the bell is 1.41" in sentence
    assert "The largest error is 1.000; the law K s E|U| allows 1.000" in sentence


def test_what_diverges_is_said_and_drawn_as_nothing():
    widget = widgets.kernel_and_function
    for function in ("ReLU", "|x|", "floor", "soft shrink"):
        assert "has no mean" in said(widget, function=function, kernel="cauchy", log10_width=0.0, x=1.0)
        assert math.isnan(theory.largest_error(function, "cauchy", 1.0))
    jump = said(widget, function="sign", kernel="cauchy", log10_width=-1.0, x=1.0)
    assert "half of the jump, 1.000" in jump


@pytest.mark.parametrize("function", theory.NAMES)
@pytest.mark.parametrize("kernel", theory.KERNELS)
def test_every_pair_can_be_drawn(function, kernel):
    assert said(widgets.kernel_and_function, function=function, kernel=kernel, log10_width=-0.5, x=0.5)


def test_the_floor_saturates_and_becomes_a_line():
    assert "climbs from −6 to 10 and is flat beyond" in said(
        widgets.floor, t=10.0, M=5, N=10, untruncated=False
    )
    assert "mean error inside is 0.136" in said(widgets.floor, t=10.0, M=5, N=10, untruncated=False)
    assert "no end" in said(widgets.floor, t=10.0, M=5, N=10, untruncated=True)
    assert "nearly the line" in said(widgets.floor, t=2.0, M=5, N=10, untruncated=True)


def test_a_drawn_function_passes_through_its_knots():
    points = tuple(zip(widgets.PLACES, (0.0, 1.0, -0.5, 0.5, 0.0), strict=True))
    f = PiecewiseLinear.through(points, (0, 0, 1, 0, 0))
    assert f(np.array([-9.0, -1.0, -1e-9, 1e-9, 1.0, 9.0])).round(6).tolist() == [0, 1, -0.5, 0.5, 1.5, 1]
    assert "Jumps: 1; changes of slope: 5" in said(widgets.draw_your_own)
    assert "Jumps: 0" in said(widgets.draw_your_own, jump=0.0)


def test_the_families_and_their_gaps():
    sentence = said(widgets.two_families, kernel="gaussian", width=1.0)
    assert numbers(sentence)[:5] == [1.0, 0.399, 0.0, 0.170, 0.752]
    assert "binary entropy" in said(widgets.two_families, kernel="logistic", width=1.0)
