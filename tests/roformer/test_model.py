"""The model: against the slow oracle, against Transformers, and what its masks and its cache promise."""

import inspect

import numpy as np
import pytest
import torch
from tiny_roformer import SIZES, loud, make_config, make_encoder, make_model, token_ids
from unchecked import unchecked

from sjedu.roformer import (
    Cache,
    LanguageModel,
    RoFormer,
    RoFormerConfig,
    causal_mask,
    padding_mask,
    prefix_mask,
)
from sjedu.roformer.theory import last_hidden_state


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"norm": "pre", "hidden_act": "gelu_new"},
        {"embedding_size": 10, "hidden_act": "relu"},
        {"model_type": "bert"},
    ],
)
def test_the_oracle_says_the_same(values):
    model = make_encoder(**values).double()
    if model.table is not None:
        model.table = model.table.double()
    ids = token_ids(1, 11)
    mask = prefix_mask(torch.tensor([4]), 11)
    weights = {name: weight.detach().numpy() for name, weight in model.state_dict().items()}
    expected = last_hidden_state(ids[0].numpy(), weights, model.config, mask[0].numpy())
    # The table of angles is rounded to float32 in the model, and nowhere in the oracle.
    np.testing.assert_allclose(model(ids, mask=mask)[0].detach().numpy(), expected, atol=1e-5)


