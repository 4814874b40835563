"""What lesson 5 proves and what it measured, each sentence with its source.

`THEOREMS` have a check that computes them once more; `CLAIMS` have a measurement that reads recorded runs, and
applies the rule. To see both: ``ledger("dirac_smoothing")``. Below them stands what the notebook shows of the runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
import torch

from sjedu.dirac_smoothing import theory
from sjedu.dirac_smoothing.experiment import PRESETS, load_task
from sjedu.dirac_smoothing.functions import FUNCTIONS, STEP, PiecewiseLinear
from sjedu.dirac_smoothing.kernels import Cauchy, Gaussian, Logistic
from sjedu.dirac_smoothing.tasks import FloorTask, PictureTask
from sjedu.figures import below
from sjedu.figures.numbers import fixed, interval
from sjedu.figures.tables import Table
from sjedu.records import (
    Check,
    Claim,
    Evidence,
    Record,
    Runs,
    Source,
    Spread,
    Theorem,
    Verdict,
    beats_baseline,
    checked,
    converged,
    enough_seeds,
    head_room,
    leads,
    listed,
    load_runs,
    paired,
    same_setting,
    told,
)

ROOM = "dirac_smoothing"


def _article(section: str) -> Source:
    return Source("article", f"kexue.fm/archives/8718, {section}")


def _course(section: str) -> Source:
    return Source("course", f"section {section}")


# ---------------------------------------------------------------- proved here


def known_activations() -> Check:
    """Check T1 in symbols, for every t and σ."""
    x, y = sp.symbols("x y", real=True)
    t, sigma = sp.symbols("t sigma", positive=True)
    softplus = sp.log(1 + sp.exp(t * x)) / t
    gelu = x * (1 + sp.erf(x / (sp.sqrt(2) * sigma))) / 2
    bell = sigma * sp.exp(-(x**2) / (2 * sigma**2)) / sp.sqrt(2 * sp.pi)
    logistic, gaussian = Logistic(t), Gaussian(sigma)

    def convolved(density: Any, f: Any) -> Any:
        return sp.integrate(density(x - y) * f, (y, 0, sp.oo))

    differences = {
        "softplus": sp.expand_log(sp.simplify(convolved(logistic.density, y) - softplus), force=True),
        "the Gaussian ReLU": convolved(gaussian.density, y).rewrite(sp.erf).expand() - gelu - bell,
        "Swish": x * convolved(logistic.density, 1) - x / (1 + sp.exp(-t * x)),
        "GELU": (x * convolved(gaussian.density, 1)).rewrite(sp.erf).expand() - gelu,
    }
    wrong = [name for name, difference in differences.items() if not _vanishes(difference)]
    return checked(
        not wrong,
        f"Symbolically, for every t and σ: the integral minus {', '.join(wrong)} is not 0."
        if wrong
        else f"Symbolically, for every t and σ: the integrals minus {', '.join(differences)} are 0.",
    )


def _vanishes(difference: Any) -> bool:
    """Whether an expression simplifies to 0; a difference of logarithms does so through its exponential."""
    simple = sp.simplify(difference)
    return bool(simple == 0 or sp.simplify(sp.expand(sp.exp(simple))) == 1)


def floor_formula(M: int = 5, N: int = 10) -> Check:
    """Check T2: the mean error for the article's figure and on, and that jumps keep half of their height."""
    sharpness = (5, 10, 20, 50)
    errors = [theory.floor_error(t, M, N, points=140_001) for t in sharpness]
    laws = [theory.standard("logistic").mean_absolute / t for t in sharpness]
    off = max(abs(error / law - 1) for error, law in zip(errors[1:], laws[1:], strict=True))
    wholes = np.arange(-M + 2.0, N - 1)
    jumps = float(np.abs(theory.truncated_floor(wholes, 50, M, N) - (wholes - 0.5)).max())
    return checked(
        all(b < a for a, b in itertools.pairwise(errors)) and off <= 0.03 and jumps <= 1e-12,
        f"M = {M}, N = {N}, Φ = σ(tx), on {interval(0.5 - M, N - 0.5, 1)}: mean error"
        f" {', '.join(f'{error:.3f}' for error in errors)} at t = {', '.join(map(str, sharpness))}; from"
        f" t = {sharpness[1]} on it is within {off:.1%} of 2 log 2/t. At whole numbers the error stays 1/2, to"
        f" {below(jumps, 1e-12)}. Beyond −M and N the sum is constant.",
    )


