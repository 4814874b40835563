"""What the article and its successors claim, the rule by which each claim is judged, and the measurements.

Each measurement is a function that returns what `ClaimSheet.measure` takes: the figure as text, why it came out
so, and the values that the claim's rule reads. Those that need training read the recorded runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import scipy.linalg
import torch

from sjedu.figures import at_most, below
from sjedu.records import Record, lead
from sjedu.records.comparison import Comparison
from sjedu.records.old_claims import Claim, Verdict
from sjedu.rope_2d import quaternion, theory
from sjedu.rope_2d.offsets import distance, mean_logit, min_distance
from sjedu.rope_2d.rotary import apply_rotary, axial_frequencies
from sjedu.rope_2d.vision import ENCODINGS

Measured: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any]

ARTICLE = "Su, kexue.fm/archives/8397"
HEO = "Heo et al., arXiv 2403.13298, table of multi-resolution ImageNet accuracies"
CHANCE = 1 / 8  # of guessing one of eight symbols

# ---------------------------------------------------------------- the claims and their rules


def _relativity(v: Values) -> Verdict:
    return Verdict.of(v["error"] <= v["rounding"])


def _quaternion(v: Values) -> Verdict:
    return Verdict.of(abs(v["ratio"] - 1) <= 0.01 and v["two_sided"] <= 1e-12)


def _reversibility(v: Values) -> Verdict:
    small_fails = v["line"] == 0
    return Verdict.of(small_fails and v["block_everywhere"] > 0, small_fails and v["block_nearby"] > 0)


def _classification(v: Values) -> Verdict:
    return Verdict.of(v["error"] <= 1e-12)


def _flattening(v: Values) -> Verdict:
    return Verdict.of(v["flattened_right"] != v["flattened_down"] and v["axial_right"] == v["axial_down"])


def _width_change(v: Values) -> Verdict:
    falls = v["vertical"] <= CHANCE + 0.05
    return Verdict.of(falls and v["horizontal"] >= 0.95 and v["rows"] >= 0.95, falls)


def _translation(v: Values) -> Verdict:
    return Verdict.of(v["rope_change"] <= 0.002 and v["sincos_change"] >= 0.1, v["rope_change"] <= 0.002)


def _effectiveness(v: Values) -> Verdict:
    return Verdict.of(min(v["leads"].values()) > 2, min(v["leads"].values()) > -2)


def _resolution(v: Values) -> Verdict:
    return Verdict.of(v["rope_lead"] > 2 and v["mixed_lead"] > 2, v["rope_lead"] > 2 or v["mixed_lead"] > 2)


def _decay(v: Values) -> Verdict:
    return Verdict.of(
        v["axial_axis"] > 1.5 * v["axial_diagonal"] and abs(v["mixed_axis"] - v["mixed_diagonal"]) < 0.05
    )


CLAIMS = (
    Claim(
        "C1",
        "With the axial form, attention depends on differences of positions only.",
        f"{ARTICLE}, section 标准答案",
        "Reproduced if a common shift moves no logit by more than the rounding of float64 angles allows,"
        " positions · 2⁻⁵² · head_dim.",
        _relativity,
    ),
    Claim(
        "C2",
        "Quaternions e^(xi+yj) violate relativity (here: by 2θ² times the area that two positions span;"
        " multiplied from both sides they keep it).",
        f"{ARTICLE}, section 违背相对性; the size and the two-sided form are ours",
        "Reproduced if at θ = 0.01 the median of measured / 2θ²·area over 200 pairs is within 1 % of 1, and the"
        " two-sided form errs by at most 1e-12.",
        _quaternion,
    ),
    Claim(
        "C3",
        "A position can be recovered from its rotation in 4 dimensions, not in 2 or 3.",
        f"{ARTICLE}, sections 推导思路 and RoPE现身",
        "Reproduced if the 2-D solution has collisions and the 4-D one has none in the whole plane; partly if it has"
        " none only for |x|, |y| < π/θ.",
        _reversibility,
    ),
    Claim(
        "C4",
        "Two-dimensional RoPEs are exponentials of commuting antisymmetric matrices; each is, in some orthonormal"
        " basis, a list of frequencies.",
        f"{ARTICLE}, section 二维约束; the classification is ours",
        "Reproduced if 200 random commuting pairs (4 to 12 dimensions) are block-diagonalised to 1e-12.",
        _classification,
    ),
    Claim(
        "C5",
        "Flattening is unreasonable: it tells equally near neighbours apart by different offsets.",
        f"{ARTICLE}, section 二维位置",
        "Reproduced if the mean logit of the neighbour below differs from that of the neighbour to the right under"
        " the flattened form, and not under the axial one.",
        _flattening,
    ),
    Claim(
        "C6",
        "So a model with flattened RoPE breaks when the width changes, and for vertical offsets only.",
        "our consequence of C5",
        "Reproduced if on 8x10 vertical offsets fall to chance (at most 0.05 above) while horizontal ones and"
        " those on 10x8 stay above 0.95; partly if only the fall is there.",
        _width_change,
    ),
    Claim(
        "C7",
        "A Transformer with RoPE alone sees differences: moving all positions changes nothing.",
        f"{ARTICLE}, section 标准答案",
        "Reproduced if a shift by (5, 3) changes the accuracy of each RoPE by at most 0.002 and that of sin-cos by"
        " 0.1 or more; partly if only the first.",
        _translation,
    ),
    Claim(
        "C8",
        "RoPE-2D does better than other position encodings, on the grid of the training.",
        f"{ARTICLE}, closing section, as a first impression",
        "Lead of axial RoPE over none, learned, sin-cos and flattened RoPE, in pooled standard errors over seeds:"
        " reproduced if all exceed 2, partly if none is below -2.",
        _effectiveness,
        published="no figures",
    ),
    Claim(
        "C9",
        "RoPE-2D holds up better than learned positions at a higher resolution, and mixed better than axial.",
        HEO,
        "Leads of axial over learned and of mixed over axial, at 10x10 after training at 6x6, with rescaled"
        " positions, in pooled standard errors: reproduced if both exceed 2, partly if one does.",
        _resolution,
        published="DeiT-III-S, 224 → 384 pixels: learned 79.4, axial 80.0, mixed 81.8",
    ),
    Claim(
        "C10",
        "The mean logit of the axial form decays in a cross (half of it never decays along an axis), that of mixed"
        " frequencies in a disc.",
        "our reading of kexue.fm/archives/8265, section 远程衰减",
        "Reproduced if at distance 16 the axial K along the axis is more than 1.5 times that on the diagonal, and the"
        " mixed ones differ by less than 0.05.",
        _decay,
    ),
)

# ---------------------------------------------------------------- measurements without training


def shift_error(reach: int, dtype: torch.dtype, head_dim: int = 64) -> float:
    """Return the largest change of a logit when all positions below ``reach`` are moved by a quarter of it.

    Queries and keys are standard normal, so logits are of the size sqrt(head_dim). The angles are computed in
    ``dtype``, which is the mistake to be seen for bf16; vectors and table are float64 throughout.
    """
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 256, head_dim, dtype=torch.float64, generator=generator)
    positions = torch.randint(3 * reach // 4, (256, 2), generator=generator).double()
    frequencies = axial_frequencies(head_dim).to(dtype)

    def logits(p: torch.Tensor) -> torch.Tensor:
        row, column = p.to(dtype).T[..., None]
        angles = (row * frequencies[:, 0] + column * frequencies[:, 1]).double()
        table = angles.cos(), angles.sin()
        return apply_rotary(q, *table) @ apply_rotary(k, *table).T

    return float((logits(positions + reach // 4) - logits(positions)).abs().max())


def relativity(reach: int = 1024, head_dim: int = 64) -> Measured:
    """Measure C1."""
    error = shift_error(reach, torch.float64, head_dim)
    rounding = reach * float(np.finfo(np.float64).eps) * head_dim
    return {
        "text": f"logits move by {below(error, rounding)} (positions < {reach})",
        "error": error,
        "rounding": rounding,
    }


def quaternion_failure(pairs: int = 200) -> Measured:
    """Measure C2."""
    rng = np.random.default_rng(0)
    positions = rng.uniform(-5, 5, (pairs, 2, 2))

    def errors(rotation: Any, theta: float) -> list[float]:
        return [theory.relativity_error(lambda p: rotation(p[0], p[1], theta), a, b) for a, b in positions]

    predicted = [quaternion.predicted_failure(a, b, 0.01) for a, b in positions]
    ratio = float(np.median(np.array(errors(quaternion.one_sided_rotation, 0.01)) / predicted))
    two_sided = max(errors(quaternion.two_sided_rotation, 1.0))
    return {
        "text": f"measured / predicted = {ratio:.3f}; two-sided: {below(two_sided, 1e-12)}",
        "ratio": ratio,
        "two_sided": two_sided,
    }


def reversibility(theta: float = 1.0, N: int = 63) -> Measured:
    """Measure C3."""
    line = min_distance([[theta, theta]], N).distance
    nearby = min_distance(np.diag([theta, theta]), int(np.pi / theta)).distance
    around = float(distance([2 * np.pi / theta, 0.0], np.diag([theta, theta])))
    whole = min_distance(np.diag([theta, theta]), N)
    root = min_distance([[theta, theta * np.sqrt(2)]], N).distance
    many = min_distance(theory.axial(16), N).distance
    return {
        "text": f"2-D: distance {line:.0f}; 4-D: {nearby:.2f} within π/θ, 0 at x = 2π/θ",
        "why": "The 4-D answer repeats after 2π/θ, so it is one-to-one only up to π/θ; on whole numbers it comes as"
        f" near as {whole.distance:.3f} at {whole.offset}. On whole numbers 2-D can be one-to-one too (x + √2 y),"
        f" but only by {at_most(root)}. What makes positions recoverable in practice is many frequencies:"
        f" {many:.2f} in 16 dimensions.",
        "line": line,
        "block_nearby": nearby,
        "block_everywhere": 0.0 if around < 1e-12 else around,
    }


def classification(pairs: int = 200) -> Measured:
    """Measure C4 on random commuting pairs: blocks of random frequencies in a random basis."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(pairs):
        planes = int(rng.integers(2, 7))
        basis = scipy.linalg.qr(rng.normal(size=(2 * planes, 2 * planes)))[0]
        J = np.array([[0.0, -1.0], [1.0, 0.0]])
        B1, B2 = (basis @ np.kron(np.diag(rng.normal(size=planes)), J) @ basis.T for _ in range(2))
        found = theory.joint_blocks(B1, B2)
        for k, B in enumerate((B1, B2)):
            blocks = np.kron(np.diag(found.frequencies[:, k]), J)
            errors.append(np.abs(found.basis @ blocks @ found.basis.T - B).max())
    worst = float(max(errors))
    return {"text": f"{pairs} pairs rebuilt from their blocks, error {below(worst, 1e-12)}", "error": worst}


