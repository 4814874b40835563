"""Optimal transport between finite sets of points, exact, with its dual side.

Points are rows. The cost of moving one to another is their distance, so the least total cost is the Wasserstein
distance ``W₁`` of the two samples::

    value, plan = wasserstein_1(x, y)                 # in float64, whatever x and y are
    loss = transport_loss(x, y)                       # the same number, differentiable in x and y
    cost = pairwise_distances(x, y)                   # (n, m)
    bound = dual_value(f, c_transform(cost, f))       # at most W₁, for any f whatever

Solvers run on the CPU in float64: `scipy.optimize.linear_sum_assignment` where both samples have n points of equal
weight (some optimal plan then is a permutation), the network simplex of POT otherwise. Costs that are not finite
are refused, because POT returns the distance 0 for them. Sources: Su Jianlin, kexue.fm/archives/8244;
Mallasto, Montúfar and Gerolin, arXiv 1910.03875 (the two transforms).
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from sjedu.checks import check_positive

#: What becomes float64 NumPy before it is solved.
Array: TypeAlias = np.ndarray | Tensor
Number: TypeAlias = int | float

#: How far weights may sum to something other than 1, which float32 weights do.
_MASS_TOLERANCE = 1e-5
#: Pivots that POT may take; its default stops at a thousand points.
_MOST_PIVOTS = 100_000_000


class Transport(NamedTuple):
    """The least cost, and the mass that goes from each x to each y at that cost."""

    value: float
    plan: Float64[np.ndarray, "n m"]


class Potentials(NamedTuple):
    """An optimal pair of the dual problem: ``f_i + g_j ≤ cost_ij``, with equality where mass moves."""

    f: Float64[np.ndarray, " n"]
    g: Float64[np.ndarray, " m"]


# ---------------------------------------------------------------- the primal problem


def wasserstein_1(x: Array, y: Array, a: Array | None = None, b: Array | None = None) -> Transport:
    """Return ``W₁ = min_γ Σ γ_ij ‖x_i - y_j‖`` over the plans γ with the marginals a and b.

    Args:
        x: (n, dim), floating point; NumPy or torch, on any device.
        y: (m, dim).
        a: weights of x, (n,); equal by default.
        b: weights of y, (m,); equal by default.

    Returns:
        The value and a plan (n, m), in float64.

    What points and weights must be, `as_points` and `as_weights` say.
    """
    return optimal_plan(_distances(x, y), a, b)


def optimal_plan(cost: Array, a: Array | None = None, b: Array | None = None) -> Transport:
    """Return ``min_γ Σ γ_ij cost_ij`` over the plans γ with the marginals a and b, and such a plan.

    Args:
        cost: (n, m), finite, of either sign.
        a: weights of the rows; equal by default.
        b: weights of the columns; equal by default.

    Raises:
        TypeError: if the cost is not real numbers.
        ValueError: if the cost is not a matrix of finite numbers.
        RuntimeError: if the solver gives up.
    """
    C = _matrix("cost", cost)
    left, right = as_weights("a", a, C.shape[0]), as_weights("b", b, C.shape[1])
    if left is None and right is None and C.shape[0] == C.shape[1]:
        columns = matching(C)
        plan = np.zeros_like(C)
        plan[np.arange(len(C)), columns] = 1 / len(C)
        return Transport(float(C[np.arange(len(C)), columns].mean()), plan)
    plan, _ = _network_simplex(C, left, right)
    return Transport(float((plan * C).sum()), plan)


def matching(cost: Array) -> Int64[np.ndarray, " n"]:
    """Return the column that each row of a square cost is matched with, at the least total cost.

    Raises:
        TypeError: if the cost is not real numbers.
        ValueError: if it is not a square matrix of finite numbers.
    """
    C = _matrix("cost", cost)
    if C.shape[0] != C.shape[1]:
        raise ValueError(f"cost: got the shape {C.shape}; expected as many rows as columns")
    return np.asarray(linear_sum_assignment(C)[1], dtype=np.int64)


def transport_loss(x: Tensor, y: Tensor, a: Array | None = None, b: Array | None = None) -> Float[Tensor, ""]:
    """Return ``W₁`` of two batches as a loss: differentiable in x and y, in their dtype and on their device.

    By the envelope theorem the optimal plan counts as a constant. The gradient in ``y_j`` is the mean of the
    unit vectors towards it from where its mass comes; between equal points it is 0. Arguments as `wasserstein_1`.
    """
    _check_pair("x", x, "y", y)
    cost, x, y = _distances(x, y), widened(x), widened(y)
    if len(x) == len(y) and a is None and b is None:
        return _lengths(x - y[torch.from_numpy(matching(cost)).to(x.device)]).mean()
    plan = torch.from_numpy(optimal_plan(cost, a, b).plan).to(x.device)
    rows, columns = plan.nonzero(as_tuple=True)
    return plan[rows, columns].to(x.dtype) @ _lengths(x[rows] - y[columns])


def pairwise_distances(x: Tensor, y: Tensor) -> Float[Tensor, "n m"]:
    """Return ``‖x_i - y_j‖`` for all pairs, each from the difference of its two points.

    The quicker ``‖x‖² + ‖y‖² - 2⟨x, y⟩`` loses what is small beside the norms: in float32 the distance of a point
    near 100 from itself comes out as 0.7. The gradient at distance 0 is 0. Half precision is widened to float32.

    Args:
        x: (n, dim), floating point.
        y: (m, dim), of the same dtype and on the same device.

    Raises:
        TypeError: if an argument is not a floating-point tensor.
        ValueError: if one is not 2-D or has no points, or if dimension, dtype or device differ.
    """
    _check_pair("x", x, "y", y)
    x, y = widened(x), widened(y)
    unit = _unit(torch.stack([x.detach().abs().max(), y.detach().abs().max()]).max())
    return unit * torch.cdist(x / unit, y / unit, compute_mode="donot_use_mm_for_euclid_dist")


def _lengths(differences: Float[Tensor, "pairs dim"]) -> Float[Tensor, " pairs"]:
    unit = _unit(differences.detach().abs().amax(dim=1))
    lengths: Tensor = unit * torch.linalg.vector_norm(differences / unit[:, None], dim=1)
    return lengths


def _unit(size: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Return the power of two at or below a size; 1 where it is 0 or not finite.

    Measured in such a unit, squares neither overflow nor vanish: in float32 those of 1e20 and 1e-23 do. Powers of two
    change no digit of a number that needs no such help.
    """
    power = size / (2 * torch.frexp(size).mantissa)
    return torch.where(size.isfinite() & (size > 0), power, 1.0)


