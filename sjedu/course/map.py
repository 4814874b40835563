"""The course as a picture: its lessons, and which of them stand on which."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from sjedu.course.lessons import LESSONS, Lesson, lesson
from sjedu.figures.style import COLORS, figure

WIDTH, HEIGHT = 2.3, 0.72


def course_map() -> tuple[Figure, str]:
    """Return the map of the course, and the sentence that says what it shows.

    A solid arrow: the lesson at its tip uses what the other builds. A dashed one: it is easier afterwards.
    """
    fig, ax = figure(8.6, 4.2)
    ax.set_axis_off()
    ax.set(xlim=(-1.3, 7.4), ylim=(4.0, -0.55))
    for each in LESSONS:
        _box(ax, each)
        for room in each.needs:
            _arrow(ax, room, each.room, "-")
        for room in _easier_after(each):
            _arrow(ax, room, each.room, "--")
    return fig, _sentence()


def _easier_after(each: Lesson) -> list[str]:
    """The lessons worth reading first, but for those that a lesson which this one needs names already."""
    return [room for room in each.after if not any(room in lesson(need).after for need in each.needs)]


def _centre(room: str) -> tuple[float, float]:
    column, row = lesson(room).place
    return 3.05 * column, row


def _box(ax: Axes, each: Lesson) -> None:
    x, y = _centre(each.room)
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    box = FancyBboxPatch(
        corner, WIDTH, HEIGHT, boxstyle="round,pad=0.02,rounding_size=0.1", fc=COLORS.sky, ec=COLORS.grey
    )
    ax.add_patch(box)
    title = textwrap.fill(f"{each.number} · {each.title}", 25)
    ax.text(x, y, title, ha="center", va="center", fontsize=8.5)


def _arrow(ax: Axes, start: str, end: str, style: str) -> None:
    (x0, y0), (x1, y1) = _centre(start), _centre(end)
    arrow = FancyArrowPatch(
        (x0 + WIDTH / 2 + 0.05, y0),
        (x1 - WIDTH / 2 - 0.05, y1),
        arrowstyle="-|>",
        mutation_scale=12,
        ls=style,
        color=COLORS.grey,
    )
    ax.add_patch(arrow)


def _sentence() -> str:
    uses = [f"{each.number} uses {lesson(room).number}" for each in LESSONS for room in each.needs]
    after = [(each.number, lesson(room).number) for each in LESSONS for room in _easier_after(each)]
    easier = [f"{later} is easier after {earlier}" for later, earlier in after]
    alone = [str(each.number) for each in LESSONS if not each.needs and not each.after]
    return (
        f"The eight lessons as boxes: lesson {', lesson '.join(uses)}; lesson {', lesson '.join(easier)}; "
        f"lessons {', '.join(alone)} need no other."
    )
