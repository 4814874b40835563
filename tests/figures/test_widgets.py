"""A picture is a function of its state; a control that cannot be answered says so."""

import io

import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from sjedu.figures.style import figure
from sjedu.figures.widgets import (
    Labels,
    Scene,
    choice,
    explore,
    explore_html,
    render,
    slider,
    text_line,
    toggle,
)


def wave() -> Scene:
    """A scene with a line that may be hidden, a text, and an image under a title."""
    fig, ax = figure(3, 2)
    x = np.linspace(0, 1, 50)
    ax.set(xlim=(0, 1), ylim=(-2, 2), title="Title")
    image = ax.imshow(np.zeros((4, 4)), extent=(0, 1, -2, 2), vmin=0, vmax=1, aspect="auto")
    line = ax.plot([], [])[0]
    labels = Labels(ax, [(0.5, 0.5)])

    def update(frequency: float, level: float, hidden: bool) -> str:
        if frequency < 0:
            raise ValueError(f"frequency = {frequency}: expected <a number> >= 0")
        image.set_data(np.full((4, 4), level))
        line.set_data(x, np.sin(frequency * x))
        line.set_visible(not hidden)
        labels.write([f"{frequency:.1f}"])
        return f"The frequency is {frequency} & the level {level}."

    return Scene(fig, [labels, line, image], update)


STATES = st.fixed_dictionaries(
    {"frequency": st.floats(0, 20), "level": st.floats(0, 1), "hidden": st.booleans()}
)
ONE, OTHER = wave(), wave()


@given(st.lists(STATES, max_size=3), st.lists(STATES, max_size=3), STATES)
def test_a_picture_depends_on_its_state_only(history, other_history, state):
    for past in history:
        render(ONE, **past)
    for past in other_history:
        render(OTHER, **past)
    assert render(ONE, **state) == render(OTHER, **state)


def test_the_png_holds_the_pixels_that_were_drawn():
    scene = wave()
    image, sentence = render(scene, frequency=3.0, level=0.5, hidden=False)
    decoded = Image.open(io.BytesIO(image))
    assert decoded.size == (300, 200)
    assert decoded.mode == "RGB"
    assert np.array_equal(np.asarray(decoded), np.asarray(scene.figure.canvas.buffer_rgba())[..., :3])
    assert sentence == "The frequency is 3.0 & the level 0.5."


def test_a_moving_picture_looks_like_matplotlibs_own():
    scene = wave()
    image, _ = render(scene, frequency=3.0, level=0.5, hidden=False)
    drawn = np.asarray(Image.open(io.BytesIO(image))).astype(int)
    buffer = io.BytesIO()
    scene.figure.savefig(buffer, dpi=100)
    saved = np.asarray(Image.open(buffer).convert("RGB")).astype(int)
    # Only the frame of the axes, which the image partly covers, may differ.
    assert (np.abs(drawn - saved).max(axis=-1) > 8).mean() < 0.01


def test_artists_are_drawn_by_zorder_whatever_their_order_in_the_list():
    shown = render(wave(), frequency=3.0, level=0.5, hidden=False)
    hidden = render(wave(), frequency=3.0, level=0.5, hidden=True)
    assert shown != hidden  # the line, listed before the image, is not under it


def test_changing_an_artist_that_is_not_listed_is_an_error():
    fig, ax = figure(3, 2)
    line, title = ax.plot([0, 1])[0], ax.title

    def update(up: bool) -> str:
        line.set_ydata([0, int(up)])
        title.set_text(str(up))
        return ""

    scene = Scene(fig, [line], update)
    for up in (True, False):  # also the second time
        with pytest.raises(RuntimeError, match=r"not listed in scene\.moving"):
            render(scene, up=up)
    assert render(Scene(fig, [line, title], update), up=True)


# ---------------------------------------------------------------- explore


def controls() -> dict[str, ipywidgets.Widget]:
    return {
        "frequency": slider("frequency", -1.0, 9.0, 3.0),
        "level": choice("level", {"low": 0.1, "high": 0.9}),
        "hidden": toggle("hide the line"),
    }


def test_each_control_changes_the_picture_and_the_sentence():
    box = explore(wave(), **controls())
    row, picture, status = box.children
    frequency, level, hidden = row.children
    expected = {"frequency": 3.0, "level": 0.1, "hidden": False}
    for name, control, value in [
        ("frequency", frequency, 4.0),
        ("level", level, 0.9),
        ("hidden", hidden, True),
    ]:
        before = picture.value
        control.value = value
        expected[name] = value
        image, sentence = render(wave(), **expected)
        assert picture.value == image != before
        assert sentence.replace("&", "&amp;") in status.value
        assert 'aria-live="polite"' in status.value


def test_a_state_that_fails_shows_its_error_and_no_old_picture():
    box = explore(wave(), **controls())
    row, picture, status = box.children
    good, sentence = picture.value, status.value
    row.children[0].value = -1.0
    assert "ValueError: frequency = -1.0: expected &lt;a number&gt; &gt;= 0" in status.value
    assert 'role="alert"' in status.value
    assert picture.value != good
    faded = np.asarray(Image.open(io.BytesIO(picture.value)))
    assert faded.shape == (200, 300, 3)
    assert faded.min() > 180  # nothing dark is left: 0.75 of the card's colour is 189
    row.children[0].value = 3.0
    assert (picture.value, status.value) == (good, sentence)