def flattening(width: int = 8) -> Measured:
    """Measure C5."""
    right, down = [0.0, 1.0], [1.0, 0.0]
    flat, axial = theory.flattened(64, width), theory.axial(64)
    values = {
        "flattened_right": float(mean_logit(right, flat)),
        "flattened_down": float(mean_logit(down, flat)),
        "axial_right": float(mean_logit(right, axial)),
        "axial_down": float(mean_logit(down, axial)),
    }
    text = "mean logit right / below: flattened {:.2f} / {:.2f}, axial {:.2f} / {:.2f}".format(
        *values.values()
    )
    return {"text": text, **values}


def decay(at: float = 16.0) -> Measured:
    """Measure C10: K at a distance, along an axis and along the diagonal."""
    ways = {"axis": [at, 0.0], "diagonal": [at / np.sqrt(2)] * 2}
    # The mean over heads, whose directions are drawn uniformly, is the mean over all directions.
    heads = np.concatenate([theory.mixed(64, base=100.0, angle=a) for a in np.arange(64) * 2 * np.pi / 64])
    lists = {"axial": theory.axial(64), "mixed": heads}
    values = {
        f"{name}_{way}": float(mean_logit(offset, frequencies))
        for name, frequencies in lists.items()
        for way, offset in ways.items()
    }
    text = "K at {:.0f}, axis / diagonal: axial {:.2f} / {:.2f}, mixed {:.2f} / {:.2f}".format(
        at, *values.values()
    )
    return {"text": text, **values}