def error_laws() -> Check:
    """Check T3 by the slopes of errors against widths, both on logarithmic axes."""
    scales = [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16]
    laws: dict[str, tuple[np.ndarray, float]] = {}
    for name, kernel in theory.RELUS.items():
        largest, area = theory.errors_of(kernel, scales)
        laws |= {f"{name}, largest": (largest, 1.0), f"{name}, area": (area, 2.0)}
    for kernel in ("logistic", "gaussian"):
        largest, area = theory.errors_of(kernel, scales, STEP)
        laws |= {f"step, {kernel}, largest": (largest, 0.0), f"step, {kernel}, area": (area, 1.0)}
    laws["cos, gaussian"] = np.array([theory.cosine_error(s / 4) for s in scales]), 2.0
    off = {
        name: abs(theory.slope_of(np.array(scales), errors) - power) for name, (errors, power) in laws.items()
    }
    worst = max(off, key=off.__getitem__)
    return checked(
        off[worst] <= 0.02,
        f"{len(laws)} exponents fitted over s = {scales[0]} to 1/{1 / scales[-1]:g}, from errors on 160,001 places:"
        f" off by {off[worst]:.3f} at most ({worst}).",
    )


def closed_form() -> Check:
    """Check T4 against adaptive quadrature."""
    places = np.array([-3.3, -1.0, -0.2, 0.0, 0.45, 1.7, 6.1])
    worst = 0.0
    for function in FUNCTIONS.values():
        for kernel, scale in (("logistic", 0.5), ("gaussian", 0.7)):
            closed = theory.smooth_piecewise_linear(places, function, kernel, scale)
            integrals = [
                theory.convolution(_scalar(function), x, kernel, scale, function.knots) for x in places
            ]
            worst = max(worst, float(np.abs(closed - integrals).max()))
    return checked(
        worst <= 1e-12,
        f"{len(FUNCTIONS)} functions, logistic and Gaussian, at {len(places)} places, against adaptive quadrature:"
        f" error {below(worst, 1e-12)}.",
    )


def _scalar(function: PiecewiseLinear) -> Callable[[Any], float]:
    return lambda y: float(function(np.array(y)))


def cauchy_failure() -> Check:
    """Check T5 in symbols."""
    x, y = sp.symbols("x y", real=True)
    a = sp.Symbol("a", positive=True)
    integral = sp.integrate(y * Cauchy(a).density(x - y), (y, 0, sp.oo))
    far = sp.limit(x * Cauchy(a).cdf(x) - x, x, sp.oo)
    return checked(
        integral == sp.oo and far == -a / sp.pi,
        f"Symbolically: the integral is {'∞' if integral == sp.oo else integral}, and x Φ(x) − x tends to"
        f" {str(far).replace('-', '−').replace('pi', 'π')}.",
    )


