"""What the article and its paper claim, the rule by which each claim is judged, and the measurements.

Each measurement is a function that returns what `ClaimSheet.measure` takes: the figure as text, why it came out
so, and the values that the claim's rule reads. Those that need training read the recorded runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from sjedu.records import Record, Spread, lead
from sjedu.records.comparison import Comparison
from sjedu.records.old_claims import Claim, Verdict
from sjedu.wgan import batch_distance, pixel_distance, theory

Measured: TypeAlias = dict[str, Any]
Values: TypeAlias = Mapping[str, Any]

ARTICLE = "Su, kexue.fm/archives/8244"
PAPER = "Stanczuk et al., arXiv 2103.01678"
DIGITS = ("digits_halves", "digits_groups", "digits_noise")
PENALISED = ("clip:0.01", "spectral", "gp:10", "lp:10")

# ---------------------------------------------------------------- the claims and their rules


def _static(v: Values) -> Verdict:
    held = {
        pair: 0.9 <= r["c_transform"] <= 1.0 and max(r[kind] for kind in PENALISED) < 0.8
        for pair, r in v["ratios"].items()
    }
    return Verdict.of(all(held.values()), all(held[pair] for pair in DIGITS))


def _training(v: Values) -> Verdict:
    tracks = min(v["transform_ratios"]) >= 0.9 and max(v["transform_ratios"]) <= 1.0
    tracks = tracks and min(v["transform_correlations"]) > 0.95
    fails = max(v["penalty_ratios"]) < 0.4 and max(v["penalty_correlations"]) <= 0
    return Verdict.of(tracks and fails, tracks and max(v["penalty_ratios"]) < 0.4)


def _worse(v: Values) -> Verdict:
    return Verdict.of(min(v["leads"].values()) > 2, v["leads"]["frechet"] > 2)


def _batches(v: Values) -> Verdict:
    centroids, mean = v["centroids"] < v["real"], v["mean"] < v["real"]
    return Verdict.of(centroids and mean, centroids or mean)


def _pixels(v: Values) -> Verdict:
    return Verdict.of(min(v["stranger"], v["blur"]) > 0.5, max(v["stranger"], v["blur"]) > 0.5)


def _clusters(v: Values) -> Verdict:
    near = all(to_centres < to_data for to_data, to_centres in v["transform"])
    far = all(to_centres > to_data for to_data, to_centres in v["penalty"])
    return Verdict.of(near and far, near or far)


def _grow_below_one(pairs: Sequence[tuple[float, float]], final: Sequence[float]) -> bool:
    return all(early < late for early, late in pairs) and max(final) < 1


def _incomplete(v: Values) -> Verdict:
    replacement = _grow_below_one(v["untrained"], v["final"])
    return Verdict.of(replacement and _grow_below_one(v["ten_steps"], v["final"]), replacement)


def _helps(v: Values) -> Verdict:
    return Verdict.of(min(v["leads"].values()) > 2, max(v["leads"].values()) > 2)


def _zero_centred(v: Values) -> Verdict:
    return Verdict.of(min(v["leads"] + v["tuned_leads"]) > 2, min(v["leads"]) > -2)


def _theory(v: Values) -> Verdict:
    oracle = v["oracle_bias"] < 2 and v["oracle_sd"] < 0.2
    return Verdict.of(
        oracle and v["batch_bias"] > 2 and v["theta"] < 1, v["batch_bias"] > 2 and v["theta"] < 1
    )


def _population(v: Values) -> Verdict:
    near = [abs(ratio - 1) < 0.25 for ratio in v["penalty"]]
    far = [abs(ratio - 1) > 1.0 for ratio in v["transform"]]
    return Verdict.of(all(near) and all(far), any(a and b for a, b in zip(near, far, strict=True)))


def _control(v: Values) -> Verdict:
    return Verdict.of(min(v["zero"].values()) >= 0.8)


CLAIMS = (
    Claim(
        "C1",
        "On fixed samples, WGAN-GP and its kin are far from the Wasserstein distance, and the c-transform is near.",
        f"{ARTICLE}, after {PAPER} and Mallasto et al., arXiv 1910.03875",
        "Estimate / exact distance of the sample, mean over seeds. Reproduced if on all four pairs the"
        " c-transform has 0.9 to 1.0 and clipping, spectral normalisation, GP and LP stay below 0.8; partly"
        " if on the three pairs of digits.",
        _static,
    ),
    Claim(
        "C2",
        "So it is in training: the c-transform follows the batch distance, the gradient penalty does not.",
        f"{ARTICLE}, after {PAPER}",
        "Reproduced if for every seed estimate / exact is in 0.9 ... 1.0 and the correlation above 0.95 with the"
        " c-transform, and below 0.4 and at most 0 with GP; partly if GP's correlation is above 0.",
        _training,
    ),
    Claim(
        "C3",
        "The critic that approximates the distance better gives the worse generator.",
        f"{ARTICLE}, after {PAPER}",
        "Lead of GP over the c-transform in Fréchet distance, recall and nearness to the data's share of mid-grey"
        " pixels, in pooled standard errors over seeds: reproduced if all exceed 2, partly if the first does.",
        _worse,
    ),
    Claim(
        "C4",
        "The batch distance takes the mean picture repeated, and cluster centres, for nearer to a real batch than"
        " other real pictures.",
        f"{ARTICLE}, after {PAPER}",
        "Digits, batches of 64: reproduced if both the mean and the centres are nearer than real digits, partly"
        " if one is.",
        _batches,
    ),
    Claim(
        "C5",
        "The Euclidean distance of pixels ranks a small shift as farther than a blur, or than another class.",
        f"{ARTICLE}, last argument",
        "Digits on 32x32: reproduced if a shift by 2 pixels is farther than a blur of σ = 2, and than the"
        " nearest digit of another class, for more than half of 300; partly if one of them.",
        _pixels,
    ),
    Claim(
        "C6",
        "What minimises the batch distance looks like the centres of a clustering.",
        f"{ARTICLE}, last argument",
        "Reproduced if, for every seed, samples of the c-transform and of exact transport are nearer to"
        " k-means centres than to training digits, and samples of GP the reverse; partly if one half holds.",
        _clusters,
    ),
    Claim(
        "C7",
        "In practice the maximum is never reached: an estimate grows with the critic's steps, and stays below.",
        f"{ARTICLE}, second argument",
        "GP and c-transform on the three pairs of digits. Stated before the runs: each estimate / exact grows from 10"
        " steps to the last, and ends below 1. Added after the runs, because that holds a batch against the whole"
        " sample: each is higher after the last step than untrained (GP's first, and f = 0), and ends below 1. A rule"
        " that comes after the runs earns no full verdict: reproduced if both hold, partly if only the added one.",
        _incomplete,
    ),
    Claim(
        "C8",
        "What helps is the Lipschitz constraint, with nearly any loss.",
        f"{ARTICLE}, conclusion",
        "Modes found on the ring of eight Gaussians. Lead of each constraint over none, for each loss, in pooled"
        " standard errors: reproduced if all exceed 2, partly if any does.",
        _helps,
    ),
    Claim(
        "C9",
        "A penalty that is centred at zero does better than one centred at one.",
        f"{ARTICLE}, as a preference",
        "Modes found on the ring, lead of 0-GP (λ = 0.5) over GP (λ = 10), with the non-saturating and the"
        " Wasserstein loss: reproduced if both exceed 2 pooled standard errors, partly if neither is below -2. Added"
        " after the runs, and it can only take away: not more than partly, unless the lead over a GP whose λ fits the"
        " ring (0.1; with the Wasserstein loss, five critic steps) exceeds 2 as well.",
        _zero_centred,
    ),
    Claim(
        "C10",
        "The true potential estimates the distance without bias and whatever the dimension; the batch distance is"
        " biased upwards, and its minimum is not at the truth.",
        f"{PAPER}, theory; wording and experiment are ours",
        "Shifted Gaussians: reproduced if the oracle's mean is within 2 standard errors of the distance and its"
        " deviation within 20 % of √(2/n), in each of three settings, the batch distance is above by more than 2"
        " standard errors, and θ* < 1 for all n and d tried; partly without the oracle.",
        _theory,
    ),
    Claim(
        "C11",
        "Against the distance of the populations it is the other way round: GP is near, the c-transform is not.",
        "ours",
        "Shifted Gaussians, batches of 64: reproduced if in each of three settings GP is within 25 % of the distance"
        " and the c-transform off by more than 100 %; partly if in one.",
        _population,
    ),
    Claim(
        "C12",
        "That the c-transform is accurate says little about the critic: f = 0, which never learnt anything,"
        " nearly is.",
        "ours",
        "Reproduced if f = 0 gives at least 0.8 of the exact distance on each of the three pairs of digits.",
        _control,
    ),
)

# ---------------------------------------------------------------- reading records


def static_records(records: Sequence[Record], pair: str, **numbers: float | int) -> list[Record]:
    """The recorded estimations of a pair of samples.

    Raises:
        ValueError: if there is none.
    """
    wanted = {"study": "static", "pair": pair, **numbers}
    found = [r for r in records if all(r.config.get(key) == value for key, value in wanted.items())]
    if not found:
        raise ValueError(f"records: expected some with {wanted}, got none")
    return found


def ratios(found: Sequence[Record], of: str = "exact") -> dict[str, Spread]:
    """What each critic, and f = 0 ("zero"), says of a pair, divided by the true distance; the spread over seeds."""
    names = ["zero", *found[0].config["critics"]]
    return {
        name: Spread(tuple(r.metrics[name]["mean"] / r.metrics[of]["mean"] for r in found)) for name in names
    }


def game(record: Record) -> str:
    """What a generator was trained with: "wasserstein + gp 10", "transport"."""
    constraint, strength = record.config["constraint"], record.config["strength"]
    if constraint == "none":
        return str(record.config["loss"])
    number = "" if constraint == "spectral" else f" {strength:g}"
    return f"{record.config['loss']} + {constraint}{number}"


#: What the runs of the games compare.
COMPARISON = Comparison("wgan", "game", label=game, order=str)
spreads, summary = COMPARISON.spreads, COMPARISON.summary


# ---------------------------------------------------------------- measurements on the recorded runs


def static(records: Sequence[Record]) -> Measured:
    """Measure C1."""
    found = {pair: ratios(static_records(records, pair)) for pair in ("ring", *DIGITS)}
    means = {pair: {name: spread.mean for name, spread in of.items()} for pair, of in found.items()}
    shown = "; ".join(
        f"{pair.replace('_', ' ')}: GP {r['gp:10']:.2f}, c-transform {r['c_transform']:.2f}"
        for pair, r in means.items()
    )
    return {
        "text": shown,
        "why": "In the plane a critic with a gradient penalty is near; in 64 dimensions none of the"
        " constrained critics is. The c-transform can never exceed 1, whatever the critic, by weak duality.",
        "ratios": means,
    }


def training(records: Sequence[Record]) -> Measured:
    """Measure C2 on the runs with digits."""
    found = {metric: spreads(records, "digits", metric) for metric in ("ratio", "correlation")}
    transform = {metric: of["c_transform"] for metric, of in found.items()}
    penalty = {metric: of["wasserstein + gp 10"] for metric, of in found.items()}
    return {
        "text": f"c-transform: {transform['ratio']}, correlation {transform['correlation']};"
        f" GP: {penalty['ratio']}, correlation {penalty['correlation']}",
        "why": "The sign of the correlation depends on where one starts to count: with the critic's first word, of"
        " before it learnt anything, it is positive, from step 200 on"
        f" {correlations(records, 'digits', 200)['wasserstein + gp 10']}, because GP's estimate goes on falling"
        " while the exact distance of the batches rises again. What this critic says is not that distance.",
        "transform_ratios": transform["ratio"].values,
        "transform_correlations": transform["correlation"].values,
        "penalty_ratios": penalty["ratio"].values,
        "penalty_correlations": penalty["correlation"].values,
    }


def correlations(records: Sequence[Record], study: str, since: int) -> dict[str, Spread]:
    """The correlation of estimates and exact batch distances from one step on, for each game that estimates it."""
    found: dict[str, list[float]] = {}
    for record in records:
        if record.config["study"] == study and "correlation" in record.metrics:
            steps, said = record.curve("estimate")
            later = np.array(steps) >= since
            both = np.array(said)[later], np.array(record.curve("batch")[1])[later]
            found.setdefault(game(record), []).append(float(np.corrcoef(*both)[0, 1]))
    return {name: Spread(tuple(values)) for name, values in sorted(found.items())}


def worse(records: Sequence[Record], data_grey: float) -> Measured:
    """Measure C3 on the runs with digits; ``data_grey`` is the share of mid-grey pixels of the data."""
    pairs = {}
    for metric in ("frechet", "recall", "mid-grey"):
        of = spreads(records, "digits", metric)
        pairs[metric] = of["c_transform"], of["wasserstein + gp 10"]
    grey = [Spread(tuple(abs(value - data_grey) for value in spread.values)) for spread in pairs["mid-grey"]]
    leads = {
        "frechet": lead(*pairs["frechet"]),
        "recall": lead(*pairs["recall"][::-1]),
        "mid-grey": lead(*grey),
    }
    told = "; ".join(f"{metric} {transform} / {penalty}" for metric, (transform, penalty) in pairs.items())
    precision = spreads(records, "digits", "precision")
    return {
        "text": f"c-transform / GP: {told}",
        "why": "A judge that knows batch distances only would say the opposite: by them the blurry digits are nearer to"
        " data than data are. So would precision, which asks whether samples lie within reach of data, as averages do:"
        f" {precision['c_transform']} / {precision['wasserstein + gp 10']}.",
        "leads": leads,
    }


def clusters(records: Sequence[Record]) -> Measured:
    """Measure C6 on the runs with digits."""
    to_data, to_centres = (spreads(records, "digits", metric) for metric in ("to data", "to centres"))

    def pairs(*games: str) -> list[tuple[float, float]]:
        return [
            pair for each in games for pair in zip(to_data[each].values, to_centres[each].values, strict=True)
        ]

    told = {"c_transform": "c-transform", "transport": "exact transport", "wasserstein + gp 10": "GP"}
    return {
        "text": "to data / to centres: "
        + "; ".join(
            f"{name} {to_data[each].mean:.2f} / {to_centres[each].mean:.2f}" for each, name in told.items()
        ),
        "why": "k-means minimises the distance in pixels to as many points as a batch has, and so do they.",
        "transform": pairs("c_transform", "transport"),
        "penalty": pairs("wasserstein + gp 10"),
    }


def incomplete(records: Sequence[Record]) -> Measured:
    """Measure C7 on the fixed samples of digits."""
    found = [r for pair in DIGITS for r in static_records(records, pair)]
    # How much of the exact distance of the whole samples each critic says: at three times, of each record.
    said = {name: np.array([_course(r, name) for r in found]) for name in ("gp:10", "c_transform")}
    untrained, ten, final = np.concatenate([*said.values()]).T
    told = {"gp:10": "GP", "c_transform": "c-transform"}
    grown = {told[name]: np.sum(course[:, 1] < course[:, 2]) for name, course in said.items()}
    return {
        "text": "; ".join(
            "{} untrained {:.2f}, after 10 steps (batch) {:.2f}, at last {:.2f}".format(
                told[name], *course.mean(axis=0).round(2) + 0.0
            )
            for name, course in said.items()
        ),
        "why": "By the rule stated first, "
        + ", ".join(f"{name} grows in {count} of {len(found)} runs" for name, count in grown.items())
        + ": batches of 64 are farther apart than 800 points, so that the c-transform seems to fall. By the added rule"
        " it grows, but has little room: what it says before it learnt anything, with f = 0, is most of it.",
        "untrained": list(zip(untrained.tolist(), final.tolist(), strict=True)),
        "ten_steps": list(zip(ten.tolist(), final.tolist(), strict=True)),
        "final": final.tolist(),
    }


def _course(record: Record, name: str) -> tuple[float, float, float]:
    """What a critic says: untrained, after 10 steps on a batch, and at last on the samples; over their distance."""
    exact = record.metrics["exact"]["mean"]
    steps, noted = record.curve(name)
    untrained = noted[0] if name == "gp:10" else record.metrics["zero"]["mean"]
    ten = noted[min(range(len(steps)), key=lambda i: abs(steps[i] + 1 - 10))]
    return untrained / exact, ten / exact, record.metrics[name]["mean"] / exact


def helps(records: Sequence[Record]) -> Measured:
    """Measure C8 on the runs with the ring."""
    found = spreads(records, "ring", "modes")
    leads = {
        name: lead(spread, found[name.split(" + ")[0]]) for name, spread in found.items() if " + " in name
    }
    told = "; ".join(f"{name} {spread.mean:.1f}" for name, spread in found.items())
    failing = [name for name, value in leads.items() if not value > 2]
    return {
        "text": f"modes of 8: {told}",
        "why": f"No clear help from {', '.join(failing)}." if failing else "",
        "leads": leads,
    }


def zero_centred(records: Sequence[Record]) -> Measured:
    """Measure C9 on the runs with the ring."""
    found = spreads(records, "ring", "modes")
    pairs = [
        (found[f"{loss} + zero_gp 0.5"], found[f"{loss} + gp 10"])
        for loss in ("non_saturating", "wasserstein")
    ]
    five = spreads(records, "ring5", "modes")
    tuned = [
        (found["non_saturating + zero_gp 0.5"], found["non_saturating + gp 0.1"]),
        (five["wasserstein + zero_gp 0.5"], five["wasserstein + gp 0.1"]),
    ]

    def told(pairs: list[tuple[Spread, Spread]]) -> str:
        return "; ".join(f"{zero.mean:.1f} / {one.mean:.1f}" for zero, one in pairs)

    return {
        "text": f"modes, 0-GP / GP: {told(pairs)}; with λ and steps that fit: {told(tuned)}",
        "why": "λ has a scale: the ring has radius 2, and λ = 10, usual for pictures, holds a critic's slope near 1"
        " where a steeper one is needed. Against a GP that fits, the zero-centred penalty has no clear lead.",
        "leads": [lead(zero, one) for zero, one in pairs],
        "tuned_leads": [lead(zero, one) for zero, one in tuned],
    }


SHIFTS: tuple[tuple[int, float], ...] = ((16, 1.0), (64, 1.0), (64, 4.0))  # dimensions and distances


def biases(records: Sequence[Record], theta_stars: Mapping[tuple[int, int], float]) -> Measured:
    """Measure C10; ``theta_stars`` are the best θ by (n, d)."""
    bias, deviation, batch = [], [], []
    for dim, shift in SHIFTS:
        for record in static_records(records, "shift", dim=dim, shift=shift):
            count, size = record.config["evaluations"], record.config["batch_size"]
            oracle, exact = record.metrics["oracle"], record.metrics["exact"]
            bias.append(abs(oracle["mean"] - shift) / (oracle["sd"] / np.sqrt(count)))
            deviation.append(abs(oracle["sd"] / np.sqrt(2 / size) - 1))
            batch.append((exact["mean"] - shift) / (exact["sd"] / np.sqrt(count)))
    low, high = min(theta_stars.values()), max(theta_stars.values())
    return {
        "text": f"the oracle is off by at most {max(bias):.2f} standard errors, the batch distance by at least"
        f" {min(batch):.0f}; θ* from {low:.2f} to {high:.2f}",
        "oracle_bias": max(bias),
        "oracle_sd": max(deviation),
        "batch_bias": min(batch),
        "theta": high,
    }


def population(records: Sequence[Record]) -> Measured:
    """Measure C11."""
    found = {
        (dim, shift): ratios(static_records(records, "shift", dim=dim, shift=shift), "population")
        for dim, shift in SHIFTS
    }
    told = "; ".join(
        f"d = {dim}, W = {shift:g}: GP {r['gp:10'].mean:.2f}, c-transform {r['c_transform'].mean:.2f}"
        for (dim, shift), r in found.items()
    )
    return {
        "text": f"estimate / W: {told}",
        "why": "The c-transform follows the distance of the batches, which in high dimension is far above that of the"
        " populations. Where the claims above say “the Wasserstein distance”, they mean that of the sample.",
        "penalty": [r["gp:10"].mean for r in found.values()],
        "transform": [r["c_transform"].mean for r in found.values()],
    }


def control(records: Sequence[Record]) -> Measured:
    """Measure C12."""
    found = {pair: ratios(static_records(records, pair))["zero"].mean for pair in ("ring", *DIGITS)}
    return {
        "text": "f = 0: "
        + "; ".join(f"{pair.replace('_', ' ')} {value:.2f}" for pair, value in found.items()),
        "why": "With f = 0 the estimate is the mean distance to the nearest real point. In high dimension the nearest"
        f" point is hardly nearer than the one that transport assigns: for two samples of N(0, I) f = 0 says"
        f" {batch_distance.nearest_share(800, 1):.2f} of the distance in one dimension,"
        f" {batch_distance.nearest_share(800, 64):.2f} in 64. (The ring is an exception: it lies around"
        " N(0, I), and most points are assigned to the nearest mode.)",
        "zero": {pair: found[pair] for pair in DIGITS},
    }


# ---------------------------------------------------------------- measurements without training


def batches(records: Sequence[Record], n: int = 64, repeats: int = 20) -> Measured:
    """Measure C4; the records are asked for larger pictures, which the rule does not read."""
    found = batch_distance.tournament(n, repeats)
    small = batch_distance.win_rate(batch_distance.tournament(8, 50))
    larger = {
        record.config["dataset"]: record.metrics[str(n)]["wins"]
        for record in records
        if record.config["study"] == "tournament"
    }
    return {
        "text": f"n = {n}: real {found['real'].mean:.2f}, mean {found['mean'].mean:.2f},"
        f" centres {found['centroids'].mean:.2f}",
        "why": f"Digits of 8x8 have few dimensions: the mean wins for small batches only ({small:.0%} of those of 8)."
        f" With MNIST's pictures of 28x28 it wins {larger['mnist']:.0%} of the batches of {n}, with Fashion-MNIST's"
        f" {larger['fashion_mnist']:.0%}.",
        **{name: spread.mean for name, spread in found.items()},
    }


def pixels(count: int = 300) -> Measured:
    """Measure C5."""
    found = pixel_distance.pixel_distances(count)
    shift = found["shift by 2"]
    stranger = float((shift > found["nearest of another class"]).mean())
    fewer = float((shift > pixel_distance.nearest_stranger(count, count)[1]).mean())
    blur = float((shift > found["blur, σ = 2"]).mean())
    return {
        "text": f"a shift by 2 is farther than another class for {stranger:.0%}, than a blur of σ = 2 for {blur:.0%}",
        "why": f"The more digits there are, the nearer is one of another class: among all 1797 it is nearer than the"
        f" shifted digit for {stranger:.0%}, among {count} for {fewer:.0%} only.",
        "stranger": stranger,
        "blur": blur,
    }


#: Batch sizes for which the best θ is sought, and how many draws each gets.
DRAWS: dict[int, int] = {1: 8000, 4: 2000, 16: 400, 64: 60, 256: 12}


def theta_stars(seed: int = 0, share: float = 1.0) -> dict[tuple[int, int], float]:
    """The best θ for some (n, d), on a grid of 0.05; ``share`` of the draws makes it quicker, and less sure."""
    return {
        (n, d): theory.theta_star(n, d, max(2, round(share * draws)), seed)
        for d in (2, 10, 50)
        for n, draws in DRAWS.items()
    }
