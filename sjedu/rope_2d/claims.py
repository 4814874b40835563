"""What lesson 3 proves and what it measured, each sentence with its source.

`THEOREMS` have a check that computes them once more; `CLAIMS` have a measurement that reads recorded runs or computes,
and applies the rule that was stated before the runs. To see both: ``ledger("rope_2d")``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg
import sympy as sp
import torch

from sjedu.figures import about, below
from sjedu.records import (
    Check,
    Claim,
    Evidence,
    Runs,
    Source,
    Theorem,
    Verdict,
    beats_baseline,
    checked,
    enough_seeds,
    head_room,
    leads,
    load_runs,
    same_setting,
    told,
    welch,
)
from sjedu.rope_2d import quaternion, theory
from sjedu.rope_2d.offsets import distance, mean_logit, min_distance
from sjedu.rope_2d.rotary import apply_rotary, axial_frequencies
from sjedu.rope_2d.vision import Encoding, GridTransformer, PatchEmbedding


def _article(section: str) -> Source:
    return Source("article", f"kexue.fm/archives/8397, section {section}")


def _course(section: str) -> Source:
    return Source("course", f"section {section}")


# ---------------------------------------------------------------- proved here


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


def relativity(reach: int = 1024, head_dim: int = 64) -> Check:
    """Check T1: a shift moves no logit by more than the rounding of float64 angles allows."""
    error = shift_error(reach, torch.float64, head_dim)
    rounding = reach * float(np.finfo(np.float64).eps) * head_dim
    return checked(
        error <= rounding,
        f"256 random queries and keys in {head_dim} dimensions, positions below {reach}: a common shift"
        f" moves the logits by {below(error, rounding)}, the rounding of the angles.",
    )


def translation(shift: tuple[int, int] = (5, 3)) -> Check:
    """Check T2 on models with random weights; sines that are added are the control."""

    def change(encoding: Encoding) -> float:
        torch.manual_seed(0)
        model = GridTransformer(PatchEmbedding(2, 1, 48), 10, grid=(6, 6), encoding=encoding).eval()
        pictures = torch.rand(8, 1, 12, 12)
        with torch.no_grad():
            return float((model(pictures, shift=shift) - model(pictures)).abs().max())

    rope = max(change(encoding) for encoding in ("rope_flat", "rope_axial", "rope_mixed"))
    control = change("sincos")
    return checked(
        rope < 1e-5 < 1e-2 < control,
        f"Models with random weights in float32: a shift of all coordinates by {shift} changes the outputs by"
        f" {below(rope, 1e-5)} with the three forms of RoPE, and by {about(control, 1)} with sines that are"
        " added.",
    )


def _random_pairs(pairs: int = 200) -> np.ndarray:
    return np.random.default_rng(0).uniform(-5, 5, (pairs, 2, 2))


def _relativity_errors(form: Callable[[float, float, float], Any], theta: float) -> np.ndarray:
    """The relativity error of one of the two quaternion forms, for each of the random pairs of positions."""

    def rotation(p: np.ndarray) -> np.ndarray:
        return np.asarray(form(p[0], p[1], theta))

    return np.array([theory.relativity_error(rotation, a, b) for a, b in _random_pairs()])


def quaternions_fail() -> Check:
    """Check T3."""
    error = theory.relativity_error(
        lambda p: quaternion.one_sided_rotation(p[0], p[1], 1.0), [1.0, 0.0], [0.0, 1.0]
    )
    return checked(
        error > 1,
        f"At (1, 0) and (0, 1) with θ = 1 the two sides of relativity differ by {about(error, 3)} in the"
        " Frobenius norm.",
    )


def quaternion_failure() -> Check:
    """Check T4 at a small angle, where the next order does not count, and at a large one."""
    predicted = [quaternion.predicted_failure(a, b, 0.01) for a, b in _random_pairs()]
    ratio = float(np.median(_relativity_errors(quaternion.one_sided_rotation, 0.01) / predicted))
    two_sided = float(_relativity_errors(quaternion.two_sided_rotation, 1.0).max())
    return checked(
        abs(ratio - 1) <= 0.01 and two_sided <= 1e-12,
        f"200 random pairs of positions: at θ = 0.01 the median of measured / predicted is {ratio:.3f};"
        f" from both sides, at θ = 1, the error is {below(two_sided, 1e-12)}.",
    )


def smallest_size() -> Check:
    """Check T5 by the article's own equations, and on a position with x + y = 0."""
    b, c = sp.symbols("b c", real=True)
    B1, B2 = theory.antisymmetric(sp.Integer(1), 0, 0), theory.antisymmetric(sp.Integer(0), b, c)
    solutions = sp.solve(list(theory.commutator(B1, B2)), [b, c], dict=True)
    collision = float(distance([1.0, -1.0], [[1.0, 1.0]]))
    return checked(
        solutions == [{b: 0, c: 0}] and collision == 0,
        "Symbolically: in 3 × 3 the only solution is b = c = 0. In 2 × 2, R(x + y) at (1, −1) is the identity.",
    )


