"""Other projects' rotary embeddings: the same frequencies in, in their conventions, the same numbers out."""

import math

import peers
import pytest
import torch

from sjedu.rope_2d.rotary import (
    apply_rotary,
    axial_frequencies,
    grid_positions,
    interpolated_positions,
    mixed_frequencies,
    rotation_table,
)

HEIGHT, WIDTH, HEAD_DIM, BASE = 5, 7, 32, 100.0
GRID = grid_positions(HEIGHT, WIDTH)
AXIAL = axial_frequencies(HEAD_DIM, BASE)
THETA = AXIAL[: HEAD_DIM // 4, 0]


@pytest.fixture(scope="module")
def timm():
    try:
        return peers.timm_rotary()
    except ImportError as error:
        pytest.skip(f"timm: {error}")


def transformers(name):
    try:
        return peers.transformers_model(name)
    except ImportError as error:
        pytest.skip(f"transformers: {error}")


def tokens(*lead, dtype=torch.float64):
    return torch.randn(
        *lead, HEIGHT * WIDTH, HEAD_DIM, dtype=dtype, generator=torch.Generator().manual_seed(0)
    )


def ours(x, positions=GRID, frequencies=AXIAL, pairing="interleaved"):
    return apply_rotary(x, *rotation_table(positions, frequencies, torch.float64), pairing=pairing)


def assert_same(theirs, ours, positions=GRID, frequencies=AXIAL, dtype=torch.float32):
    """Allow what a peer's dtype does to its angles: a few eps of the largest, and of the result.

    A power b^-x, as they compute the frequencies, is off by (2 + x ln b) eps or so; multiplying and adding up
    the angle, and then the rotation, by two more each.
    """
    angle = (positions.double() @ frequencies.double().mT).abs().max().item()
    eps = torch.finfo(dtype).eps
    bound = (8 + 8 * angle) * eps * ours.abs().max().item() * math.sqrt(2)
    assert 8 * angle * eps < 0.01, "a bound this wide would prove nothing"
    torch.testing.assert_close(theirs.double(), ours, rtol=0, atol=bound)


# ---------------------------------------------------------------- timm


@pytest.mark.parametrize("half", [False, True])
def test_timm_axial_in_float64(timm, half):
    x = tokens(2, 3)
    sin, cos = timm.build_rotary_pos_embed(
        [HEIGHT, WIDTH], bands=THETA, in_pixels=False, rotate_half=half, dtype=torch.float64
    )
    rotated = timm.apply_rot_embed(x, sin, cos, half=half)
    assert_same(rotated, ours(x, pairing="half" if half else "interleaved"), dtype=torch.float64)


def test_timm_axial_by_its_own_frequencies(timm):
    x = tokens(2, 3)
    rope = timm.RotaryEmbeddingCat(HEAD_DIM, temperature=BASE, in_pixels=False, feat_shape=[HEIGHT, WIDTH])
    assert_same(timm.apply_rot_embed_cat(x, rope.get_embed()), ours(x))


def test_timm_rescaled_to_its_reference_grid(timm):
    """Its origin is the first cell's corner and ours its centre, so queries and keys differ, but no logit does."""
    q, k = tokens(1, 1), tokens(1, 1).flip(-1)
    rope = timm.RotaryEmbeddingCat(
        HEAD_DIM, temperature=BASE, in_pixels=False, feat_shape=[HEIGHT, WIDTH], ref_feat_shape=[3, 4]
    )
    a, b = (timm.apply_rot_embed_cat(x, rope.get_embed()) for x in (q, k))
    positions = interpolated_positions(HEIGHT, WIDTH, trained=(3, 4))
    c, d = ours(q, positions), ours(k, positions)
    assert not torch.allclose(a.double(), c, atol=0.01)
    reach = HEAD_DIM * max(q.abs().max(), k.abs().max()).item()
    torch.testing.assert_close((a @ b.mT) / reach, (c @ d.mT) / reach, rtol=0, atol=1e-5)


def test_timm_mixed(timm):
    heads = 3
    x = tokens(2, heads)
    frequencies = mixed_frequencies(HEAD_DIM, heads).float()
    rope = timm.RotaryEmbeddingMixed(heads * HEAD_DIM, depth=1, num_heads=heads, grid_indexing="ij")
    assert rope.freqs.shape == (2, 1, *frequencies.shape[:2])
    rope.freqs.data = frequencies.permute(2, 0, 1).unsqueeze(1)
    rotated = timm.apply_rot_embed_cat(x, rope.get_embed([HEIGHT, WIDTH])[0])
    assert_same(rotated, ours(x, frequencies=frequencies), frequencies=frequencies)


def test_timm_draws_mixed_frequencies_from_the_same_family(timm):
    drawn = (
        timm.init_random_2d_freqs(HEAD_DIM, depth=1, num_heads=4, temperature=10.0)[:, 0]
        .permute(1, 2, 0)
        .double()
    )
    for head in (*drawn, *mixed_frequencies(HEAD_DIM, 4, 10.0)):
        turn = torch.atan2(head[0, 1], head[0, 0])
        back = torch.stack([turn.cos(), turn.sin(), -turn.sin(), turn.cos()]).reshape(2, 2)
        torch.testing.assert_close(head @ back.mT, axial_frequencies(HEAD_DIM, 10.0), rtol=0, atol=2e-6)


# ---------------------------------------------------------------- rotary-embedding-torch


def test_rotary_embedding_torch_in_float64():
    rotary_embedding_torch = pytest.importorskip("rotary_embedding_torch")
    x = tokens(2, 3)
    rope = rotary_embedding_torch.RotaryEmbedding(HEAD_DIM // 2, custom_freqs=THETA, cache_if_possible=False)
    angles = rope.get_axial_freqs(HEIGHT, WIDTH).flatten(0, 1)
    rotated = rotary_embedding_torch.apply_rotary_emb(angles, x)
    assert_same(rotated, ours(x), dtype=torch.float64)


# ---------------------------------------------------------------- transformers


def test_transformers_dinov3_counts_from_the_centre_in_units_of_half_an_image():
    model = transformers("dinov3_vit")
    config = model.DINOv3ViTConfig(
        hidden_size=2 * HEAD_DIM, num_attention_heads=2, image_size=16, patch_size=4, rope_theta=BASE
    )
    rope = model.DINOv3ViTRopePositionEmbedding(config).eval()
    cos, sin = rope(torch.zeros(1, 3, 4 * HEIGHT, 4 * WIDTH))
    # A class token and four registers stand in front, and are not rotated.
    prefix = torch.randn(2, 2, 5, HEAD_DIM, dtype=torch.float64)
    x = tokens(2, 2)
    q, k = model.apply_rotary_pos_emb(
        torch.cat([prefix, x], dim=-2), torch.cat([prefix, -x], dim=-2), cos, sin
    )
    positions = grid_positions(
        HEIGHT, WIDTH, spacing=(2 / HEIGHT, 2 / WIDTH), origin=(1 / HEIGHT - 1, 1 / WIDTH - 1)
    )
    frequencies = 2 * math.pi * AXIAL
    table = rotation_table(positions, frequencies, torch.float64)
    rotated = apply_rotary(torch.cat([prefix, x], dim=-2), *table, pairing="half", prefix_tokens=5)
    assert torch.equal(q[:, :, :5], rotated[:, :, :5])
    assert_same(q[:, :, 5:], rotated[:, :, 5:], positions, frequencies)
    assert_same(k[:, :, 5:], -rotated[:, :, 5:], positions, frequencies)


def test_transformers_pixtral_shares_one_sequence_of_frequencies_between_the_axes():
    model = transformers("pixtral")
    config = model.PixtralVisionConfig(
        hidden_size=2 * HEAD_DIM,
        num_attention_heads=2,
        rope_parameters={"rope_type": "axial", "rope_theta": BASE},
    )
    x = tokens(1, 2)
    cos, sin = model.PixtralVisionRotaryEmbedding(config)(x, GRID.long())
    rotated = model.apply_rotary_pos_emb(x, x, cos, sin, unsqueeze_dim=0)[0]
    theta = BASE ** (-torch.arange(0, HEAD_DIM, 2, dtype=torch.float64) / HEAD_DIM)
    rows, columns = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    frequencies = torch.cat([torch.outer(theta[0::2], rows), torch.outer(theta[1::2], columns)])
    assert_same(rotated, ours(x, frequencies=frequencies, pairing="half"), frequencies=frequencies)


def test_transformers_qwen2_vl_pairs_halves():
    model = transformers("qwen2_vl")
    config = model.Qwen2VLVisionConfig(
        embed_dim=2 * HEAD_DIM, num_heads=2, rope_parameters={"rope_type": "axial", "rope_theta": BASE}
    )
    x = tokens(2)
    cos, sin = model.Qwen2VLVisionRotaryEmbedding(config)(x, GRID.long())
    # It rotates (tokens, heads, head_dim), in float32.
    rotated = model.apply_rotary_pos_emb_vision(x.transpose(0, 1), x.transpose(0, 1), cos, sin)[0].transpose(
        0, 1
    )
    assert_same(rotated, ours(x, pairing="half"))


def test_transformers_llama4_counts_columns_first_and_from_one():
    model = transformers("llama4")
    side = 4
    config = model.Llama4VisionConfig(
        hidden_size=2 * HEAD_DIM,
        num_attention_heads=2,
        image_size=side * 14,
        patch_size=14,
        rope_parameters={"rope_type": "default", "rope_theta": BASE},
    )
    x = torch.randn(1, side * side + 1, 2, HEAD_DIM)  # the class token stands at the end
    rotated = model.vision_apply_rotary_emb(x, x, model.Llama4VisionRotaryEmbedding(config)(x))[0].transpose(
        1, 2
    )
    positions, frequencies = grid_positions(side, side, origin=(1, 1)), AXIAL.flip(-1)
    patches = ours(x[:, :-1].transpose(1, 2).double(), positions, frequencies)
    assert_same(rotated[:, :, :-1], patches, positions, frequencies)
    assert torch.equal(rotated[:, :, -1], x[:, -1])
