"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import inspect
import re
import warnings

import ipywidgets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import runs
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from tiny import READER, small

from sjedu.interactive import render
from sjedu.p_tuning import Backbone, ClozeClassifier, Vocabulary, experiment, interactive
from sjedu.p_tuning.experiment import Config
from sjedu.p_tuning.paths import follow
from sjedu.p_tuning.tasks import VERBALIZER
from sjedu.plotting import png

VOCABULARY = Vocabulary.of(READER)
MODELS = {
    "mlm": (Backbone(small()[0].eval()), VOCABULARY),
    "lm": (Backbone(small()[0].eval(), causal=True), VOCABULARY),
}


def made_path():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "load_small", small)
        return follow(Config(labels=(8,), test=20, steps=12), every=3)


PATH = made_path()
SHOWN = {"template_builder": MODELS, "prompt_path": PATH, "label_budget": runs()}
BOXES = {name: getattr(interactive, name)(shown) for name, shown in SHOWN.items()}


def scene(name):
    return getattr(interactive, f"{name}_scene")(SHOWN[name])


PAIRS = {name: (scene(name), scene(name)) for name in SHOWN}


def controls(name):
    """The controls of a widget by the names of the states that they stand for."""
    names = inspect.signature(PAIRS[name][0].update).parameters
    return dict(zip(names, BOXES[name].children[0].children, strict=True))


def options(control):
    return [pair[1] if isinstance(pair, tuple) else pair for pair in control.options]


def values(control):
    if isinstance(control, ipywidgets.Checkbox):
        return st.booleans()
    if isinstance(control, ipywidgets.ToggleButtons):
        return st.sampled_from(options(control))
    return st.integers(control.min, control.max)


STATES = {
    name: st.fixed_dictionaries({key: values(control) for key, control in controls(name).items()})
    for name in SHOWN
}
START = {name: {key: control.value for key, control in controls(name).items()} for name in SHOWN}
START["template_builder"]["made_of"] = "prompt tokens"  # words do not ask how many tokens there are


@pytest.mark.parametrize("name", SHOWN)
@given(data=st.data())
@settings(max_examples=15)
def test_each_widget_is_a_function_of_its_state(name, data):
    one, other = PAIRS[name]
    for past in data.draw(st.lists(STATES[name], max_size=2)):
        render(one, **past)
    render(other, **data.draw(STATES[name]))
    state = data.draw(STATES[name])
    assert render(one, **state) == render(other, **state)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in SHOWN for key in START[name]])
def test_each_control_changes_the_picture(name, key):
    control, start = controls(name)[key], {**START[name]}
    if name == "prompt_path" and key == "trail":
        start["picture"] = 3  # there is no way yet at the start
    if isinstance(control, ipywidgets.ToggleButtons):
        others = [option for option in options(control) if option != start[key]]
        others = others if name != "label_budget" else [o for o in others if o not in start.values()]
    else:
        others = [not start[key]] if isinstance(control, ipywidgets.Checkbox) else [control.max]
        start[key] = start[key] if isinstance(control, ipywidgets.Checkbox) else control.min
    pictures = [render(PAIRS[name][0], **{**start, key: value})[0] for value in [start[key], *others]]
    assert all(picture != pictures[0] for picture in pictures[1:])


@pytest.mark.parametrize("name", SHOWN)
def test_each_still_picture_comes_with_its_sentence(name):
    fig, sentence = getattr(interactive, f"{name}_figure")(SHOWN[name])
    assert isinstance(fig, Figure)
    assert sentence.endswith(".")
    with warnings.catch_warnings():
        # Matplotlib warns of a missing glyph, and of a layout that failed.
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        assert png(fig, sentence) == png(getattr(interactive, f"{name}_figure")(SHOWN[name])[0], sentence)


@pytest.mark.parametrize("name", SHOWN)
def test_every_letter_is_in_the_font_that_comes_with_matplotlib(name):
    font = FT2Font(findfont("DejaVu Sans"))
    letters = {
        letter for text in PAIRS[name][0].figure.findobj(Text) for letter in text.get_text() if letter != "\n"
    }
    assert all(font.get_char_index(ord(letter)) for letter in letters)


# ---------------------------------------------------------------- what the sentences say


@given(STATES["template_builder"])
@settings(max_examples=20)
def test_the_builder_says_what_the_model_says(state):
    sentence = PAIRS["template_builder"][0].update(**state)
    template = interactive.built_template(state["kind"], state["made_of"], state["place"], state["tokens"])
    filled = template.fill([interactive.REVIEWS[state["review"]]], VOCABULARY)
    with torch.no_grad():
        scores = ClozeClassifier(MODELS[state["kind"]][0], VERBALIZER.ids(VOCABULARY))(filled)
    share = float(scores.softmax(1)[0, 1])
    assert abs(float(re.search(r"很 has ([\d.]+);", sentence)[1]) - share) <= 0.005 + 1e-6
    shown = sentence[: sentence.index(": of ")]
    assert shown.startswith("[CLS]")
    assert shown.endswith("____" if state["kind"] == "lm" else "[SEP]")
    prompts = shown.count("[P")
    assert prompts == (2 * state["tokens"] if state["made_of"] == "prompt tokens" else 0)


def test_the_path_is_that_of_a_training():
    assert PATH.steps == (0, 3, 6, 9, 12)
    assert PATH.vectors.shape == (5, 6, 32)
    assert PATH.losses[-1] < PATH.losses[0]
    for start in PATH.nearest(0):  # begun at words
        assert start[0][1] == pytest.approx(1, abs=1e-5)
    cosines = torch.nn.functional.cosine_similarity(PATH.vectors[4, 0][None], PATH.table)
    word, cosine = PATH.nearest(4, 3)[0][0]
    assert cosine == pytest.approx(float(cosines[READER.id(word)]), abs=1e-5)
    assert not word.startswith("[")
    assert "After 12 steps" in PAIRS["prompt_path"][0].update(picture=4, trail=False)


def test_a_path_that_is_none_is_refused():
    with pytest.raises(ValueError, match="picture: got 5"):
        PATH.nearest(5)
    with pytest.raises(ValueError, match="method: got 'pet'"):
        follow(Config(method="pet"))
    with pytest.raises(ValueError, match="every: got 0"):
        follow(Config(), every=0)


def test_the_curves_are_the_records():
    update = PAIRS["label_budget"][0].update
    sentence = update(objective="mlm", method="p_tuning", against="pet")
    found = interactive.budget_curves(runs(), "mlm")
    for n in (4, 16, 256):
        assert f"{found['p_tuning'][n].mean:.2f} against {found['pet'][n].mean:.2f} at {n}" in sentence
    assert "pet was not run" in update(objective="causal", method="p_tuning", against="pet")
    band = interactive._band(found["pet"])
    assert band.shape == (6, 2)
    assert np.all(band[:3, 1] > band[:2:-1, 1])
    with pytest.raises(ValueError, match="records: got none"):
        interactive.label_budget_scene([])