THEOREMS = (
    Theorem(
        "T1",
        "Convolved with the derivative of σ(tx), ReLU becomes log(1 + e^(tx))/t, softplus at t = 1; with a"
        " Gaussian it becomes xΦ(x/σ) + σφ(x/σ). With the step smoothed in xθ(x) it becomes xσ(tx), Swish at"
        " t = 1, and xΦ(x/σ), GELU at σ = 1.",
        _article("section ReLU激活"),
        "The integrals (sections 2.3 and 2.5).",
        known_activations,
    ),
    Theorem(
        "T2",
        "Functions with countably many jumps can be smoothed, such as the floor: for −M ≪ x ≪ N it is about"
        " −M − 1 + Σ Φ(x − n) over n from −M to N. With Φ = σ(tx), t = 10, M = 5, N = 10 this is fairly close,"
        " and a larger t brings it closer.",
        _article("sections 光滑近似 and 取整函数"),
        "A sum that telescopes (section 2.6). Closer in the mean: at the jumps the error stays (section 2.8).",
        floor_formula,
    ),
    Theorem(
        "T3",
        "With the width s, the error of the four smooth ReLUs falls as s where it is largest and as s² in"
        " area; that of a smoothed step not at all where it is largest and as s in area; that of a smooth"
        " function as s².",
        _course("2.8"),
        "g(x) = E f(x − sU), and a change of variables (section 2.8).",
        error_laws,
    ),
    Theorem(
        "T4",
        "Every function of finitely many linear pieces, with jumps Jₖ and changes of slope mₖ at aₖ, is smoothed to"
        " b₀ + m₀x + Σ Jₖ Φ(x − aₖ) + Σ mₖ r(x − aₖ), where Φ = ∫φ and r = ∫Φ.",
        _course("2.7"),
        "f″ is a sum of δ and δ′; convolve, and integrate twice (section 2.7).",
        closed_form,
    ),
    Theorem(
        "T5",
        "Cauchy's kernel, which the article lists, cannot smooth ReLU: the convolution diverges. xΦ(x) exists,"
        " and stays below ReLU by a/π even far to the right.",
        _course("2.4"),
        "The density falls as 1/y² and ReLU grows as y (section 2.4).",
        cauchy_failure,
    ),
)

# ---------------------------------------------------------------- measured here

#: The depth of the digits' network by study.
DEPTHS = {study: PRESETS[study].depth for study in ("cpu", "deep")}


