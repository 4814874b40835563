"""The house style: same bytes everywhere, readable by everybody, never without its sentence."""

import base64
import io
import itertools
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from sjedu.figures.style import COLORS, CYCLE, figure, mosaic, png, show


def drawn() -> Figure:
    fig, ax = figure(3, 2)
    ax.plot([0, 1], [0, 1])
    ax.set(title="Title", xlabel="x")
    return fig


def test_a_figure_is_an_opaque_light_card_with_two_pixels_per_css_pixel():
    image = Image.open(io.BytesIO(png(drawn(), "A line.")))
    assert image.size == (600, 400)
    assert image.text == {"Description": "A line."}
    pixels = np.asarray(image.convert("RGBA"))
    assert (pixels[..., 3] == 255).all()
    assert "#{:02X}{:02X}{:02X}".format(*pixels[0, 0, :3]) == COLORS.card


def test_the_bytes_do_not_depend_on_the_style_in_use():
    expected = png(drawn())
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 20, "xtick.color": "white"}):
        styled = png(drawn())
    assert png(drawn()) == expected
    assert np.array_equal(
        *(np.asarray(Image.open(io.BytesIO(data)))[-20:, :20] for data in (styled, expected))
    )
    with matplotlib.rc_context({"savefig.facecolor": "black", "savefig.dpi": 30, "figure.facecolor": "red"}):
        assert png(drawn()) == expected


def test_pyplot_and_its_backend_are_never_touched():
    script = (
        "import sys; from sjedu.figures.style import figure, png; import sjedu.figures.widgets;"
        "fig, ax = figure(); ax.plot([1, 2]); assert png(fig).startswith(b'\\x89PNG');"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MPLBACKEND": "module://absent"},
    )
    assert done.returncode == 0


def test_axes_come_alone_as_an_array_or_by_name():
    assert figure()[1].get_title() == ""
    assert figure(rows=2, cols=3)[1].shape == (2, 3)
    assert sorted(mosaic("AB;CC")[1]) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: figure(width=0.0), r"width: got 0\.0"),
        (lambda: figure(height=float("nan")), "height: got nan"),
        (lambda: mosaic("A", height=-1.0), r"height: got -1\.0"),
        (lambda: figure(rows=0), "rows"),
    ],
)
def test_a_size_that_is_not_positive_is_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_show_says_the_sentence_as_alt_text_as_plain_text_and_as_a_caption(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **keywords: shown.append((data, keywords)))
    show(drawn(), "A *line* from $0$ to x_1.")
    (picture, how), (caption, _) = shown
    assert base64.b64decode(picture["image/png"]) == png(drawn(), "A *line* from $0$ to x_1.")
    assert picture["text/plain"] == "A *line* from $0$ to x_1."
    assert how == {"raw": True, "metadata": {"image/png": {"alt": "A *line* from $0$ to x_1.", "width": 300}}}
    assert caption["text/markdown"] == r"*A \*line\* from \$0\$ to x\_1.*"
    assert caption["text/plain"] == "A *line* from $0$ to x_1."


@pytest.mark.parametrize("alt", ["", "  "])
def test_no_figure_without_a_sentence(alt):
    with pytest.raises(ValueError, match="alt: got"):
        show(drawn(), alt)


# ---------------------------------------------------------------- colours

# Machado, Oliveira, Fernandes (2009), full deuteranopia, in linear RGB; then sRGB to CIE L*a*b* (D65).
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)


def linear(color: str) -> np.ndarray:
    c = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    x, y, z = (
        np.cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116
        for t in XYZ @ rgb / (0.95047, 1, 1.08883)
    )
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(color: str) -> float:
    luminance = [float(XYZ[1] @ linear(c)) for c in (COLORS.card, color)]
    return (luminance[0] + 0.05) / (luminance[1] + 0.05)


@pytest.mark.parametrize("seen", [np.eye(3), DEUTERANOPIA], ids=["all cones", "deuteranopia"])
def test_any_two_colours_of_the_cycle_can_be_told_apart(seen):
    distances = [
        np.linalg.norm(lab(seen @ linear(a)) - lab(seen @ linear(b)))
        for a, b in itertools.combinations(CYCLE, 2)
    ]
    assert min(distances) > 15  # the just noticeable difference is about 2.3


def test_text_and_the_first_colours_stand_out_from_the_card():
    assert contrast(COLORS.ink) > 7  # WCAG 2.2: enhanced, for text
    assert contrast(COLORS.grey) > 4.5  # minimum for text
    assert min(contrast(color) for color in CYCLE[:3]) > 3  # for lines
