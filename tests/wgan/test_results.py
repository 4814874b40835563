"""What the tables of the notebook show: games by name below rivals that need no training."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_records import made_up

from sjedu.records import load_runs
from sjedu.wgan import results


def test_games_are_named_and_gathered_over_seeds():
    assert results.game("hinge", "gp", 10.0) == "hinge + gp 10"
    assert results.game("hinge", "none", 10.0) == "hinge"
    assert results.game("hinge", "spectral", 10.0) == "hinge + spectral"
    games = results.games("ring5")
    assert list(games) == ["wasserstein", "wasserstein + gp 0.1", "wasserstein + zero_gp 0.5"]
    assert {len(runs) for runs in games.values()} == {3}


def test_a_correlation_may_leave_the_first_steps_out():
    run = made_up("run", {}, {}, lesson="wgan")
    run.curves.update(step=[0, 20, 40, 60], estimate=[0.0, 3.0, 2.0, 1.0], batch=[9.0, 1.0, 2.0, 3.0])
    assert results.correlation_since(0)(run) < 0
    assert results.correlation_since(20)(run) == pytest.approx(-1)


def test_a_share_is_of_the_sample_or_of_the_population():
    metrics = {"gp:10": {"mean": 3.0}, "exact": {"mean": 4.0}, "population": {"mean": 2.0}}
    run = made_up("run", {}, metrics, lesson="wgan")
    assert results.share("gp:10")(run) == 0.75
    assert results.share("gp:10", "population")(run) == 1.5


def first_column(table):
    return [row[0] for row in table.rows]


def test_a_table_begins_with_what_needs_no_training():
    tables = {
        "ring": results.games_table("ring", ("modes", "near"), results.untrained_points()),
        "digits": results.games_table("digits", ("frechet", "ratio"), results.untrained_digits()),
        "mnist": results.games_table("mnist", ("batch W1",), results.untrained_pictures("mnist")),
    }
    starts = {
        "ring": ["the mean, repeated", "N(0, 2 I)", "the data"],
        "digits": list(results.untrained_digits()),
        "mnist": list(results.untrained_pictures("mnist")),
    }
    for study, table in tables.items():
        assert first_column(table)[:3] == starts[study]
        assert first_column(table)[3:] == list(results.games(study))
    assert [row[1] for row in tables["ring"].rows[:3]] == ["0.00", "0.00", "8.00"]
    assert [row[2] for row in tables["digits"].rows[:3]] == ["—"] * 3
    assert first_column(results.batch_size_table())[3:] == ["16", "64", "256"]
    static = results.static_table()
    assert static.header[1] == "f = 0"
    assert first_column(static) == ["ring", *results.DIGITS]
    assert first_column(results.cosine_table()) == list(results.DIGITS)


def test_untrained_digits_are_judged_as_they_look():
    mean, centres, real = results.untrained_digits().values()
    assert mean["recall"] == 0 < centres["recall"] < real["recall"]
    assert real["frechet"] < centres["frechet"] < mean["frechet"]


def test_theta_stars_are_below_the_truth_and_rise_with_the_batch():
    stars = results.theta_stars(fraction=0.2)
    assert max(stars.values()) < 1
    for d in results.DIMENSIONS:
        assert stars[1, d] < stars[16, d] <= stars[64, d] + 0.05
    assert stars[64, 2] > stars[64, 10] > stars[64, 50]


def test_cosines_are_of_the_critic_s_directions():
    run = load_runs("wgan").where(study="static", pair="digits_noise", seed=0).one()
    assert results.cosine("gp:10")(run) == run["gp:10", "cosine"]
    assert np.abs(results.cosine("c_transform")(run)) <= 1
