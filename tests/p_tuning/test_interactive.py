"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from made_up import runs
from tiny import READER, small
from widgets import Widget, WidgetTests

from sjedu.figures.scene import render
from sjedu.p_tuning import Backbone, ClozeClassifier, Vocabulary, experiment, interactive
from sjedu.p_tuning.experiment import METHODS, Config
from sjedu.p_tuning.paths import follow
from sjedu.p_tuning.tasks import VERBALIZER

VOCABULARY = Vocabulary.of(READER)
MODELS = {
    "mlm": (Backbone(small()[0].eval()), VOCABULARY),
    "lm": (Backbone(small()[0].eval(), causal=True), VOCABULARY),
}


def made_path():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "load_small", small)
        return follow(Config(method="p_tuning_words", labels=(8,), test=20, steps=12), every=3)


PATH = made_path()
WIDGETS = {
    widget.name: widget
    for widget in (
        # At the start there is no way yet.
        Widget(interactive, "template_builder", MODELS),
        Widget(interactive, "prompt_path", PATH, shows={"trail": {"picture": 3}}),
        Widget(interactive, "label_budget", runs()),
    )
}


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 15


# ---------------------------------------------------------------- what the sentences say


@given(WIDGETS["template_builder"].states)
@settings(max_examples=20)
def test_the_builder_says_what_the_model_says(state):
    sentence = WIDGETS["template_builder"].update(**state)
    template = interactive.built_template(state["kind"], state["place"], state["tokens"])
    filled = template.fill([interactive.REVIEWS[state["review"]]], VOCABULARY)
    with torch.no_grad():
        scores = ClozeClassifier(MODELS[state["kind"]][0], VERBALIZER.ids(VOCABULARY))(filled)
    share = float(scores.softmax(1)[0, 1])
    assert abs(float(re.search(r"很 has ([\d.]+);", sentence)[1]) - share) <= 0.005 + 1e-6
    shown = sentence[: sentence.index(": of ")]
    assert shown.startswith("[CLS]")
    assert shown.endswith("____" if state["kind"] == "lm" else "[SEP]")
    prompts = shown.count("[P")
    assert prompts == 2 * state["tokens"]


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
    assert "After 12 steps" in WIDGETS["prompt_path"].update(picture=4, trail=False)


def test_a_path_that_is_none_is_refused():
    with pytest.raises(ValueError, match="picture: got 5"):
        PATH.nearest(5)
    with pytest.raises(ValueError, match="method: got 'pet'"):
        follow(Config(method="pet"))
    with pytest.raises(ValueError, match="every: got 0"):
        follow(Config(), every=0)


def test_the_curves_are_the_records():
    update = WIDGETS["label_budget"].update
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


def test_the_picture_says_which_method_was_not_run():
    scene = interactive.label_budget_scene(runs())
    missing = [m for m in METHODS if m not in interactive.budget_curves(runs(), "causal")]
    pictures = {render(scene, objective="causal", method=m, against="zero_shot")[0] for m in missing}
    assert len(pictures) == len(missing)