# ---------------------------------------------------------------- measurements that need training


#: What the runs compare: "learned", "axial", ... by metrics as "8x10 vertical".
COMPARISON = Comparison(
    "rope_2d",
    "encoding",
    label=lambda record: str(record.config["encoding"]),
    order=[str(encoding) for encoding in ENCODINGS].index,
    aside=("parameters",),
)
spreads, summary = COMPARISON.spreads, COMPARISON.summary


def width_change(records: Sequence[Record]) -> Measured:
    """Measure C6 on the runs with symbols."""
    names = {"vertical": "8x10 vertical", "horizontal": "8x10 horizontal", "rows": "10x8"}
    values = {key: spreads(records, "symbols", metric)["rope_flat"].mean for key, metric in names.items()}
    text = "8x10: vertical {:.2f}, horizontal {:.2f} (chance 0.12); 10x8: {:.2f}".format(*values.values())
    return {"text": text, **values}


def translation(records: Sequence[Record]) -> Measured:
    """Measure C7 on the runs with digits: RoPE's largest change over forms and seeds, and sin-cos's smallest."""
    changes = {
        record.name: abs(record.metrics["6x6 shifted"] - record.metrics["6x6"])
        for record in records
        if record.config["study"] == "cpu" and "6x6 shifted" in record.metrics
    }
    rope = max(change for name, change in changes.items() if "rope" in name)
    # The smallest of sin-cos, because the claim is that it changes, in every run.
    sincos = min(change for name, change in changes.items() if "sincos" in name)
    text = f"the accuracy changes by {rope:.3f} at most with RoPE, by {sincos:.2f} at least with sin-cos"
    return {"text": text, "rope_change": rope, "sincos_change": sincos}


