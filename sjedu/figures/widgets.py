"""Pictures that answer a slider: a pure function from a state to a picture, and controls wired to it.

Drawing is what takes time, so a `Scene` draws its furniture (axes, ticks, labels, legends) once, keeps the
pixels, and for each state draws only the artists that move. Only widgets that every front end has are used.
"""

from __future__ import annotations

import html
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Literal, TypeAlias

import ipywidgets
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D, Transform
from numpy.typing import NDArray

from sjedu.figures.style import COLORS, PIXELS_PER_INCH, Real

__all__ = [
    "Labels",
    "Scene",
    "choice",
    "explore",
    "explore_html",
    "render",
    "slider",
    "still",
    "text_line",
    "toggle",
]

Point: TypeAlias = tuple[Real, Real]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture that is a function of its state.

    Attributes:
        figure: with everything on it, moving or not.
        moving: the artists that a state may change. They are drawn over the rest, by their `zorder`.
        update: sets the moving artists for the state given as keyword arguments, all of them each time, and
            returns the sentence that says what the picture now shows.
    """

    figure: Figure
    moving: Sequence[Artist]
    update: Callable[..., str]

    @cached_property
    def furniture(self) -> Any:
        """The pixels of all that does not move, drawn once."""
        canvas: Any = FigureCanvasAgg(self.figure)
        visible = [artist.get_visible() for artist in self.moving]
        for artist in self.moving:
            artist.set_animated(True)
            artist.set_visible(False)
        canvas.draw()
        self.figure.set_layout_engine("none")
        for artist, was in zip(self.moving, visible, strict=True):
            artist.set_visible(was)
        self.figure.stale = False
        return canvas.copy_from_bbox(self.figure.bbox)


def render(scene: Scene, **state: Any) -> tuple[bytes, str]:
    """Draw `scene` in `state`: the PNG, and the sentence that says what it shows.

    Both depend on the state only, not on what was drawn before.

    Raises:
        RuntimeError: when `scene.update` changed something that is not in `scene.moving`, and so not drawn.
    """
    background = scene.furniture
    canvas: Any = scene.figure.canvas
    sentence = scene.update(**state)
    # Matplotlib marks a figure as stale when an artist changes that is not animated, as the moving ones are.
    if scene.figure.stale:
        scene.figure.stale = False
        raise RuntimeError("scene.update changed an artist that is not listed in scene.moving")
    canvas.restore_region(background)
    renderer = canvas.get_renderer()
    for artist in sorted(scene.moving, key=lambda artist: artist.get_zorder()):
        artist.draw(renderer)
    return _png(np.asarray(canvas.buffer_rgba())), sentence


def still(scene: Scene, **state: Any) -> tuple[Figure, str]:
    """Return the figure of `scene` in `state`, for a page behind which no kernel runs, and its sentence."""
    sentence = scene.update(**state)
    return scene.figure, sentence


class Labels(PathCollection):
    """Many short texts as one artist, for numbers that move: much faster than as many `Text`s."""

    def __init__(
        self,
        ax: Axes,
        positions: Sequence[Point] | NDArray[np.float64],
        size: Real = 9,
        align: Literal["left", "center", "right"] = "center",
        color: str = COLORS.ink,
        transform: Transform | None = None,
    ) -> None:
        """Place texts, empty at first.

        Args:
            ax: to add the texts to.
            positions: of the texts, which stand at mid-height there.
            size: in points.
            align: which part of a text stands at its position.
            color: of all texts.
            transform: of the positions; `ax.transData` unless given.
        """
        super().__init__([], offsets=np.array(positions), offset_transform=transform or ax.transData)
        self._shift = {"left": 0.0, "center": 0.5, "right": 1.0}[align]
        self.set(facecolor=color, linewidth=0, zorder=4)
        ax.add_collection(self, autolim=False)
        figure = ax.get_figure(root=True)
        if figure is not None:
            self.set_transform(Affine2D().scale(size / 72) + figure.dpi_scale_trans)

    def write(
        self, texts: Sequence[str], positions: Sequence[Point] | NDArray[np.float64] | None = None
    ) -> None:
        """Set the texts, and their positions where these change too.

        Raises:
            ValueError: when there are not as many texts as positions.
        """
        if positions is not None:
            self.set_offsets(np.array(positions))
        places = np.shape(self.get_offsets())[0]
        if len(texts) != places:
            raise ValueError(f"texts: got {len(texts)} for {places} positions")
        self.set_paths([_outline(text, self._shift) for text in texts])


@lru_cache(4096)
def _outline(text: str, shift: float) -> Path:
    """The outline of a text for a font of size 1, at mid-height, moved left by a share of its width."""
    glyphs = [_glyph(character) for character in text]
    ends = np.cumsum([0.0, *(advance for *_, advance in glyphs)])
    places = np.stack([ends - shift * ends[-1], np.full_like(ends, -0.36)], axis=-1)  # a digit is 0.72 high
    placed = [vertices + place for (vertices, *_), place in zip(glyphs, places, strict=False)]
    return Path(
        np.concatenate([np.empty((0, 2)), *placed]), np.concatenate([[], *(codes for _, codes, _ in glyphs)])
    )


@cache
def _glyph(character: str) -> tuple[NDArray[np.float64], NDArray[np.uint8], float]:
    """Vertices and codes of the outline of one character, and the room it takes, for a font of size 1."""
    font = FontProperties(family="DejaVu Sans", size=100)

    def width(text: str) -> float:
        return float(text_to_path.get_text_width_height_descent(text, font, False)[0])

    vertices, codes = text_to_path.get_text_path(font, character)
    outline = np.reshape(np.array(vertices, np.float64), (-1, 2)) / 100
    return outline, np.array(codes, np.uint8), (width(f"0{character}0") - width("00")) / 100


class Explorer(ipywidgets.VBox):  # type: ignore[misc]
    """What `explore` returns: a `VBox` that, where it cannot be shown, says how to see it."""

    def __repr__(self) -> str:
        return "Controls and a picture that follows them: run this notebook in Jupyter or Colab to move them."


def explore(scene: Scene, **controls: ipywidgets.Widget) -> Explorer:
    """Wire `controls` to `scene`: each control's value is the part of the state with its name.

    Under the picture stands the sentence that belongs to it. When a state cannot be drawn, the error stands
    there instead, and the picture is emptied and faded: an old picture must not pass for the answer to a new
    question.

    Raises:
        Exception: whatever `scene.update` raises for the state that the controls start with.
    """
    picture = ipywidgets.Image(format="png", width=round(scene.figure.get_figwidth() * PIXELS_PER_INCH))
    picture.layout.max_width = "100%"
    picture.layout.object_fit = "contain"
    picture.layout.align_self = "flex-start"
    status = ipywidgets.HTML()

    def draw() -> None:
        image, sentence = render(scene, **{name: control.value for name, control in controls.items()})
        picture.value = image
        status.value = _status(sentence)

    def answer(_: object) -> None:
        try:
            draw()
        except Exception as error:  # a notebook shows nothing of what a callback raises
            picture.value = _faded(scene)
            status.value = _status(f"{type(error).__name__}: {error}", failed=True)

    draw()
    for control in controls.values():
        control.observe(answer, names="value")
    row = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center", overflow="visible")
    return Explorer([ipywidgets.Box(list(controls.values()), layout=row), picture, status])


def explore_html(update: Callable[..., str], **controls: ipywidgets.Widget) -> Explorer:
    """Wire `controls` to a text in HTML, for what is no picture: tables, sentences in Chinese.

    Args:
        update: a pure function from the state, given as keyword arguments, to HTML; it escapes what it is given.
        **controls: by the names of the state's parts.

    Raises:
        Exception: whatever `update` raises for the state that the controls start with.
    """
    answer_line, status = ipywidgets.HTML(), ipywidgets.HTML()

    def draw() -> None:
        answer_line.value = update(**{name: control.value for name, control in controls.items()})
        status.value = ""

    def answer(_: object) -> None:
        try:
            draw()
        except Exception as error:  # a notebook shows nothing of what a callback raises
            answer_line.value = ""
            status.value = _status(f"{type(error).__name__}: {error}", failed=True)

    draw()
    for control in controls.values():
        control.observe(answer, names="value")
    row = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center", overflow="visible")
    return Explorer([ipywidgets.Box(list(controls.values()), layout=row), answer_line, status])


def text_line(label: str, value: str, width: str = "26em") -> ipywidgets.Widget:
    """Make a line to type in; it answers when Enter is pressed or the line is left."""
    return ipywidgets.Text(value=value, description=label, continuous_update=False, **_look(width))


def slider(
    label: str,
    low: Real,
    high: Real,
    value: Real,
    step: Real | None = None,
    readout: str | None = None,
) -> ipywidgets.Widget:
    """Make a slider; it moves over whole numbers when all its numbers are whole.

    Args:
        label: short; it stands before the slider.
        low: the smallest value.
        high: the largest value.
        value: to start with.
        step: between neighbouring values; 1, or a hundredth of the range.
        readout: format of the number shown, as in `format(value, ".2f")`.

    Raises:
        ValueError: when not low <= value <= high, when low == high, or when step is not positive.
    """
    if not low < high:
        raise ValueError(f"low = {low!r}: expected a number below high = {high!r}")
    if not low <= value <= high:
        raise ValueError(f"value = {value!r}: expected a number from {low!r} to {high!r}")
    if step is not None and not step > 0:
        raise ValueError(f"step = {step!r}: expected a positive number")
    whole = all(isinstance(number, int) for number in (low, high, value, 1 if step is None else step))
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    step = step or (1 if whole else (high - low) / 100)
    readout = readout or ("d" if whole else ".2f")
    return kind(
        value=value, min=low, max=high, step=step, readout_format=readout, description=label, **_look("20em")
    )


def choice(label: str, options: Sequence[str] | dict[str, Any], value: Any = None) -> ipywidgets.Widget:
    """Make a row of buttons to choose one of `options` with: names, or a dict from names to values.

    Not a drop-down list, nor radio buttons: JupyterLab takes the arrow keys that these would need for itself.

    Raises:
        ValueError: when there are no options, or `value` is not one of them.
    """
    values = list(options.values() if isinstance(options, dict) else options)
    if not values or (value is not None and value not in values):
        raise ValueError(f"value = {value!r}: expected one of {values!r}")
    pairs = list(options.items()) if isinstance(options, dict) else list(options)
    start = values[0] if value is None else value
    look = _look("100%")
    look["style"]["button_width"] = "auto"
    return ipywidgets.ToggleButtons(options=pairs, value=start, description=label, **look)


def toggle(label: str, value: bool = False) -> ipywidgets.Widget:
    """Make a box to tick."""
    return ipywidgets.Checkbox(value=value, description=label, indent=False, **_look("auto"))


def _look(width: str) -> dict[str, Any]:
    """Labels in full, and controls that flow onto the next line where the page is narrow."""
    layout = ipywidgets.Layout(width=width, max_width="100%", flex="0 0 auto", margin="2px 16px 2px 0")
    return {"style": {"description_width": "initial"}, "layout": layout}


def _status(sentence: str, failed: bool = False) -> str:
    """The line under the picture; screen readers read it out when it changes."""
    style = "max-width: 60em; line-height: 1.4; padding: 2px 0;"
    if failed:
        # Red that reads on both themes: the front end's own where it has one.
        style += "color: var(--jp-error-color1, #D32F2F); font-weight: bold;"
        sentence = f"✗ {sentence}"
    role = "alert" if failed else "status"
    live = "assertive" if failed else "polite"
    return f'<div role="{role}" aria-live="{live}" style="{style}">{html.escape(sentence)}</div>'


def _faded(scene: Scene) -> bytes:
    """The furniture alone, mixed into the colour of the card."""
    canvas: Any = scene.figure.canvas
    canvas.restore_region(scene.furniture)
    card = np.array([int(COLORS.card[i : i + 2], 16) for i in (1, 3, 5)])
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    return _png((0.25 * pixels + 0.75 * card).astype(np.uint8))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode (height, width, 3 or 4) pixels as an opaque PNG, at half the time that Pillow's encoder takes.

    Pillow tries five filters on each row; a drawing with its flat areas needs none.
    """
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row starts with its filter: 0, none
    colours = rows[:, 1:].reshape(height, width, 3)
    for channel in range(3):  # three times as fast as copying all three at once
        colours[..., channel] = pixels[..., channel]
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)  # 8 bits each of red, green, blue
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 1)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*parts, strict=True)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
