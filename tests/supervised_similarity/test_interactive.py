"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import numpy as np
import pytest
from widgets import Widget, WidgetTests, numbers

from sjedu.data.text import opposite, parse_statement
from sjedu.supervised_similarity import interactive, theory
from sjedu.supervised_similarity.experiment import load_small

WIDGETS = Widget.all(interactive, "pair_explorer", "loss_landscape", "head_plane", "threshold")


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 4


def test_the_explorer_changes_meanings_as_it_says():
    for text in interactive.PICKS.values():
        statement = parse_statement(text)
        assert parse_statement(interactive.changed(text, "paraphrase", 3)) == statement
        if statement.frame != "request":
            assert parse_statement(interactive.changed(text, "negate")) == opposite(statement)
        for change in interactive.CHANGES:
            assert interactive.changed(text, change, 2) != text


def test_the_explorer_shows_the_models_cosines():
    sentence = WIDGETS["pair_explorer"].update(pick="我喜欢北京", change="paraphrase", wording=1)
    other = interactive.changed("我喜欢北京", "paraphrase")
    cosine = load_small("start").similarity(["我喜欢北京"], [other]).item()
    assert numbers(sentence)[0] == pytest.approx(cosine, abs=0.006)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.85, 1.0])
def test_the_landscape_finds_the_best_cosines(p):
    sentence = WIDGETS["loss_landscape"].update(p=p, topic=0.0, weight=4.0)
    found = numbers(sentence)
    for kind in theory.COSINE_KINDS:
        assert any(abs(value - theory.best_cosine(kind, p)) < 0.006 for value in found), (kind, sentence)


def test_a_topic_score_that_explains_the_label_leaves_the_distance_alone():
    grid = np.linspace(-1, 1, 2001)
    p, weight = 0.7, 4.0
    neutral = float(np.log(p / (1 - p)))
    best = [grid[np.argmin(interactive.head_loss(grid, p, topic, weight))] for topic in (0.0, neutral)]
    # With the topic explained the distance adds nothing: |u − v| = 1, cosine one half; else it is drawn nearer.
    assert best[1] == pytest.approx(0.5, abs=0.01)
    assert best[0] > best[1]


def test_the_plane_is_zero_where_v_is_u():
    topic, meaning = interactive.plane_scores(np.array([0.9, 0.5]), 1.0, 1.5)
    assert meaning == 0
    along = np.array([0.9, 0.5]) + 0.7 * np.array([0.8, -0.6])  # at a right angle to (0.6, 0.8)
    assert interactive.plane_scores(along, 1.0, 1.5)[0] == pytest.approx(topic)
    assert interactive.plane_scores(along, 1.0, 1.5)[1] < 0


def test_the_threshold_counts_every_pair():
    sentence = WIDGETS["threshold"].update(name="topics", model="start", at=-1.0)
    assert "400 of 400" in sentence
    assert "50% are answered right" in sentence
