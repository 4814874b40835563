"""The PyTorch code: against the oracle, in the tails, in every dtype, to every derivative, and in memory."""

import math

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from sjedu import dirac_smoothing as ds
from sjedu.dirac_smoothing import primitives, smoothing, theory
from sjedu.dirac_smoothing.functions import FUNCTIONS, RELU

X = torch.linspace(-12, 12, 2001, dtype=torch.float64)
POINTS = torch.tensor([-2.0, -0.7, 0.0, 0.3, 1.0, 2.6], dtype=torch.float64)
CASES = [(k, n) for k in theory.KERNELS for n, f in FUNCTIONS.items() if k != "cauchy" or f.bounded]


@pytest.mark.parametrize(("kernel", "name"), CASES)
def test_values_agree_with_the_oracle(kernel, name):
    f = FUNCTIONS[name]
    for s in (0.3, 1.0):
        wanted = theory.smooth_piecewise_linear(X.numpy(), f, kernel, s)
        np.testing.assert_allclose(ds.smooth_piecewise_linear(X, f, s, kernel).numpy(), wanted, atol=3e-14)
        single = ds.smooth_piecewise_linear(X.float(), f, s, kernel)
        assert single.dtype == torch.float32
        np.testing.assert_allclose(single.numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "name"), [(k, n) for k, n in CASES if n in ("ReLU", "sign", "hat", "soft shrink")]
)
def test_derivatives_of_two_orders(kernel, name):
    x = POINTS.clone().requires_grad_()
    width = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)

    def g(x, width):
        return ds.smooth_piecewise_linear(x, FUNCTIONS[name], width, kernel)

    assert gradcheck(g, (x, width))
    assert gradgradcheck(g, (x, width))


def test_third_derivatives_and_a_width_for_each_channel():
    x = POINTS.clone().requires_grad_()
    (first,) = torch.autograd.grad(ds.smooth_piecewise_linear(x, RELU).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    density = torch.exp(-(POINTS**2) / 2) / math.sqrt(2 * math.pi)
    torch.testing.assert_close(second, density)
    torch.testing.assert_close(third, -POINTS * density)
    widths = torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    columns = torch.stack([POINTS] * 3, dim=1)
    together = ds.smooth_piecewise_linear(columns, RELU, widths)
    for i, width in enumerate((0.3, 1.0, 2.0)):
        torch.testing.assert_close(together[:, i], ds.smooth_piecewise_linear(POINTS, RELU, width))
    together.sum().backward()
    assert widths.grad.shape == (3,)
    assert gradcheck(lambda w: ds.smooth_piecewise_linear(columns, RELU, w), (widths,))


@pytest.mark.parametrize("form", ["step", "ramp", "gap"])
@pytest.mark.parametrize("kernel", theory.KERNELS)
def test_primitives_can_be_differentiated_at_zero(form, kernel):
    z = POINTS.clone().requires_grad_()
    function = getattr(primitives, form)
    assert gradcheck(lambda z: function(z, kernel), (z,))
    assert gradgradcheck(lambda z: function(z, kernel), (z,))


@pytest.mark.parametrize("z", [-1.0, -4.0, -6.0, -9.0, -12.0])
def test_tails_in_float32(z):
    with mpmath.workdps(50):
        step, ramp = mpmath.ncdf(z), mpmath.mpf(z) * mpmath.ncdf(z) + mpmath.npdf(z)
        softplus = mpmath.log1p(mpmath.exp(z))
        student = (mpmath.mpf(z) + mpmath.sqrt(mpmath.mpf(z) ** 2 + 1)) / 2
    at = torch.tensor(z)
    assert ds.SmoothStep()(at).item() == pytest.approx(float(step), rel=2e-5)
    assert ds.SmoothReLU()(at).item() == pytest.approx(float(ramp), rel=2e-5)
    assert ds.SmoothReLU(kernel="gelu")(at).item() == pytest.approx(float(z * step), rel=2e-5)
    assert ds.SmoothReLU(kernel="logistic")(at).item() == pytest.approx(float(softplus), rel=1e-6)
    assert ds.SmoothReLU(kernel="student")(at).item() == pytest.approx(float(student), rel=1e-6)


def test_the_gaussian_tail_is_where_torch_itself_gives_up():
    at = torch.tensor(-6.5)
    assert F.gelu(at).item() == 0 or abs(F.gelu(at).item() / (-6.5 * 4.016e-11) - 1) > 0.1
    assert ds.SmoothReLU(kernel="gelu")(at).item() == pytest.approx(-6.5 * 4.016e-11, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kernel", ["gaussian", "logistic", "gelu", "student"])
def test_half_precision_is_one_rounding_away(dtype, kernel):
    x = X[::50].to(dtype)
    found = ds.smooth_piecewise_linear(x, RELU, 0.5, kernel)
    assert found.dtype == dtype
    wanted = theory.smooth_piecewise_linear(x.double().numpy(), RELU, kernel, 0.5)
    one_rounding = torch.finfo(dtype).eps * np.abs(wanted) + torch.finfo(dtype).tiny
    assert (np.abs(found.double().numpy() - wanted) <= one_rounding).all()
    leaf = x.clone().requires_grad_()
    ds.smooth_piecewise_linear(leaf, RELU, 0.5, kernel).sum().backward()
    assert leaf.grad.dtype == dtype


@pytest.mark.parametrize(
    ("module", "peer"),
    [
        (ds.SmoothReLU(kernel="logistic"), F.softplus),
        (ds.SmoothReLU(kernel="swish"), F.silu),
        (ds.SmoothReLU(kernel="gelu"), F.gelu),
        (ds.SmoothSign(kernel="logistic"), lambda x: torch.tanh(x / 2)),
        (ds.SmoothSign(), lambda x: torch.erf(x / math.sqrt(2))),
        (ds.SmoothAbs(kernel="student"), lambda x: torch.sqrt(x * x + 1)),
        (ds.SmoothStep(kernel="logistic"), torch.sigmoid),
    ],
)
def test_known_activations_are_special_cases(module, peer):
    # F.softplus is the straight line above 20, and 1e-10 off below it.
    torch.testing.assert_close(module(X), peer(X), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (ds.SmoothLeakyReLU(0.15, 0.5), FUNCTIONS["leaky ReLU"]),
        (ds.SmoothClip(width=0.5), FUNCTIONS["clip"]),
        (ds.SmoothReLU6(0.5), FUNCTIONS["ReLU6"]),
        (ds.SmoothHardSigmoid(0.5), FUNCTIONS["hard sigmoid"]),
        (ds.SmoothHat(0.5), FUNCTIONS["hat"]),
        (ds.SmoothRectangle(0.5), FUNCTIONS["rectangle"]),
        (ds.SmoothSoftShrink(width=0.5), FUNCTIONS["soft shrink"]),
    ],
)
def test_modules_are_their_functions(module, function):
    torch.testing.assert_close(module(X), ds.smooth_piecewise_linear(X, function, 0.5))
    assert "gaussian, width=0.5" in repr(module)


def test_a_learnable_width_stays_positive_and_centring_keeps_zero():
    module = ds.SmoothReLU(0.3, "logistic", learnable=True, centred=True)
    assert module(torch.zeros(3)).abs().max() < 1e-7
    optimizer = torch.optim.SGD(module.parameters(), 100.0)
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.randn(50, generator=torch.Generator().manual_seed(0))).square().mean().backward()
        optimizer.step()
        assert module.width.item() > 0
    assert [name for name, _ in module.named_parameters()] == ["log_width"]
    assert "learnable, centred" in repr(module)
    assert not list(ds.SmoothReLU().parameters())


