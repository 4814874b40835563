"""InfoNCE whose memory grows with the batch, not with its square.

`info_nce` covers the forms in use: one tower (SimCLR, SimCSE, SimBERT) with itself left out, two towers (CLIP,
retrieval), rows only or symmetric, with pairs masked, and with a temperature that may be learned. It walks over
blocks of rows of the similarity matrix, and never holds more than one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

from sjedu.checks import check_choice, check_count, check_positive

#: Logits of pairs that do not compete.
_NEVER = float("-inf")


def info_nce(
    u: Float[Tensor, "n dim"],
    v: Float[Tensor, "m dim"] | None = None,
    *,
    temperature: float | Float[Tensor, ""] = 0.05,
    positives: Int64[Tensor, " n"] | None = None,
    symmetric: bool = False,
    mask: Bool[Tensor, "n m"] | None = None,
    reduction: Literal["mean", "sum"] = "mean",
    block: int | None = 256,
) -> Float[Tensor, ""]:
    """Return the contrastive loss of a batch of embeddings, which are taken as they are: normalise them before.

    With ``s_ij = ⟨u_i, v_j⟩/τ`` and the positive v_p(i) of each row::

        L = mean over i of  log Σ_j exp s_ij - s_ip(i)

    *Two towers*: row i of ``u`` belongs to row i of ``v``; further rows of ``v`` are hard negatives. With
    ``symmetric`` the mean of the row and the column losses is returned (CLIP). *One tower* (``v`` left out):
    ``v = u``, the diagonal does not compete, and the batch holds all first views and then all second views,
    unless ``positives`` says otherwise.

    Memory, forward and backward: O((n + m) dim + m · block); time as for the whole matrix. The gradient is the
    closed form of the lesson's section 2, computed block by block, together with the loss; logits are at least
    float32.

    Args:
        u: queries, or the whole batch.
        v: keys; None: one tower.
        temperature: τ > 0; a tensor gets its gradient.
        positives: for each row of u, which row of v is its positive.
        symmetric: whether columns look for their rows too; needs n = m and the default positives.
        mask: True where a pair must not compete, such as a known false negative. It costs n · m bytes.
        reduction: "mean" or "sum" over rows.
        block: rows at a time; None: the whole matrix under autograd, which can be differentiated twice.

    Raises:
        ValueError: an argument has a wrong shape, value or index; a positive is masked; or one tower holds an odd
            number of rows and no positives.
        TypeError: u or v is not of floating point, or block is not a whole number.

    Source: the loss is equation 1 of the article (kexue.fm/archives/8471) with a mean, two towers are CLIP's
    (arXiv 2103.00020, figure 3), one tower with the diagonal left out is NT-Xent (arXiv 2002.05709, equation 1).
    """
    one_tower = v is None
    keys = u if v is None else v
    _check_embeddings(u, keys)
    target = _targets(u, keys, one_tower, positives, symmetric)
    _check_options(u, keys, target, mask, one_tower, reduction, block)
    tau = _temperature(temperature, u)
    with torch.autocast(u.device.type, enabled=False):
        u = _at_least_float32(u)
        keys = u if one_tower else _at_least_float32(keys)  # so that both parts add up in float32
        scale = 1 / tau.to(u.dtype)
        pairing = _Pairing(target, mask, one_tower, symmetric)
        arguments = u, keys, scale, pairing
        total: Tensor = _dense(*arguments) if block is None else _Streamed.apply(*arguments, block)  # type: ignore[no-untyped-call]
    return total / len(u) if reduction == "mean" else total


class _Pairing(NamedTuple):
    """Which pairs belong together, and which do not compete."""

    target: Tensor
    mask: Tensor | None
    exclude_self: bool
    symmetric: bool

    def rule_out(self, logits: Tensor, start: int = 0) -> Tensor:
        """Set to -inf, in place, what does not compete in the rows that begin at ``start``."""
        if self.mask is not None:
            logits.masked_fill_(self.mask[start : start + len(logits)], _NEVER)
        if self.exclude_self:
            logits.diagonal(start).fill_(_NEVER)
        return logits

    def transposed(self) -> _Pairing:
        """Return the pairing of columns with rows, for two towers whose row i belongs to column i."""
        return self if self.mask is None else self._replace(mask=self.mask.mT)


def _dense(u: Tensor, keys: Tensor, scale: Tensor, pairing: _Pairing) -> Tensor:
    """The definition, under autograd."""
    logits = pairing.rule_out(scale * (u @ keys.mT))
    total = F.cross_entropy(logits, pairing.target, reduction="sum")
    if pairing.symmetric:
        total = (total + F.cross_entropy(logits.mT, pairing.target, reduction="sum")) / 2
    return total


class _Streamed(torch.autograd.Function):
    """The same sum and its derivatives, from one block of rows after the other.

    A block holds all that the losses of its rows need, so its G = ∂L/∂s is made on the spot, adds G v, Gᵀ u and
    Σ G s to the derivatives, and is forgotten. Columns run through all blocks: where they have losses too, a first
    sweep finds their log-sum-exps. Nothing is left to the backward pass but a factor.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, keys: Tensor, scale: Tensor, pairing: _Pairing, block: int) -> Tensor:
        columns = _log_sum_exps(keys, u, scale, pairing.transposed(), block) if pairing.symmetric else None
        rows, towards_u, towards_keys = _sweep(
            u, keys, scale, pairing, block, columns, any(ctx.needs_input_grad)
        )
        hits = torch.linalg.vecdot(u, keys[pairing.target]) * scale
        total: Tensor = (rows - hits).sum()
        if columns is not None:
            total = (total + (columns - hits).sum()) / 2
            towards_u, towards_keys = towards_u.div_(2), towards_keys.div_(2)
        towards_scale = torch.linalg.vecdot(towards_u, u).sum()  # Σ_ij G_ij ⟨u_i, v_j⟩
        ctx.save_for_backward(towards_u, towards_keys, scale, towards_scale)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        towards_u, towards_keys, scale, towards_scale = ctx.saved_tensors
        factor = upstream * scale
        return towards_u * factor, towards_keys * factor, towards_scale * upstream, None, None


