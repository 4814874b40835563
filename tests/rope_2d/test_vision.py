"""The small Transformer: what each encoding can and cannot see, on any grid."""

from __future__ import annotations

import inspect

import pytest
import torch

from sjedu.rope_2d.rotary import weight_decay_groups
from sjedu.rope_2d.vision import (
    ENCODINGS,
    Block,
    GridTransformer,
    PatchEmbedding,
    SymbolEmbedding,
    sincos,
)

ROPES = ["rope_flat", "rope_axial", "rope_mixed"]


def make(encoding, *, readout="mean", dim=24, heads=2, grid=(4, 4), **options):
    torch.manual_seed(0)
    embedding = SymbolEmbedding(8, 4, dim) if readout == "marker" else PatchEmbedding(2, 1, dim)
    model = GridTransformer(
        embedding, 10, grid=grid, encoding=encoding, heads=heads, layers=2, readout=readout, **options
    )
    return model.eval()


def pictures(rows, columns, count=3):
    return torch.randn(count, 1, 2 * rows, 2 * columns, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("readout", ["mean", "class"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_runs_on_any_grid(encoding, readout):
    model = make(encoding, readout=readout)
    for rows, columns in [(4, 4), (3, 7), (8, 2)]:
        for rescale in (False, True):
            logits = model(pictures(rows, columns), rescale=rescale)
            assert logits.shape == (3, 10)
            assert logits.isfinite().all()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_which_encodings_tell_a_picture_from_its_shuffled_tokens(encoding):
    model, picture = make(encoding), pictures(4, 4)
    shuffled = picture.reshape(3, 1, 4, 2, 8)[:, :, [2, 0, 3, 1]].reshape(picture.shape)  # rows of patches
    with torch.no_grad():
        change = (model(picture) - model(shuffled)).abs().max().item()
    # Rounding in float32 is 1e-6 of logits near 1; a position changes attention by a per cent or more.
    assert change < 1e-5 if encoding == "none" else change > 1e-4


@pytest.mark.parametrize("shift", [(5, 3), (500, 300)])
@pytest.mark.parametrize("encoding", ROPES)
@pytest.mark.parametrize("readout", ["mean", "marker"])
def test_rope_knows_only_differences(encoding, readout, shift):
    model = make(encoding, readout=readout)
    inputs = (
        pictures(4, 6) if readout == "mean" else torch.randint(8, (3, 4, 6)).index_fill(2, torch.tensor(2), 9)
    )
    with torch.no_grad():
        change = (model(inputs, shift=shift) - model(inputs)).abs().max().item()
    # Float32 parameters of "mixed" times positions near 500 round by 3e-5 radians; the logits move less.
    assert change < 1e-5


def test_sines_and_cosines_know_places():
    model = make("sincos")
    with torch.no_grad():
        change = (model(pictures(4, 4), shift=(5, 3)) - model(pictures(4, 4))).abs().max().item()
    assert change > 1e-3


@pytest.mark.parametrize("encoding", ROPES)
def test_the_class_token_is_not_rotated(encoding):
    # If it stood somewhere, a shift of all other tokens would be a difference to it.
    model = make(encoding, readout="class")
    with torch.no_grad():
        change = (model(pictures(4, 4), shift=(5, 3)) - model(pictures(4, 4))).abs().max().item()
    assert change > 1e-4


def test_flattening_makes_a_line_of_the_grid():
    model = make("rope_flat", grid=(4, 6))
    assert model.positions(2, 3).tolist() == [[n, 0] for n in range(6)]
    assert model.positions(2, 3, shift=(5, 3)).tolist() == [[5 * 3 + 3 + n, 0] for n in range(6)]
    # Half as many tokens as trained on, so each stands for two: a step of 2.
    assert model.positions(3, 4, rescale=True).diff(dim=0)[:, 0].tolist() == pytest.approx([2.0] * 11)


def test_rescaling_keeps_the_range_of_the_training():
    model = make("rope_axial", grid=(4, 6))
    positions = model.positions(8, 12, rescale=True)
    assert positions.min(dim=0).values.tolist() == pytest.approx([-0.25, -0.25])
    assert positions.max(dim=0).values.tolist() == pytest.approx([3.25, 5.25])
    assert torch.equal(model.positions(4, 6, rescale=True), model.positions(4, 6))


def test_learned_vectors_are_resized_and_shared_where_nothing_is_to_resize():
    model = make("learned", grid=(4, 6))
    vectors = model.cell_vectors
    assert torch.equal(model._resized_cell_vectors(4, 6), vectors.flatten(2).transpose(1, 2))
    with torch.no_grad():
        vectors.fill_(3.0)
        assert torch.allclose(model._resized_cell_vectors(9, 5), torch.tensor(3.0))


def test_each_head_of_each_layer_learns_frequencies_without_weight_decay():
    model = make("rope_mixed", heads=3)
    frequencies = [rope.frequencies for rope in model.ropes]
    assert [tuple(each.shape) for each in frequencies] == [(3, 4, 2)] * 2
    assert not torch.equal(*frequencies)
    model(pictures(4, 4)).square().sum().backward()
    assert all(each.grad.abs().max() > 0 for each in frequencies)
    decayed, kept = weight_decay_groups(model, 0.1)
    assert {id(each) for each in kept["params"]} == {id(each) for each in frequencies}
    assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_layers_share_a_table_unless_each_learns_its_frequencies(encoding):
    model = make(encoding)
    first, second = model.tables(model.positions(4, 4))
    assert (first is None) == (encoding not in ROPES)
    assert (first is second) == (encoding != "rope_mixed")


def test_patches_are_the_squares_of_the_picture():
    embedding = PatchEmbedding(2, 3, dim=12)
    with torch.no_grad():
        embedding.project.weight.copy_(torch.eye(12))
        embedding.project.bias.zero_()
    picture = torch.arange(3 * 4 * 6.0).reshape(1, 3, 4, 6)
    tokens = embedding(picture)
    assert tokens.shape == (1, 2, 3, 12)
    assert torch.equal(tokens[0, 1, 2], picture[0, :, 2:4, 4:6].flatten())


def test_the_marker_is_what_is_read():
    model = make("rope_axial", readout="marker")
    cells = torch.randint(8, (2, 4, 4))
    cells[0, 1, 2], cells[1, 3, 0] = 8, 11
    tokens = torch.arange(2 * 16 * 24.0).reshape(2, 16, 24)
    assert torch.equal(model._read(tokens, cells), torch.stack([tokens[0, 6], tokens[1, 12]]))


def test_sincos_are_the_sines_and_cosines_of_row_and_column():
    code = sincos(torch.tensor([[2.0, 3.0]], dtype=torch.float64), dim=8, base=100.0)
    angles = torch.tensor([2.0, 0.2, 3.0, 0.3], dtype=torch.float64)
    assert torch.allclose(code.double(), torch.cat([angles.sin(), angles.cos()])[None], atol=1e-6)


def test_dropped_branches_keep_the_expectation():
    torch.manual_seed(0)
    block = Block(8, 2, 16, drop_path=0.25).train()
    dropped = torch.stack([block._dropped(torch.ones(1000, 1, 1)) for _ in range(20)])
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    # Five standard deviations of the mean of 20,000 draws: 5 sqrt(1/3) / sqrt(20,000) = 0.02.
    assert dropped.mean().item() == pytest.approx(1, abs=0.021)
    assert torch.equal(block.eval()._dropped(torch.ones(5, 1, 1)), torch.ones(5, 1, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "rope"}, "encoding: got 'rope'; expected one of 'none', 'learned'"),
        (
            {"encoding": "none", "readout": "max"},
            "readout: got 'max'; expected one of 'mean', 'class', 'marker'",
        ),
        ({"encoding": "none", "dim": 20}, "dim: got 20; expected a multiple of 4 · heads = 8"),
    ],
)
def test_bad_arguments_are_named(options, message):
    # Unwrapped: in the tests the annotations would answer first.
    check = inspect.unwrap(GridTransformer.__init__)
    defaults = {"dim": 24, "grid": (4, 4), "heads": 2}
    arguments = defaults | options
    with pytest.raises(ValueError, match=message):
        check(
            GridTransformer.__new__(GridTransformer),
            PatchEmbedding(2, 1, arguments.pop("dim")),
            10,
            **arguments,
        )


def test_pictures_have_no_marker():
    with pytest.raises(ValueError, match="readout: got 'marker' for pictures"):
        GridTransformer(PatchEmbedding(2, 1, 24), 10, grid=(4, 4), readout="marker")


def test_a_picture_that_cannot_be_cut_into_patches_is_refused():
    with pytest.raises(ValueError, match=r"picture: got \(8, 9\) pixels; expected multiples of the patch, 2"):
        make("none")(torch.zeros(1, 1, 8, 9))