@given(st.floats(-20, 20), st.floats(0.05, 3), st.sampled_from(["gaussian", "logistic", "student"]))
def test_smooth_relu_is_above_relu_and_its_slope_between_zero_and_one(x, width, kernel):
    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = ds.smooth_piecewise_linear(at, RELU, width, kernel)
    # Far to the right g is x to the last bit, and s · (x/s) is rounded twice.
    assert y.item() >= max(x, 0.0) * (1 - torch.finfo(torch.float64).eps)
    y.backward()
    assert 0 <= at.grad.item() <= 1


# ---------------------------------------------------------------- memory and blocks


def kept(function, size=5000):
    storages = {}

    def pack(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = function(torch.randn(size, requires_grad=True))
    assert result.requires_grad
    return sum(storages.values()) / (4 * size)


def test_the_input_is_all_that_is_kept():
    for module in (ds.SmoothReLU(), ds.SmoothHat(), ds.SmoothSoftShrink(kernel="swish"), ds.SmoothFloor()):
        assert kept(module) < 1.01
    composed = kept(lambda x: x * 0.5 * (1 + torch.erf(x / 1.4)) + torch.exp(-x * x / 2))
    assert composed > 3.5


def test_blocks_do_not_show(monkeypatch):
    x = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0), requires_grad=True)
    width = torch.tensor(0.7, requires_grad=True)
    upstream = torch.randn(3, 1000)

    def everything():
        y = ds.smooth_piecewise_linear(x, FUNCTIONS["hat"], width)
        return y, *torch.autograd.grad(y, (x, width), upstream)

    whole = everything()
    monkeypatch.setattr(smoothing, "BLOCK", 64)
    for in_blocks, at_once in zip(everything(), whole, strict=True):
        torch.testing.assert_close(in_blocks, at_once)


# ---------------------------------------------------------------- the floor and the maximum


