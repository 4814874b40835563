"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import subprocess
import sys

import numpy as np
import pytest
from widgets import WidgetTests, numbers, said

from sjedu.data.text import opposite, parse_statement
from sjedu.supervised_similarity import tasks, theory, widgets
from sjedu.supervised_similarity.experiment import load_small


class TestWidgets(WidgetTests):
    room = widgets
    figures = (widgets.article_pairs_figure,)
    examples = 4


def test_what_asks_no_model_imports_no_torch():
    script = (
        "import sys\nfrom sjedu.supervised_similarity import widgets\n"
        "widgets.loss_landscape.render(), widgets.head_plane.render()\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_the_explorer_changes_meanings_as_it_says():
    for text in widgets.SENTENCES.values():
        statement = parse_statement(text)
        assert parse_statement(tasks.changed(text, "paraphrase", 3)) == statement
        if statement.frame != "request":
            assert parse_statement(tasks.changed(text, "negate")) == opposite(statement)
        for change in widgets.CHANGES:
            assert tasks.changed(text, change, 2) != text


def test_the_explorer_shows_the_models_cosines():
    sentence = said(widgets.pair_explorer, sentence="我喜欢北京", change="paraphrase", wording=1)
    other = tasks.changed("我喜欢北京", "paraphrase")
    cosine = load_small("start").similarity(["我喜欢北京"], [other]).item()
    assert numbers(sentence)[0] == pytest.approx(cosine, abs=0.006)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.85, 1.0])
def test_the_landscape_finds_the_best_cosines(p):
    sentence = said(widgets.loss_landscape, p=p, tau=0.0, weight=4.0)
    found = numbers(sentence)
    for kind in theory.COSINE_KINDS:
        assert any(abs(value - theory.best_cosine(kind, p)) < 0.006 for value in found), (kind, sentence)


def test_a_topic_score_that_explains_the_label_leaves_the_distance_alone():
    grid = np.linspace(-1, 1, 2001)
    p, weight = 0.7, 4.0
    neutral = float(np.log(p / (1 - p)))
    best = [grid[np.argmin(theory.head_loss(grid, p, topic, weight))] for topic in (0.0, neutral)]
    # With the topic explained the distance adds nothing: |u − v| = 1, cosine one half; else it is drawn nearer.
    assert best[1] == pytest.approx(0.5, abs=0.01)
    assert best[0] > best[1]


def test_the_plane_is_zero_where_v_is_u():
    u, w12, w3 = np.array([0.9, 0.5]), np.array([0.6, 0.8]), np.array([-1.5, -1.5])
    topic, meaning = theory.head_scores(u, u, w12, w3)
    assert meaning == 0
    along = u + 0.7 * np.array([0.8, -0.6])  # at a right angle to w₁
    assert theory.head_scores(u, along, w12, w3)[0] == pytest.approx(topic)
    assert theory.head_scores(u, along, w12, w3)[1] == pytest.approx(-1.5 * 0.7 * 1.4)
    there = said(widgets.head_plane, across=0.9, up=0.5, w12=1.0, w3=1.5)
    assert numbers(there)[3:] == [pytest.approx(topic, abs=0.006), 0.0, 0.0, pytest.approx(topic, abs=0.006)]


def test_the_threshold_counts_every_pair():
    sentence = said(widgets.threshold, name="topics", model="start", threshold=-1.0)
    assert "400 of 400" in sentence
    assert "50 % are answered right" in sentence
