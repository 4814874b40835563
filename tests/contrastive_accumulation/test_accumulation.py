"""Accumulated gradients equal those of the whole batch, whatever the encoder, the loss and the chunks."""

import random
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sjedu.contrastive_accumulation import RandomState, accumulate, accumulate_batch_norm, info_nce, toy
from sjedu.contrastive_accumulation import accumulation as module
from sjedu.contrastive_accumulation.meter import peak_bytes
from sjedu.contrastive_accumulation.theory import compare


def error(found, exact):
    return compare(found.double().numpy(), exact.double().numpy()).relative_error


def network(seed=0, dropout=0.0, dtype=torch.float64):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(5, 9), nn.Tanh(), nn.Dropout(dropout), nn.Linear(9, 4)
        return nn.Sequential(*layers).to(dtype)


def inputs(batch=12, seed=0, dtype=torch.float64):
    return torch.randn(batch, 5, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def contrast(h):
    return info_nce(F.normalize(h, dim=-1), temperature=0.2)


def in_one_graph(model, x, loss=contrast, chunk=None):
    return toy.gradient(
        model, lambda: loss(torch.cat([model(p) for p in x.split(chunk or len(x))])).backward()
    )


@given(st.integers(1, 8), st.integers(1, 20), st.integers(0, 99))
@settings(max_examples=12)
def test_any_chunk_gives_the_whole_batch_s_gradient(pairs, chunk, seed):
    model, x = network(seed), inputs(2 * pairs + 2, seed)
    found = toy.gradient(model, lambda: accumulate(model, x, contrast, chunk))
    assert error(found, in_one_graph(model, x)) < 1e-10


@pytest.mark.parametrize(
    "loss",
    [
        contrast,
        lambda h: (torch.pdist(h) ** 2).mean(),  # no softmax, no inner products
        lambda h: torch.linalg.slogdet(h.T @ h).logabsdet,
        lambda h: h.var(dim=0).sum().reshape(1),
    ],
)
def test_any_differentiable_loss_of_the_embeddings(loss):
    model, x = network(), inputs()
    found = toy.gradient(model, lambda: accumulate(model, x, loss, 5))
    assert error(found, in_one_graph(model, x, loss)) < 1e-10


def test_returns_the_loss_and_not_the_surrogate():
    model, x = network(), inputs()
    value = accumulate(model, x, contrast, 5)
    torch.testing.assert_close(value, contrast(model(x)).detach())
    assert not value.requires_grad


def test_keeps_gradients_that_are_there():
    model, x = network(), inputs()
    accumulate(model, x, contrast, 5)
    once = [p.grad.clone() for p in model.parameters()]
    accumulate(model, x, contrast, 4)
    for parameter, before in zip(model.parameters(), once, strict=True):
        torch.testing.assert_close(parameter.grad, 2 * before)


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, u, v):
        return info_nce(u, v, temperature=torch.exp(-self.log_scale), symmetric=True)


def test_two_towers_and_a_temperature_that_counts_once():
    f, g, criterion = network(1), network(2), Scaled()
    x, y = inputs(10, 1), inputs(10, 2)
    everything = nn.ModuleList([f, g, criterion])
    exact = toy.gradient(everything, lambda: criterion(f(x), g(y)).backward())
    found = toy.gradient(everything, lambda: accumulate((f, g), (x, y), criterion, 3))
    assert error(found, exact) < 1e-10
    assert error(found[-1:], exact[-1:]) < 1e-10


def test_one_encoder_twice_and_batches_of_different_size():
    model, x, keys = network(), inputs(6, 1), inputs(11, 2)

    def loss(u, v):
        return info_nce(u, v, temperature=1.0)

    exact = toy.gradient(model, lambda: loss(model(x), model(keys)).backward())
    assert error(toy.gradient(model, lambda: accumulate([model, model], [x, keys], loss, 4)), exact) < 1e-10


def test_inputs_are_tensors_tuples_or_keywords():
    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x, shift):
            return self.net(x + shift)

    model, x, shift = Added(), inputs(seed=1), inputs(seed=2)
    exact = toy.gradient(model, lambda: contrast(model(x, shift)).backward())
    for form in ((x, shift), {"shift": shift, "x": x}):
        assert (
            error(toy.gradient(model, lambda form=form: accumulate(model, form, contrast, 5)), exact) < 1e-10
        )
    method = toy.gradient(model, lambda: accumulate(model.forward, (x, shift), contrast, 5))
    assert error(method, exact) < 1e-10
    wrapped = toy.gradient(model, lambda: accumulate(partial(model, shift=shift[:5]), x[:10], contrast, 5))
    assert wrapped.norm() > 0