def effectiveness(records: Sequence[Record]) -> Measured:
    """Measure C8 on the runs with digits."""
    found = spreads(records, "cpu", "6x6")
    axial = found.pop("rope_axial")
    found.pop("rope_mixed", None)  # also a RoPE-2D, so no rival
    leads = {encoding: lead(axial, other) for encoding, other in found.items()}
    rival = min(leads, key=lambda encoding: leads[encoding])
    return {
        "text": f"axial {axial}; nearest rival {rival} {found[rival]}",
        "why": "At the trained width a flattened offset means the same as a two-dimensional one, so all forms of RoPE"
        " know what there is to know; the encodings that are added, and none, are behind on a canvas.",
        "leads": leads,
    }


def resolution(records: Sequence[Record]) -> Measured:
    """Measure C9 on the runs with digits of many sizes."""
    counted = spreads(records, "scale", "10x10")
    learned = counted["learned"]
    found = spreads(records, "scale", "10x10 rescaled")
    axial, mixed = found["rope_axial"], found["rope_mixed"]
    return {
        "text": f"learned {learned}, axial {axial}, mixed {mixed}",
        "why": "Rescaled positions are needed: with positions that go on counting, axial has"
        f" {counted['rope_axial'].mean:.2f} and mixed {counted['rope_mixed'].mean:.2f}. Rescaled sin-cos has"
        f" {found['sincos'].mean:.2f}: what helps is a coordinate that can be rescaled.",
        "rope_lead": lead(axial, learned),
        "mixed_lead": lead(mixed, axial),
    }
