"""A picture is a function of its state."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from wave_scene import wave

from sjedu.figures.scene import Labels, Scene, render, still
from sjedu.figures.style import figure, png

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


def test_saving_a_scene_elsewhere_does_not_change_what_is_drawn_next():
    scene = wave()
    before = render(scene, frequency=3.0, level=0.5, hidden=False)
    saved = png(*still(scene, frequency=8.0, level=0.1, hidden=True))
    assert Image.open(io.BytesIO(saved)).size == (600, 400)
    assert render(scene, frequency=3.0, level=0.5, hidden=False) == before
    assert png(*still(wave(), frequency=8.0, level=0.1, hidden=True)) == saved  # drawn before or not


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
    with pytest.raises(ValueError, match="got 2; expected one for each of 1 positions"):
        labels.write(["1", "2"])