def _sweep(
    u: Tensor,
    keys: Tensor,
    scale: Tensor,
    pairing: _Pairing,
    block: int,
    columns: Tensor | None,
    differentiate: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log-sum-exps of the rows, G v and Gᵀ u, given those of the columns where these have losses."""
    rows = u.new_empty(len(u))
    towards_u, towards_keys = torch.zeros_like(u), keys.new_zeros(keys.shape[::-1])
    for here, logits in _blocks(u, keys, scale, pairing, block):
        rows[here] = _to_probabilities(logits, columns)
        if differentiate:
            G, hit = logits, pairing.target[here, None]
            G.scatter_add_(1, hit, G.new_full((1, 1), -1.0 if columns is None else -2.0).expand_as(hit))
            torch.mm(G, keys, out=towards_u[here])
            towards_keys.addmm_(u[here].mT, G)  # transposed: a product with Gᵀ takes longer
    return rows, towards_u, towards_keys.mT


def _blocks(
    u: Tensor, keys: Tensor, scale: Tensor, pairing: _Pairing, block: int
) -> Iterator[tuple[slice, Tensor]]:
    """Yield some rows and their logits at a time, all of them in the same memory."""
    buffer = u.new_empty(min(block, len(u)), len(keys))
    for start in range(0, len(u), block):
        part = u[start : start + block] * scale
        logits = torch.mm(part, keys.mT, out=buffer[: len(part)])
        yield slice(start, start + block), pairing.rule_out(logits, start)


def _to_probabilities(logits: Tensor, columns: Tensor | None = None) -> Tensor:
    """Turn logits, in place, into the softmax of each row, plus, if log-sum-exps are given, that of each column.

    Returns:
        The log-sum-exps of the rows.
    """
    by_columns = None if columns is None else (logits - columns).exp_()
    highest = logits.amax(dim=1, keepdim=True)
    total = logits.sub_(highest).exp_().sum(dim=1, keepdim=True)
    logits.div_(total)
    if by_columns is not None:
        logits.add_(by_columns)
    return total.log_().add_(highest).squeeze(1)


def _log_sum_exps(u: Tensor, keys: Tensor, scale: Tensor, pairing: _Pairing, block: int) -> Tensor:
    blocks = _blocks(u, keys, scale, pairing, block)
    return torch.cat([_to_probabilities(logits) for _, logits in blocks])


# ---------------------------------------------------------------- arguments


def _at_least_float32(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _temperature(temperature: float | Tensor, like: Tensor) -> Tensor:
    number = float(temperature.detach() if isinstance(temperature, Tensor) else temperature)
    check_positive("temperature", number)
    if isinstance(temperature, Tensor):
        return temperature.to(like.device)
    return torch.tensor(number, dtype=_at_least_float32(like[:0]).dtype, device=like.device)


def _check_embeddings(u: Tensor, keys: Tensor) -> None:
    for name, x in (("u", u), ("v", keys)):
        if not x.dtype.is_floating_point:
            raise TypeError(f"{name}: got dtype {x.dtype}; expected floating point")
        if x.ndim != 2 or 0 in x.shape:
            raise ValueError(f"{name}: got shape {tuple(x.shape)}; expected (samples, dim), both at least 1")
    if u.shape[1] != keys.shape[1] or u.dtype != keys.dtype or u.device != keys.device:
        raise ValueError(
            f"u and v: got {_describe(u)} and {_describe(keys)}; expected one dim, dtype and device"
        )


def _describe(x: Tensor) -> str:
    return f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')} on {x.device}"


def _targets(u: Tensor, keys: Tensor, one_tower: bool, positives: Tensor | None, symmetric: bool) -> Tensor:
    n, m = len(u), len(keys)
    if symmetric and (one_tower or positives is not None or n != m):
        raise ValueError(
            f"symmetric: got True for {n} x {m} similarities; expected two towers of equal size whose row i"
            " belongs to row i"
        )
    if positives is not None:
        if positives.shape != (n,) or positives.dtype != torch.int64:
            raise ValueError(f"positives: got {_describe(positives)}; expected ({n},) int64")
        low, high = int(positives.min()), int(positives.max())
        if low < 0 or high >= m:
            raise ValueError(f"positives: got indices {low} to {high}; expected 0 to {m - 1}")
        return positives.to(u.device)
    if one_tower:
        if n % 2:
            raise ValueError(
                f"u: got {n} rows; expected first and second views, an even number, or positives"
            )
        return torch.arange(n, device=u.device).roll(n // 2)
    if m < n:
        raise ValueError(f"v: got {m} rows for {n} rows of u; expected a positive for each")
    return torch.arange(n, device=u.device)


def _check_options(
    u: Tensor,
    keys: Tensor,
    target: Tensor,
    mask: Tensor | None,
    one_tower: bool,
    reduction: str,
    block: int | None,
) -> None:
    n, m = len(u), len(keys)
    if one_tower and bool((target == torch.arange(n, device=u.device)).any()):
        raise ValueError(
            "positives: got a row as its own positive; expected another row, since a row is left out for itself"
        )
    if mask is not None:
        if mask.shape != (n, m) or mask.dtype != torch.bool:
            raise ValueError(f"mask: got {_describe(mask)}; expected ({n}, {m}) bool")
        if bool(mask.gather(1, target[:, None]).any()):
            raise ValueError(
                "mask: got True for a positive; expected it only for pairs that are not to compete"
            )
    check_choice("reduction", reduction, ("mean", "sum"))
    if block is not None:
        check_count("block", block)
