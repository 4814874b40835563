"""OLD: what rooms that still have an `interactive.py` call. Delete it with the last of them; see `widgets`."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from sjedu.figures.scene import Labels, Scene, render, still
from sjedu.figures.widgets import Control, Explorer, TextWidget, Widget, choice, slider, text_line, toggle

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


class OldPanel(ipywidgets.VBox):  # type: ignore[misc]
    """What `explore` returns: a panel that knows its `widget`, and says how to see it where it cannot be shown."""

    def __init__(self, widget: Explorer) -> None:
        super().__init__(widget.panel().children)
        self.widget = widget

    def __repr__(self) -> str:
        return "Controls and a picture that follows them: run this notebook in Jupyter or Colab to move them."


def explore(scene: Scene, **controls: Control) -> OldPanel:
    """Return the panel of a picture."""
    return OldPanel(Widget(lambda: scene, **controls))


def explore_html(update: Callable[..., str], **controls: Control) -> OldPanel:
    """Return the panel of a text in HTML."""
    return OldPanel(TextWidget(update, **controls))