def test_a_frozen_tower_is_encoded_once():
    f, frozen = network(1), network(2).requires_grad_(False)
    calls = []
    frozen.register_forward_hook(lambda *_: calls.append(1))
    accumulate((f, frozen), (inputs(8, 1), inputs(8, 2)), lambda u, v: info_nce(u, v), 4)
    assert len(calls) == 2
    assert all(p.grad is None for p in frozen.parameters())
    assert all(p.grad is not None for p in f.parameters())


def test_an_encoder_without_influence_gets_no_gradient():
    f, unused = network(1), network(2)
    accumulate((f, unused), (inputs(8, 1), inputs(8, 2)), lambda u, v: contrast(u), 4)
    assert all(p.grad is None for p in unused.parameters())


def test_memory_is_that_of_a_chunk():
    model, x = network(), inputs(512)

    def peak(chunk):
        return peak_bytes(lambda: accumulate(model, x, lambda h: h.square().mean(), chunk))

    embeddings = 512 * 4 * 8
    assert peak(8) < 8 * embeddings
    assert peak(8) < peak(512)


# ---------------------------------------------------------------- randomness


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_is_replayed(p):
    model, x = network(dropout=p), inputs()
    torch.manual_seed(1)
    exact = in_one_graph(model, x, chunk=5)
    following = torch.rand(1)
    torch.manual_seed(1)
    found = toy.gradient(model, lambda: accumulate(model, x, contrast, 5))
    assert error(found, exact) < 1e-10
    assert torch.equal(torch.rand(1), following)
    torch.manual_seed(1)
    careless = toy.gradient(model, lambda: accumulate(model, x, contrast, 5, replay=False))
    assert error(careless, exact) > 1e-3


@pytest.mark.parametrize("step", [accumulate, accumulate_batch_norm])
def test_the_generators_stand_afterwards_where_the_first_pass_and_the_loss_left_them(step):
    """Not where the second pass did, which draws again what the encoder drew, but nothing for the loss."""
    model, x = network(dropout=0.5), inputs()

    def noisy(h):
        noise = torch.from_numpy(np.random.normal(size=h.shape))  # noqa: NPY002
        return contrast(h + 0.1 * noise + 0.1 * torch.randn_like(h))

    states = []
    for run in (lambda: in_one_graph(model, x, noisy, chunk=5), lambda: step(model, x, noisy, 5)):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        run()
        states.append((torch.rand(3), torch.from_numpy(np.random.normal(size=3))))  # noqa: NPY002
    torch.testing.assert_close(*states, rtol=0, atol=0)


def test_simcse_is_exact():
    model, x = network(dropout=0.2), inputs(8)

    def loss(u, v):
        return info_nce(u, v, temperature=0.1)

    torch.manual_seed(2)
    u, v = (torch.cat([model(part) for part in x.split(3)]) for _ in range(2))
    exact = toy.gradient(model, lambda: loss(u, v).backward())
    torch.manual_seed(2)
    assert error(toy.gradient(model, lambda: accumulate((model, model), (x, x), loss, 3)), exact) < 1e-10


def test_numpy_s_generator_is_replayed_too():
    class Jitter(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x):
            return self.net(x * (1 + np.random.random()))  # noqa: NPY002

    model, x = Jitter(), inputs()
    np.random.seed(0)  # noqa: NPY002
    found = toy.gradient(model, lambda: accumulate(model, x, contrast, 5))
    np.random.seed(0)  # noqa: NPY002
    assert error(found, in_one_graph(model, x, chunk=5)) < 1e-10


def test_python_s_generator_is_put_back():
    # Through RandomState alone: the type checker of the tests draws from this generator, too.
    others = RandomState.now()
    before = random.getstate()
    drawn = [random.random() for _ in range(3)]
    RandomState(before, others.numpy, others.cpu, {}).restore()
    assert [random.random() for _ in range(3)] == drawn


def test_a_generator_of_one_s_own_is_noticed():
    generator = torch.Generator().manual_seed(0)

    class Jitter(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x):
            return self.net(x + torch.randn(5, dtype=x.dtype, generator=generator))

    with pytest.raises(RuntimeError, match="got other embeddings in the second pass"):
        accumulate(Jitter(), inputs(), contrast, 5)


def test_every_device_is_remembered(monkeypatch):
    class Device:
        states = {}

        def get_rng_state(self, device):
            return torch.tensor([self.states.get(device, 0)])

        def set_rng_state(self, state, device):
            self.states[device] = int(state)

    fake = Device()
    monkeypatch.setattr(torch, "get_device_module", lambda device: fake)
    both = [torch.device("cuda:0"), torch.device("cuda:1")]
    fake.states = {both[0]: 5, both[1]: 7}
    before = RandomState.now(both)
    fake.states = {both[0]: 6, both[1]: 8}
    before.restore()
    assert fake.states == {both[0]: 5, both[1]: 7}


