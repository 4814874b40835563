"""How well cosines agree with labels: rank correlation with its interval, confusion, ROC, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.stats import rankdata
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from sjedu.roformer_sim.evaluation import spearman
from sjedu.supervised_similarity.tasks import PairSet

Encode: TypeAlias = Callable[[Sequence[str]], Tensor]
Numbers: TypeAlias = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation, with a bootstrap interval.

    Attributes:
        value: of the pairs at hand.
        low: lower end of the interval.
        high: its upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]".replace("-", "−")


def bootstrap(
    scores: Numbers, labels: Numbers, *, samples: int = 1000, level: float = 0.95, seed: int = 0
) -> Correlation:
    """Return the rank correlation with the percentile interval over pairs drawn with replacement.

    The interval says how much the figure depends on which pairs were tested, not on the seed of the training.

    Args:
        scores: of the pairs.
        labels: of the pairs.
        samples: how often pairs are drawn.
        level: how much of the resampled figures lies within.
        seed: of the draws.

    Raises:
        ValueError: as `spearman`, and if samples or level make no sense. Draws in which all labels are equal are drawn
            again.
    """
    if samples < 20 or not 0 < level < 1:
        raise ValueError(f"samples must be at least 20 and level in (0, 1), got {samples} and {level}")
    value = spearman(scores, labels)
    x, y = _two(scores, labels)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(x), (samples, len(x)))
    while (flat := (np.ptp(y[drawn], axis=1) == 0) | (np.ptp(x[drawn], axis=1) == 0)).any():
        drawn[flat] = rng.integers(0, len(x), (int(flat.sum()), len(x)))
    found = _correlations(rankdata(x[drawn], axis=1), rankdata(y[drawn], axis=1))
    tail = 50 * (1 - level)
    low, high = np.percentile(found, (tail, 100 - tail))
    return Correlation(value, float(low), float(high))


def cosines(encode: Encode, pairs: PairSet) -> Float[Tensor, " pairs"]:
    """Return the cosine of each pair; every sentence is encoded once."""
    texts = list(dict.fromkeys((*pairs.first, *pairs.second)))
    place = {text: i for i, text in enumerate(texts)}
    vectors = torch.nn.functional.normalize(encode(texts), dim=-1)
    first, second = (vectors[[place[text] for text in column]] for column in (pairs.first, pairs.second))
    return (first * second).sum(-1)


def evaluate(encode: Encode, sets: Sequence[PairSet], *, samples: int = 300) -> dict[str, Correlation]:
    """Return of each set how well the order of the cosines agrees with that of the labels.

    Raises:
        ValueError: if a set has only one class, or all cosines are equal; names the set.
    """
    found = {}
    for pairs in sets:
        try:
            found[pairs.name] = bootstrap(
                cosines(encode, pairs).cpu().double().numpy(), pairs.order().numpy(), samples=samples
            )
        except ValueError as error:
            raise ValueError(f"{pairs.name}: {error}") from error
    return found


# ---------------------------------------------------------------- thresholds


@dataclass(frozen=True)
class Confusion:
    """What a threshold on the score makes of the labels: alike where the score is at least the threshold."""

    true_alike: int
    false_alike: int
    missed: int
    true_other: int

    @property
    def accuracy(self) -> float:
        """The share of pairs that are answered right."""
        total = self.true_alike + self.false_alike + self.missed + self.true_other
        return (self.true_alike + self.true_other) / total

    @property
    def precision(self) -> float:
        """Of those called alike, the share that is; 1 where none is called alike."""
        called = self.true_alike + self.false_alike
        return self.true_alike / called if called else 1.0

    @property
    def recall(self) -> float:
        """Of those alike, the share that is called so."""
        return self.true_alike / (self.true_alike + self.missed)

    @property
    def false_rate(self) -> float:
        """Of those not alike, the share that is called alike."""
        return self.false_alike / (self.false_alike + self.true_other)


def confusion(scores: Numbers, alike: Numbers, threshold: float) -> Confusion:
    """Return the confusion table at a threshold.

    Raises:
        ValueError: if lengths differ, a label is neither 0 nor 1, or one of the two does not occur.
    """
    x, t = _binary(scores, alike)
    called = x >= threshold
    counts = [
        int(np.sum(called & t)),
        int(np.sum(called & ~t)),
        int(np.sum(~called & t)),
        int(np.sum(~called & ~t)),
    ]
    return Confusion(*counts)


def roc(
    scores: Numbers, alike: Numbers
) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    """Return the rates of falsely and of rightly called pairs, for all thresholds from above to below.

    Raises:
        ValueError: as `confusion`.
    """
    x, t = _binary(scores, alike)
    order = np.argsort(-x, kind="stable")
    last = np.append(np.diff(x[order]) != 0, True)  # where a run of equal scores ends
    rights, wrongs = np.cumsum(t[order])[last], np.cumsum(~t[order])[last]
    return np.append(0.0, wrongs / wrongs[-1]), np.append(0.0, rights / rights[-1])


def auc(scores: Numbers, alike: Numbers) -> float:
    """Return the probability that a pair that is alike outscores one that is not; ties count half.

    Raises:
        ValueError: as `confusion`.
    """
    x, t = _binary(scores, alike)
    positives = int(t.sum())
    below = rankdata(x)[t].sum() - positives * (positives + 1) / 2
    return float(below / (positives * (len(t) - positives)))


def best_threshold(scores: Numbers, alike: Numbers) -> float:
    """Return the threshold with the best accuracy: midway between two scores; the lowest of equally good ones.

    Raises:
        ValueError: as `confusion`.
    """
    x, _ = _binary(scores, alike)
    values = np.unique(x)
    candidates = [values[0] - 1e-6, *((values[1:] + values[:-1]) / 2), values[-1] + 1e-6]
    return float(max(candidates, key=lambda threshold: confusion(x, alike, threshold).accuracy))


# ---------------------------------------------------------------- calibration


class Calibration:
    """From a cosine to the probability that the pair is alike, learnt on labelled pairs that nothing else saw.

    "isotonic" fits any increasing step function, "platt" a logistic curve in the cosine. Both leave the order, and so
    Spearman, as it is (isotonic may tie); what they add is that 0.8 means eight in ten.

    Args:
        scores: cosines of labelled pairs.
        alike: 1 or 0 of each.
        kind: of the curve.

    Raises:
        ValueError: if there is no such kind, lengths differ, or one class is missing.
    """

    def __init__(
        self, scores: Numbers, alike: Numbers, kind: Literal["isotonic", "platt"] = "isotonic"
    ) -> None:
        x, t = _binary(scores, alike)
        if kind == "isotonic":
            curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, t.astype(float))
            self._probability: Callable[[np.ndarray], np.ndarray] = curve.predict
        elif kind == "platt":
            line = LogisticRegression(C=1e6).fit(x[:, None], t)
            self._probability = lambda scores: line.predict_proba(scores[:, None])[:, 1]
        else:
            raise ValueError(f"kind must be 'isotonic' or 'platt', got {kind!r}")

    def __call__(self, scores: Numbers) -> Float64[np.ndarray, " pairs"]:
        """Return the probabilities of pairs with these cosines."""
        return np.asarray(self._probability(np.asarray(scores, dtype=np.float64)), dtype=np.float64)


def calibration_error(probabilities: Numbers, alike: Numbers, bins: int = 10) -> float:
    """Return the mean gap between stated probability and share of alike pairs, over equally wide bins (ECE).

    Raises:
        ValueError: if lengths differ, a label is neither 0 nor 1, or a probability is not in [0, 1].
    """
    p, t = _two(probabilities, alike)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"probabilities must be in [0, 1], got {p.min():.3f} to {p.max():.3f}")
    place = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [
        abs(float(np.mean(p[place == b] - t[place == b]))) * float(np.mean(place == b)) for b in set(place)
    ]
    return float(sum(gaps))


# ---------------------------------------------------------------- checks


def mean_of(found: Mapping[str, Correlation], names: Sequence[str]) -> float:
    """Return the mean correlation over sets."""
    return float(np.mean([found[name].value for name in names]))


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    return np.asarray((x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1)))


def _two(scores: Numbers, labels: Numbers) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"scores and labels must be equally many, got shapes {x.shape} and {y.shape}")
    if len(x) < 2:
        raise ValueError(f"scores: expected at least two pairs, got {len(x)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("scores and labels must be finite")
    return x, y


def _binary(scores: Numbers, alike: Numbers) -> tuple[np.ndarray, np.ndarray]:
    x, t = _two(scores, alike)
    if unknown := set(t.tolist()) - {0.0, 1.0}:
        raise ValueError(f"alike must be 0 or 1, got {sorted(unknown)}")
    if len(set(t.tolist())) < 2:
        raise ValueError(f"alike: all pairs have the label {t[0]:.0f}; expected some of both")
    return x, t == 1
