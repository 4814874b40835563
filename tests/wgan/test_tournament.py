"""The recorded tournament."""

from __future__ import annotations

import pytest

from sjedu.wgan import batch_distance
from sjedu.wgan.experiment import train
from sjedu.wgan.tournament import TournamentConfig


def test_the_record_says_what_the_study_says():
    config = TournamentConfig(dataset="digits", sizes=(4, 16), repeats=3)
    record = train(config, progress=False)
    assert record.name == "tournament-digits-seed0"
    assert list(record.metrics) == ["4", "16"]
    found = batch_distance.tournament(16, 3)
    assert record.metrics["16"]["real"] == pytest.approx(found["real"].mean, abs=1e-4)
    assert record.metrics["16"]["wins"] == pytest.approx(batch_distance.win_rate(found), abs=1e-4)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("sizes", (4, 0), r"sizes\[1\]: got 0; expected at least 1"),
        ("repeats", 0, "repeats: got 0; expected at least 1"),
    ],
)
def test_wrong_numbers_are_named(field, value, message):
    with pytest.raises(ValueError, match=message):
        train(TournamentConfig(**{field: value}), progress=False)
