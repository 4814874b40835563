"""Prompt encoders and what stays frozen: held against PEFT, against autograd, and bit for bit."""

import pytest
import torch
import torch.nn.functional as F
from tiny import MODELS, TEXTS, VOCABULARY, backbone, library, ours, theirs

from sjedu.p_tuning import (
    ClozeClassifier,
    PromptedEmbedding,
    PromptEncoder,
    StopGradientEmbedding,
    Template,
    Verbalizer,
    changed,
    freeze,
    insert_prompt,
    snapshot,
    theory,
    trainable,
)

WORDS = Verbalizer(("不", "很")).ids(VOCABULARY)
LABELS = torch.tensor([1, 1, 0])


def template(causal):
    return Template(
        "{prompt:2}{text}{prompt:2}{mask}" if causal else "{prompt:2}{mask}{prompt:2}{text}",
        "lm" if causal else "mlm",
    )


# ---------------------------------------------------------------- encoders


@pytest.mark.parametrize("kind", ["lstm", "mlp"])
def test_values_and_gradients_are_those_of_peft(kind):
    peft = library("peft")
    config = peft.PromptEncoderConfig(
        task_type="SEQ_CLS",
        num_virtual_tokens=5,
        token_dim=8,
        num_transformer_submodules=1,
        encoder_reparameterization_type=kind.upper(),
        encoder_hidden_size=6,
        encoder_num_layers=2,
        encoder_dropout=0.0,
    )
    peer = peft.PromptEncoder(config).double()
    encoder = PromptEncoder(5, 8, kind, hidden=6, layers=2).double()
    encoder.load_state_dict(peer.state_dict())  # the same names and shapes
    ours, theirs = encoder(), peer(torch.arange(5)[None])[0]
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)
    for vectors in (ours, theirs):
        (vectors.sin() * torch.arange(1, 9)).sum().backward()
    gradients = {name: p.grad for name, p in peer.named_parameters()}
    for name, parameter in encoder.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=0, atol=1e-13)
        assert parameter.grad.abs().max() > 0


def test_a_plain_encoder_is_pefts_prompt_embedding():
    peft = library("peft")
    config = peft.PromptTuningConfig(
        task_type="SEQ_CLS", num_virtual_tokens=5, token_dim=8, num_transformer_submodules=1
    )
    peer = peft.PromptEmbedding(config, torch.nn.Embedding(9, 8))
    encoder = PromptEncoder(5, 8)
    encoder.load_state_dict(peer.state_dict())
    assert torch.equal(encoder(), peer(torch.arange(5)))


@pytest.mark.parametrize("kind", ["embedding", "lstm", "mlp"])
def test_gradients_by_finite_differences(kind):
    encoder = PromptEncoder(3, 4, kind, hidden=3).double()
    parameters = dict(encoder.named_parameters())

    def vectors(*values):
        return torch.func.functional_call(encoder, dict(zip(parameters, values, strict=True)), ())

    with torch.backends.mkldnn.flags(enabled=False):
        assert torch.autograd.gradcheck(
            vectors, tuple(p.detach().requires_grad_() for p in parameters.values())
        )


def test_baking_keeps_the_vectors_and_drops_the_network():
    encoder = PromptEncoder(3, 4, "lstm")
    plain = encoder.baked()
    # With and without gradients PyTorch's LSTM rounds differently.
    torch.testing.assert_close(plain(), encoder(), rtol=0, atol=1e-6)
    assert sum(p.numel() for p in plain.parameters()) == 12


def test_a_start_is_where_it_begins():
    start = torch.randn(3, 4)
    assert torch.equal(PromptEncoder(3, 4, start=start)(), start)
    assert PromptEncoder(3, 4, std=0.0)().abs().max() == 0


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"tokens": 0}, "tokens: got 0"),
        ({"dim": 0}, "dim: got 0"),
        ({"hidden": 0}, "hidden: got 0"),
        ({"layers": 0}, "layers: got 0"),
        ({"start": torch.zeros(2, 4)}, r"start: got the shape \(2, 4\)"),
        ({"start": torch.zeros(3, 4), "kind": "lstm"}, "start: .*kind 'lstm'"),
    ],
)
def test_bad_encoders_are_named(arguments, names):
    with pytest.raises(ValueError, match=names):
        PromptEncoder(**{"tokens": 3, "dim": 4, **arguments})


