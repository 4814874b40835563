from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from sjedu.records import Record, RecordError, load_records
from sjedu.records.record import plain

RECORD = Record(
    lesson="toy",
    name="toy-seed0",
    config={"seed": 0, "grid": [6, 6]},
    seed=0,
    commit="0123456789abcdef",
    dirty=True,
    device="cpu (1 thread)",
    versions={"python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "accelerate": "1.15.0"},
    date="2026-01-31",
    seconds=1.5,
    metrics={"accuracy": 0.5},
    curves={"step": [0, 1, 2], "loss": [1.0, None, 0.5]},
    data="nothing",
)


def test_round_trip(tmp_path):
    path = RECORD.save(tmp_path / "runs")
    assert path.name == "toy-seed0.json"
    assert Record.load(path) == RECORD


def test_provenance_names_uncommitted_changes():
    expected = "measured 2026-01-31 on cpu (1 thread), torch 2.13.0, commit 0123456 with changes, seed 0"
    assert RECORD.provenance() == expected
    assert "commit unknown" in dataclasses.replace(RECORD, commit=None, dirty=False).provenance()


def test_a_curve_skips_steps_without_a_value():
    assert RECORD.curve("loss") == ([0, 2], [1.0, 0.5])
    with pytest.raises(ValueError, match="no curve 'lr'; this record has loss, step"):
        RECORD.curve("lr")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda fields: fields.pop("metrics"), "metrics"),
        (lambda fields: fields.update(seed="zero"), "seed"),
        (lambda fields: fields.update(schema="other/1"), "its schema is not"),
        (lambda fields: fields["curves"].update(loss=[1.0]), "equally long"),
    ],
)
def test_a_malformed_file_is_named_with_the_reason(tmp_path, change, reason):
    path = RECORD.save(tmp_path)
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(RecordError, match=reason) as caught:
        Record.load(path)
    assert str(path) in str(caught.value)


def test_what_is_no_json_is_named(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(RecordError, match=r"broken\.json"):
        Record.load(path)


def test_recorded_runs_of_a_lesson_are_clean():
    """What the course shows was measured by committed code."""
    for record in load_records("rope_2d"):
        assert record.lesson == "rope_2d"
        assert record.commit
        assert not record.dirty


def test_records_of_a_lesson_are_found_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(records.resources, "files", lambda package: tmp_path)
    (tmp_path / "toy").mkdir()
    assert load_records("toy") == []
    second = dataclasses.replace(RECORD, name="toy-seed1", seed=1)
    for record in (second, RECORD):
        record.save(tmp_path / "toy" / "recorded")
    assert load_records("toy") == [RECORD, second]
    dataclasses.replace(RECORD, lesson="other", name="stray").save(tmp_path / "toy" / "recorded")
    with pytest.raises(RecordError, match=r"stray\.json: a record of lesson 'other', not of 'toy'"):
        load_records("toy")


def test_an_unknown_lesson_is_named():
    with pytest.raises(ValueError, match="got 'no_such_lesson'"):
        load_records("no_such_lesson")


def test_plain_values():
    assert plain({"a": torch.tensor(1.5), "b": (np.float64(2), [True, None])}, "m") == {
        "a": 1.5,
        "b": [2.0, [True, None]],
    }
    with pytest.raises(ValueError, match=r"m\.a must be finite, got nan"):
        plain({"a": float("nan")}, "m")
    with pytest.raises(TypeError, match=r"m\.a\[0\] must be a number"):
        plain({"a": [object()]}, "m")


def test_a_name_must_be_a_file_name():
    with pytest.raises(ValueError, match=r"got 'a/b'"):
        dataclasses.replace(RECORD, name="a/b")
