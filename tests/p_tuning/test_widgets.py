"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tiny import READER, small
from widgets import WidgetTests, said, states

from sjedu.p_tuning import ClozeClassifier, experiment, widgets
from sjedu.p_tuning.experiment import Config
from sjedu.p_tuning.methods import METHODS
from sjedu.p_tuning.paths import follow
from sjedu.p_tuning.results import budget_curves
from sjedu.p_tuning.tasks import VERBALIZER


def made_path():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "load_small", small)
        return follow(Config(method="p_tuning_words", labels=(8,), test=20, steps=12), every=3)


PATH = made_path()
PROMPT_PATH = widgets.prompt_path(PATH)


class TestWidgets(WidgetTests):
    room = widgets
    widgets = {"prompt_path": PROMPT_PATH}
    examples = 10


# ---------------------------------------------------------------- what the sentences say


@given(states(widgets.template_builder))
@settings(max_examples=20)
def test_the_builder_says_what_the_model_says(state):
    sentence = said(widgets.template_builder, **state)
    backbone, vocabulary = widgets._models()[state["kind"]]
    template = widgets.built_template(state["kind"], state["place"], state["tokens"])
    filled = template.fill([widgets.REVIEWS[state["review"]]], vocabulary)
    with torch.no_grad():
        scores = ClozeClassifier(backbone, VERBALIZER.ids(vocabulary))(filled)
    share = float(scores.softmax(1)[0, 1])
    assert abs(float(re.search(r"很 has ([\d.]+);", sentence)[1]) - share) <= 0.005 + 1e-6
    shown = sentence[: sentence.index(": of ")]
    assert shown.startswith("[CLS]")
    assert shown.endswith("____" if state["kind"] == "lm" else "[SEP]")
    assert shown.count("[P") == 2 * state["tokens"]


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


@pytest.mark.parametrize(("step", "shown"), [(0, 0), (2, 0), (3, 3), (11, 9), (12, 12)])
def test_between_two_pictures_of_the_path_stands_the_earlier_one(step, shown):
    sentence = said(PROMPT_PATH, step=step)
    assert f"After {shown} steps" in sentence
    assert f"accuracy {PATH.accuracies[PATH.steps.index(shown)]:.2f};" in sentence


def test_the_plane_keeps_the_prompts_distances_best():
    words, prompts = PATH.plane()
    assert words.shape == (len(PATH.table), 2)
    center = PATH.table.mean(dim=0)
    spread = torch.linalg.svdvals((PATH.vectors - center).flatten(0, 1))
    assert float(prompts.square().sum()) == pytest.approx(float(spread[:2].square().sum()), rel=1e-4)


def test_a_path_that_is_none_is_refused():
    with pytest.raises(ValueError, match="picture: got 5"):
        PATH.nearest(5)
    with pytest.raises(ValueError, match="method: got 'pet'"):
        follow(Config(method="pet"))
    with pytest.raises(ValueError, match="every: got 0"):
        follow(Config(), every=0)


def test_the_curves_are_the_records():
    sentence = said(widgets.label_budget, method="p_tuning", against="pet")
    curves = budget_curves("mlm")
    for n in (4, 16, 64, 256):
        assert f"{curves['p_tuning'][n].mean:.2f} against {curves['pet'][n].mean:.2f} at {n}" in sentence
    assert "probe and pet with the causal" in said(
        widgets.label_budget, objective="causal", method="probe", against="pet"
    )
    band = widgets._band(curves["pet"])
    assert band.shape == (8, 2)
    assert np.all(band[:4, 1] > band[:3:-1, 1])


def test_the_picture_says_which_method_was_not_run():
    missing = [method for method in METHODS if method not in budget_curves("causal")]
    shown = {
        method: widgets.label_budget.render(objective="causal", method=method, against="zero_shot")
        for method in missing
    }
    assert len({picture for picture, _ in shown.values()}) == len(missing) > 1
    assert all(f"{method} was not run" in sentence for method, (_, sentence) in shown.items())
