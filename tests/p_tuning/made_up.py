"""Runs that nobody made: accuracies made up so that each rule can be tried at its edges."""

import dataclasses

import numpy as np
from made_up_records import made_up

from sjedu.p_tuning.experiment import Config
from sjedu.p_tuning.methods import METHODS
from sjedu.p_tuning.tasks import HUMAN
from sjedu.records.runs import Runs

BUDGETS = (4, 16, 64, 256)
#: What draws have in common, and what the noisy one of two methods has besides: both have the mean 0.
SHARED, OWN = np.array([-2.0, 2.0, 1.0, -1.0, 0.0]) / 100, np.array([1.0, -1.0, 0.5, -0.5, 0.0]) / 100
NOISY = ("p_tuning", "p_tuning_full_words")

STARTS = ("p_tuning", "p_tuning_words", "p_tuning_unused", "p_tuning_template")


def error(draws=5):
    """The standard error of the difference of a noisy method and another, over draws."""
    return np.tile(OWN, draws // 5).std(ddof=1) / np.sqrt(draws)


def configs(draws=20):
    yield from (Config(method=method, labels=BUDGETS) for method in METHODS)
    yield from (
        Config(method=method, labels=BUDGETS, objective="causal") for method in ("zero_shot", "p_tuning")
    )
    for objective in ("mlm", "causal"):
        yield from (Config(objective=objective, place=place, labels=(16,)) for place in ("prefix", "suffix"))
    yield from (
        Config(study="templates", method="pet", labels=(16,), template=t.pattern) for t in HUMAN["mlm"]
    )
    yield from (Config(study=study, method="zero_shot", labels=(16,)) for study in ("shuffled", "unshuffled"))
    yield Config(study="real", method="zero_shot", dataset="reviews", labels=(16,))
    yield from (Config(study="starts", method=method, labels=(16,), draws=draws) for method in STARTS)
    for method in ("p_tuning", "p_tuning_lstm"):
        for rate in (0.01, 0.03, 0.1):
            yield Config(study="speed", method=method, labels=(16,), learning_rate=rate, steps=15)


def runs(*changes, draws=20):
    """Runs in which all accuracies are 0.8, but for changes: (level, fields that the config has; also labels=16)."""

    def level(config, **further):
        values = {**dataclasses.asdict(config), **further}
        fitting = [value for value, fields in changes if all(values.get(k) == v for k, v in fields.items())]
        return fitting[-1] if fitting else 0.8

    def record(config):
        noisy = config.method in NOISY and config.place != "prefix"
        noise = np.tile(SHARED + OWN * noisy, config.draws // 5)
        accuracy = {
            str(n): [level(config, labels=n) + each for each in map(float, noise)] for n in config.labels
        }
        # Validation texts prefer the middle one of three learning rates.
        validated = {n: [0.9 if config.learning_rate == 0.03 else 0.7] * config.draws for n in accuracy}
        metrics = {"accuracy": accuracy, "validation": validated, "parameters": 768}
        if METHODS[config.method].learns == "nothing":
            metrics["zero_shot"] = {t.pattern: level(config, pattern=t.pattern) for t in HUMAN[config.kind]}
        return made_up(config.name, dataclasses.asdict(config), metrics, lesson="p_tuning")

    return Runs("p_tuning", tuple(map(record, configs(draws))))
