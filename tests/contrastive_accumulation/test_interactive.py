"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import re

import numpy as np
import pytest
import torch
from widgets import Widget, WidgetTests

from sjedu.contrastive_accumulation import info_nce, interactive
from sjedu.contrastive_accumulation.interactive import batch, gradient, masks
from sjedu.figures.scene import render

WIDGETS = Widget.all(interactive, "chunks", "circle", "meter", "dropout")


class TestWidgets(WidgetTests):
    widgets = WIDGETS
    examples = 5


@pytest.mark.parametrize("mode", interactive.MODES)
def test_the_chunks_show_in_every_mode(mode):
    pictures = {
        render(WIDGETS["chunks"].scene, parts=k, mode=mode, temperature=0.5)[0] for k in (1, 2, 4, 8, 16, 32)
    }
    assert len(pictures) == 6


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
    update = WIDGETS["chunks"].update
    assert "100% of the comparisons" in update(parts=8, mode="exact", temperature=0.5)
    assert "relative error of 0.00" in update(parts=8, mode="exact", temperature=0.5)
    assert "relative error of 1.00" in update(parts=32, mode="naive", temperature=0.5)
    errors = [
        float(re.search(r"error of ([\d.]+)", update(parts=k, mode="naive", temperature=0.5))[1].rstrip("."))
        for k in (1, 2, 4, 8, 16, 32)
    ]
    assert errors == sorted(errors)
    dropout = WIDGETS["dropout"].update
    assert "gradient is 0.00" in dropout(replay=True, p=0.5, seed=3)
    assert "gradient is 0.00" not in dropout(replay=False, p=0.5, seed=3)
    assert "cosine 1.00" in WIDGETS["circle"].update(pair=2, angle=30, temperature=0.3, chunk=8)
    meter = WIDGETS["meter"].update
    assert "mostly for the loss's matrices" in meter(size=14, chunk=5, layers=4, width=256)
    assert "mostly for the encoder's activations" in meter(size=8, chunk=8, layers=24, width=65536)
