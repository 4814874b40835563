"""What the experiment learns: batches are functions of seed and step, and pictures lie where they should."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sjedu.data import load_images
from sjedu.rope_2d.tasks import OFFSETS, SYMBOLS, PictureTask, SymbolTask, arrange, draw_symbols, generator

GRIDS = st.tuples(st.integers(3, 9), st.integers(3, 9))


@given(grid=GRIDS, seed=st.integers(0, 1000))
def test_a_marker_asks_for_the_symbol_at_its_offset(grid, seed):
    cells, labels, vertical = draw_symbols(grid, 16, generator(seed))
    for board, label, is_vertical in zip(cells, labels, vertical, strict=True):
        ((row, column),) = (board >= SYMBOLS).nonzero().tolist()
        down, right = list(OFFSETS.values())[board[row, column] - SYMBOLS]
        assert row + down in range(grid[0])
        assert column + right in range(grid[1])
        assert label == board[row + down, column + right]
        assert bool(is_vertical) == (right == 0)


def test_markers_symbols_and_places_are_uniform():
    cells, labels, _ = draw_symbols((8, 8), 20_000, generator(0))
    kinds = torch.bincount(cells.flatten(1).max(dim=1).values - SYMBOLS).float() / 20_000
    symbols = torch.bincount(labels).float() / 20_000
    # Five standard deviations of a share p of 20,000: 5 sqrt(p (1 - p) / 20,000) < 0.016.
    assert torch.allclose(kinds, torch.full((4,), 1 / 4), atol=0.016)
    assert torch.allclose(symbols, torch.full((SYMBOLS,), 1 / SYMBOLS), atol=0.016)
    right = cells[(cells == SYMBOLS).flatten(1).any(dim=1)]
    columns = torch.bincount((right == SYMBOLS).nonzero()[:, 2], minlength=8).float() / len(right)
    # A marker of "two to the right" is in the columns 0 to 5, in each as often; 5 sqrt(p (1 - p) / 4,900) < 0.027.
    assert torch.allclose(columns, torch.tensor([1 / 6] * 6 + [0, 0]), atol=0.027)


def test_a_grid_too_small_for_the_offsets_is_refused():
    with pytest.raises(ValueError, match=r"grid: got \(2, 8\); expected at least 3 rows"):
        draw_symbols((2, 8), 4, generator(0))


@pytest.mark.parametrize("kind", ["symbols", "pictures"])
def test_a_batch_is_a_function_of_seed_and_step(kind):
    def task(seed):
        if kind == "symbols":
            return SymbolTask((8, 8), 8, seed)
        digits = load_images("digits", "train")
        return PictureTask(digits, digits, (6, 6), 2, "scale", True, 8, seed)

    first = task(3).batch(5)
    again = task(3).batch(5)
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.labels, again.labels)
    for other in (task(3).batch(6), task(4).batch(5)):
        assert not torch.equal(first.inputs, other.inputs)


def test_the_test_is_the_same_for_every_seed_and_no_training_batch():
    first, second = (SymbolTask((8, 8), 64, seed, test_size=64) for seed in (0, 1))
    assert torch.equal(first.test((8, 10)).inputs, second.test((8, 10)).inputs)
    assert first.test((8, 10)).inputs.shape == (64, 8, 10)
    validation = SymbolTask((8, 8), 64, 0, validation=True, test_size=64)
    others = [validation.test((8, 8)).inputs, *(first.batch(step).inputs for step in range(10))]
    assert not any(torch.equal(first.test((8, 8)).inputs, other) for other in others)


@given(seed=st.integers(0, 1000), rows=st.integers(8, 14), columns=st.integers(8, 14))
def test_a_placed_picture_is_unchanged_and_at_an_even_place(seed, rows, columns):
    pictures = torch.randint(1, 256, (3, 2, 8, 6), generator=generator(seed), dtype=torch.uint8)
    canvases = arrange(pictures, (rows, columns), "place", generator(seed, 1))
    assert canvases.shape == (3, 2, rows, columns)
    for picture, canvas in zip(pictures, canvases, strict=True):
        light = (canvas + 1) * 255 / 2
        lit = (light > 0.5).all(dim=0).nonzero()
        top, left = lit.min(dim=0).values.tolist()
        assert top % 2 == left % 2 == 0
        # grid_sample in float32: weights are off by at most 1e-5 where the pixels' centres coincide.
        assert torch.allclose(light[:, top : top + 8, left : left + 6], picture.float(), atol=0.02)
        assert light.sum().item() == pytest.approx(picture.sum().item(), abs=0.5)


def test_all_even_places_occur():
    pictures = torch.full((400, 1, 8, 8), 255, dtype=torch.uint8)
    canvases = arrange(pictures, (12, 12), "place", generator(0))
    corners = {tuple((canvas[0] > 0).nonzero()[0].tolist()) for canvas in canvases}
    assert corners == {(row, column) for row in (0, 2, 4) for column in (0, 2, 4)}


def test_filling_stretches_to_the_canvas():
    picture = torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8).reshape(1, 1, 2, 2)
    canvas = arrange(picture.repeat(1, 1, 1, 1), (2, 2), "fill", generator(0))
    assert torch.allclose(canvas, torch.tensor([[[[-1.0, 1.0], [1.0, -1.0]]]]), atol=1e-5)
    assert arrange(picture, (6, 4), "fill", generator(0)).shape == (1, 1, 6, 4)


def test_scaled_pictures_are_half_to_wholly_as_large_as_the_canvas():
    pictures = torch.full((300, 1, 8, 8), 255, dtype=torch.uint8)
    canvases = (arrange(pictures, (40, 40), "scale", generator(0)) + 1) / 2
    sides = canvases.sum(dim=(1, 2, 3)).sqrt()
    # Half a pixel of light may be lost at each edge, where the canvas interpolates towards black or is cut.
    assert sides.min() > 20 - 1
    assert sides.max() < 40 + 1
    assert sides.min() < 22 < 38 < sides.max()


def test_a_crop_shows_a_part_and_a_flip_mirrors():
    ramp = torch.linspace(0, 255, 32).to(torch.uint8).expand(200, 1, 32, 32).contiguous()
    cropped = arrange(ramp, (32, 32), "crop", generator(0))
    # A crop of a ramp between 1 and 1/1.4 of its width climbs between all and 1/1.4 of its height.
    climb = (cropped[..., -1] - cropped[..., 0]).mean(dim=(1, 2))
    assert climb.min() > 2 / 1.4 - 0.1
    assert climb.max() > 1.9
    flipped = arrange(ramp, (32, 32), "fill", generator(0), flip=True)
    falls = (flipped[:, 0, 0, -1] < flipped[:, 0, 0, 0]).float().mean()
    assert 0.3 < falls < 0.7
    assert torch.allclose(flipped[falls.long()].abs().sum(), flipped[0].abs().sum(), rtol=1e-3)


def test_a_picture_larger_than_the_canvas_cannot_be_placed():
    pictures = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"canvas: got \(6, 12\) pixels; expected at least .*\(8, 8\)"):
        arrange(pictures, (6, 12), "place", generator(0))
