"""The house style of every figure: one size, one set of colours, one way to show it.

A figure is an opaque light card, so it reads the same on a light and on a dark page. Its colours can be told
apart by colour-blind readers, its labels use Latin and Greek letters only (not every machine has a Chinese
font), and it is shown together with one sentence that says what it shows.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sjedu.checks import check_positive

__all__ = [
    "COLORS",
    "CYCLE",
    "DIVERGING",
    "SEQUENTIAL",
    "Palette",
    "bundles",
    "figure",
    "mosaic",
    "png",
    "show",
]

Real: TypeAlias = int | float
T = TypeVar("T")

PIXELS_PER_INCH = 100  # of the page: a figure 6.4 inches wide is shown 640 CSS pixels wide
SHARPNESS = 2  # stored pixels per CSS pixel, for screens with twice the density


@dataclass(frozen=True)
class Palette:
    """The colours of Okabe and Ito, https://jfly.uni-koeln.de/color/, and the greys of the card.

    `yellow` is too light for a line on the card: fill areas with it.
    """

    blue: str = "#0072B2"
    vermillion: str = "#D55E00"
    green: str = "#009E73"
    purple: str = "#CC79A7"
    orange: str = "#E69F00"
    sky: str = "#56B4E9"
    yellow: str = "#F0E442"
    black: str = "#000000"
    card: str = "#FCFCFA"
    ink: str = "#262626"
    grey: str = "#6E6E6E"
    faint: str = "#DCDCD8"


COLORS = Palette()
CYCLE = (COLORS.blue, COLORS.vermillion, COLORS.green, COLORS.purple, COLORS.orange, COLORS.sky, COLORS.black)
SEQUENTIAL = "cividis"
DIVERGING = "RdBu_r"

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLORS.grey,
    "axes.facecolor": COLORS.card,
    "axes.grid": False,
    "axes.labelcolor": COLORS.ink,
    "axes.labelsize": 10,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": COLORS.ink,
    "axes.titlesize": 11,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": COLORS.ink,
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>$#|~])")


def figure(
    width: Real = 6.4, height: Real = 3.6, rows: int = 1, cols: int = 1, **subplot_kw: Any
) -> tuple[Figure, Any]:
    """Make an empty figure in the house style.

    It is a plain `matplotlib.figure.Figure`: nothing keeps it alive, and no notebook shows it by itself. Width and
    height are in inches, of which one is 100 pixels of the page.

    Returns:
        The figure and its axes: one `Axes`, or an array of them, as `Figure.subplots` gives it with these options.
    """
    return _on_card(width, height, lambda fig: fig.subplots(rows, cols, **subplot_kw))


def mosaic(
    layout: str, width: Real = 8.6, height: Real = 5.0, **mosaic_kw: Any
) -> tuple[Figure, dict[str, Axes]]:
    """Make a `figure` whose axes `layout` names and arranges: "ABC;DDD" is a wide D under three.

    Returns:
        The figure, and its axes by name, as `Figure.subplot_mosaic` gives them with these options.
    """
    return _on_card(width, height, lambda fig: fig.subplot_mosaic(layout, **mosaic_kw))


def _on_card(width: Real, height: Real, arrange: Callable[[Figure], T]) -> tuple[Figure, T]:
    check_positive("width", width)
    check_positive("height", height)
    with matplotlib.rc_context(_STYLE):
        margins = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
        fig = Figure(figsize=(width, height), dpi=PIXELS_PER_INCH, facecolor=COLORS.card, layout=margins)
        axes = arrange(fig)
    for ax in fig.axes:
        # Ticks are made on first use, outside the context above: tell the axes what they will look like.
        ax.tick_params(color=COLORS.grey, labelcolor=COLORS.ink, labelsize=9)
    return fig, axes


def png(fig: Figure, alt: str = "") -> bytes:
    """Draw `fig` as a PNG with two pixels per CSS pixel; `alt` is stored in the file as its description.

    It has a palette of 256 colours chosen for it: nobody sees the difference, and a notebook is a third as large. The
    bytes depend on the figure and the sentence only, not on the time or on the backend in use.
    """
    drawn = io.BytesIO()
    fig.savefig(drawn, format="png", dpi=SHARPNESS * PIXELS_PER_INCH, facecolor=COLORS.card)
    picture = Image.open(drawn).convert("RGB")
    description = PngInfo()
    if alt:
        description.add_itxt("Description", alt)
    stored = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(stored, "PNG", optimize=True, pnginfo=description)
    return stored.getvalue()


Bundle: TypeAlias = tuple[dict[str, str], dict[str, Any]]


def bundles(fig: Figure, alt: str) -> tuple[Bundle, Bundle]:
    """Return the two outputs by which a notebook shows `fig`: the picture, and the sentence `alt` under it.

    The sentence comes three times: as the image's alt text for the web pages made from a notebook, as plain text where
    there are no images, and as a visible caption, because JupyterLab reads out nothing else. The caption is an output
    of its own: an output in several forms is shown in one of them, and some pages would take the text.

    Returns:
        Of each output the data by MIME type, and the metadata.

    Raises:
        ValueError: when `alt` is empty.
    """
    if not alt.strip():
        raise ValueError(f"alt: got {alt!r}; expected a sentence that says what the figure shows")
    width = round(fig.get_figwidth() * PIXELS_PER_INCH)
    image = base64.b64encode(png(fig, alt)).decode("ascii")
    caption = _MARKDOWN.sub(r"\\\1", alt.strip())
    return (
        ({"image/png": image, "text/plain": alt}, {"image/png": {"alt": alt, "width": width}}),
        ({"text/markdown": f"*{caption}*", "text/plain": alt}, {}),
    )


def show(fig: Figure, alt: str) -> None:
    """Show `fig` in a notebook, and under it the sentence `alt` that says what there is to see."""
    from IPython.display import display

    for data, metadata in bundles(fig, alt):
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
