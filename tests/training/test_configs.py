"""Presets are named once, and a sweep trains each of its configs in a folder of its own."""

from dataclasses import dataclass, replace

import pytest

from sjedu.records import Record
from sjedu.training import presets, sweep


@dataclass(frozen=True)
class Config:
    study: str = "cpu"
    steps: int = 3
    seed: int = 0

    @property
    def name(self):
        return f"{self.study}-seed{self.seed}"


def test_a_preset_is_called_by_its_key():
    assert presets(cpu=Config(), quick=Config(steps=1)) == {
        "cpu": Config(),
        "quick": Config(study="quick", steps=1),
    }


def test_a_preset_has_one_name():
    with pytest.raises(ValueError, match="slow: got a config with study 'long'; expected one that leaves"):
        presets(cpu=Config(), slow=Config(study="long"))


def record(config):
    return Record("toy", config.name, {}, config.seed, None, False, "cpu", {}, "2026-01-01", 0.0, {}, {}, "")


def trained(calls):
    def train(config, directory=None, *, progress=True):
        calls.append((config.seed, directory, progress))
        return record(config)

    return train


def test_a_sweep_trains_each_config_in_its_own_folder(tmp_path):
    calls = []
    configs = (replace(Config(), seed=seed) for seed in range(2))
    records = sweep(trained(calls), configs, tmp_path)
    assert [each.name for each in records] == ["cpu-seed0", "cpu-seed1"]
    assert calls == [(0, tmp_path / "cpu-seed0", True), (1, tmp_path / "cpu-seed1", True)]


def test_a_sweep_may_leave_nothing_behind():
    calls = []
    sweep(trained(calls), [Config()], progress=False)
    assert calls == [(0, None, False)]


def test_two_runs_of_one_name_are_refused_before_the_first_is_trained(tmp_path):
    calls = []
    with pytest.raises(ValueError, match="configs: got cpu-seed0 more than once"):
        sweep(trained(calls), [Config(), Config(steps=5)], tmp_path)
    assert calls == []
