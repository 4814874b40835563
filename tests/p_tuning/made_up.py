"""Records that no run wrote: accuracies made up so that every claim has a verdict to come to."""

import dataclasses

import numpy as np
from made_up_records import made_up

from sjedu.p_tuning.experiment import Config
from sjedu.p_tuning.tasks import HUMAN

BUDGETS = (4, 16, 256)
RISE = {4: 0.0, 16: 0.1, 256: 0.2}


def record(method, base, *, noise=0.01, **fields):
    """A run whose accuracies are `base`, a rise with the labels, and noise that all methods share."""
    config = Config(method=method, labels=BUDGETS, draws=4, **fields)
    shared = np.array([-1.0, 1.0, 0.5, -0.5]) * 0.05
    own = np.random.default_rng(len(method)).normal(size=4) * noise
    accuracy = {str(n): [round(base + RISE[n] + s, 4) for s in shared + own] for n in BUDGETS}
    metrics = {"accuracy": accuracy, "parameters": 768}
    if method == "zero_shot":
        metrics["zero_shot"] = {t.pattern: 0.8 - 0.05 * i for i, t in enumerate(HUMAN[config.kind])}
        metrics["accuracy"] = {str(n): [base] * 4 for n in BUDGETS}
    return made_up(config.name, dataclasses.asdict(config), metrics, lesson="p_tuning")


STARTS = ("p_tuning", "p_tuning_words", "p_tuning_unused", "p_tuning_template")


def runs():
    bases = {
        "zero_shot": 0.82, "fine_tune": 0.55, "pet": 0.62, "adapter": 0.6, "p_tuning": 0.68, "p_tuning_auxiliary": 0.7,
        "p_tuning_unused": 0.5, "p_tuning_words": 0.52, "p_tuning_template": 0.7, "p_tuning_full": 0.6,
        "p_tuning_full_words": 0.5,
    }  # fmt: skip
    found = [record(method, base) for method, base in bases.items()]
    found += [record(method, 0.67, objective="causal") for method in ("zero_shot", "p_tuning")]
    found += [
        record("p_tuning", base, objective="causal", place=place)
        for place, base in (("prefix", 0.66), ("suffix", 0.5))
    ]
    found += [
        record("pet", 0.5 + 0.02 * i, study="templates", template=t.pattern)
        for i, t in enumerate(HUMAN["mlm"])
    ]
    found += [
        record("zero_shot", base, study=study) for study, base in (("shuffled", 0.5), ("unshuffled", 0.8))
    ]
    found += [record(method, base, study="starts") for method, base in bases.items() if method in STARTS]
    rates = {"p_tuning": (0.01, 0.03, 0.1), "p_tuning_lstm": (0.0003, 0.001, 0.003)}
    for method, choices in rates.items():
        for i, rate in enumerate(choices):
            speed = {"p_tuning": (0.5, 0.6, 0.7), "p_tuning_lstm": (0.55, 0.68, 0.69)}[method][i]
            found.append(record(method, speed, study="speed", learning_rate=rate))
    return found