# ---------------------------------------------------------------- precision


def test_autocast_gives_every_weight_its_gradient():
    model, x = network(dtype=torch.float32), inputs(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = toy.gradient(model, lambda: accumulate(model, x, contrast, 5))
        exact = toy.gradient(
            model, lambda: contrast(torch.cat([model(p) for p in x.split(5)]).float()).backward()
        )
    assert error(found, exact) < 0.02
    assert all(part.norm() > 0 for part in found.split([p.numel() for p in model.parameters()]))


def test_a_scaler_scales_every_gradient_and_clipping_comes_after():
    model, x = network(dtype=torch.float32), inputs(dtype=torch.float32)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    exact = in_one_graph(model, x)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    accumulate(model, x, contrast, 5, scaler=scaler)
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.testing.assert_close(found / 1024, exact, rtol=1e-4, atol=1e-6)
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    torch.testing.assert_close(norm, exact.norm())
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.testing.assert_close(found, 0.1 * exact / exact.norm(), rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------- what it refuses


@pytest.mark.parametrize(("micro_batch", "error"), [(0, ValueError), (-1, ValueError), (True, TypeError)])
def test_micro_batch_is_a_whole_number(micro_batch, error, unchecked):
    with pytest.raises(error, match=f"micro_batch: got {micro_batch}; expected"):
        unchecked(accumulate)(network(), inputs(), contrast, micro_batch)


def test_batch_norm_is_refused_by_name_in_training_mode_only():
    model = nn.Sequential(nn.Linear(5, 4), nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())).double()
    with pytest.raises(ValueError, match=r"got a batch norm in training mode, layer '1\.0' \(BatchNorm1d\)"):
        accumulate(model, inputs(), contrast, 4)
    with pytest.raises(ValueError, match="batch norm"):
        accumulate(model.forward, inputs(), contrast, 4)
    model.eval()
    found = toy.gradient(model, lambda: accumulate(model, inputs(), contrast, 4))
    assert error(found, in_one_graph(model, inputs())) < 1e-10
    always = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, track_running_stats=False)).double().eval()
    with pytest.raises(ValueError, match="layer '1'"):
        accumulate(always, inputs(), contrast, 4)


@pytest.mark.parametrize(
    ("encoders", "x", "says"),
    [
        ((network(), network()), inputs(), "got 1 for 2 encoders"),
        ((network(),), (inputs(), inputs()), "got 2 for 1 encoders"),
        ((), (), "at least one"),
        (network(), inputs(0), "at least one"),
        (network(), torch.tensor(1.0), "the same number of rows"),
        (lambda a, b: a, (inputs(4), inputs(5)), "the same number of rows"),
        (lambda x: x.sum(), inputs(4), "expected one row each"),
        (lambda x: x[:2], inputs(4), "expected one row each"),
    ],
)
def test_bad_encoders_and_inputs_are_named(encoders, x, says):
    with pytest.raises(ValueError, match=says):
        accumulate(encoders, x, contrast, 4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((network(), [1, 2], contrast), "inputs: got list"),
        ((lambda x: (x,), inputs(), contrast), "encoders: got tuple"),
        ((network(), inputs(), lambda h: h), "loss: got a tensor of shape"),
        ((network(), inputs(), lambda h: 1.0), "loss: got float"),
    ],
)
def test_bad_types_are_named(arguments, says, unchecked):
    with pytest.raises(TypeError, match=says):
        unchecked(accumulate)(*arguments, 4)


def test_what_is_not_finite_is_named_before_any_gradient_changes():
    model, x = network(), inputs()
    x[3] = torch.nan
    with pytest.raises(
        FloatingPointError, match="got a NaN or infinite embedding for sample 3 from encoder 0"
    ):
        accumulate(model, x, contrast, 4)
    with pytest.raises(FloatingPointError, match="loss: got inf"):
        accumulate(model, inputs(), lambda h: h.sum() * torch.inf, 4)
    assert all(p.grad is None for p in model.parameters())


def test_a_missing_graph_is_explained():
    model = network()
    with pytest.raises(RuntimeError, match="without a graph"):
        accumulate(lambda x: model(x).detach(), inputs(), contrast, 4)
    with pytest.raises(RuntimeError, match="loss: got a value without a graph"):
        accumulate(model, inputs(), lambda h: contrast(h.detach()), 4)


def test_a_scaler_beside_an_accelerator_is_refused(unchecked):
    with pytest.raises(ValueError, match="scaler: got one and an accelerator"):
        unchecked(module.Processes.__init__)(None, object(), torch.amp.GradScaler("cpu"))
