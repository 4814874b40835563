"""Widgets: a function of a state, and the controls that set the state.

What is written down is a description: nothing is imported, computed or drawn before the widget is shown, so that a
room may keep its widgets as plain values of its module. One description serves the live panel in a notebook, the
still picture where no kernel runs, and whoever wants to go through all states.

```python
waves = Widget(waves_scene, frequency=slider("frequency", 1, 9, 3), level=choice("level", {"low": 0.1, "high": 0.9}))

def prompt_path(path: PromptPath) -> Widget:  # of what a notebook has just made
    return Widget(partial(prompt_path_scene, path), picture=slider("picture", 0, len(path.steps) - 1, 0))
```

An output in several forms is shown in one of them: JupyterLab, Colab and VS Code take the live panel; a page without a
kernel takes the picture. Some pages would rather take Markdown than a picture, so the two never share an output.
"""

from __future__ import annotations

import html
import itertools
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, TypeVar

from matplotlib.figure import Figure

from sjedu.figures.scene import Scene, faded, render, still
from sjedu.figures.style import PIXELS_PER_INCH, Real, bundles
from sjedu.figures.tables import Table

__all__ = [
    "Choice",
    "Control",
    "Explorer",
    "Slider",
    "TextLine",
    "TextWidget",
    "Toggle",
    "Widget",
    "choice",
    "slider",
    "text_line",
    "toggle",
]

Kind = TypeVar("Kind", bound="Explorer")

# ---------------------------------------------------------------- controls


class Control(ABC):
    """One part of a state, and how a reader sets it.

    Attributes:
        label: short; it says what the control sets.
        value: to start with.
    """

    label: str
    value: Any

    @abstractmethod
    def values(self) -> Sequence[Any]:
        """All values that it can be set to."""

    @abstractmethod
    def make(self) -> Any:
        """Return a new ipywidget that has such a `value`."""