# ---------------------------------------------------------------- the dual problem


def c_transform(cost: Tensor, f: Tensor) -> Float[Tensor, " m"]:
    """Return ``f^c_j = min_i [cost_ij - f_i]``, the best partner of f in the dual problem.

    The gradient goes to one minimiser. ``c_transform(cost.T, g)`` transforms back.

    Args:
        cost: (n, m), rows for the points on which f lives.
        f: (n,), any numbers.

    Raises:
        TypeError: if an argument is not a floating-point tensor.
        ValueError: if the shapes do not fit, or there are no points.
    """
    _check_transform(cost, f)
    return (cost - f[:, None]).min(dim=0).values


def soft_c_transform(
    cost: Tensor, f: Tensor, epsilon: Number, a: Tensor | None = None
) -> Float[Tensor, " m"]:
    """Return the (c, ε)-transform, ``f^{c,ε}_j = -ε log Σ_i a_i exp((f_i - cost_ij)/ε)``.

    It is the best partner of f in the dual of entropic transport. With equal weights
    ``f^c ≤ f^{c,ε} ≤ f^c + ε log n``, and for ε → ∞ it is the mean over i of what f^c takes the least of. Computed by a
    log-sum-exp, so that ε may be small; where ε exceeds all differences that it softens, ``log n`` would drown them,
    and ``log(1 + Σ a_i (exp(..) - 1))`` does not.

    Args:
        cost: (n, m), rows for the points on which f lives.
        f: (n,), any numbers.
        epsilon: > 0, in units of the cost.
        a: weights of the rows, (n,); equal by default.

    Arguments are refused as by `c_transform` and `as_weights`.
    """
    _check_transform(cost, f)
    check_positive("epsilon", epsilon)
    weights = as_weights("a", a, len(f))
    exponent = (f[:, None] - cost) / epsilon
    shares = (
        torch.full((len(f),), 1 / len(f), dtype=torch.float64)
        if weights is None
        else torch.from_numpy(weights)
    )
    steep = (exponent + shares.log().to(exponent)[:, None]).logsumexp(dim=0)
    top = exponent.detach().amax(dim=0)
    below = (exponent - top).clamp(min=-1)  # of use only where nothing is clamped
    flat = top + (shares.to(exponent)[:, None] * below.expm1()).sum(dim=0).log1p()
    return -epsilon * torch.where((exponent.detach() >= top - 1).all(dim=0), flat, steep)