def test_padding_changes_nothing():
    model = make_encoder()
    ids, lengths = token_ids(3, 12), torch.tensor([12, 7, 1])
    padded = model(ids, mask=padding_mask(lengths, 12))
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(
            padded[row, :length], model(ids[row : row + 1, :length])[0], atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("values", [{}, {"norm": "pre"}, {"model_type": "bert"}, {"embedding_size": 10}])
@pytest.mark.parametrize("mask", [None, causal_mask(12)])
def test_leaving_the_padding_out_changes_nothing_inside_and_no_gradient(values, mask):
    model = make_encoder(**values).double()
    ids, lengths = token_ids(3, 12), torch.tensor([12, 7, 1])
    hidden = padding_mask(lengths, 12)
    inside = hidden[:, 0]
    upstream = torch.randn(3, 12, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    upstream *= inside[..., None]
    weights = [weight for weight in model.parameters() if weight.requires_grad]

    def gradients(states):
        return torch.autograd.grad(states, weights, upstream, allow_unused=True)

    padded = model(ids, mask=hidden if mask is None else hidden & mask)
    packed = model(ids, mask=mask, lengths=lengths)
    torch.testing.assert_close(packed, padded * inside[..., None], atol=1e-12, rtol=0)
    for found, expected in zip(gradients(packed), gradients(padded), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def test_a_language_model_leaves_the_padding_out_too():
    model = make_model()
    ids, lengths = token_ids(2, 9), torch.tensor([9, 4])
    inside = padding_mask(lengths, 9)[:, 0]
    torch.testing.assert_close(
        model(ids, lengths=lengths, where=inside), model(ids, mask=padding_mask(lengths, 9), where=inside)
    )
    whole = model(ids, lengths=torch.tensor([9, 9]))
    assert torch.equal(whole, model(ids))


def influence(model, mask, tokens=9):
    """How much each output depends on each input, (outputs, inputs), by gradients."""
    words = model.embed(token_ids(1, tokens)).detach().requires_grad_()
    out = model(words=words, mask=mask)[0]
    seed = torch.randn(out.shape[-1], generator=torch.Generator().manual_seed(1))
    rows = [torch.autograd.grad(out[i] @ seed, words, retain_graph=True)[0][0] for i in range(tokens)]
    return torch.stack([row.abs().sum(-1) for row in rows])


def test_a_causal_model_knows_nothing_of_what_comes():
    found = influence(make_encoder(), causal_mask(9)) > 0
    assert torch.equal(found, causal_mask(9))


def test_the_source_of_a_unilm_model_knows_nothing_of_the_target():
    found = influence(make_encoder(), prefix_mask(torch.tensor([4]), 9)) > 0
    # Source sees source, the target sees the source and itself up to where it is. No more, and no less.
    assert torch.equal(found, prefix_mask(torch.tensor([4]), 9)[0])


def test_without_a_mask_everyone_sees_everyone():
    assert (influence(make_encoder(), None) > 0).all()


def test_only_differences_of_positions_count():
    model, ids = make_encoder(), token_ids(2, 6)
    moved = model(ids, positions=torch.arange(6) + 20)
    torch.testing.assert_close(model(ids), moved, atol=2e-5, rtol=0)
    bert = make_encoder(model_type="bert")
    assert (bert(ids) - bert(ids, positions=torch.arange(6) + 20)).abs().max() > 0.1


@pytest.mark.parametrize("values", [{}, {"model_type": "bert"}, {"norm": "pre"}])
def test_decoding_with_a_cache_is_the_full_pass(values):
    model, ids = make_model(**values), token_ids(3, 10)
    full = model(ids, mask=causal_mask(10))
    cache = model.roformer.new_cache(3, 10)
    steps = [model(ids[:, :4], mask=causal_mask(4), cache=cache)]
    steps += [model(ids[:, i : i + 1], cache=cache) for i in range(4, 10)]
    assert cache.length == 10
    torch.testing.assert_close(torch.cat(steps, dim=1), full, atol=1e-5, rtol=0)


def test_batched_decoding_from_sources_of_different_lengths_is_the_full_pass():
    model = make_model()
    lengths, targets, size = torch.tensor([5, 2, 4]), token_ids(3, 4, seed=1), 9
    sources = token_ids(3, 5)
    cache = model.roformer.new_cache(3, size)
    seen = padding_mask(lengths, size)
    model(sources, mask=seen[..., :5].expand(-1, 5, -1), cache=cache)
    steps = []
    for i in range(4):
        # A target token stands behind its own source, not behind the longest one.
        seen = seen.clone()
        seen[:, :, 5 + i] = True
        steps.append(
            model(
                targets[:, i : i + 1], positions=(lengths + i)[:, None], mask=seen[..., : 6 + i], cache=cache
            )
        )
    decoded = torch.cat(steps, dim=1)
    for row, length in enumerate(lengths.tolist()):
        whole = torch.cat([sources[row, :length], targets[row]])[None]
        full = model(whole, mask=prefix_mask(lengths[row : row + 1], whole.shape[1]))
        torch.testing.assert_close(decoded[row], full[0, length:], atol=1e-5, rtol=0)


def test_a_cache_can_be_repeated_for_several_samples():
    model, ids = make_model(), token_ids(2, 5)
    cache = model.roformer.new_cache(2, 6)
    model(ids, mask=causal_mask(5), cache=cache)
    several = cache.select(torch.tensor([1, 1, 0]))
    following = token_ids(3, 1, seed=2)
    found = model(following, cache=several)
    full = model(torch.cat([ids[[1, 1, 0]], following], dim=1), mask=causal_mask(6))
    torch.testing.assert_close(found, full[:, -1:], atol=1e-5, rtol=0)
    assert (several.batch, several.length, cache.batch, cache.length) == (3, 6, 2, 5)


@pytest.fixture(scope="module")
def plain():
    """The room without shape checks, into which torch.compile cannot look."""
    with unchecked("sjedu.roformer") as room:
        return room


def test_a_compiled_model_says_the_same(plain):
    """Traced whole, forward and backward; which kernels a backend then makes of it is the backend's affair."""
    model = loud(plain.LanguageModel(plain.RoFormerConfig(**SIZES)))
    ids, mask = token_ids(2, 8), plain.causal_mask(8)
    expected = model(ids, mask=mask)
    expected.square().sum().backward()
    weight = model.roformer.blocks[0].attention.qkv.weight
    gradient, weight.grad = weight.grad, None
    found = torch.compile(model, fullgraph=True, backend="aot_eager")(ids, mask=mask)
    found.square().sum().backward()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(weight.grad, gradient, atol=1e-4, rtol=1e-4)


def test_logits_can_be_asked_for_at_some_places():
    model, ids = make_model(), token_ids(2, 7)
    where = torch.zeros(2, 7, dtype=torch.bool)
    where[0, 3] = where[1, 0] = True
    torch.testing.assert_close(model(ids, where=where), model(ids)[where])


def test_words_may_be_given_instead_of_ids():
    model, ids, types = make_model(), token_ids(2, 7), token_ids(2, 7) % 2
    words = model.roformer.embed(ids)
    assert torch.equal(model(words=words, types=types), model(ids, types=types))
    assert not torch.equal(model(ids, types=types), model(ids))


def test_hidden_states_end_with_the_last():
    model, ids = make_encoder(norm="pre"), token_ids(2, 7)
    states = model.hidden_states(ids, mask=causal_mask(7))
    assert len(states) == 3
    assert torch.equal(states[-1], model(ids, mask=causal_mask(7)))


def test_dropout_is_off_in_evaluation_and_on_in_training():
    model, ids = make_model(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5), token_ids(1, 7)
    assert torch.equal(model(ids), model(ids))
    model.train()
    assert not torch.equal(model(ids), model(ids))


def test_fresh_weights_are_what_the_config_says():
    torch.manual_seed(0)
    model = LanguageModel(make_config(hidden_size=96, embedding_size=96, initializer_range=0.05))
    assert model.roformer.blocks[0].up.weight.std().item() == pytest.approx(0.05, rel=0.1)
    assert model.roformer.embeddings.words.weight[0].abs().sum() == 0
    assert model.roformer.blocks[1].attention.qkv.bias.abs().sum() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(), "ids and words: got neither; expected one of them"),
        (lambda m: m(token_ids(1, 33)), "got 33 tokens; expected at most max_position_embeddings = 32"),
        (lambda m: m(token_ids(1, 0)), "ids: got texts without a token"),
        (lambda m: m(torch.tensor([[3, 60]])), "ids: got 3 to 60; expected 0 .. vocab_size - 1 = 59"),
        (lambda m: m(torch.tensor([[-1]])), "ids: got -1 to -1; expected 0"),
        (
            lambda m: m(token_ids(1, 4), mask=causal_mask(5)),
            r"mask: got shape \(5, 5\); expected \(..., 4 or 1, 4\)",
        ),
        (
            lambda m: m(token_ids(1, 4), cache=m.new_cache(1, 8)),
            "mask: got None for 4 tokens beside a cache",
        ),
        (
            lambda m: m(token_ids(1, 4), mask=causal_mask(4), cache=m.new_cache(1, 3)),
            "got room for 1 texts of 3 tokens; expected 1 of 4",
        ),
        (
            lambda m: m(token_ids(1, 4), lengths=torch.tensor([5])),
            r"lengths: got \[5\]; expected 1 .. size = 4",
        ),
        (
            lambda m: m(
                token_ids(1, 4), lengths=torch.tensor([3]), cache=m.new_cache(1, 8), mask=causal_mask(4)
            ),
            "lengths: got some beside a cache",
        ),
        (lambda m: Cache(m.config, 1, 33), "size: got 33; expected 1 .. 32"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_encoder())


def test_there_is_a_length_for_each_text():
    with pytest.raises(ValueError, match="lengths: got 1; expected one for each of 2 texts"):
        inspect.unwrap(RoFormer.forward)(make_encoder(), token_ids(2, 4), lengths=torch.tensor([4]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hidden_size": 25}, "hidden_size: got 25; expected a multiple of num_attention_heads = 2"),
        ({"hidden_size": 6}, "num_attention_heads: got 3; expected an even number"),
        ({"vocab_size": 0}, "vocab_size: got 0; expected at least 1"),
        ({"hidden_dropout_prob": 1.0}, r"hidden_dropout_prob: got 1.0; expected at least 0 and less than 1"),
        ({"norm": "both"}, "norm: got 'both'; expected one of 'post', 'pre'"),
        ({"model_type": "gpt"}, "model_type: got 'gpt'; expected one of 'roformer', 'bert'"),
        ({"model_type": "bert", "embedding_size": 12}, "embedding_size: got 12; expected hidden_size = 24"),
    ],
)
def test_sizes_that_do_not_fit_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        make_config(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rotary_value": True}, "rotary_value: got True; expected False"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings: got False; expected True"),
        (
            {"position_embedding_type": "relative_key"},
            "got 'relative_key'; expected 'absolute'",
        ),
    ],
)
def test_what_this_model_cannot_do_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        RoFormerConfig.from_json({**make_config().to_json(), **values})


def test_a_config_survives_json():
    config = make_config(norm="pre", pooler=True)
    assert RoFormerConfig.from_json(config.to_json()) == config
    assert RoFormerConfig.from_json({"hidden_size": 24, "num_attention_heads": 2}).embedding_size == 24


def test_the_encoder_and_the_language_model_share_the_body():
    model, ids = make_model(), token_ids(1, 5)
    assert isinstance(model.roformer, RoFormer)
    assert torch.equal(model.logits(model.roformer(ids)), model(ids))
