"""Pictures that are a function of their state, drawn fast enough to follow a slider.

Drawing is what takes time, so a `Scene` draws its furniture (axes, ticks, labels, legends) once, keeps the pixels, and
for each state draws only the artists that move. A scene is put together from panels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Literal, TypeAlias

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

from sjedu.figures.style import COLORS, Real

__all__ = ["Labels", "Panel", "Scene", "faded", "render", "still"]

Point: TypeAlias = tuple[Real, Real]
#: A part of a scene: its artists that move, and the function that sets them.
Panel: TypeAlias = tuple[list[Artist], Callable[..., None]]


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
    def furniture(self) -> NDArray[np.uint8]:
        """The pixels of all that does not move, drawn once: (height, width, 4)."""
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
        return np.array(canvas.buffer_rgba())


def render(scene: Scene, **state: Any) -> tuple[bytes, str]:
    """Draw `scene` in `state`: the PNG, and the sentence that says what it shows.

    Both depend on the state only, not on what was drawn before.

    Raises:
        RuntimeError: when `scene.update` changed something that is not in `scene.moving`, and so not drawn.
    """
    background = scene.furniture
    canvas: Any = scene.figure.canvas
    scene.figure.stale = False  # as saving it elsewhere, at another resolution, leaves it
    sentence = scene.update(**state)
    # Matplotlib marks a figure as stale when an artist changes that is not animated, as the moving ones are.
    if scene.figure.stale:
        scene.figure.stale = False
        raise RuntimeError("scene.update changed an artist that is not listed in scene.moving")
    renderer = canvas.get_renderer()
    np.asarray(renderer.buffer_rgba())[:] = background
    for artist in sorted(scene.moving, key=lambda artist: artist.get_zorder()):
        artist.draw(renderer)
    return _png(np.asarray(canvas.buffer_rgba())), sentence


def still(scene: Scene, **state: Any) -> tuple[Figure, str]:
    """Return the figure of `scene` in `state`, laid out as `render` does it, and the sentence that belongs to it."""
    _ = scene.furniture  # which lays the figure out, once and for all states
    return scene.figure, scene.update(**state)


def faded(scene: Scene) -> bytes:
    """Return the furniture alone, mixed into the colour of the card, for a state that cannot be drawn."""
    card = np.array([int(COLORS.card[i : i + 2], 16) for i in (1, 3, 5)])
    pixels = scene.furniture[..., :3]
    return _png((0.25 * pixels + 0.75 * card).astype(np.uint8))


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
        """Place texts, empty at first, of this size in points; that part of each stands at its position, at mid-height.

        The transform is that of the positions; `ax.transData` unless given.
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
            raise ValueError(f"texts: got {len(texts)}; expected one for each of {places} positions")
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