@pytest.mark.parametrize("kernel", ["logistic", "gaussian"])
@pytest.mark.parametrize("width", [0.01, 0.1, 0.22, 0.5, 2.0])
def test_the_floor_agrees_with_the_oracle(kernel, width):
    wanted = theory.smooth_floor(X.numpy(), kernel, width)
    np.testing.assert_allclose(ds.smooth_floor(X, width, kernel).numpy(), wanted, atol=2e-12)
    single = ds.smooth_floor(X.float(), width, kernel)
    np.testing.assert_allclose(
        single.numpy(), theory.smooth_floor(X.float().double().numpy(), kernel, width), atol=3e-6
    )


def test_the_cauchy_floor_agrees_with_the_oracle():
    np.testing.assert_allclose(
        ds.smooth_floor(X, 0.2, "cauchy").numpy(), theory.cauchy_floor(X.numpy(), 0.2), atol=1e-12
    )


@pytest.mark.parametrize("kernel", ["logistic", "gaussian", "cauchy"])
@pytest.mark.parametrize("width", [0.05, 0.3, 1.0])
def test_derivatives_of_the_floor(kernel, width):
    x = POINTS.clone().requires_grad_()
    s = torch.tensor(width, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x, s: ds.smooth_floor(x, s, kernel), (x, s))
    assert gradgradcheck(lambda x, s: ds.smooth_floor(x, s, kernel), (x, s))


@given(
    st.integers(-1_000_000, 1_000_000),
    st.floats(0.02, 1.5),
    st.sampled_from(["logistic", "gaussian", "cauchy"]),
)
def test_the_floor_is_right_anywhere(k, width, kernel):
    at = torch.tensor([k, k + 0.5, k + 1.0], dtype=torch.float64)
    found = ds.smooth_floor(at, width, kernel)
    assert found.tolist() == pytest.approx([k - 0.5, k, k + 0.5], abs=1e-9)


def test_rounding_modules_and_the_straight_through_floor():
    x = torch.tensor([0.2, 0.8, 1.5])
    torch.testing.assert_close(ds.SmoothRound(0.01)(x), torch.tensor([0.0, 1.0, 1.5]), atol=1e-4, rtol=0)
    learnable = ds.SmoothFloor(0.2, learnable=True)
    learnable(x).sum().backward()
    assert learnable.log_width.grad is not None
    assert "logistic, width=0.2, learnable" in repr(learnable)
    leaf = x.clone().requires_grad_()
    ds.straight_through_floor(leaf).sum().backward()
    assert ds.straight_through_floor(x).tolist() == [0, 0, 1]
    assert leaf.grad.tolist() == [1, 1, 1]


def test_an_oversmoothed_floor_is_the_straight_through_line():
    np.testing.assert_allclose(ds.smooth_floor(X, 0.5).numpy(), X.numpy() - 0.5, atol=4e-4)


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.1, 3), st.sampled_from(["logistic", "gaussian"]))
def test_smooth_max(a, b, width, kernel):
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (a, b))
    m = ds.smooth_max(x, y, width, kernel)
    assert m.item() >= max(a, b) - 1e-12
    assert m.item() == pytest.approx(ds.smooth_max(y, x, width, kernel).item(), abs=1e-12)
    weights = torch.autograd.grad(m, (x, y))
    assert sum(w.item() for w in weights) == pytest.approx(1)
    if kernel == "logistic":
        assert m.item() == pytest.approx(width * np.logaddexp(a / width, b / width))
        assert ds.smooth_amax(torch.stack([x, y]), width=width).item() == pytest.approx(m.item())
    else:
        assert m.item() == pytest.approx(float(theory.clark_max(a, b, width)))


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ds.SmoothReLU(0.0), ValueError, "width: got 0"),
        (lambda: ds.SmoothReLU(math.nan), ValueError, "width: got nan"),
        (lambda: ds.SmoothReLU(kernel="cauchy"), ValueError, "no first moment"),
        (lambda: ds.SmoothFloor(kernel="student"), ValueError, "expected 'logistic', 'gaussian' or 'cauchy'"),
        (lambda: ds.smooth_floor(X, torch.tensor([0.1, 0.2])), ValueError, "one number"),
        (lambda: ds.smooth_amax(X, width=torch.tensor([0.1, 0.2])), ValueError, "one number"),
        (lambda: ds.smooth_piecewise_linear(X, RELU, torch.tensor(-1.0)), ValueError, "expected positive"),
        (
            lambda: ds.smooth_piecewise_linear(X, RELU, torch.tensor(math.nan)),
            ValueError,
            "expected positive",
        ),
        (lambda: ds.smooth_piecewise_linear(X, RELU, torch.tensor(1)), TypeError, "width: got .*int64"),
    ],
)
def test_bad_input_is_named(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_whole_numbers_and_unknown_kernels_are_refused():
    import inspect

    unchecked = inspect.unwrap(ds.smooth_piecewise_linear)  # beartype would speak first
    with pytest.raises(TypeError, match=r"x: got a tensor of torch\.int64; expected floating point"):
        unchecked(torch.arange(3), RELU)
    with pytest.raises(ValueError, match="kernel: got 'box'"):
        inspect.unwrap(primitives.forms)("box")