def reversibility(theta: float = 1.0, N: int = 63) -> Check:
    """Check T6: the smallest distance of two rotations within a period, and at its end."""
    block = np.diag([theta, theta])
    nearby = min_distance(block, int(np.pi / theta)).distance
    period = float(distance([2 * np.pi / theta, 0.0], block))
    whole, root = min_distance(block, N), min_distance([[theta, theta * np.sqrt(2)]], N).distance
    many = min_distance(theory.axial(16), N).distance
    return checked(
        nearby > 0 and period < 1e-12,
        f"θ = {theta:g}: at whole numbers below π/θ rotations differ by {nearby:.2f} or more, at x = 2π/θ by"
        f" {below(period, 1e-12)}. At whole numbers up to {N} they come as near as {whole.distance:.3f}, at"
        f" {whole.offset}; those of the 2 × 2 form x + √2 y as near as {about(root, 1)}. Many frequencies make"
        f" positions recoverable in practice: {many:.2f} in 16 dimensions.",
    )


def _commuting_pairs(pairs: int = 200) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random commuting antisymmetric pairs in 4 to 12 dimensions: random frequencies in a random basis."""
    rng = np.random.default_rng(0)
    for _ in range(pairs):
        planes = int(rng.integers(2, 7))
        basis = scipy.linalg.qr(rng.normal(size=(2 * planes, 2 * planes)))[0]
        B1, B2 = (basis @ _blocks(rng.normal(size=planes)) @ basis.T for _ in range(2))
        yield B1, B2


def _blocks(frequencies: np.ndarray) -> np.ndarray:
    return np.kron(np.diag(frequencies), [[0.0, -1.0], [1.0, 0.0]])


def sufficiency() -> Check:
    """Check T7."""
    first, second = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    worst = max(
        theory.relativity_error(partial(theory.representation, generators=pair), first, second)
        for pair in _commuting_pairs()
    )
    return checked(
        worst <= 1e-12, f"200 random commuting pairs, 4 to 12 dimensions: error {below(worst, 1e-12)}."
    )


def classification() -> Check:
    """Check T8: `theory.joint_blocks` finds basis and frequencies, and they make the pair again."""
    worst = 0.0
    for pair in _commuting_pairs():
        blocks = theory.joint_blocks(*pair)
        for k, B in enumerate(pair):
            rebuilt = blocks.basis @ _blocks(blocks.frequencies[:, k]) @ blocks.basis.T
            worst = max(worst, float(np.abs(rebuilt - B).max()))
    return checked(
        worst <= 1e-12, f"200 random commuting pairs rebuilt from their blocks: error {below(worst, 1e-12)}."
    )


def flattening(width: int = 8) -> Check:
    """Check T9 by the mean logit of both neighbours."""
    right, down = [0.0, 1.0], [1.0, 0.0]
    flat = [float(mean_logit(p, theory.flattened(64, width))) for p in (right, down)]
    axial = [float(mean_logit(p, theory.axial(64))) for p in (right, down)]
    return checked(
        flat[0] != flat[1] and axial[0] == axial[1],
        f"Mean logit of the neighbour to the right and of that below, width {width}: flattened {flat[0]:.2f}"
        f" and {flat[1]:.2f}, axial {axial[0]:.2f} and {axial[1]:.2f}.",
    )


def decay(at: float = 16.0) -> Check:
    """Check T10 with 64 dimensions and base 100: one head, that head turned, and the mean over 64 angles."""
    axis, diagonal = [at, 0.0], [at / np.sqrt(2)] * 2
    kappa = float(np.cos(at * theory.axial(64)[:16, 0]).mean())
    cross = [float(mean_logit(p, theory.axial(64))) for p in (axis, diagonal)]
    turned = [float(mean_logit(p, theory.mixed(64, 100.0, np.pi / 4))) for p in (diagonal, axis)]
    heads = np.concatenate([theory.mixed(64, 100.0, angle) for angle in np.arange(64) * 2 * np.pi / 64])
    mean = [float(mean_logit(p, heads)) for p in (axis, diagonal)]
    return checked(
        np.allclose(cross[0], (1 + kappa) / 2, atol=1e-12)
        and np.allclose(cross, turned, atol=1e-12)
        and abs(mean[0] - mean[1]) < 0.01 < cross[0] - cross[1],
        f"K at distance {at:g}, along the axis and on the diagonal: {cross[0]:.2f} and {cross[1]:.2f} in one"
        f" head; turned by 45°, the other way round; mean over 64 angles {mean[0]:.2f} and {mean[1]:.2f}.",
    )


THEOREMS = (
    Theorem(
        "T1",
        "Rotating one half of the vector by xθ and the other half by yθ satisfies relativity,"
        " R(p₁)ᵀR(p₂) = R(p₂ − p₁): a logit depends on the difference of two positions only.",
        _article("标准答案"),
        "Each block is a rotation of a plane, and angles of rotations of one plane add (section 2.1).",
        relativity,
    ),
    Theorem(
        "T2",
        "So a Transformer that knows positions by RoPE alone gives the same output when all of them are"
        " moved alike.",
        _course("3.3"),
        "Its layers see the positions through their logits only, which do not change by T1.",
        translation,
    ),
    Theorem(
        "T3",
        "Quaternions do not commute, so e^p e^q = e^(p+q) does not hold in general, and the matrices of"
        " e^(xθi + yθj) do not satisfy relativity.",
        _article("违背相对性"),
        "A counterexample (section 2.2).",
        quaternions_fail,
    ),
    Theorem(
        "T4",
        "The failure is 2θ² times the area that the two positions span, up to θ³; multiplied from both"
        " sides, by e^(xθi) from the left and e^(yθj) from the right, quaternions satisfy relativity.",
        _course("2.2"),
        "The first term of the commutator series; left and right multiplications commute (section 2.2).",
        quaternion_failure,
    ),
    Theorem(
        "T5",
        "2 × 2 matrices have one free parameter and are not reversible; in 3 × 3, with B₁ and B₂ chosen"
        " orthogonal, B₂ has to be zero; so at least 4 × 4 is needed.",
        _article("RoPE现身"),
        "The generators have to commute, which is a system of equations for their entries (section 2.5).",
        smallest_size,
    ),
    Theorem(
        "T6",
        "The 4 × 4 matrix tells positions apart for |x|, |y| < π/θ and repeats after 2π/θ. (The article"
        " calls it reversible without that bound.)",
        _course("2.7"),
        "An angle is known up to multiples of 2π (section 2.7).",
        reversibility,
    ),
    Theorem(
        "T7",
        "exp(xB₁ + yB₂) satisfies relativity if B₁ and B₂ are antisymmetric and commute.",
        _article("二维约束"),
        "Exponentials of matrices that commute multiply by adding the exponents (section 2.4).",
        sufficiency,
    ),
    Theorem(
        "T8",
        "Each such pair is, in some orthonormal basis, a list of frequency vectors: one for each plane that"
        " it turns.",
        Source("paper", "Liu and Zhou, arXiv 2504.06308; also STRING, Schenck et al., arXiv 2502.02562"),
        "iB₁ and iB₂ are Hermitian and commute, so they share eigenvectors, which come in conjugate pairs"
        " (section 2.6).",
        classification,
    ),
    Theorem(
        "T9",
        "On a map of width h that is flattened to n = xh + y, the neighbours (x + 1, y) and (x, y + 1) get"
        " the offsets h and 1, although they are equally far away.",
        _article("二维位置"),
        "Arithmetic (section 1).",
        flattening,
    ),
    Theorem(
        "T10",
        "The mean logit K of the axial form falls in a cross: half of it never falls along an axis. A head"
        " whose frequencies are turned by an angle has the same cross, turned; the mean over heads of all"
        " angles is a disc.",
        _course("2.8"),
        "K is the mean of cos ω·p over the frequencies; with axial ones, half of them do not see x (section"
        " 2.8).",
        decay,
    ),
)

# ---------------------------------------------------------------- measured here

CHANCE = 1 / 8  # of guessing one of eight symbols


def _scale(runs: Runs, what: str) -> str:
    config = next(iter(runs)).config
    seeds = len({run.seed for run in runs})
    depth = f"depth {config['layers']}, width {config['dim']}, {config['steps']} steps"
    return f"{what}; {depth}, {seeds} seeds"


def width_change() -> Evidence:
    """Measure C6 on the runs with symbols."""
    runs = load_runs("rope_2d").where(study="symbols", encoding="rope_flat")
    trained, vertical, horizontal, rows = (
        runs[grid] for grid in ("8x8", "8x10 vertical", "8x10 horizontal", "10x8")
    )
    accuracies = f"vertical {vertical}, horizontal {horizontal}, with more rows {rows}"
    return Evidence(
        text=f"accuracy of flattened RoPE, on 8 × 8 {trained}; wider by two: {accuracies}; chance {CHANCE:.3f}",
        holds={
            "vertical offsets fall to chance": vertical.interval()[1] <= CHANCE + 0.05,
            "horizontal offsets and more rows do not": min(horizontal.interval()[0], rows.interval()[0])
            >= 0.95,
        },
        scale=_scale(runs, "grids of symbols"),
        why={
            Verdict.PARTLY: f"Of the two halves of the sentence one holds: {accuracies}.",
            Verdict.NOT_REPRODUCED: f"Neither half of the sentence holds: {accuracies}.",
        },
        preconditions=[
            enough_seeds(runs),
            beats_baseline("Flattened RoPE on the grid of the training", trained, CHANCE, over="guessing"),
        ],
    )


def effectiveness() -> Evidence:
    """Measure C8 on the runs with digits."""
    runs = load_runs("rope_2d").where(study="cpu")
    accuracy = {encoding: each["6x6"] for encoding, each in runs.by("encoding").items()}
    axial = accuracy["rope_axial"]
    names = {"learned": "learned vectors", "sincos": "sin-cos", "rope_flat": "flattened RoPE"}
    rivals = {f"over {name}": welch(axial, accuracy[encoding]) for encoding, name in names.items()}
    return Evidence(
        text=f"accuracy of axial RoPE {axial}; {told(rivals)}",
        holds=all(leads(rivals).values()),
        scale=_scale(runs, "digits on a canvas of 6 × 6 patches"),
        why={
            Verdict.NOT_REPRODUCED: "Not all of these are clear: "
            + ", ".join(f"{name} {'yes' if clear else 'no'}" for name, clear in leads(rivals).items())
            + ". At the trained width a flattened offset says as much as a two-dimensional one.",
        },
        preconditions=[
            enough_seeds(runs),
            beats_baseline("Axial RoPE", axial, accuracy["none"], over="no encoding at all"),
            head_room("accuracy of axial RoPE", axial, ceiling=1.0, margin=0.02),
        ],
    )


def resolution() -> Evidence:
    """Measure C9 on the runs with digits of many sizes."""
    runs = load_runs("rope_2d").where(study="scale")
    accuracy = runs.by("encoding")
    learned = accuracy["learned"]["10x10"]
    axial, mixed = (accuracy[form]["10x10 rescaled"] for form in ("rope_axial", "rope_mixed"))
    counted = [accuracy[form]["10x10"] for form in ("rope_axial", "rope_mixed")]
    comparisons = {"axial over learned": welch(axial, learned), "mixed over axial": welch(mixed, axial)}
    held = leads(comparisons)
    return Evidence(
        text=f"accuracy with rescaled coordinates: {told(comparisons)}; with coordinates that go on counting, axial"
        f" {counted[0]}, mixed {counted[1]}, learned {learned}",
        holds=held,
        scale=_scale(runs, "digits, from 6 × 6 to 10 × 10 patches"),
        why={
            Verdict.PARTLY: f"Rescaled sin-cos, which rotates nothing, has {accuracy['sincos']['10x10 rescaled']}.",
            Verdict.NOT_REPRODUCED: f"Neither difference is clear: {told(comparisons)}.",
        },
        preconditions=[
            enough_seeds(runs),
            same_setting(
                False,
                "The table is about pictures of ImageNet and positions that go on counting; here are digits"
                " of 8 × 8 pixels, positions are rescaled, and the axial form has the base 100 where the"
                " mixed one has 10.",
            ),
        ],
    )


CLAIMS = (
    Claim(
        "C6",
        "A model with flattened RoPE fails where the width is not the one trained on, for vertical offsets"
        " only.",
        _course("4.1, a consequence of T9"),
        "Trained on 8 × 8. Vertical offsets fall to chance: on 8 × 10 the 95 % interval of their accuracy"
        " ends below chance + 0.05. The others do not: the intervals of horizontal offsets, and of all on"
        " 10 × 8, begin above 0.95.",
        width_change,
        parts=("vertical offsets fall to chance", "horizontal offsets and more rows do not"),
    ),
    Claim(
        "C8",
        "There are no complete experiments yet; first results show that RoPE-2D is rather effective, and"
        " people of EleutherAI, who tried it too, found it better than the other position encodings that"
        " there were.",
        _article("延伸故事"),
        "On the grid of the training, the mean accuracy of axial RoPE is above those of learned vectors, of"
        " sin-cos and of flattened RoPE: Welch's t, two-sided, α = 0.05 after Holm over the three.",
        effectiveness,
        scale="none reported",
        published="no figures",
    ),
    Claim(
        "C9",
        "At a higher resolution than that of the training, RoPE keeps more of its accuracy than learned"
        " positions, and the mixed form more than the axial one.",
        Source("paper", "Heo et al., arXiv 2403.13298, table of multi-resolution accuracies"),
        "At 10 × 10 after training at 6 × 6, with rescaled coordinates, axial is above learned, and mixed"
        " above axial: Welch's t, two-sided, α = 0.05 after Holm over the two.",
        resolution,
        parts=("axial over learned", "mixed over axial"),
        scale="ImageNet-1k, DeiT-III-S, 400 epochs, from 224 to 384 pixels",
        published="learned 79.4, axial 80.0, mixed 81.8",
    ),
)
