"""The widgets: pictures and tables as functions of their state, for every value of every control."""

import pytest
from tiny_sim import make_sim, make_writer, questions
from widgets import Widget, WidgetTests, live

from sjedu.figures.scene import render
from sjedu.records import load_records
from sjedu.roformer_sim import interactive, theory

CORPUS = questions(30)
RECORDS = load_records("roformer_sim")
WIDGETS = {
    widget.name: widget
    for widget in (Widget(interactive, "mask_viewer"), Widget(interactive, "ablation", RECORDS))
}


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 10


@pytest.mark.parametrize("border", [1, 2, 6, 12])
@pytest.mark.parametrize("layers", [1, 4])
@pytest.mark.parametrize("noise", [False, True])
def test_the_mask_is_drawn_and_nothing_leaks(border, layers, noise):
    scene = interactive.mask_viewer_scene()
    image, sentence = render(scene, border=border, layers=layers, noise=noise)
    assert image.startswith(b"\x89PNG")
    forbidden = int((~theory.unilm_mask(border, interactive.LENGTH - border)).sum())
    assert f"forbids {forbidden} of 144 looks" in sentence
    assert sentence.endswith("where the mask forbids: 0.")
    assert ("hidden" in sentence) == (noise and border > 3)


def test_hidden_tokens_have_empty_columns():
    scene = interactive.mask_viewer_scene()
    render(scene, border=8, layers=2, noise=True)
    sizes = scene.moving[1].get_array()
    assert (sizes[:, [2, 5]] == 0).all()  # the border hides no [SEP], so 7 stays
    assert (sizes[:8, [1, 7]] > 0).all()


def test_stills_have_sentences():
    figure, sentence = interactive.mask_viewer_figure()
    assert figure.axes
    assert len(sentence.split()) > 10


def test_the_writers_table_names_every_sample():
    model = make_writer()
    table = interactive.writer_table(model, "北京会下雨吗", n=2, samples=6)
    assert len(table.rows) == 6
    places = [str(row[-1]) for row in table.rows]
    assert places[:2] == ["1", "2"]
    assert table.to_text() == interactive.writer_table(model, "北京会下雨吗", n=2, samples=6).to_text()
    with pytest.raises(ValueError, match="at least one token"):
        interactive.writer_table(model, "")


def test_the_writer_says_what_is_wrong():
    widget = interactive.writer(make_writer())
    _, table, status = widget.children
    text = live(widget)[0]
    assert interactive.SOURCE in table.value
    text.value = ""
    assert "at least one token" in status.value
    text.value = "<b>北京"
    assert "<b>" not in table.value
    assert status.value == ""


@pytest.mark.parametrize("by", ["model", "characters"])
def test_neighbours_are_sorted(by):
    table = interactive.neighbours_table(make_sim(), CORPUS, CORPUS[3], by, 5)
    assert table.rows[0][0] == CORPUS[3]
    column = [float(row[1 if by == "model" else 2]) for row in table.rows]
    assert column == sorted(column, reverse=True)


def test_neighbours_answer_their_controls():
    widget = interactive.neighbours(make_sim(), CORPUS)
    _, table, _ = widget.children
    before = table.value
    live(widget)[1].value = "characters"
    assert table.value != before
    with pytest.raises(ValueError, match="by must be"):
        interactive.neighbours_table(make_sim(), CORPUS, by="words")


def test_every_recorded_ablation_is_drawn():
    records = load_records("roformer_sim")
    scene = interactive.ablation_scene(records)
    known = interactive._recorded(records)
    assert len(known) >= 5
    for away in known:
        for values in (True, False):
            _, sentence = render(scene, away=away, values=values)
            assert away in sentence
    figure, _ = interactive.ablation_figure(records, "noise")
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()][-1] == "without noise"


def test_no_records_no_chart():
    with pytest.raises(ValueError, match="expected recorded runs"):
        interactive.ablation_scene([])
