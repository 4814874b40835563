"""The widgets: pictures and tables as functions of their state, for every value of every control."""

import pytest
from tiny_sim import make_sim, make_writer, questions
from widgets import WidgetTests, live, said

from sjedu.roformer_sim import theory, widgets

CORPUS = questions(30)


class TestWidgets(WidgetTests):
    room = widgets
    widgets = {"writer": widgets.writer(make_writer()), "neighbours": widgets.neighbours(make_sim(), CORPUS)}


@pytest.mark.parametrize("border", [1, 2, 6, 12])
@pytest.mark.parametrize("layers", [1, 4])
@pytest.mark.parametrize("noise", [False, True])
def test_the_mask_is_drawn_and_nothing_leaks(border, layers, noise):
    sentence = said(widgets.mask_viewer, border=border, layers=layers, noise=noise)
    forbidden = int((~theory.unilm_mask(border, widgets.LENGTH - border)).sum())
    assert f"forbids {forbidden} of 144 looks" in sentence
    assert sentence.endswith("where the mask forbids: 0.")
    assert ("hidden" in sentence) == (noise and border > 3)


def test_hidden_tokens_have_empty_columns():
    said(widgets.mask_viewer, border=8, layers=2, noise=True)
    sizes = widgets.mask_viewer.scene.moving[1].get_array()
    assert (sizes[:, [2, 5]] == 0).all()  # the border hides no [SEP], so 7 stays
    assert (sizes[:8, [1, 7]] > 0).all()


def test_the_writers_table_names_every_sample():
    model = make_writer()
    table = widgets.writer_table(model, "北京会下雨吗", n=2, samples=6)
    assert len(table.rows) == 6
    places = [str(row[-1]) for row in table.rows]
    assert places[:2] == ["1", "2"]
    assert table.to_text() == widgets.writer_table(model, "北京会下雨吗", n=2, samples=6).to_text()
    with pytest.raises(ValueError, match="at least one token"):
        widgets.writer_table(model, "")


def test_the_writer_says_what_is_wrong():
    panel = widgets.writer(make_writer()).panel()
    _, table, status = panel.children
    text = live(panel)[0]
    assert "想吃饺子该去哪家" in table.value
    text.value = ""
    assert "at least one token" in status.value
    text.value = "<b>北京"
    assert "<b>" not in table.value
    assert status.value == ""


@pytest.mark.parametrize("by", ["model", "characters"])
def test_neighbours_are_sorted(by):
    table = widgets.neighbours_table(make_sim(), CORPUS, CORPUS[3], by, 5)
    assert table.rows[0][0] == CORPUS[3]
    column = [float(row[1 if by == "model" else 2].replace("−", "-")) for row in table.rows]
    assert column == sorted(column, reverse=True)


def test_neighbours_are_by_the_model_or_by_characters():
    with pytest.raises(ValueError, match="by: got 'words'; expected one of 'model', 'characters'"):
        widgets.neighbours_table(make_sim(), CORPUS, by="words")


@pytest.mark.parametrize("away", widgets.ABLATIONS)
def test_the_chart_names_what_is_taken_away(away):
    figure, sentence = widgets.ablation.still(away=away)
    assert sentence.startswith(f"Without {away}: ")
    assert f"■ without {away}" in [text.get_text() for text in figure.axes[0].texts]
