"""Means over seeds, and leads in standard errors."""

import math

import numpy as np
import pytest

from sjedu.records import Spread, lead


def test_a_spread_is_mean_and_standard_error_over_seeds():
    spread = Spread((0.5, 0.7, 0.9))
    assert spread.mean == pytest.approx(0.7)
    assert spread.error == pytest.approx(0.2 / np.sqrt(3))
    assert str(spread) == "0.700 ± 0.115"
    assert str(Spread((0.5,))) == "0.500"


def test_a_lead_is_counted_in_pooled_standard_errors():
    first, second = Spread((0.8, 0.9, 1.0)), Spread((0.4, 0.6, 0.8))
    assert lead(first, second) == pytest.approx(0.3 / np.sqrt(0.01 / 3 + 0.04 / 3))
    assert lead(second, first) == -lead(first, second)
    assert lead(Spread((1.0, 1.0)), Spread((0.5, 0.5))) == np.inf
    assert lead(Spread((0.5, 0.5)), Spread((0.5, 0.5))) == 0


def test_one_seed_has_no_error():
    assert math.isnan(Spread((0.5,)).error)
