import copy
import math
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from unchecked import unchecked

from sjedu.rope_2d import fast, theory
from sjedu.rope_2d.rotary import (
    RotaryEmbedding2D,
    apply_rotary,
    axial_frequencies,
    flattened_frequencies,
    grid_positions,
    interpolated_positions,
    mixed_frequencies,
    rotation_table,
    weight_decay_groups,
)

EPS = {
    dtype: torch.finfo(dtype).eps for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
}
#: The plain lines, and the same for speed.
functions = pytest.mark.parametrize("apply", [apply_rotary, fast.apply_rotary], ids=["plain", "fast"])
pairings = pytest.mark.parametrize("pairing", ["interleaved", "half"])
layouts = pytest.mark.parametrize("layout", ["axial", "mixed"])
coordinates = st.floats(-1000, 1000)


def rotary(layout="axial", head_dim=8, heads=2, dtype=torch.float32, **how):
    generator = torch.Generator().manual_seed(1)
    rope = RotaryEmbedding2D(
        head_dim, layout=layout, heads=heads if layout == "mixed" else None, generator=generator, **how
    )
    return rope.to(dtype)


def normal(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def dense(rope, x, positions):
    """Rotate in float64 by the oracle's dense matrices."""
    x, positions = x.detach().double().numpy(), positions.double().numpy()
    omega = rope.frequencies.detach().double().numpy()
    omega = np.broadcast_to(omega, (x.shape[1], *omega.shape[-2:]))
    R = np.array([[theory.rope_matrix(p, head, rope.pairing) for p in positions] for head in omega])
    rest = np.einsum("htij,bhtj->bhti", R, x[:, :, rope.prefix_tokens :])
    return torch.from_numpy(np.concatenate([x[:, :, : rope.prefix_tokens], rest], axis=2))


def pair_norms(x, pairing):
    """Return, for each number, the length of the pair that it belongs to."""
    a, b = (x[..., 0::2], x[..., 1::2]) if pairing == "interleaved" else x.chunk(2, dim=-1)
    length = torch.hypot(a.double(), b.double())
    return (
        length.repeat_interleave(2, dim=-1) if pairing == "interleaved" else torch.cat([length, length], -1)
    )


# ---------------------------------------------------------------- frequencies and positions


@given(st.integers(1, 40), st.floats(1.5, 1e5))
def test_frequencies_are_the_oracles(quarter, base):
    head_dim = 4 * quarter
    # base^x is off by |x ln base| eps or so in either library.
    rtol = 2 * EPS[torch.float64] * (1 + math.log(base))
    for ours, oracle in (
        (axial_frequencies(head_dim, base), theory.axial(head_dim, base)),
        (flattened_frequencies(head_dim, 7, base), theory.flattened(head_dim, 7, base)),
    ):
        np.testing.assert_allclose(ours.numpy(), oracle, rtol=rtol, atol=0)


def test_each_head_of_mixed_starts_as_the_axial_frequencies_turned_by_its_own_angle():
    drawn = mixed_frequencies(16, heads=5, base=10, generator=torch.Generator().manual_seed(0)).numpy()
    angles = np.arctan2(drawn[:, 0, 1], drawn[:, 0, 0])
    for head, angle in zip(drawn, angles, strict=True):
        np.testing.assert_allclose(head, theory.mixed(16, 10, angle), rtol=0, atol=8 * EPS[torch.float64])
    assert len(np.unique(angles.round(6))) == 5


def test_mixed_takes_an_odd_number_of_pairs():
    (head,) = mixed_frequencies(6, base=10).numpy()
    lengths = np.linalg.norm(head, axis=1)
    np.testing.assert_allclose(lengths, [1, 10 ** (-4 / 6), 1], rtol=4 * EPS[torch.float64])
    assert abs(head[0] @ head[2]) < 4 * EPS[torch.float64]


def test_mixed_draws_from_its_generator():
    draws = [mixed_frequencies(8, 2, generator=torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_a_grid_is_read_row_after_row():
    expected = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert grid_positions(2, 3).tolist() == expected
    assert grid_positions(2, 3, spacing=(0.5, 2), origin=(1, -1)).tolist() == [
        [1 + row / 2, 2 * column - 1] for row, column in expected
    ]
    assert grid_positions(1, 3, spacing=0.25).tolist() == [[0, 0], [0, 0.25], [0, 0.5]]


def test_interpolated_cells_have_their_centre_where_the_trained_cell_has_its_own():
    trained = grid_positions(4, 6)
    assert torch.equal(interpolated_positions(4, 6, trained=(4, 6)), trained)
    finer = interpolated_positions(8, 18, trained=(4, 6)).reshape(4, 2, 6, 3, 2)
    torch.testing.assert_close(finer.mean(dim=(1, 3)).reshape(-1, 2), trained, rtol=0, atol=1e-14)


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize("largest", [4095, 65536])
def test_the_table_is_rounded_once_at_any_position(largest):
    positions = grid_positions(1, 64, origin=(0, largest - 63))
    frequencies = axial_frequencies(64)
    angles = theory.angles(positions.numpy(), frequencies.numpy())
    # Half an ulp of a float32 below 1, and what float64 knows of the angle.
    bound = EPS[torch.float32] / 4 + largest * EPS[torch.float64]
    for ours, exact in zip(
        rotation_table(positions, frequencies), (np.cos(angles), np.sin(angles)), strict=True
    ):
        assert ours.dtype == torch.float32
        assert np.abs(ours.double().numpy() - exact).max() <= bound
    # The test can fail: with angles in float32 it does, by orders of magnitude.
    careless = rotation_table(positions, frequencies.float())[0]
    assert np.abs(careless.double().numpy() - np.cos(angles)).max() > 100 * bound


def test_table_shapes_broadcast_over_batch_and_heads():
    one, many = torch.rand(5, 2), torch.rand(3, 5, 2)
    shared, per_head = axial_frequencies(8), mixed_frequencies(8, heads=2)
    shapes = {
        (5, 4): (one, shared),
        (2, 5, 4): (one, per_head),
        (3, 1, 5, 4): (many, shared),
        (3, 2, 5, 4): (many, per_head),
    }
    for shape, arguments in shapes.items():
        assert [tuple(t.shape) for t in rotation_table(*arguments)] == [shape, shape]


def test_whole_numbers_are_positions_too():
    positions = grid_positions(3, 4)
    for t, u in zip(
        rotation_table(positions.long(), axial_frequencies(8)),
        rotation_table(positions, axial_frequencies(8)),
        strict=True,
    ):
        assert torch.equal(t, u)


# ---------------------------------------------------------------- equal to the oracle


@pairings
@layouts
@pytest.mark.parametrize("prefix_tokens", [0, 2])
@given(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6))
def test_rotation_is_the_oracles_in_float64(layout, pairing, prefix_tokens, points):
    rope = rotary(layout, pairing=pairing, prefix_tokens=prefix_tokens, dtype=torch.float64)
    positions = torch.tensor(points, dtype=torch.float64)
    x = normal(2, 2, prefix_tokens + len(points), 8, dtype=torch.float64)
    q, k = rope(x, 2 * x, positions)
    # Each of the two angles is off by a few eps of its terms, and a product by a few eps more.
    reach = positions.abs().sum(dim=-1).max().item()
    bound = 4 * (1 + reach) * EPS[torch.float64] * x.abs().max().item()
    torch.testing.assert_close(q, dense(rope, x, positions), rtol=0, atol=bound)
    torch.testing.assert_close(k, 2 * q, rtol=0, atol=0)


@pairings
@layouts
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_error_is_that_of_rounding(layout, pairing, dtype):
    rope = rotary(layout, head_dim=64, pairing=pairing)
    positions = grid_positions(9, 5)
    x = normal(2, 2, 45, 64, dtype=dtype)
    exact = dense(rope, x, positions)
    # |a cos| + |b sin| <= |(a, b)|: table, products and sum each err by eps/2 of that, in float32; learned
    # angles are float32 themselves; and the result is rounded to its own dtype.
    angle = 0 if layout == "axial" else 3 * positions.abs().sum(dim=-1).max().item()
    length = pair_norms(x, pairing)
    bound = (4 + angle) * EPS[torch.float32] / 2 * length
    if dtype != torch.float32:
        below_normal = EPS[dtype] * torch.finfo(dtype).tiny
        bound = bound + EPS[dtype] / 2 * (exact.abs() + bound) + below_normal
    rotated = rope(x, x, positions)[0]
    assert rotated.dtype == dtype
    assert ((rotated.double() - exact).abs() <= bound).all()


def test_each_sample_can_have_its_own_positions():
    rope = rotary("mixed")
    x, positions = normal(3, 2, 5, 8), normal(3, 5, 2, seed=1)
    together = rope(x, x, positions)[0]
    one_by_one = torch.cat([rope(x[i : i + 1], x[i : i + 1], positions[i])[0] for i in range(3)])
    assert torch.equal(together, one_by_one)


# ---------------------------------------------------------------- relativity


@pairings
@layouts
@given(st.tuples(coordinates, coordinates))
def test_logits_see_only_differences(layout, pairing, shift):
    rope = rotary(layout, pairing=pairing, dtype=torch.float64)
    positions = 10 * normal(7, 2, dtype=torch.float64, seed=2)
    q, k = normal(1, 2, 7, 8, dtype=torch.float64), normal(1, 2, 7, 8, dtype=torch.float64, seed=1)

    def logits(p):
        a, b = rope(q, k, p)
        return a @ b.mT

    here, there = logits(positions), logits(positions + torch.tensor(shift, dtype=torch.float64))
    # A position of size r is itself rounded by r eps, and so are the terms of its angle.
    reach = (positions.abs().sum(dim=-1).max() + abs(shift[0]) + abs(shift[1])).item()
    bound = 16 * (1 + reach) * EPS[torch.float64] * (q.norm(dim=-1).max() * k.norm(dim=-1).max()).item()
    torch.testing.assert_close(here, there, rtol=0, atol=bound)


@layouts
def test_rotation_keeps_lengths_and_the_origin_turns_nothing(layout):
    rope = rotary(layout, dtype=torch.float64)
    x = normal(2, 2, 4, 8, dtype=torch.float64)
    torch.testing.assert_close(
        rope(x, x, normal(4, 2, dtype=torch.float64))[0].norm(dim=-1), x.norm(dim=-1), rtol=8e-16, atol=0
    )
    assert torch.equal(rope(x, x, torch.zeros(4, 2))[0], x)


def test_a_call_leaves_nothing_behind_for_the_next():
    rope = rotary()
    x, here, there = normal(1, 2, 6, 8), grid_positions(2, 3), grid_positions(2, 3, origin=(3, 3))
    first = rope(x, x, here)[0]
    assert not torch.equal(rope(x, x, there)[0], first)
    assert torch.equal(rope(x, x, here)[0], first)


# ---------------------------------------------------------------- the two pairings, and prefix tokens


@functions
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_pairings_are_the_same_up_to_the_order_of_numbers(apply, dtype):
    cos, sin = rotation_table(
        grid_positions(6, 8), axial_frequencies(64), torch.promote_types(dtype, torch.float32)
    )
    x = normal(2, 3, 48, 64, dtype=dtype)
    order = torch.from_numpy(theory.half_order(64))
    half = apply(x[..., order], cos, sin, pairing="half")
    assert torch.equal(half, apply(x, cos, sin)[..., order])


@functions
@pairings
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_prefix_tokens_keep_their_bits(apply, pairing, dtype):
    x = normal(2, 2, 9, 8, dtype=dtype)
    x[0, 0, 0] = -0.0
    x[0, 0, 1] = math.nan
    table = rotation_table(grid_positions(2, 3), axial_frequencies(8))
    rotated = apply(x, *table, pairing=pairing, prefix_tokens=3)
    integer = torch.int32 if dtype == torch.float32 else torch.int16
    assert torch.equal(rotated[:, :, :3].view(integer), x[:, :, :3].view(integer))
    assert torch.equal(rotated[:, :, 3:], apply(x[:, :, 3:], *table, pairing=pairing))


# ---------------------------------------------------------------- how it is computed makes no difference


@pairings
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("prefix_tokens", [0, 1])
def test_fast_does_not_change_the_bits(pairing, dtype, prefix_tokens):
    how = {"pairing": pairing, "prefix_tokens": prefix_tokens}
    own = rotation_table(normal(5, 6, 2), mixed_frequencies(64, heads=3))  # of each sample and head
    for x, table in [
        (normal(5, 3, 6 + prefix_tokens, 64, dtype=dtype), own),
        (normal(5, 3, 6 + prefix_tokens, 64, dtype=dtype), [t[:1] for t in own]),
        (normal(5, 3, 6 + prefix_tokens, 64, dtype=dtype), [t[0, 0] for t in own]),
        (normal(3, 6 + prefix_tokens, 64, dtype=dtype), [t[0] for t in own]),
        (normal(6 + prefix_tokens, 64, dtype=dtype), [t[0, 0] for t in own]),
        (normal(2, 0, 6 + prefix_tokens, 64, dtype=dtype), [t[0, 0] for t in own]),
    ]:
        assert torch.equal(fast.apply_rotary(x, *table, **how), apply_rotary(x, *table, **how))


@pytest.mark.parametrize("learned", ["cos", "sin"])
def test_fast_leaves_a_learned_table_to_the_plain_lines(learned):
    cos, sin = rotation_table(normal(6, 2), axial_frequencies(8))
    table = {"cos": cos, "sin": sin}[learned].requires_grad_()
    x = normal(2, 3, 6, 8)
    results = [apply(x, cos, sin, pairing="half").sin().sum() for apply in (apply_rotary, fast.apply_rotary)]
    plain, same = (torch.autograd.grad(result, table)[0] for result in results)
    assert plain.abs().max() > 0
    assert torch.equal(plain, same)


@functions
@pairings
@pytest.mark.parametrize("prefix_tokens", [0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_memory_layout_does_not_matter(apply, pairing, prefix_tokens, dtype):
    cos, sin = rotation_table(grid_positions(2, 4), axial_frequencies(32))
    tokens = 8 + prefix_tokens
    x = normal(2, 3, tokens, 32, dtype=dtype)
    expected = apply(x, cos, sin, pairing=pairing, prefix_tokens=prefix_tokens)
    wider, transposed = torch.zeros(2, 3, tokens, 35, dtype=dtype), torch.zeros(2, 3, 32, tokens, dtype=dtype)
    wider[..., 1:33], transposed[:] = x, x.mT
    sparse = x.repeat_interleave(2, dim=-1)
    # As a projection makes them: (batch, tokens, 3, heads, head_dim).
    projected = torch.stack([x, x, x]).permute(1, 3, 0, 2, 4).contiguous()
    odd = torch.cat([x.new_zeros(1), x.flatten()])[1:].view(x.shape)  # in one piece, but behind an odd number
    for view in (wider[..., 1:33], transposed.mT, sparse[..., ::2], projected.permute(2, 0, 3, 1, 4)[1], odd):
        assert not view.is_contiguous() or view is odd
        rotated = apply(view, cos, sin, pairing=pairing, prefix_tokens=prefix_tokens)
        assert torch.equal(rotated, expected)


def test_autocast_does_not_reach_the_angles():
    rope, x, positions = rotary("mixed"), normal(1, 2, 6, 8), grid_positions(2, 3, origin=(300, 300))
    with torch.autocast("cpu", torch.bfloat16):
        inside = rope(x, x, positions)[0]
    assert inside.dtype == torch.float32
    assert torch.equal(inside, rope(x, x, positions)[0])


# ---------------------------------------------------------------- gradients


@functions
@pairings
@pytest.mark.parametrize("prefix_tokens", [0, 1])
@pytest.mark.parametrize("table", [(4, 4), (3, 4, 4), (2, 1, 4, 4)])
def test_gradients_of_input_and_table(apply, pairing, prefix_tokens, table):
    inputs = [
        normal(*shape, dtype=torch.float64, seed=seed).requires_grad_()
        for seed, shape in enumerate([(2, 3, 4 + prefix_tokens, 8), table, table])
    ]

    def rotate(x, cos, sin):
        return apply(x, cos, sin, pairing=pairing, prefix_tokens=prefix_tokens)

    if apply is fast.apply_rotary:  # it leaves a learned table to the plain lines
        inputs[1:] = [each.detach() for each in inputs[1:]]
    assert torch.autograd.gradcheck(rotate, inputs)
    assert torch.autograd.gradgradcheck(rotate, inputs)


def test_gradients_reach_learned_frequencies():
    rope = rotary("mixed", dtype=torch.float64)
    x, positions = normal(1, 2, 6, 8, dtype=torch.float64), grid_positions(2, 3)

    def logits(frequencies):
        q, k = torch.func.functional_call(rope, {"frequencies": frequencies}, (x, x.flip(-1), positions))
        return q @ k.mT

    assert torch.autograd.gradcheck(logits, rope.frequencies)


@functions
@pairings
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_is_the_inverse_rotation(apply, pairing, dtype):
    cos, sin = rotation_table(grid_positions(6, 8), axial_frequencies(64))
    x = normal(2, 3, 48, 64, dtype=dtype).requires_grad_()
    upstream = normal(2, 3, 48, 64, dtype=dtype, seed=1)
    (gradient,) = torch.autograd.grad(apply(x, cos, sin, pairing=pairing), x, upstream)
    assert torch.equal(gradient, apply(upstream, cos, -sin, pairing=pairing))


@functions
@pairings
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("learned", [False, True])
def test_only_a_learned_table_keeps_the_input_for_backward(apply, pairing, dtype, learned):
    cos, sin = rotation_table(grid_positions(6, 8), axial_frequencies(64).requires_grad_(learned))
    x = normal(2, 3, 48, 64, dtype=dtype).requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        apply(x, cos, sin, pairing=pairing)
    assert kept
    # As complex numbers the input has half as many.
    assert (max(kept) >= x.numel() // 2) == learned


@pairings
def test_vmap_and_grad_compose(pairing):
    x, positions = normal(4, 2, 6, 8), normal(4, 6, 2, seed=1)
    tables = [
        torch.stack(t)
        for t in zip(*(rotation_table(p, axial_frequencies(8)) for p in positions), strict=True)
    ]

    def loss(x, cos, sin):
        return apply_rotary(x, cos, sin, pairing=pairing).sin().sum()

    mapped = torch.func.vmap(torch.func.grad(loss))(x, *tables)
    looped = torch.stack([torch.func.grad(loss)(*sample) for sample in zip(x, *tables, strict=True)])
    torch.testing.assert_close(mapped, looped, rtol=0, atol=8 * EPS[torch.float32])


@pairings
def test_vmap_shares_an_unmapped_table(pairing):
    table = rotation_table(grid_positions(2, 3), mixed_frequencies(8, heads=2))
    x = normal(2, 4, 6, 8)
    mapped = torch.func.vmap(lambda x: apply_rotary(x, *table, pairing=pairing), in_dims=1, out_dims=1)(x)
    assert torch.equal(mapped, apply_rotary(x.transpose(0, 1), *table, pairing=pairing).transpose(0, 1))


# ---------------------------------------------------------------- torch.compile


compiles = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")


@pytest.fixture(scope="module")
def bare():
    """The room without shape checks, into which torch.compile cannot look."""
    with unchecked("sjedu.rope_2d.fast") as room:
        return room


@compiles
@pairings
@pytest.mark.parametrize(
    ("layout", "dtype", "prefix_tokens"),
    [("axial", torch.float32, 0), ("axial", torch.bfloat16, 1), ("mixed", torch.float32, 1)],
)
def test_compiled_equals_eager_without_graph_breaks(bare, layout, dtype, prefix_tokens, pairing):
    torch._dynamo.reset()
    heads = 3 if layout == "mixed" else None
    rope = bare.rotary.RotaryEmbedding2D(
        64, layout=layout, heads=heads, pairing=pairing, prefix_tokens=prefix_tokens
    )
    compiled = torch.compile(rope, fullgraph=True, dynamic=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for height, width in ((4, 8), (3, 5)):
            positions = grid_positions(height, width)
            q = normal(2, 3, height * width + prefix_tokens, 64, dtype=dtype).requires_grad_()
            k = normal(2, 3, height * width + prefix_tokens, 64, dtype=dtype, seed=1).requires_grad_()
            inputs, upstream = [q, k, *rope.parameters()], [k.detach(), q.detach()]
            results = []
            for function in (rope, compiled):
                outputs = function(q, k, positions)
                results.append([*outputs, *torch.autograd.grad(outputs, inputs, upstream)])
            for eager, fast in zip(*results, strict=True):
                # Each number is a few operations away from the inputs; only a frequency's gradient is a long
                # sum, over q and k, two samples and all tokens, which the compiler may order as it likes.
                terms = 8 if eager.shape == q.shape else 4 * height * width
                atol = terms * EPS[eager.dtype] * eager.abs().max().item()
                torch.testing.assert_close(fast, eager, rtol=0, atol=atol)


@compiles
@pairings
def test_compiled_has_the_bits_of_eager_given_the_table(bare, pairing):
    torch._dynamo.reset()
    cos, sin = bare.rotary.rotation_table(grid_positions(6, 8), axial_frequencies(64))
    for dtype in (torch.float32, torch.bfloat16):
        x = normal(2, 3, 48, 64, dtype=dtype)
        for room in (bare.rotary, bare):
            compiled = torch.compile(room.apply_rotary, fullgraph=True)
            assert torch.equal(
                compiled(x, cos, sin, pairing=pairing), room.apply_rotary(x, cos, sin, pairing=pairing)
            )


# ---------------------------------------------------------------- the module


@layouts
@pytest.mark.parametrize("cast", ["bfloat16", "half", "float", "double"])
def test_casts_do_not_touch_the_frequencies(layout, cast):
    rope = rotary(layout)
    before = rope.frequencies.detach().clone()
    getattr(nn.Sequential(rope, nn.Linear(2, 2)), cast)()
    assert torch.equal(rope.frequencies.detach().to(before.dtype), before)
    assert rope.frequencies.dtype.itemsize >= before.dtype.itemsize


def test_constant_frequencies_survive_a_meta_device():
    with torch.device("meta"):
        rope = RotaryEmbedding2D(8)
    assert rope.frequencies.is_meta
    assert torch.equal(rope.to_empty(device="cpu").frequencies, axial_frequencies(8))


def test_state_holds_what_is_learned_and_nothing_else():
    assert rotary("axial").state_dict() == {}
    learned, other = rotary("mixed"), RotaryEmbedding2D(8, layout="mixed", heads=2)
    x, positions = normal(1, 2, 6, 8), grid_positions(2, 3)
    assert not torch.equal(other(x, x, positions)[0], learned(x, x, positions)[0])
    other.load_state_dict(learned.state_dict())
    assert torch.equal(other(x, x, positions)[0], learned(x, x, positions)[0])
    assert torch.equal(copy.deepcopy(learned)(x, x, positions)[0], learned(x, x, positions)[0])


def test_weight_decay_spares_the_frequencies():
    model = nn.ModuleDict(
        {"linear": nn.Linear(3, 3), "blocks": nn.ModuleList([rotary("mixed"), rotary("axial")])}
    )
    decayed, spared = weight_decay_groups(model, 0.1)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {id(p) for p in decayed["params"]} == {id(p) for p in model["linear"].parameters()}
    assert [id(p) for p in spared["params"]] == [id(model["blocks"][0].frequencies)]
    before = model["blocks"][0].frequencies.detach().clone()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    torch.optim.AdamW([decayed, spared], lr=1.0).step()
    assert torch.equal(model["blocks"][0].frequencies, before)


def test_keys_may_have_fewer_heads_than_queries():
    rope, positions = rotary(), grid_positions(2, 3)
    q, k = normal(2, 4, 6, 8), normal(2, 2, 6, 8, seed=1)
    assert torch.equal(rope(q, k, positions)[1], rope(k, k, positions)[1])


def test_one_table_serves_all_layers_with_the_same_frequencies():
    rope, positions, x = rotary(prefix_tokens=1), grid_positions(2, 3), normal(2, 2, 7, 8)
    assert torch.equal(apply_rotary(x, *rope.table(positions), prefix_tokens=1), rope(x, x, positions)[0])


def test_repr_says_how_it_was_made():
    assert repr(rotary("axial")) == "RotaryEmbedding2D(8, base=100, 'axial', 'interleaved')"
    made = RotaryEmbedding2D(8, 20, "mixed", heads=2, pairing="half", prefix_tokens=1)
    assert repr(made) == "RotaryEmbedding2D(8, base=20, 'mixed', heads=2, 'half', prefix_tokens=1)"


# ---------------------------------------------------------------- bad input

X, COS = torch.zeros(2, 2, 6, 8), torch.zeros(6, 4)
GRID = grid_positions(2, 3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: RotaryEmbedding2D(6), ValueError, "head_dim: got 6; expected a multiple of 4"),
        (lambda: RotaryEmbedding2D(0), ValueError, "head_dim: got 0"),
        (
            lambda: RotaryEmbedding2D(7, layout="mixed", heads=1),
            ValueError,
            "head_dim: got 7; expected a multiple of 2",
        ),
        (
            lambda: RotaryEmbedding2D(2, layout="mixed", heads=1),
            ValueError,
            "head_dim: got 2; expected at least 4",
        ),
        (lambda: flattened_frequencies(9, 3), ValueError, "head_dim: got 9"),
        (lambda: axial_frequencies(True), TypeError, "head_dim"),
        (lambda: RotaryEmbedding2D(8, base=0), ValueError, "base: got 0; expected a positive number"),
        (lambda: RotaryEmbedding2D(8, base=math.inf), ValueError, "base: got inf"),
        (lambda: flattened_frequencies(8, math.nan), ValueError, "width: got nan"),
        (lambda: mixed_frequencies(8, heads=0), ValueError, "heads: got 0; expected at least 1"),
        (lambda: RotaryEmbedding2D(8, layout="mixed"), ValueError, "heads: got None with layout 'mixed'"),
        (lambda: RotaryEmbedding2D(8, heads=2), ValueError, "heads: got 2 with layout 'axial'"),
        (lambda: RotaryEmbedding2D(8, prefix_tokens=-1), ValueError, "prefix_tokens: got -1"),
        (lambda: grid_positions(0, 3), ValueError, "height: got 0"),
        (lambda: grid_positions(3, 3, spacing=math.nan), ValueError, "spacing: got .*nan"),
        (lambda: grid_positions(3, 3, origin=(0, math.inf)), ValueError, "origin: got .*inf"),
        (lambda: interpolated_positions(3, 3, trained=(3, 0)), ValueError, "trained: got 0"),
        (
            lambda: rotation_table(torch.zeros(6), axial_frequencies(8)),
            ValueError,
            r"positions: got shape \(6,\)",
        ),
        (
            lambda: rotation_table(torch.zeros(6, 3), axial_frequencies(8)),
            ValueError,
            r"positions: .*\(6, 3\)",
        ),
        (
            lambda: rotation_table(GRID.bfloat16(), axial_frequencies(8)),
            TypeError,
            "positions: got torch.bfloat16",
        ),
        (lambda: rotation_table(GRID > 1, axial_frequencies(8)), TypeError, "positions: got torch.bool"),
        (lambda: rotation_table(GRID / 0, axial_frequencies(8)), ValueError, "positions: got nan"),
        (
            lambda: rotation_table(GRID, axial_frequencies(8).half()),
            TypeError,
            "frequencies: got torch.float16",
        ),
        (lambda: rotation_table(GRID, torch.zeros(4)), ValueError, r"frequencies: got shape \(4,\)"),
        (
            lambda: rotation_table(GRID, axial_frequencies(8), torch.half),
            TypeError,
            "dtype: got torch.float16",
        ),
        (lambda: apply_rotary(X, COS.bfloat16(), COS), TypeError, "cos: got torch.bfloat16"),
        (lambda: apply_rotary(X, COS, COS[:5]), ValueError, r"cos and sin: got shapes \(6, 4\) and \(5, 4\)"),
        (
            lambda: apply_rotary(X, COS, COS.double()),
            ValueError,
            "cos and sin: .*torch.float32 and torch.float64",
        ),
        (lambda: apply_rotary(X[..., :6], COS, COS), ValueError, r"x: got shape \(2, 2, 6, 6\) for cos"),
        (lambda: apply_rotary(X[:, :, :5], COS, COS), ValueError, r"x: got shape \(2, 2, 5, 8\)"),
        (lambda: apply_rotary(X, COS, COS, prefix_tokens=1), ValueError, "and 1 prefix_tokens"),
        (lambda: apply_rotary(X, *2 * [COS.expand(3, 6, 4)]), ValueError, r"x: got shape .* \(3, 6, 4\)"),
        (lambda: apply_rotary(X[0, 0], *2 * [COS[None]]), ValueError, "x: got shape"),
        (
            lambda: apply_rotary(X.to("meta"), COS, COS),
            ValueError,
            "cos and sin: .* on meta as x",
        ),
        (lambda: apply_rotary(X.int(), COS, COS), TypeError, "x"),
        (lambda: rotary()(X, X[:, :, :5], GRID), ValueError, r"x: got shape \(2, 2, 5, 8\) for cos"),
        (lambda: rotary("mixed")(X, X[:, :1], GRID), ValueError, r"x: got shape \(2, 1, 6, 8\) for cos"),
        (
            lambda: rotary()(X, X, GRID[:5]),
            ValueError,
            r"x: got shape .* for cos of shape \(5, 4\)",
        ),
        (lambda: rotary()(X, X, GRID.tolist()), TypeError, "positions"),
        (lambda: rotary("mixed", heads=3)(X, X, GRID), ValueError, r"cos of shape \(3, 6, 4\)"),
    ],
)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("argument", ["layout", "pairing"])
def test_unknown_words_are_named(bare, argument):
    with pytest.raises(ValueError, match=f"{argument}: got 'spiral'; expected one of '"):
        bare.rotary.RotaryEmbedding2D(8, **{argument: "spiral"})
    for room in (bare.rotary, bare):
        with pytest.raises(ValueError, match="pairing: got 'spiral'; expected one of 'interleaved', 'half'"):
            room.apply_rotary(X, COS, COS, pairing="spiral")
