"""A scene to try things on."""

import numpy as np

from sjedu.figures.scene import Labels, Scene
from sjedu.figures.style import figure


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