def test_a_first_state_that_fails_raises():
    with pytest.raises(ValueError, match=r"frequency = -1\.0"):
        explore(wave(), **{**controls(), "frequency": slider("frequency", -1.0, 9.0, -1.0)})
    with pytest.raises(TypeError, match="level"):
        explore(wave(), frequency=slider("frequency", -1.0, 9.0, 3.0), hidden=toggle("hide"))


def test_only_widgets_that_every_front_end_has():
    box = explore(wave(), **controls())
    known = {"VBox", "Box", "Image", "HTML", "FloatSlider", "IntSlider", "ToggleButtons", "Checkbox"}
    widgets = [box, *box.children, *box.children[0].children]
    # What the front end draws is named by the model, not by the Python class.
    assert {widget._model_name.removesuffix("Model") for widget in widgets} <= known
    assert {widget._model_module for widget in widgets} == {"@jupyter-widgets/controls"}
    assert repr(box).startswith("Controls and a picture")
    assert box.children[1].width == "300"
    for control in box.children[0].children:
        if not isinstance(control, ipywidgets.Checkbox):
            assert control.style.description_width == "initial"


# ---------------------------------------------------------------- controls


def test_a_slider_over_whole_numbers_gives_whole_numbers():
    assert isinstance(slider("n", 1, 9, 3), ipywidgets.IntSlider)
    assert slider("n", 1, 9, 3, 2).step == 2
    real = slider("t", 0.0, 2.0, 1.0)
    assert (type(real), real.step, real.readout_format) == (ipywidgets.FloatSlider, 0.02, ".2f")
    assert isinstance(slider("t", 0, 2, 1, 0.5), ipywidgets.FloatSlider)


def test_a_choice_starts_with_its_first_option():
    assert choice("c", ["a", "b"]).value == "a"
    assert choice("c", {"a": 1, "b": 2}, 2).value == 2


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: slider("n", 1, 9, 10), "value = 10"),
        (lambda: slider("n", 1, 1, 1), "low = 1"),
        (lambda: slider("t", 0.0, float("nan"), 0.0), "low = 0.0"),
        (lambda: slider("n", 1, 9, 3, 0), "step = 0"),
        (lambda: choice("c", []), "value = None"),
        (lambda: choice("c", ["a"], "b"), "value = 'b'"),
    ],
)
def test_a_control_that_makes_no_sense_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


# ---------------------------------------------------------------- labels


def ink(fig: Figure) -> np.ndarray:
    """The (x, y) pixels that are dark."""
    scene = Scene(fig, [], lambda: "")
    pixels = np.asarray(Image.open(io.BytesIO(render(scene)[0])).convert("L"))
    return np.argwhere(pixels < 128)[:, ::-1]


def blank() -> tuple[Figure, object]:
    fig, ax = figure(3, 2)
    fig.set_layout_engine("none")
    ax.set(position=(0, 0, 1, 1), xlim=(0, 3), ylim=(2, 0))
    ax.set_axis_off()
    return fig, ax


@pytest.mark.parametrize(("align", "edge"), [("left", "min"), ("right", "max")])
def test_labels_begin_or_end_where_they_are_told_to(align, edge):
    fig, ax = blank()
    Labels(ax, [(1.5, 1.0)], size=20, align=align).write(["808"])
    assert abs(getattr(ink(fig)[:, 0], edge)() - 150) <= 3  # a digit's own margin


def test_labels_are_centred_on_their_positions():
    fig, ax = blank()
    Labels(ax, [(1.5, 1.0)], size=20).write(["808"])
    pixels = ink(fig)
    assert np.abs((pixels.min(axis=0) + pixels.max(axis=0)) / 2 - (150, 100)).max() <= 1


def test_labels_have_the_size_of_texts():
    fig, ax = blank()
    Labels(ax, [(1.5, 1.0)], size=20).write(["0123 (4, 5)"])
    as_labels = np.ptp(ink(fig), axis=0)
    fig, ax = blank()
    ax.text(1.5, 1.0, "0123 (4, 5)", fontsize=20, ha="center", va="center")
    assert np.abs(as_labels - np.ptp(ink(fig), axis=0)).max() <= 3


def test_labels_move_and_disappear():
    fig, ax = blank()
    labels = Labels(ax, [(0.5, 1.0)])
    labels.write(["8"], [(2.5, 1.0)])
    assert ink(fig)[:, 0].min() > 230
    labels.write([""])
    assert len(ink(fig)) == 0
    with pytest.raises(ValueError, match="got 2 for 1 positions"):
        labels.write(["1", "2"])


def test_a_text_answers_its_controls_and_says_what_went_wrong():
    def update(number, word):
        if number > 3:
            raise ValueError(f"number must be at most 3, got {number}")
        return f"<p>{word * number}</p>"

    number, word = slider("number", 0, 9, 2), text_line("word", "ab")
    widget = explore_html(update, number=number, word=word)
    _, answer, status = widget.children
    assert answer.value == "<p>abab</p>"
    number.value = 3
    assert answer.value == "<p>ababab</p>"
    number.value = 4
    assert answer.value == ""
    assert "number must be at most 3, got 4" in status.value
    assert 'role="alert"' in status.value
    word.value, number.value = "c", 1
    assert (answer.value, status.value) == ("<p>c</p>", "")
