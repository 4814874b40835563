"""What every lesson's widgets must do, tested in one place.

A widget NAME of a room's `interactive.py` is three functions: `NAME()` makes the controls, `NAME_scene()` the picture
that follows them, `NAME_figure()` the still picture and its sentence. A room's `test_interactive.py` names its widgets
and takes these tests over; its own tests say what the sentences must say:

    from widgets import Widget, WidgetTests

    WIDGETS = Widget.all(interactive, "two_rotations", "frequency_designer")

    class TestWidgets(WidgetTests):
        widgets = WIDGETS
        examples = 20  # random states per widget; each takes two pictures or more

    def test_the_designer_says_where_it_starts():
        designer = WIDGETS["frequency_designer"]
        assert "axial" in designer.update(**designer.start)

    @given(WIDGETS["two_rotations"].states)
    def test_some_property_of_all_states(state): ...

Where the three functions take something, give it after the name: `Widget(interactive, "label_budget", records)`; the
mapping is then `{widget.name: widget for widget in (...)}`. Where a control shows nothing in the state that the others
start with, say in which it does: `shows={"trail": {"picture": 3}}`.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Mapping
from functools import cached_property
from types import ModuleType
from typing import Any, ClassVar

import ipywidgets
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from sjedu.figures.style import png
from sjedu.figures.widgets import Scene, render


class Widget:
    """One widget: its controls, its states, its pictures.

    Attributes:
        shows: for a control that the start keeps quiet, the part of the state in which it shows.
    """

    def __init__(
        self, room: ModuleType, name: str, *given: Any, shows: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self.name = name
        self.shows = dict(shows or {})
        self._room, self._given = room, given

    @classmethod
    def all(cls, room: ModuleType, *names: str) -> dict[str, Widget]:
        """The widgets of a room whose functions take nothing, by name."""
        return {name: cls(room, name) for name in names}

    @cached_property
    def scene(self) -> Scene:
        return self.another_scene()

    def another_scene(self) -> Scene:
        made: Scene = self._make("_scene")
        return made

    def figure(self) -> tuple[Figure, str]:
        made: tuple[Figure, str] = self._make("_figure")
        return made

    def update(self, **state: Any) -> str:
        """The sentence that belongs to a state."""
        return self.scene.update(**state)

    @cached_property
    def controls(self) -> dict[str, ipywidgets.Widget]:
        """The controls by the names of the states that they stand for."""
        names = inspect.signature(self.scene.update).parameters
        return dict(zip(names, self._make("").children[0].children, strict=True))

    @cached_property
    def start(self) -> dict[str, Any]:
        """The state that the widget opens with."""
        return {key: control.value for key, control in self.controls.items()}

    @cached_property
    def states(self) -> st.SearchStrategy[dict[str, Any]]:
        """All states that the controls can be moved to."""
        return st.fixed_dictionaries({key: values(control) for key, control in self.controls.items()})

    def _make(self, ending: str) -> Any:
        return getattr(self._room, self.name + ending)(*self._given)


def options(control: ipywidgets.Widget) -> list[Any]:
    """What a row of buttons stands for."""
    return [option[1] if isinstance(option, tuple) else option for option in control.options]


def values(control: ipywidgets.Widget) -> st.SearchStrategy[Any]:
    """All that a control can be moved to."""
    if isinstance(control, ipywidgets.Checkbox):
        return st.booleans()
    if isinstance(control, ipywidgets.ToggleButtons):
        return st.sampled_from(options(control))
    whole = isinstance(control, ipywidgets.IntSlider)
    return st.integers(control.min, control.max) if whole else st.floats(control.min, control.max)


def ends(control: ipywidgets.Widget) -> list[Any]:
    """As far as a control goes: all its buttons, or both ends of its slider."""
    if isinstance(control, ipywidgets.Checkbox):
        return [False, True]
    return options(control) if isinstance(control, ipywidgets.ToggleButtons) else [control.min, control.max]


def numbers(sentence: str) -> list[float]:
    """The numbers of a sentence, in order."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", sentence.replace("−", "-"))]


class WidgetTests:
    """To inherit by a class whose name begins with Test."""

    widgets: ClassVar[Mapping[str, Widget]]
    examples: ClassVar[int] = 10

    def pytest_generate_tests(self, metafunc: Any) -> None:
        widgets = self.widgets.values()
        if "control" in metafunc.fixturenames:
            pairs = [(widget, control) for widget in widgets for control in widget.start]
            metafunc.parametrize(("widget", "control"), pairs, ids=lambda each: getattr(each, "name", each))
        else:
            metafunc.parametrize("widget", widgets, ids=lambda widget: widget.name)

    def test_each_is_a_function_of_its_state(self, widget: Widget) -> None:
        one, other = widget.scene, widget.another_scene()

        @settings(max_examples=self.examples)
        @given(st.lists(widget.states, max_size=2), widget.states, widget.states)
        def holds(past: list[dict[str, Any]], elsewhere: dict[str, Any], state: dict[str, Any]) -> None:
            for each in past:
                render(one, **each)
            render(other, **elsewhere)
            assert render(one, **state) == render(other, **state)

        holds()

    def test_each_control_changes_the_picture(self, widget: Widget, control: str) -> None:
        start = {**widget.start, **widget.shows.get(control, {})}
        picture, _ = render(widget.scene, **start)
        others = [value for value in ends(widget.controls[control]) if value != start[control]]
        assert others
        for value in others:
            changed, _ = render(widget.scene, **{**start, control: value})
            assert changed != picture, f"{control} = {value!r} looks like {start[control]!r}"

    def test_each_still_picture_comes_with_its_sentence(self, widget: Widget) -> None:
        fig, sentence = widget.figure()
        assert isinstance(fig, Figure)
        assert len(sentence.split()) >= 6
        assert sentence.endswith(".")
        with warnings.catch_warnings():
            # Matplotlib warns of a missing glyph, and of a layout that failed.
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            assert png(fig, sentence) == png(widget.figure()[0], sentence)

    def test_every_letter_is_in_the_font_that_comes_with_matplotlib(self, widget: Widget) -> None:
        font = FT2Font(findfont("DejaVu Sans"))
        for fig in (widget.scene.figure, widget.figure()[0]):
            letters = {letter for text in fig.findobj(Text) for letter in text.get_text() if letter != "\n"}
            missing = {letter for letter in letters if not font.get_char_index(ord(letter))}
            assert not missing
