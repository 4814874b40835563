"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import inspect
import re

import ipywidgets
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from sjedu.contrastive_accumulation import info_nce, interactive
from sjedu.contrastive_accumulation.interactive import batch, gradient, masks
from sjedu.interactive import render

WIDGETS = ("chunks", "circle", "meter", "dropout")
BOXES = {name: getattr(interactive, name)() for name in WIDGETS}
PAIRS = {name: tuple(getattr(interactive, f"{name}_scene")() for _ in range(2)) for name in WIDGETS}


def controls(name):
    names = inspect.signature(PAIRS[name][0].update).parameters
    return dict(zip(names, BOXES[name].children[0].children, strict=True))


def values(control):
    if isinstance(control, ipywidgets.Checkbox):
        return st.booleans()
    if isinstance(control, ipywidgets.ToggleButtons):
        return st.sampled_from([value for _, value in _pairs(control)])
    whole = isinstance(control, ipywidgets.IntSlider)
    return st.integers(control.min, control.max) if whole else st.floats(control.min, control.max)


def _pairs(control):
    return [each if isinstance(each, tuple) else (each, each) for each in control.options]


START = {name: {key: control.value for key, control in controls(name).items()} for name in WIDGETS}
STATES = {
    name: st.fixed_dictionaries({key: values(control) for key, control in controls(name).items()})
    for name in WIDGETS
}


@pytest.mark.parametrize("name", WIDGETS)
@given(data=st.data())
@settings(max_examples=5)
def test_each_widget_is_a_function_of_its_state(name, data):
    one, other = PAIRS[name]
    render(one, **data.draw(STATES[name]))
    state = data.draw(STATES[name])
    assert render(one, **state) == render(other, **state)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in WIDGETS for key in START[name]])
def test_each_control_changes_the_picture(name, key):
    control, start = controls(name)[key], START[name][key]
    if isinstance(control, ipywidgets.ToggleButtons):
        others = [value for _, value in _pairs(control) if value != start]
    elif isinstance(control, ipywidgets.Checkbox):
        others = [not start]
    else:
        others = [value for value in (control.min, control.max) if value != start]
    before = render(PAIRS[name][0], **START[name])[0]
    assert all(render(PAIRS[name][0], **{**START[name], key: value})[0] != before for value in others)


@pytest.mark.parametrize("mode", interactive.MODES)
def test_the_chunks_show_in_every_mode(mode):
    pictures = {
        render(PAIRS["chunks"][0], parts=k, mode=mode, temperature=0.5)[0] for k in (1, 2, 4, 8, 16, 32)
    }
    assert len(pictures) == 6


@pytest.mark.parametrize("name", WIDGETS)
def test_a_still_picture_has_a_sentence(name):
    fig, sentence = getattr(interactive, f"{name}_figure")()
    assert isinstance(fig, Figure)
    assert len(sentence.split()) >= 6
    assert sentence.endswith(".")


def test_the_widgets_gradient_is_autograd_s():
    data, drawn = batch(), masks(0.4, 0)
    weights = [torch.tensor(each, requires_grad=True) for each in (data.first, data.second)]
    u, v = (
        (torch.tensor(mask) * torch.relu(torch.tensor(x) @ weights[0].T)) @ weights[1].T
        for x, mask in zip((data.x, data.y), drawn, strict=True)
    )
    exact = torch.autograd.grad(info_nce(u, v, temperature=0.5, symmetric=True), weights)
    np.testing.assert_allclose(gradient(data, drawn), torch.cat([g.flatten() for g in exact]), atol=1e-10)


def test_what_the_sentences_say():
    update = PAIRS["chunks"][0].update
    assert "100% of the comparisons" in update(parts=8, mode="exact", temperature=0.5)
    assert "relative error of 0.00" in update(parts=8, mode="exact", temperature=0.5)
    assert "relative error of 1.00" in update(parts=32, mode="naive", temperature=0.5)
    errors = [
        float(re.search(r"error of ([\d.]+)", update(parts=k, mode="naive", temperature=0.5))[1].rstrip("."))
        for k in (1, 2, 4, 8, 16, 32)
    ]
    assert errors == sorted(errors)
    dropout = PAIRS["dropout"][0].update
    assert "gradient is 0.00" in dropout(replay=True, p=0.5, seed=3)
    assert "gradient is 0.00" not in dropout(replay=False, p=0.5, seed=3)
    assert "cosine 1.00" in PAIRS["circle"][0].update(pair=2, angle=30, temperature=0.3, chunk=8)
    meter = PAIRS["meter"][0].update
    assert "mostly for the loss's matrices" in meter(size=14, chunk=5, layers=4, width=256)
    assert "mostly for the encoder's activations" in meter(size=8, chunk=8, layers=24, width=65536)
