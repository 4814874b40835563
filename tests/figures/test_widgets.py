"""A widget shows what its controls say, live and where no kernel runs; a state that cannot be shown says so."""

import base64
import io
import json
import os
import subprocess
import sys
import types
from functools import partial

import ipywidgets
import numpy as np
import pytest
from PIL import Image
from wave_scene import wave
from widgets import live, parts

from sjedu.figures.scene import render
from sjedu.figures.style import png
from sjedu.figures.tables import Table
from sjedu.figures.widgets import Explorer, TextWidget, Widget, choice, slider, text_line, toggle

CONTROLS = {
    "frequency": slider("frequency", -1.0, 9.0, 3.0),
    "level": choice("level", {"low": 0.1, "high": 0.9}),
    "hidden": toggle("hide the line"),
}
START = {"frequency": 3.0, "level": 0.1, "hidden": False}
VIEW = "application/vnd.jupyter.widget-view+json"


def waves() -> Widget:
    return Widget(wave, **CONTROLS)


def repeated(number: int, word: str) -> str:
    if number > 3:
        raise ValueError(f"number: got {number}; expected at most 3")
    return f"<p>{word * number}</p>"


REPEATED = {"number": slider("number", 0, 9, 2), "word": text_line("word", "ab", ["c", "ab"])}


@pytest.fixture
def shown(monkeypatch):
    """What a widget displays: pairs of data and metadata."""
    outputs = []

    def display(data, *, metadata, raw):
        assert raw
        outputs.append((data, metadata))

    monkeypatch.setattr("IPython.display.display", display)
    return outputs


# ---------------------------------------------------------------- descriptions


def test_a_slider_over_whole_numbers_gives_whole_numbers():
    assert slider("n", 1, 9, 3, 2).values() == [1, 3, 5, 7, 9]
    assert isinstance(slider("n", 1, 9, 3).make(), ipywidgets.IntSlider)
    real = slider("t", 0.0, 2.0, 1.0).make()
    assert (type(real), real.step, real.readout_format) == (ipywidgets.FloatSlider, 0.02, ".2f")
    assert isinstance(slider("t", 0, 2, 1, 0.5).make(), ipywidgets.FloatSlider)


def test_the_values_of_a_slider_are_its_steps_and_its_end():
    assert slider("t", 0.0, 0.5, 0.0, 0.1).values() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert slider("t", 0.0, 0.5, 0.0, 0.2).values() == [0.0, 0.2, 0.4, 0.5]
    assert slider("n", 64, 65536, 1024, 64).values()[-2:] == [65472, 65536]


def test_a_choice_starts_with_its_first_option():
    assert choice("c", ["a", "b"]).value == "a"
    assert choice("c", {"a": 1, "b": 2}, 2).make().value == 2
    assert choice("c", {"a": 1, "b": 2}).values() == [1, 2]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: slider("n", 1, 9, 10), "value: got 10; expected a number from 1 to 9"),
        (lambda: slider("n", 1, 1, 1), "low: got 1"),
        (lambda: slider("t", 0.0, float("nan"), 0.0), r"low: got 0\.0"),
        (lambda: slider("n", 1, 9, 3, 0), "step: got 0"),
        (lambda: choice("c", []), "value: got None"),
        (lambda: choice("c", ["a"], "b"), r"value: got 'b'; expected one of \['a'\]"),
    ],
)
def test_a_control_that_makes_no_sense_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_a_widget_goes_through_its_states():
    widget = waves()
    states = list(widget.states())
    assert len(states) == widget.size == 101 * 2 * 2
    assert states[0] == {"frequency": -1.0, "level": 0.1, "hidden": False}
    assert states[1] == {"frequency": -1.0, "level": 0.1, "hidden": True}
    assert widget.start == START
    assert START in states
    assert TextWidget(repeated, **REPEATED).size == 10 * 2  # the examples of a line, each once


def test_the_widgets_of_a_module_are_found_by_their_kind():
    room = types.ModuleType("room")
    room.waves, room.words, room.other = waves(), TextWidget(repeated, **REPEATED), slider("n", 1, 9, 3)
    assert Widget.all(room) == {"waves": room.waves}
    assert list(Explorer.all(room)) == ["waves", "words"]


def test_a_widget_is_called_as_its_function():
    assert TextWidget(repeated, **REPEATED).name == "repeated"
    assert repr(TextWidget(repeated, **REPEATED)) == "TextWidget repeated(number, word)"

    def plane_scene(size):
        return wave()

    assert Widget(partial(plane_scene, 3), **CONTROLS).name == "plane"


def test_nothing_is_drawn_or_imported_before_it_is_shown():
    def scene():
        raise AssertionError("not yet")

    assert Widget(scene, **CONTROLS).start == START
    script = """import sys
from sjedu.figures import Widget, choice, slider
Widget(lambda: None, n=slider("n", 1, 9, 3), c=choice("c", "ab")).start
sys.exit(any(name in sys.modules for name in ("ipywidgets", "IPython", "torch", "matplotlib.pyplot")))"""
    this_checkout = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script], env=this_checkout).returncode == 0


# ---------------------------------------------------------------- pictures