@dataclass(frozen=True)
class Slider(Control):
    """A number from `low` to `high` in equal steps; see `slider`."""

    label: str
    low: Real
    high: Real
    value: Real
    step: Real
    readout: str

    @property
    def whole(self) -> bool:
        """It moves over whole numbers."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.value, self.step))

    def values(self) -> Sequence[Real]:
        """From `low` in steps, and `high`."""
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        numbers = [self.low + index * self.step for index in range(count)]
        if not self.whole:  # 0.30000000000000004 is a state of its own for whoever looks states up
            numbers = [round(number, 10) for number in numbers]
        return numbers if numbers[-1] >= self.high else [*numbers, self.high]

    def make(self) -> Any:
        """Return a slider of ipywidgets without its label, which stands above it."""
        import ipywidgets

        kind = ipywidgets.IntSlider if self.whole else ipywidgets.FloatSlider
        look = ipywidgets.Layout(
            width="auto", height="24px", margin="0 0 0 6px"
        )  # room for half of the handle
        return kind(
            value=self.value,
            min=self.low,
            max=self.high,
            step=self.step,
            readout_format=self.readout,
            layout=look,
        )


@dataclass(frozen=True)
class Choice(Control):
    """One of several buttons; see `choice`."""

    label: str
    options: tuple[tuple[str, Any], ...]
    value: Any

    def values(self) -> Sequence[Any]:
        """What the buttons stand for."""
        return [value for _, value in self.options]

    def make(self) -> Any:
        """Return a row of buttons of ipywidgets without its label, which stands above it."""
        import ipywidgets

        return ipywidgets.ToggleButtons(
            options=list(self.options), value=self.value, style={"button_width": "auto"}, layout=_flowing()
        )


@dataclass(frozen=True)
class Toggle(Control):
    """Yes or no: a box to tick."""

    label: str
    value: bool = False

    def values(self) -> Sequence[bool]:
        """No, yes."""
        return [False, True]

    def make(self) -> Any:
        """Return a box of ipywidgets to tick."""
        import ipywidgets

        return ipywidgets.Checkbox(
            value=self.value, description=self.label, indent=False, layout=_flowing("auto")
        )


@dataclass(frozen=True)
class TextLine(Control):
    """A line to type in; the examples are other lines worth showing where nobody can type."""

    label: str
    value: str
    examples: Sequence[str] = ()
    width: str = "26em"

    def values(self) -> Sequence[str]:
        """The line to start with, and the examples."""
        return list(dict.fromkeys((self.value, *self.examples)))

    def make(self) -> Any:
        """Return a line of ipywidgets; it answers when Enter is pressed or the line is left."""
        import ipywidgets

        style = {"description_width": "initial"}
        return ipywidgets.Text(
            value=self.value,
            description=self.label,
            continuous_update=False,
            style=style,
            layout=_flowing(self.width),
        )


def slider(
    label: str,
    low: Real,
    high: Real,
    value: Real,
    step: Real | None = None,
    readout: str | None = None,
) -> Slider:
    """Describe a slider; it moves over whole numbers when all its numbers are whole.

    Args:
        label: what is set; it stands above the slider.
        low: the smallest value.
        high: the largest value.
        value: to start with.
        step: between neighbouring values; 1, or a hundredth of the range.
        readout: format of the number shown, as in `format(value, ".2f")`.

    Raises:
        ValueError: when not low <= value <= high, when low == high, or when step is not positive.
    """
    if not low < high:
        raise ValueError(f"low: got {low!r}; expected a number below high, {high!r}")
    if not low <= value <= high:
        raise ValueError(f"value: got {value!r}; expected a number from {low!r} to {high!r}")
    if step is not None and not step > 0:
        raise ValueError(f"step: got {step!r}; expected a positive number")
    whole = all(isinstance(number, int) for number in (low, high, value, 1 if step is None else step))
    step = step or (1 if whole else (high - low) / 100)
    return Slider(label, low, high, value, step, readout or ("d" if whole else ".2f"))


def choice(label: str, options: Sequence[str] | Mapping[str, Any], value: Any = None) -> Choice:
    """Describe a row of buttons to choose one of `options` with: names, or a mapping from names to values.

    Not a drop-down list, nor radio buttons: JupyterLab takes the arrow keys that these would need for itself.

    Raises:
        ValueError: when there are no options, or `value` is not one of them.
    """
    pairs = options.items() if isinstance(options, Mapping) else zip(options, options, strict=True)
    known = tuple(pairs)
    values = [each for _, each in known]
    if not values or (value is not None and value not in values):
        raise ValueError(f"value: got {value!r}; expected one of {values!r}")
    return Choice(label, known, values[0] if value is None else value)


#: These two have nothing to check or to fill in.
toggle, text_line = Toggle, TextLine


# ---------------------------------------------------------------- widgets


class Explorer(ABC):
    """What the two kinds of widgets have in common: controls, the states that they span, and a panel."""

    def __init__(self, answer: Callable[..., Any], controls: Mapping[str, Control]) -> None:
        self.controls = dict(controls)
        self._answer = answer

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name}({', '.join(self.controls)})"

    @classmethod
    def all(cls: type[Kind], module: ModuleType) -> dict[str, Kind]:
        """Return the widgets of this kind that a module has, by their names in it, in its order."""
        return {name: value for name, value in vars(module).items() if isinstance(value, cls)}

    @property
    def name(self) -> str:
        """That of the function that it shows, without "_scene"."""
        function = getattr(self._answer, "func", self._answer)  # of a partial, the function in it
        return str(function.__name__).removesuffix("_scene")

    @property
    def start(self) -> dict[str, Any]:
        """The state that the widget opens with."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def size(self) -> int:
        """How many states there are; of a text line its examples count."""
        return math.prod(len(control.values()) for control in self.controls.values())

    def states(self) -> Iterator[dict[str, Any]]:
        """Go through all states; the last control changes fastest."""
        for values in itertools.product(*(control.values() for control in self.controls.values())):
            yield dict(zip(self.controls, values, strict=True))

    def panel(self) -> Any:
        """Return a new live panel: a `VBox` of ipywidgets with the controls, and below them what they set.

        When a state cannot be shown, the error stands below in its place: an old picture must not pass for the answer
        to a new question.
        """
        import ipywidgets

        return ipywidgets.VBox(self._parts())

    def _parts(self) -> list[Any]:
        """The board of controls, what they set, and the line below it."""
        import ipywidgets

        made = {name: control.make() for name, control in self.controls.items()}
        view, status = self._view(), ipywidgets.HTML()

        def draw() -> None:
            sentence = self._draw(view, {name: control.value for name, control in made.items()})
            status.value = _line(sentence) if sentence else ""

        def answer(_: object) -> None:
            try:
                draw()
            except Exception as error:  # a notebook shows nothing of what a callback raises
                self._empty(view)
                status.value = _line(f"{type(error).__name__}: {error}", failed=True)

        draw()
        for control in made.values():
            control.observe(answer, names="value")
        return [_board([(self.controls[name], control) for name, control in made.items()]), view, status]

    def _state(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The state that it opens with, but for what is given."""
        unknown = [name for name in given if name not in self.controls]
        if unknown:
            raise TypeError(f"state: got {', '.join(unknown)}; expected some of {', '.join(self.controls)}")
        return {**self.start, **given}

    @abstractmethod
    def _view(self) -> Any:
        """A new ipywidget for what the controls set."""

    @abstractmethod
    def _draw(self, view: Any, state: dict[str, Any]) -> str:
        """Show a state, and return the sentence to put below it."""

    @abstractmethod
    def _empty(self, view: Any) -> None:
        """Show that a state cannot be shown."""

    @abstractmethod
    def _ipython_display_(self) -> None:
        """Show the panel, and in the same outputs what stands for it where no kernel runs."""


class Widget(Explorer):
    """A picture that follows its controls.

    In a notebook its output holds the live panel and the still picture of the state that it opens with; the sentence
    that belongs to the picture is the second output, live as well. So one of the two is seen, never both.

    Args:
        scene: makes the `Scene`, when it is first needed; its `update` takes one argument for each control.
        **controls: by the names of the state's parts.
    """

    def __init__(self, scene: Callable[[], Scene], /, **controls: Control) -> None:
        super().__init__(scene, controls)

    @cached_property
    def scene(self) -> Scene:
        """The scene, made once."""
        made: Scene = self._answer()
        return made

    def still(self, **state: Any) -> tuple[Figure, str]:
        """Return the figure in a state, and its sentence; parts that are not given are as the widget opens.

        The figure is the widget's own: it shows another state as soon as one is asked for.
        """
        return still(self.scene, **self._state(state))

    def render(self, **state: Any) -> tuple[bytes, str]:
        """Return the live picture of a state as a PNG, and its sentence; parts not given are as the widget opens."""
        return render(self.scene, **self._state(state))

    def _view(self) -> Any:
        import ipywidgets

        width = round(self.scene.figure.get_figwidth() * PIXELS_PER_INCH)
        look = ipywidgets.Layout(
            max_width="100%", margin="2px 0", object_fit="contain", align_self="flex-start"
        )
        return ipywidgets.Image(format="png", width=width, layout=look)

    def _draw(self, view: Any, state: dict[str, Any]) -> str:
        view.value, sentence = render(self.scene, **state)
        return sentence

    def _empty(self, view: Any) -> None:
        view.value = faded(self.scene)

    def _ipython_display_(self) -> None:
        import ipywidgets

        *panel, status = self._parts()
        picture, caption = bundles(*self.still())
        _display(ipywidgets.VBox(panel), *picture)
        _display(status, *caption)


class TextWidget(Explorer):
    """A table or a text that follows its controls, for what is no picture: rows of words, sentences in Chinese.

    Args:
        text: a pure function from the state, given as keyword arguments, to a `Table` or to HTML; it escapes what it
            is given.
        **controls: by the names of the state's parts.
    """

    def __init__(self, text: Callable[..., Table | str], /, **controls: Control) -> None:
        super().__init__(text, controls)

    def still(self, **state: Any) -> Table | str:
        """Return the table or the HTML of a state; parts that are not given are as the widget opens."""
        made: Table | str = self._answer(**self._state(state))
        return made

    def render(self, **state: Any) -> str:
        """Return the HTML of a state; parts that are not given are as the widget opens."""
        made = self.still(**state)
        return made.to_html() if isinstance(made, Table) else made

    def _view(self) -> Any:
        import ipywidgets

        return ipywidgets.HTML()

    def _draw(self, view: Any, state: dict[str, Any]) -> str:
        view.value = self.render(**state)
        return ""

    def _empty(self, view: Any) -> None:
        view.value = ""

    def _ipython_display_(self) -> None:
        made = self.still()
        if isinstance(made, str):
            plain = html.unescape(re.sub(r"<[^>]+>", " ", made))
            _display(self.panel(), {"text/html": made, "text/plain": plain}, {})
        else:
            _display(self.panel(), made._repr_mimebundle_(), {})


def _display(live: Any, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """Show a live ipywidget, and in the same output what stands for it where no kernel runs."""
    from IPython.display import display

    view = {"version_major": 2, "version_minor": 0, "model_id": live.model_id}
    shown = {"application/vnd.jupyter.widget-view+json": view, **data}
    display(shown, metadata=dict(metadata), raw=True)  # type: ignore[no-untyped-call]


def _board(controls: Sequence[tuple[Control, Any]]) -> Any:
    """The controls in their order: sliders side by side in columns, the others one after the other in a line."""
    import ipywidgets

    columns = ipywidgets.Layout(
        display="grid",
        grid_template_columns="repeat(auto-fill, minmax(min(248px, 100%), 1fr))",
        grid_gap="0 24px",
        width="100%",
        max_width="860px",  # as wide as the widest figures
    )
    line = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-end", width="100%")
    parts = []
    for sliders, run in itertools.groupby(controls, key=lambda pair: isinstance(pair[0], Slider)):
        parts.append(ipywidgets.Box([_labelled(*pair) for pair in run], layout=columns if sliders else line))
    return ipywidgets.VBox(parts, layout=ipywidgets.Layout(width="100%"))


def _labelled(control: Control, made: Any) -> Any:
    """A slider or buttons under their label: beside them, a long one would leave no room to slide in."""
    import ipywidgets

    if not isinstance(control, Slider | Choice):
        return made
    label = ipywidgets.Label(control.label, layout=ipywidgets.Layout(margin="0 0 -8px 0"))
    return ipywidgets.VBox([label, made], layout=ipywidgets.Layout(overflow="visible", max_width="100%"))


def _flowing(width: str = "auto") -> Any:
    """As wide as it needs to be, and no wider than the page."""
    import ipywidgets

    return ipywidgets.Layout(width=width, max_width="100%", flex="0 1 auto", margin="2px 16px 2px 0")


def _line(sentence: str, failed: bool = False) -> str:
    """The line under the picture; screen readers read it out when it changes."""
    style = "max-width: 60em; line-height: 1.4; padding: 2px 0;"
    if failed:
        # Red that reads on both themes: the front end's own where it has one.
        style += "color: var(--jp-error-color1, #D32F2F); font-weight: bold;"
        sentence = f"✗ {sentence}"
    role = "alert" if failed else "status"
    live = "assertive" if failed else "polite"
    return f'<div role="{role}" aria-live="{live}" style="{style}">{html.escape(sentence)}</div>'