def final_loss(run: Record) -> float:
    """Return log₁₀ of the mean training loss over the last tenth of a run's logged steps."""
    loss = run.curve("loss")[1]
    return math.log10(float(np.mean(loss[-(len(loss) // 10) :])))


def log_error(run: Record) -> float:
    """Return log₁₀ of the largest error of a solution, whose spread over seeds is one of factors."""
    return math.log10(float(run["max error"]))


def _scale(runs: Runs, what: str) -> str:
    config = next(iter(runs)).config
    seeds = len({run.seed for run in runs})
    return f"{what}, {config['steps']} steps, {seeds} seeds"


def _mlp(runs: Runs) -> str:
    depths = " and ".join(map(str, runs.by("depth")))
    return _scale(runs, f"digits of 8 × 8, an MLP of depth {depths} with torch's default initialisation")


def _learnt(name: str, accuracy: Spread) -> Any:
    share, what = next((share, what) for what, share in digits_baselines().items())
    return beats_baseline(name, accuracy, share, over=what)


def easier_to_optimise() -> Evidence:
    """Measure C4 by the training loss on digits, at both depths."""
    runs = load_runs(ROOM).where(study=set(DEPTHS), activation={"relu", "gaussian"}, width=1.0)
    comparisons, accuracies = {}, []
    for depth, group in runs.by("depth").items():
        relu, smooth = (group.where(activation=name) for name in ("relu", "gaussian"))
        comparisons[f"depth {depth}"] = paired(relu[final_loss], smooth[final_loss])
        accuracies.append(f"{smooth['accuracy']} and {relu['accuracy']}")
    return Evidence(
        text=f"log₁₀ of the final training loss, ReLU minus Gaussian ReLU: {told(comparisons)}; accuracy of the"
        f" Gaussian ReLU and of ReLU {', '.join(accuracies)}",
        holds=all(leads(comparisons).values()),
        scale=_mlp(runs),
        why={
            Verdict.NOT_REPRODUCED: f"The Gaussian ReLU's loss is clearly lower: {listed(leads(comparisons))}."
        },
        preconditions=[
            enough_seeds(runs),
            *(
                _learnt(f"ReLU at depth {depth}", group.where(activation="relu")["accuracy"])
                for depth, group in runs.by("depth").items()
            ),
        ],
    )


def sau_against_relu() -> Evidence:
    """Measure C5 on digits, which is not its setting."""
    runs = load_runs(ROOM).where(study=set(DEPTHS), activation={"relu", "sau"})
    comparisons = {
        f"depth {depth}": paired(*(group.where(activation=name)["accuracy"] for name in ("sau", "relu")))
        for depth, group in runs.by("depth").items()
    }
    return Evidence(
        text=f"accuracy of SAU minus that of ReLU: {told(comparisons)}",
        holds=all(leads(comparisons).values()),
        scale=_mlp(runs),
        why={Verdict.NOT_REPRODUCED: f"SAU is clearly ahead: {listed(leads(comparisons))}."},
        preconditions=[
            same_setting(
                False,
                "The sentence is about ShuffleNet V2 on CIFAR-100; recorded are a small MLP on digits.",
            ),
            enough_seeds(runs),
        ],
    )


def trains_through_the_floor() -> Evidence:
    """Measure C8."""
    runs = load_runs(ROOM).where(study="floor")
    hard, line, through = (
        runs.where(activation=name)["matches"] for name in ("hard", "identity", "straight_through")
    )
    smooth = runs.where(activation="smooth", width=0.1)["matches"]
    shares = f"smooth floor (t = 10) {smooth}, hard floor {hard}"
    return Evidence(
        text=f"right at unseen places: {shares}; straight-through {through}, the line x − ½ {line}",
        holds=smooth.interval()[0] >= 0.95 and hard.interval()[1] <= 0.5,
        scale=_scale(runs, "two parameters, 512 points"),
        why={Verdict.NOT_REPRODUCED: f"One of the two intervals reaches too far: {shares}."},
        preconditions=[
            enough_seeds(runs),
            beats_baseline("The smooth floor", smooth, line, over="the line x − ½, trained without a floor"),
        ],
    )


def mean_shift() -> Evidence:
    """Measure C9 on digits at depth 6."""
    runs = load_runs(ROOM).where(study="deep")
    groups = {
        key: runs.where(activation=key[0], width=key[1])
        for key in (("softplus", 1.0), ("softplus_centred", 1.0), ("gaussian", 1.0), ("gaussian", 0.3))
    }
    softplus, centred, wide, narrow = (group["accuracy"] for group in groups.values())
    comparisons = dict(zip(REPAIRS, (paired(centred, softplus), paired(narrow, wide)), strict=True))
    relu = runs.where(activation="relu")["accuracy"]
    return Evidence(
        text=f"accuracy gained: {told(comparisons)}; softplus {softplus}, minus log 2 {centred}; Gaussian"
        f" ReLU {wide}, of σ = 0.3 {narrow}; ReLU {relu}",
        holds=leads(comparisons),
        scale=_mlp(runs),
        why={
            Verdict.PARTLY: f"Clearly ahead: {listed(leads(comparisons))}.",
            Verdict.NOT_REPRODUCED: f"Neither gain is clear: {told(comparisons)}.",
        },
        preconditions=[
            enough_seeds(runs),
            same_setting(
                False,
                "The sentence is about deep networks; recorded are those of one initialisation, under which the"
                " differences between examples fade with ReLU too, so that g(0) is not told from it.",
            ),
            _learnt("Softplus", softplus),
            head_room(
                "accuracy of", {"softplus": softplus, "the Gaussian ReLU": wide}, ceiling=1.0, margin=0.02
            ),
            *(converged(group, "loss") for group in groups.values()),
        ],
    )


def second_derivatives() -> Evidence:
    """Measure C10 on the differential equation, against each smooth activation."""
    runs = load_runs(ROOM).where(study="physics")
    errors = {key: group[log_error] for key, group in runs.by("activation", "width").items()}
    relu = errors.pop(("relu", 1.0))
    comparisons = {f"over {label(*key)}": paired(relu, smooth) for key, smooth in errors.items()}
    unclear = [name for name, clear in leads(comparisons).items() if not clear]
    return Evidence(
        text=f"log₁₀ of the largest error of the solution with ReLU {fixed(relu.mean)}; {told(comparisons)}",
        holds=not unclear,
        scale=_scale(runs, "one equation in one dimension, an MLP of depth 2"),
        why={Verdict.NOT_REPRODUCED: f"ReLU's error is not clearly larger: {', '.join(unclear)}."},
        preconditions=[
            enough_seeds(runs),
            *(
                beats_baseline(
                    label(*key),
                    smooth,
                    0.0,
                    over="the solution u = 0, by log₁₀ of its error",
                    lower_is_better=True,
                )
                for key, smooth in errors.items()
            ),
        ],
    )


REPAIRS = ("subtracting g(0) from softplus", "a narrower kernel for the Gaussian ReLU")

CLAIMS = (
    Claim(
        "C4",
        "We optimise by gradients, so smooth models may be easier to optimise, for their gradient is"
        " continuous.",
        _article("introduction (as its motivation)"),
        "Digits, with 2 and with 6 hidden layers: after the same number of steps the training loss with the"
        " Gaussian ReLU (σ = 1) is below that with ReLU. Paired t on log₁₀ of the mean loss over the last"
        " tenth of the logged steps, two-sided, α = 0.05 after Holm over the two; both are needed.",
        easier_to_optimise,
        scale="none reported",
    ),
    Claim(
        "C5",
        "Replacing ReLU by SAU, a smoothed leaky ReLU, gives ShuffleNet V2 (2.0x) 5.12 % more on CIFAR-100.",
        Source("paper", "Biswas et al., arXiv 2109.13210, abstract"),
        "The accuracy of SAU (α = 0.15, σ = 1) is above that of ReLU in all settings that are recorded: paired"
        " t, two-sided, α = 0.05 after Holm.",
        sau_against_relu,
        scale="CIFAR-100, ShuffleNet V2 2.0x",
        published="+5.12 points",
    ),
    Claim(
        "C8",
        "One can train through a smooth floor, where the hard one has no gradient.",
        _course("4.3"),
        "After training through the floor of t = 10, the 95 % interval of the share of unseen places that get"
        " the right whole number begins above 0.95; through the hard floor it ends below 0.5.",
        trains_through_the_floor,
    ),
    Claim(
        "C9",
        "In deep networks softplus and the wide Gaussian ReLU suffer from their positive value at 0:"
        " subtracting it, or a narrower kernel, helps.",
        _course("4.2"),
        "Accuracy on digits with 6 hidden layers: softplus − log 2 is above softplus, and the Gaussian ReLU of"
        " σ = 0.3 above that of σ = 1. Paired t, two-sided, α = 0.05 after Holm over the two.",
        mean_shift,
        parts=REPAIRS,
    ),
    Claim(
        "C10",
        "Where the loss contains second derivatives of the network, ReLU does not learn the solution that"
        " smooth activations learn.",
        _course("4.1"),
        "The largest error of the solution of u″ = −π² sin πx is larger with ReLU than with each of five smooth"
        " activations: paired t on its log₁₀, two-sided, α = 0.05 after Holm over the five.",
        second_derivatives,
    ),
)

# ---------------------------------------------------------------- for the notebook's figures and tables

#: Of these the width does not matter.
_WITHOUT_WIDTH = ("relu", "hard", "identity", "straight_through")


def label(activation: str, width: int | float) -> str:
    """Return what an activation, or a way through the floor, is called: "relu", "softplus − g(0), s = 1"."""
    name = activation.replace("_centred", " − g(0)").replace("straight_through", "straight-through")
    if activation in _WITHOUT_WIDTH:
        return name
    parts = round(1 / width)
    return f"{name}, s = " + (f"1/{parts}" if parts > 1 and math.isclose(parts * width, 1) else f"{width:g}")


def digits_baselines() -> dict[str, float]:
    """Return the accuracies on the test digits of two answers that need no training."""
    task = load_task(PRESETS["cpu"])
    assert isinstance(task, PictureTask)
    return task.baselines()


def floor_table() -> Table:
    """Return what was recovered through the floor. The line x − ½, trained without one, is a baseline."""
    runs = load_runs(ROOM).where(study="floor")
    line = runs.where(activation="identity")
    config = PRESETS["floor"]
    guesses = [FloorTask(config.points, run.seed, torch.device("cpu")).guess() for run in line]
    others = runs.where(activation={run.config["activation"] for run in runs} - {"identity"})
    return others.table(
        ["activation", "width"],
        ["matches", "error of a", "error of b"],
        label=label,
        baselines={
            "the most frequent whole number": {"matches": float(np.mean(guesses))},
            "the line x − ½": line,
        },
        digits={"error of a": 4, "error of b": 4},
    )
