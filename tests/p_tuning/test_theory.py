"""The mathematics of gradients on a few rows, held against autograd and against PyTorch's optimisers."""

import math

import numpy as np
import pytest
import torch

from sjedu.p_tuning import theory
from sjedu.p_tuning.prompt import PromptEncoder

IDS, ROWS = [3, 0, 3, 5, 1], [0, 1, 3]


def table(seed=0, size=6, dim=4):
    return np.random.default_rng(seed).normal(size=(size, dim))


def autograd(E, build):
    """Gradient of a smooth loss by E, where `build` makes the embedded tokens from it."""
    parameter = torch.tensor(E, requires_grad=True)
    (build(parameter).sin() * torch.arange(1, 5)).sum().backward()
    return parameter.grad.numpy()


def upstream(E):
    """∂L/∂(S E) of the same loss."""
    return np.cos(E[IDS]) * np.arange(1, 5)


def test_three_ways_to_stop_gradients_agree_with_autograd():
    E = table()
    m = torch.tensor(theory.row_mask(ROWS, 6))
    stopped = autograd(E, lambda p: (p * m + p.detach() * (1 - m))[IDS])
    masked = autograd(E, lambda p: p[IDS]) * m.numpy()
    formula = theory.stopped_gradient(upstream(E), IDS, ROWS, 6)
    np.testing.assert_allclose(stopped, formula, atol=1e-14)
    np.testing.assert_allclose(masked, formula, atol=1e-14)
    np.testing.assert_allclose(theory.table_gradient(upstream(E), IDS, ROWS, 6), formula[ROWS], atol=1e-14)
    assert np.abs(formula[[2, 4, 5]]).max() == 0
    assert np.abs(formula[[0, 1, 3]]).min(axis=1).min() > 0


def test_the_tied_gradient_is_that_of_autograd_and_its_output_side_reaches_every_row():
    E = table()
    parameter = torch.tensor(E, requires_grad=True)
    h = parameter[IDS].mean(0)
    torch.nn.functional.cross_entropy((parameter @ h)[None], torch.tensor([4])).backward()
    parts = theory.tied_gradient(E, IDS, 4)
    np.testing.assert_allclose(parts.input_side + parts.output_side, parameter.grad.numpy(), atol=1e-14)
    assert np.abs(parts.input_side[[2, 4]]).max() == 0
    assert np.abs(parts.output_side).max(axis=1).min() > 0


def test_adamw_decays_rows_without_gradient():
    parameter = torch.nn.Parameter(torch.tensor(table()))
    optimizer = torch.optim.AdamW([parameter], lr=0.1, weight_decay=0.5)
    for _ in range(7):
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    np.testing.assert_allclose(parameter.detach().numpy(), theory.decayed(table(), 0.1, 0.5, 7), rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 5, 40])
def test_adam_goes_on_by_its_moments(steps):
    parameter = torch.nn.Parameter(torch.tensor(table()))
    optimizer = torch.optim.Adam([parameter], lr=0.01)
    for k in range(3):
        parameter.grad = torch.tensor(table(seed=k + 1))
        optimizer.step()
    state = optimizer.state[parameter]
    first, second = state["exp_avg"].numpy().copy(), state["exp_avg_sq"].numpy().copy()
    before = parameter.detach().numpy().copy()
    for _ in range(steps):
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    moved = parameter.detach().numpy() - before
    np.testing.assert_allclose(moved, theory.adam_drift(first, second, 3, steps, 0.01), rtol=1e-9, atol=1e-12)
    assert np.abs(moved).min() > 0


def test_a_reparameterised_prompt_moves_as_the_kernel_says():
    rng = np.random.default_rng(0)
    Z, W, G = rng.normal(size=(3, 5)), rng.normal(size=(5, 4)), rng.normal(size=(3, 4))
    z, w = (torch.tensor(a, requires_grad=True) for a in (Z, W))
    ((z @ w) * torch.tensor(G)).sum().backward()
    lr = 1e-7
    moved = (z - lr * z.grad) @ (w - lr * w.grad) - z @ w
    np.testing.assert_allclose(
        moved.detach().numpy(), theory.reparameterised_step(Z, W, G, lr), rtol=1e-4, atol=1e-11
    )
    # One token alone has a gradient, and all the others move with it.
    alone = np.vstack([G[:1], np.zeros((2, 4))])
    assert np.abs(theory.reparameterised_step(Z, W, alone, 1.0)[1:]).max() > 0.1


@pytest.mark.parametrize("kind", ["embedding", "mlp", "lstm"])
@pytest.mark.parametrize(("tokens", "dim", "hidden", "layers"), [(6, 8, None, 2), (3, 5, 7, 1), (2, 4, 3, 3)])
def test_parameter_counts_are_those_of_the_modules(kind, tokens, dim, hidden, layers):
    encoder = PromptEncoder(tokens, dim, kind, hidden=hidden, layers=layers)
    assert theory.prompt_parameters(kind, tokens, dim, hidden, layers) == sum(
        p.numel() for p in encoder.parameters()
    )


def test_the_expected_maximum_is_that_of_a_simulation():
    draws = np.random.default_rng(0).normal(size=(200_000, 5))
    assert theory.expected_maximum(1) == pytest.approx(0, abs=1e-9)
    assert theory.expected_maximum(2) == pytest.approx(1 / math.sqrt(math.pi))
    assert theory.expected_maximum(5) == pytest.approx(draws.max(axis=1).mean(), abs=0.01)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: theory.one_hot([0, 6], 6), "ids: got 6"),
        (lambda: theory.prompt_parameters("gru", 3, 4), "kind: got 'gru'"),
        (lambda: theory.expected_maximum(0), "count: got 0"),
    ],
)
def test_bad_input_is_named(call, names):
    with pytest.raises(ValueError, match=names):
        call()
