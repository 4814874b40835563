import functools

import pytest

from sjedu.course import show_source
from sjedu.course.source import source


def decorated(function):
    return functools.wraps(function)(lambda *args: function(*args))


@decorated
def train(
    steps: int,
    rate: float = 1e-3,
) -> str:
    r"""Train for \(n\) steps.

    Args:
        steps: how many.
    """
    # one loop
    for step in range(steps):
        if rate < 1 and f"{step!r}" != "é":
            print(step)
    return "done & dusted"


def short():
    """One line."""
    return 1


def bare(x): return x + 1  # fmt: skip


HEAD = "def train(\n    steps: int,\n    rate: float = 1e-3,\n) -> str:\n"


def test_a_source_begins_at_its_def_and_keeps_one_line_of_docstring():
    text = source(train)
    assert text.startswith(HEAD + '    r"""Train for \\(n\\) steps."""\n    # one loop\n    for step')
    assert text.endswith('return "done & dusted"')
    assert source(short) == 'def short():\n    """One line."""\n    return 1'
    assert source(bare) == "def bare(x): return x + 1  # fmt: skip"


def test_the_docstring_can_be_left_out():
    assert source(train, docstring=False).startswith(HEAD + "    # one loop\n")
    assert source(short, docstring=False) == "def short():\n    return 1"


def test_a_method_is_shown_without_its_indentation():
    class Model:
        def forward(self):
            """Go."""

            def inner():
                return 1

            return inner

    assert source(Model.forward).startswith('def forward(self):\n    """Go."""\n\n    def inner')
    assert source(Model.forward, docstring=False).startswith("def forward(self):\n    def inner")


class Model:
    """No function."""


def test_what_has_no_def_is_refused():
    with pytest.raises(
        TypeError, match=r"function: got <class .*Model'>; expected one that was written with def"
    ):
        source(Model)


def test_shown_as_text_and_in_colours_that_follow_the_theme():
    shown = show_source(train)
    bundle = shown._repr_mimebundle_()
    assert bundle["text/plain"] == repr(shown) == source(train)
    html = bundle["text/html"]
    assert '<span style="color: var(--jp-mirror-editor-keyword-color, #2f80c8)">def</span>' in html
    assert '<span style="color: var(--jp-mirror-editor-string-color, #c0504d)">' in html
    assert "done &amp; dusted" in html
    assert "background" not in html


def test_each_colour_reads_on_white_and_on_black():
    from sjedu.course.source import _COLORS

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for _, _, color in _COLORS:
        assert 1.05 / (luminance(color) + 0.05) > 3.9
        assert (luminance(color) + 0.05) / 0.05 > 3.9