# ---------------------------------------------------------------- the prompted embedding


def test_prompt_ids_get_the_prompt_and_others_their_rows():
    base, prompt = torch.nn.Embedding(7, 4), PromptEncoder(2, 4)
    prompted = PromptedEmbedding(base, [5, 9], prompt)  # 9 lies behind the table
    ids = torch.tensor([[0, 9, 5], [6, 5, 1]])
    rows = [base.weight[0], prompt()[1], prompt()[0], base.weight[6], prompt()[0], base.weight[1]]
    wanted = torch.stack(rows).reshape(2, 3, 4)
    assert torch.equal(prompted(ids), wanted)
    assert prompted.weight is base.weight


@pytest.mark.parametrize(
    ("ids", "dim", "names"),
    [
        ([1, 1], 4, "different numbers"),
        ([-1, 2], 4, "from 0 up"),
        ([1], 4, "got 1; expected one for each of the 2"),
        ([1, 2], 5, "vectors of 5 numbers; expected 4"),
    ],
)
def test_a_prompt_that_does_not_fit_is_refused(ids, dim, names):
    with pytest.raises(ValueError, match=names):
        PromptedEmbedding(torch.nn.Embedding(7, 4), ids, PromptEncoder(2, dim))


@pytest.mark.parametrize("name", MODELS)
def test_a_prompt_of_the_models_own_rows_changes_nothing(name):
    model = backbone(name)
    filled = template(model.causal).fill(TEXTS, VOCABULARY)
    cloze = ClozeClassifier(model, WORDS)
    before = cloze(filled)
    ids = VOCABULARY.prompts[:4]
    insert_prompt(model, ids, PromptEncoder(4, model.dim, start=model.words.weight[list(ids)]))
    torch.testing.assert_close(cloze(filled), before, rtol=0, atol=1e-6)
    insert_prompt(model, ids, PromptEncoder(4, model.dim, std=3.0))  # takes the place of the first
    assert (cloze(filled) - before).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_prompt_ids_may_lie_behind_the_vocabulary(name):
    model = backbone(name)
    filled = template(model.causal).fill(TEXTS, VOCABULARY)
    cloze, start = ClozeClassifier(model, WORDS), torch.randn(4, model.dim)
    insert_prompt(model, VOCABULARY.prompts[:4], PromptEncoder(4, model.dim, start=start))
    inside = cloze(filled)
    behind = [VOCABULARY.size + n for n in range(4)]
    insert_prompt(model, behind, PromptEncoder(4, model.dim, start=start))
    for old, new in zip(VOCABULARY.prompts, behind, strict=False):
        filled.ids[filled.ids == old] = new
    assert torch.equal(cloze(filled), inside)


@pytest.mark.parametrize("kind", ["embedding", "lstm", "mlp"])
@pytest.mark.parametrize("name", MODELS)
def test_training_a_prompt_leaves_every_other_bit(name, kind):
    model = freeze(backbone(name))
    prompt = PromptEncoder(4, model.dim, kind)
    insert_prompt(model, VOCABULARY.prompts[:4], prompt)
    cloze = ClozeClassifier(model, WORDS)
    assert {id(p) for p in trainable(cloze)} == {id(p) for p in prompt.parameters()}
    before = snapshot(cloze)
    optimizer = torch.optim.AdamW(trainable(cloze), lr=0.05, weight_decay=0.3)
    filled = template(model.causal).fill(TEXTS, VOCABULARY)
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(cloze(filled), LABELS)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    assert changed(cloze, before)
    assert all(".prompt." in name for name in changed(cloze, before))


def test_a_changed_bit_is_noticed():
    model = torch.nn.Linear(2, 2)
    before = snapshot(model)
    assert changed(model, before) == []
    with torch.no_grad():
        model.bias[0] = torch.nextafter(model.bias[0], torch.tensor(torch.inf))
    assert changed(model, before) == ["bias"]
    with pytest.raises(ValueError, match="other tensors"):
        changed(torch.nn.Linear(2, 2, bias=False), before)


