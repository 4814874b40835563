"""The course as a picture: its lessons, and which of them stand on which."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from sjedu.course.lessons import LESSONS, Lesson, lesson
from sjedu.figures.style import COLORS, figure

WIDTH, HEIGHT = 2.3, 0.72
# (column, row) of each lesson: language reads from left to right, what stands alone lies below.
PLACES = {
    "rope_2d": (0, 0.5),
    "contrastive_accumulation": (0, 2),
    "p_tuning": (1, 0),
    "roformer_sim": (1, 1.5),
    "supervised_similarity": (2, 1.5),
    "wgan": (0, 3.2),
    "vmf_vae": (1, 3.2),
    "dirac_smoothing": (2, 3.2),
}


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
        for room in each.after:
            # An arrow to a lesson that is reached through another would only repeat that path.
            if not any(room in lesson(need).after for need in each.needs):
                _arrow(ax, room, each.room, "--")
    return fig, _sentence()


def _centre(room: str) -> tuple[float, float]:
    column, row = PLACES[room]
    return 3.05 * column, row


def _box(ax: Axes, each: Lesson) -> None:
    x, y = _centre(each.room)
    face = COLORS.sky if each.available else "white"
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    box = FancyBboxPatch(
        corner, WIDTH, HEIGHT, boxstyle="round,pad=0.02,rounding_size=0.1", fc=face, ec=COLORS.grey
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
    after = [(each.number, lesson(room).number) for each in LESSONS for room in each.after]
    easier = [f"{later} is easier after {earlier}" for later, earlier in after]
    alone = [str(each.number) for each in LESSONS if not each.needs and not each.after]
    ready = [str(each.number) for each in LESSONS if each.available]
    return (
        f"The eight lessons as boxes: lesson {', lesson '.join(uses)}; lesson {', lesson '.join(easier)}; "
        f"lessons {', '.join(alone)} need no other. Blue boxes are ready: {', '.join(ready) or 'none yet'}."
    )
