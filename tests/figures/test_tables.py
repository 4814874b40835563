import re
from html.parser import HTMLParser

import pytest

from sjedu.figures.tables import Badge, Table, Tone

TABLE = Table(
    ["", "名称", "verdict"],
    [["C1", "a | b < c", Badge("✓ yes", Tone.GOOD)], ["C2", "二维", "no"]],
    caption="Two rows",
    notes=["A note."],
)


class Texts(HTMLParser):
    """Collects the text of each cell: what a browser would show."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(source)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html_shows_every_cell_escaped():
    texts = Texts(TABLE.to_html()).texts
    assert texts == ["Two rows", "名称", "verdict", "C1", "a | b < c", "✓ yes", "C2", "二维", "no", "A note."]


def test_html_has_headings_for_rows_and_columns():
    source = TABLE.to_html()
    assert source.count('scope="col"') == 3
    assert source.count('scope="row"') == 2


def test_text_colour_is_set_on_badges_only():
    without_badges = re.sub(r"<span.*?</span>", "", TABLE.to_html())
    assert "color" not in without_badges


def test_markdown_is_a_pipe_table():
    assert TABLE.to_markdown().splitlines() == [
        "**Two rows**",
        "",
        "|  | 名称 | verdict |",
        "| --- | --- | --- |",
        r"| C1 | a \| b < c | ✓ yes |",
        "| C2 | 二维 | no |",
        "",
        "A note.",
    ]


def test_text_aligns_wide_characters():
    assert TABLE.to_text().splitlines() == [
        "Two rows",
        "    名称       verdict",
        "--  ---------  -------",
        "C1  a | b < c  ✓ yes",
        "C2  二维       no",
        "A note.",
    ]


def test_mimebundle_offers_all_three():
    bundle = TABLE._repr_mimebundle_()
    assert bundle == {
        "text/plain": TABLE.to_text(),
        "text/html": TABLE.to_html(),
        "text/markdown": TABLE.to_markdown(),
    }


def test_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"row \('a',\) must have 2 cells"):
        Table(["x", "y"], [["a"]])


@pytest.mark.parametrize("tone", Tone)
def test_badges_have_enough_contrast(tone):
    """WCAG AA: white text on the badge's ground has a contrast ratio of at least 4.5."""
    channels = [int(tone[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert (1.0 + 0.05) / (luminance + 0.05) >= 4.5
