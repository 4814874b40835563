"""The widgets of the lesson: each is a function of its state, and what its sentence says is true."""

import re

import pytest
from widgets import WidgetTests, said

from sjedu.contrastive_accumulation import widgets


class TestWidgets(WidgetTests):
    room = widgets
    without_torch = True
    examples = 5


@pytest.mark.parametrize("mode", widgets.MODES)
def test_the_chunks_show_in_every_mode(mode):
    assert len({widgets.chunks.render(parts=k, mode=mode)[0] for k in (1, 2, 4, 8, 16, 32)}) == 6


def test_what_the_sentences_say():
    assert "100 % of the comparisons" in said(widgets.chunks, parts=8, mode="exact")
    assert "relative error of 0.00" in said(widgets.chunks, parts=8, mode="exact")
    assert "relative error of 1.00" in said(widgets.chunks, parts=32, mode="naive")
    errors = [
        float(re.search(r"error of ([\d.]+)", said(widgets.chunks, parts=k))[1].rstrip("."))
        for k in (1, 2, 4, 8, 16, 32)
    ]
    assert errors == sorted(errors)
    assert "gradient is 0.00" in said(widgets.dropout, replay=True, p=0.5, seed=3)
    assert "gradient is 0.00" not in said(widgets.dropout, replay=False, p=0.5, seed=3)
    assert "cosine 1.00" in said(widgets.circle, pair=2, degrees=30, temperature=0.3, chunk=8)
    assert "Pair 2 at −30°" in said(widgets.circle, pair=2, degrees=-30)
    large, small = (
        said(widgets.meter, log2_pairs=14, log2_chunk=5, layers=4, width=256),
        said(widgets.meter, log2_pairs=8, log2_chunk=8, layers=24, width=65536),
    )
    assert "mostly for the loss's matrices" in large
    assert "mostly for the encoder's activations" in small