def test_a_state_in_part_is_filled_up_from_the_start():
    widget = waves()
    assert widget.render(level=0.9) == render(wave(), **{**START, "level": 0.9})
    fig, sentence = widget.still(frequency=4.0)
    assert fig is widget.scene.figure
    assert sentence == "The frequency is 4.0 & the level 0.1."
    with pytest.raises(TypeError, match="state: got levels; expected some of frequency, level, hidden"):
        widget.still(levels=0.9)


def test_each_control_changes_the_picture_and_the_sentence():
    panel = waves().panel()
    _, picture, status = panel.children
    expected = dict(START)
    for (name, value), control in zip(
        {"frequency": 4.0, "level": 0.9, "hidden": True}.items(), live(panel), strict=True
    ):
        before = picture.value
        control.value = value
        expected[name] = value
        image, sentence = render(wave(), **expected)
        assert picture.value == image != before
        assert sentence.replace("&", "&amp;") in status.value
        assert 'aria-live="polite"' in status.value


def test_two_panels_of_a_widget_do_not_disturb_each_other():
    widget = waves()
    one, other = widget.panel(), widget.panel()
    untouched = other.children[1].value
    live(one)[0].value = 7.0
    assert other.children[1].value == untouched
    live(other)[1].value = 0.9
    assert other.children[1].value == render(wave(), **{**START, "level": 0.9})[0]


def test_a_state_that_fails_shows_its_error_and_no_old_picture():
    panel = waves().panel()
    _, picture, status = panel.children
    frequency = live(panel)[0]
    good, sentence = picture.value, status.value
    frequency.value = -1.0
    assert "ValueError: frequency = -1.0: expected &lt;a number&gt; &gt;= 0" in status.value
    assert 'role="alert"' in status.value
    assert picture.value != good
    faded = np.asarray(Image.open(io.BytesIO(picture.value)))
    assert faded.shape == (200, 300, 3)
    assert faded.min() > 180  # nothing dark is left: 0.75 of the card's colour is 189
    frequency.value = 3.0
    assert (picture.value, status.value) == (good, sentence)


def test_a_first_state_that_fails_raises():
    with pytest.raises(ValueError, match=r"frequency = -1\.0"):
        Widget(wave, **{**CONTROLS, "frequency": slider("frequency", -1.0, 9.0, -1.0)}).panel()
    with pytest.raises(TypeError, match="level"):
        Widget(wave, frequency=slider("frequency", -1.0, 9.0, 3.0), hidden=toggle("hide")).panel()


def test_only_widgets_that_every_front_end_has():
    panel = waves().panel()
    known = {"VBox", "Box", "Image", "HTML", "Label", "FloatSlider", "ToggleButtons", "Checkbox"}
    assert {each._model_name.removesuffix("Model") for each in parts(panel)} <= known
    assert {each._model_module for each in parts(panel)} == {"@jupyter-widgets/controls"}
    assert panel.children[1].width == "300"
    assert [each.value for each in parts(panel) if isinstance(each, ipywidgets.Label)] == [
        "frequency",
        "level",
    ]
    assert [each.description for each in live(panel)] == ["", "", "hide the line"]


def test_a_widget_shows_its_panel_and_what_stands_for_it_without_a_kernel(shown):
    waves()._ipython_display_()
    (picture, metadata), (caption, _) = shown
    sentence = "The frequency is 3.0 & the level 0.1."
    # One form each of picture and sentence; both pages that prefer text to pictures and those that do not show both.
    assert set(picture) == {VIEW, "image/png", "text/plain"}
    assert set(caption) == {VIEW, "text/markdown", "text/plain"}
    assert next(iter(picture)) == next(iter(caption)) == VIEW
    assert metadata == {"image/png": {"alt": sentence, "width": 300}}
    assert picture["text/plain"] == caption["text/plain"] == sentence
    assert base64.b64decode(picture["image/png"]) == png(*waves().still())
    assert caption["text/markdown"] == "*The frequency is 3.0 & the level 0.1.*"
    json.dumps(shown)
    assert picture[VIEW]["model_id"] != caption[VIEW]["model_id"]


# ---------------------------------------------------------------- texts


def test_a_text_answers_its_controls_and_says_what_went_wrong():
    panel = TextWidget(repeated, **REPEATED).panel()
    _, answer, status = panel.children
    number, word = live(panel)
    assert answer.value == "<p>abab</p>"
    number.value = 3
    assert answer.value == "<p>ababab</p>"
    number.value = 4
    assert answer.value == ""
    assert "number: got 4; expected at most 3" in status.value
    assert 'role="alert"' in status.value
    word.value, number.value = "c", 1
    assert (answer.value, status.value) == ("<p>c</p>", "")


def test_a_text_shows_its_panel_and_what_stands_for_it_without_a_kernel(shown):
    TextWidget(repeated, **REPEATED)._ipython_display_()
    ((data, _),) = shown
    assert set(data) == {VIEW, "text/html", "text/plain"}
    assert data["text/html"] == "<p>abab</p>"
    assert data["text/plain"].strip() == "abab"


def test_a_table_shows_itself_in_all_its_forms(shown):
    widget = TextWidget(lambda n: Table(["n"], [[str(n)]]), n=slider("n", 1, 9, 3))
    widget._ipython_display_()
    ((data, _),) = shown
    assert data.items() >= Table(["n"], [["3"]])._repr_mimebundle_().items()
    assert widget.render(n=4) == Table(["n"], [["4"]]).to_html()
    assert widget.panel().children[1].value == data["text/html"]
