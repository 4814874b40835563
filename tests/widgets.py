"""What every lesson's widgets must do, tested in one place.

A room's `widgets.py` holds its widgets as values: `Widget` for pictures, `TextWidget` for tables and texts. Its
`test_widgets.py` finds them by type and takes these tests over; its own tests say what the sentences must say:

    from widgets import WidgetTests, states

    class TestWidgets(WidgetTests):
        room = widgets
        examples = 20  # random states per widget; each takes two pictures or more

    def test_the_designer_says_where_it_starts():
        assert "axial" in said(widgets.frequency_designer)

    @given(states(widgets.two_rotations))
    def test_some_property_of_all_states(state): ...

What a room makes from data that are at hand only later, `label_budget(records)`, stands in `widgets`; its plain
figures, functions without arguments that return a figure and its sentence, in `figures`. Where a control shows nothing
in the state that the others start with, say in which it does: `shows = {"prompt_path": {"trail": {"picture": 3}}}`.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import ipywidgets
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from PIL import Image

from sjedu.figures import TextWidget, Widget, png
from sjedu.figures.style import PIXELS_PER_INCH
from sjedu.figures.widgets import Control, Explorer, Slider


def states(widget: Explorer) -> st.SearchStrategy[dict[str, Any]]:
    """All states that the controls can be moved to."""
    return st.fixed_dictionaries({name: values(control) for name, control in widget.controls.items()})


def values(control: Control) -> st.SearchStrategy[Any]:
    """All that a control can be moved to; a slider also to between its steps."""
    if isinstance(control, Slider):
        return (st.integers if control.whole else st.floats)(control.low, control.high)
    return st.sampled_from(control.values())


def ends(control: Control) -> Sequence[Any]:
    """As far as a control goes: all its values, or both ends of its slider."""
    return (control.low, control.high) if isinstance(control, Slider) else control.values()


def another(widget: Explorer) -> Any:
    """The same widget, which has drawn nothing yet."""
    kind = Widget if isinstance(widget, Widget) else TextWidget
    return kind(widget._answer, **widget.controls)


def said(picture: Widget, **state: Any) -> str:
    """The sentence that belongs to a state; its parts that are not given are as the widget opens."""
    return picture.still(**state)[1]


def live(panel: ipywidgets.VBox) -> list[ipywidgets.Widget]:
    """The controls of a panel, in order: what has a value that can be moved."""
    movable = (
        ipywidgets.IntSlider,
        ipywidgets.FloatSlider,
        ipywidgets.ToggleButtons,
        ipywidgets.Checkbox,
        ipywidgets.Text,
    )
    return [each for each in parts(panel.children[0]) if isinstance(each, movable)]


def parts(box: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    """All ipywidgets that a panel is made of."""
    return [box, *(part for child in getattr(box, "children", ()) for part in parts(child))]


def numbers(sentence: str) -> list[float]:
    """The numbers of a sentence, in order."""
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", sentence.replace("−", "-"))]


class WidgetTests:
    """To inherit by a class whose name begins with Test.

    Attributes:
        room: the module that holds the widgets.
        widgets: further ones, which are made from data.
        figures: functions without arguments that return a plain figure and its sentence.
        shows: for a control that the start keeps quiet, the part of the state in which it shows, by widget and control.
        without_torch: nothing that the room's pictures need imports torch.
        examples: random states per widget.
    """

    room: ClassVar[ModuleType]
    widgets: ClassVar[Mapping[str, Explorer]] = {}
    figures: ClassVar[Sequence[Callable[[], tuple[Figure, str]]]] = ()
    shows: ClassVar[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {}
    without_torch: ClassVar[bool] = False
    examples: ClassVar[int] = 10

    @classmethod
    def all(cls) -> dict[str, Explorer]:
        return {**Explorer.all(cls.room), **cls.widgets}

    def pytest_generate_tests(self, metafunc: Any) -> None:
        widgets = self.all()
        if "picture" in metafunc.fixturenames:
            widgets = {name: each for name, each in widgets.items() if isinstance(each, Widget)}
            metafunc.parametrize("picture", widgets.values(), ids=widgets)
        elif "control" in metafunc.fixturenames:
            pairs = [(name, control) for name, each in widgets.items() for control in each.controls]
            metafunc.parametrize(("name", "control"), pairs)
        elif "widget" in metafunc.fixturenames:
            metafunc.parametrize("widget", widgets.values(), ids=widgets)
        elif "make" in metafunc.fixturenames:
            stills = {name: each.still for name, each in widgets.items() if isinstance(each, Widget)}
            stills |= {make.__name__: make for make in self.figures}
            metafunc.parametrize("make", stills.values(), ids=stills)

    def test_each_is_a_function_of_its_state(self, widget: Any) -> None:
        one, other = another(widget), another(widget)

        @settings(max_examples=self.examples)
        @given(st.lists(states(widget), max_size=2), states(widget), states(widget))
        def holds(past: list[dict[str, Any]], elsewhere: dict[str, Any], state: dict[str, Any]) -> None:
            for each in past:
                one.render(**each)
            other.render(**elsewhere)
            assert one.render(**state) == other.render(**state)

        holds()

    def test_each_control_changes_what_is_shown(self, name: str, control: str) -> None:
        widget: Any = self.all()[name]
        start = {**widget.start, **self.shows.get(name, {}).get(control, {})}
        shown = _seen(widget, start)
        others = [value for value in ends(widget.controls[control]) if value != start[control]]
        assert others
        for value in others:
            changed = _seen(widget, {**start, control: value})
            assert changed != shown, f"{control} = {value!r} looks like {start[control]!r}"

    def test_each_figure_comes_with_its_sentence(self, make: Callable[[], tuple[Figure, str]]) -> None:
        fig, sentence = make()
        assert isinstance(fig, Figure)
        assert len(sentence.split()) >= 6
        assert sentence.endswith(".")
        with warnings.catch_warnings():
            # Matplotlib warns of a missing glyph, and of a layout that failed.
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            assert png(fig, sentence) == png(*make())

    def test_every_letter_is_in_the_font_that_comes_with_matplotlib(
        self, make: Callable[[], tuple[Figure, str]]
    ) -> None:
        font = FT2Font(findfont("DejaVu Sans"))
        letters = {letter for text in make()[0].findobj(Text) for letter in text.get_text() if letter != "\n"}
        missing = {letter for letter in letters if not font.get_char_index(ord(letter))}
        assert not missing

    def test_the_still_picture_is_the_live_one_of_the_start(self, picture: Widget) -> None:
        drawn, told = picture.render()
        fig, sentence = picture.still()
        assert sentence == told
        saved = io.BytesIO()
        fig.savefig(saved, dpi=PIXELS_PER_INCH)
        apart = [np.asarray(Image.open(each).convert("RGB"), int) for each in (io.BytesIO(drawn), saved)]
        # Only what an artist that moves partly covers, as an image its frame, may differ.
        assert (np.abs(apart[0] - apart[1]).max(axis=-1) > 8).mean() < 0.01
        assert picture.render() == (drawn, told)  # also after it was saved at another resolution

    def test_states_can_be_gone_through(self, widget: Explorer) -> None:
        few = list(itertools.islice(widget.states(), 100))
        assert len(few) == min(widget.size, 100)
        assert all(state.keys() == widget.controls.keys() for state in few)
        for name, control in widget.controls.items():
            assert control.value in control.values(), f"{name} starts between two of its steps"

    def test_nothing_imports_torch_that_needs_none(self) -> None:
        if not self.without_torch:
            return
        script = f"""import sys
from sjedu.figures.widgets import Explorer
import {self.room.__name__} as room
for widget in Explorer.all(room).values():
    widget.render()
sys.exit("torch" in sys.modules)"""
        done = subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        )
        assert done.returncode == 0


def _seen(widget: Any, state: dict[str, Any]) -> Any:
    shown = widget.render(**state)
    return shown if isinstance(widget, TextWidget) else shown[0]