def dual_value(f: Tensor, g: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Float[Tensor, ""]:
    """Return ``Σ a_i f_i + Σ b_j g_j``, which with ``g = c_transform(cost, f)`` never exceeds the primal value.

    Raises:
        TypeError: if f or g is not a floating-point tensor.
        ValueError: if f or g is not one number a point.
    """
    return _mean("f", f, "a", a) + _mean("g", g, "b", b)


def potentials(cost: Array, a: Array | None = None, b: Array | None = None) -> Potentials:
    """Return an optimal pair of the dual problem with ``f = g^c`` and ``g = f^c``.

    Arguments and errors as `optimal_plan`. Potentials of points without weight are as large as the constraint lets
    them be.
    """
    C = _matrix("cost", cost)
    left, right = as_weights("a", a, C.shape[0]), as_weights("b", b, C.shape[1])
    _, f = _network_simplex(C, left, right)
    rows = slice(None) if left is None else left > 0
    columns = slice(None) if right is None else right > 0
    # The solver's numbers are optimal to rounding; after a transform each way they are feasible exactly as well.
    g = (C[rows] - f[rows, None]).min(axis=0)
    f = (C[:, columns] - g[columns]).min(axis=1)
    g = (C - f[:, None]).min(axis=0)
    return Potentials((C - g).min(axis=1), g)


def kantorovich_potential(
    x: Array, y: Array, a: Array | None = None, b: Array | None = None
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " m"]]:
    """Return the values, on x and on y, of a 1-Lipschitz h with ``Σ a h(x) - Σ b h(y) = W₁``.

    ``h(z) = max_i [f_i - ‖x_i - z‖]`` with an optimal f: a discrete optimum is a legal critic. `mcshane` extends
    it to all of space. Arguments and errors as `wasserstein_1`.
    """
    f = potentials(_distances(x, y), a, b).f
    points = as_points("x", x)
    return (f[:, None] - _distances(points, points)).max(axis=0), (f[:, None] - _distances(x, y)).max(axis=0)


def mcshane(points: Tensor, values: Tensor, z: Tensor) -> Float[Tensor, " k"]:
    """Return McShane's extension ``h(z) = min_i [values_i + ‖points_i - z‖]``: 1-Lipschitz on all of space.

    Where the values are 1-Lipschitz on the points, it keeps them; where not, it is the largest 1-Lipschitz
    function that lies below them.

    Args:
        points: (n, dim).
        values: (n,).
        z: (k, dim), where to evaluate.
    """
    _check_pair("points", points, "z", z)
    return c_transform(pairwise_distances(points, z), -widened(values))


# ---------------------------------------------------------------- the solver


def _network_simplex(
    C: np.ndarray, a: np.ndarray | None, b: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return POT's plan and its potential of the rows."""
    import ot

    # The solver takes gains below 1e-15 for rounding, so that costs of 1e-12 already would end 3 % from the optimum.
    # In steps of 2^16, so that those near 1 stay as they are.
    size = float(np.abs(C).max())
    unit = 2.0 ** (16 * min(round(math.log2(size) / 16), 63)) if size else 1.0
    left = np.full(C.shape[0], 1 / C.shape[0]) if a is None else a
    right = np.full(C.shape[1], 1 / C.shape[1]) if b is None else b
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of is in the log, and raises below
        plan, log = ot.emd(left, right, C / unit, numItermax=_MOST_PIVOTS, log=True)
    if log["warning"] is not None:
        raise RuntimeError(
            f"cost: got {C.shape[0]} x {C.shape[1]} numbers; the solver gave up: {log['warning']}"
        )
    return np.asarray(plan, dtype=np.float64), unit * np.asarray(log["u"], dtype=np.float64)


# ---------------------------------------------------------------- what arguments must be


def _array(name: str, value: Array) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = value.double().numpy() if value.is_floating_point() else value.numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: got {array.dtype}; expected real numbers")
    return array.astype(np.float64, copy=False)


def _matrix(name: str, value: Array) -> np.ndarray:
    array = _array(name, value)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"{name}: got the shape {array.shape}; expected a matrix with at least one row and column"
        )
    if strange := np.count_nonzero(~np.isfinite(array)):
        raise ValueError(f"{name}: got NaN or infinity {strange} times; expected finite numbers")
    return array