def test_freezing_stops_dropout_too():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5)).train()
    assert freeze(model) is model
    assert not any(module.training for module in model.modules())
    assert not trainable(model)


# ---------------------------------------------------------------- the article's layer


def embedding(rows=(0, 1, 3)):
    return StopGradientEmbedding(
        torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), rows
    )


def test_the_forward_pass_is_the_tables_own():
    layer = embedding()
    ids = torch.tensor([[0, 2], [5, 3]])
    assert torch.equal(layer(ids), F.embedding(ids, layer.table))
    h = torch.randn(2, 4, dtype=torch.float64)
    assert torch.equal(layer.project(h), F.linear(h, layer.table))


def test_the_gradient_is_that_of_the_theory_and_of_a_separate_table():
    layer, ids = embedding(), [3, 0, 3, 5, 1]
    (layer(torch.tensor(ids)).sin() * torch.arange(1, 5)).sum().backward()
    g = (layer.table[ids].cos() * torch.arange(1, 5)).detach().numpy()
    formula = theory.stopped_gradient(g, ids, [0, 1, 3], 6)
    torch.testing.assert_close(layer.table.grad, torch.tensor(formula), rtol=0, atol=1e-14)
    base = torch.nn.Embedding.from_pretrained(layer.table.detach())
    prompt = PromptEncoder(3, 4).double()
    prompt.embedding.weight.data.copy_(layer.table[[0, 1, 3]])
    (
        PromptedEmbedding(base, [0, 1, 3], prompt)(torch.tensor(ids)).sin() * torch.arange(1, 5)
    ).sum().backward()
    torch.testing.assert_close(prompt.embedding.weight.grad, layer.table.grad[[0, 1, 3]], rtol=0, atol=1e-14)


def test_the_output_side_is_stopped_through_project_only():
    tied, leaking = embedding(), embedding()
    ids, target = torch.tensor([[3, 0, 5]]), torch.tensor([2])
    F.cross_entropy(tied.project(tied(ids).mean(1)), target).backward()
    F.cross_entropy(F.linear(leaking(ids).mean(1), leaking.table), target).backward()
    frozen = [2, 4, 5]
    assert tied.table.grad[frozen].abs().max() == 0
    assert leaking.table.grad[frozen].abs().min() > 0


@pytest.mark.parametrize(
    ("optimizer", "decay", "moves"),
    [
        ("Adam", 0.0, False),
        ("AdamW", 0.0, False),
        ("SGD", 0.0, False),
        ("Adam", 0.1, True),
        ("AdamW", 0.1, True),
        ("SGD", 0.1, True),
    ],
)
def test_decay_moves_rows_whose_gradient_is_zero(optimizer, decay, moves):
    layer = embedding()
    before = layer.table.detach().clone()
    steps = getattr(torch.optim, optimizer)(layer.parameters(), lr=0.1, weight_decay=decay)
    for _ in range(5):
        steps.zero_grad()
        layer(torch.tensor([0, 2, 5])).square().sum().backward()
        steps.step()
    assert not torch.equal(layer.table[0], before[0])
    assert torch.equal(layer.table[[2, 4, 5]], before[[2, 4, 5]]) is not moves


def test_a_row_out_of_the_table_is_named():
    with pytest.raises(ValueError, match="rows: got 6; expected 0 to 5"):
        embedding(rows=(0, 6))


def test_a_tied_head_of_transformers_goes_past_the_layer():
    model = theirs("bert")
    layer = StopGradientEmbedding(model.words.weight, VOCABULARY.prompts)
    shared = model.model.cls.predictions.decoder.weight
    model.replace_words(layer)
    layer.table = shared  # as tying does
    filled = template(False).fill(TEXTS, VOCABULARY)
    ClozeClassifier(model, WORDS).word_logits(filled).logsumexp(1).sum().backward()
    rest = [i for i in range(VOCABULARY.size) if i not in VOCABULARY.prompts]
    assert layer.table.grad[rest].abs().min(dim=1).values.max() > 0


def test_ours_with_a_dropped_in_prompt_takes_no_dropout_when_frozen():
    model = freeze(ours())
    filled = template(False).fill(TEXTS, VOCABULARY)
    cloze = ClozeClassifier(model, WORDS)
    assert torch.equal(cloze(filled), cloze(filled))