def as_points(name: str, value: Array) -> Float64[np.ndarray, "n dim"]:
    """Return points as float64 NumPy.

    Raises:
        TypeError: if they are not real numbers.
        ValueError: if they are not 2-D, are none or are not finite.
    """
    array = _array(name, value)
    if array.ndim != 2:
        raise ValueError(
            f"{name}: got the shape {array.shape}; expected (points, dim); pictures become points by .flatten(1)"
        )
    return _matrix(name, array)


def _distances(x: Array, y: Array) -> Float64[np.ndarray, "n m"]:
    first, second = as_points("x", x), as_points("y", y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"x and y: got points of {first.shape[1]} and {second.shape[1]} coordinates; expected the same"
        )
    largest = max(np.abs(first).max(), np.abs(second).max())
    unit = np.exp2(np.frexp(largest)[1] - 1.0)  # why: see `_unit`
    with np.errstate(over="ignore"):
        distances = np.asarray(unit * cdist(first / unit, second / unit))
    if not np.isfinite(distances).all():
        raise ValueError(
            "x and y: got points farther apart than float64 has numbers for; expected them closer"
        )
    return distances


def as_weights(name: str, value: Array | None, size: int) -> np.ndarray | None:
    """Return weights that sum to 1 in float64; None where all are equal.

    Raises:
        TypeError: if they are not real numbers.
        ValueError: if there is not one for each point, or they are negative, not finite or do not sum to 1.
    """
    if value is None:
        return None
    weights = _array(name, value)
    if weights.shape != (size,):
        raise ValueError(
            f"{name}: got the shape {weights.shape}; expected ({size},), a weight for each point"
        )
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError(
            f"{name}: got {weights.min()} as the least weight; expected finite ones, none negative"
        )
    total = math.fsum(weights)
    if abs(total - 1) > _MASS_TOLERANCE:
        raise ValueError(f"{name}: got weights that sum to {total:.6g}; expected 1")
    return None if weights.min() == weights.max() else weights / total


def _mean(name: str, values: Tensor, weights_name: str, weights: Tensor | None) -> Tensor:
    _check_float(name, values)
    if values.ndim != 1 or not len(values):
        raise ValueError(
            f"{name}: got the shape {tuple(values.shape)}; expected a 1-D tensor with at least one value"
        )
    checked = as_weights(weights_name, weights, len(values))
    return values.mean() if checked is None else values @ torch.from_numpy(checked).to(values)


def _check_float(name: str, value: Tensor) -> None:
    if not (isinstance(value, Tensor) and value.is_floating_point()):
        got = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"{name}: got {got}; expected a floating-point tensor")


def _check_pair(first: str, x: Tensor, second: str, y: Tensor) -> None:
    for name, value in ((first, x), (second, y)):
        _check_float(name, value)
        if value.ndim != 2 or not value.numel():
            raise ValueError(
                f"{name}: got the shape {tuple(value.shape)}; expected (points, dim) with at least one point;"
                " pictures become points by .flatten(1)"
            )
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"{first} and {second}: got points of {x.shape[1]} and {y.shape[1]} coordinates; expected the same"
        )
    if (x.dtype, x.device) != (y.dtype, y.device):
        raise ValueError(
            f"{first} and {second}: got {x.dtype} on {x.device} and {y.dtype} on {y.device}; expected the same"
        )


def _check_transform(cost: Tensor, f: Tensor) -> None:
    _check_float("cost", cost)
    _check_float("f", f)
    if cost.ndim != 2 or not cost.numel():
        raise ValueError(
            f"cost: got the shape {tuple(cost.shape)}; expected a matrix with at least one row and column"
        )
    if f.shape != cost.shape[:1]:
        raise ValueError(
            f"f: got the shape {tuple(f.shape)}; expected ({cost.shape[0]},), a number for each row of cost"
        )


def widened(x: Tensor) -> Tensor:
    """Return half precision as float32, and anything else as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
