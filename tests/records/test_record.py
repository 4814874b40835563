from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from sjedu.records import Record, RecordError
from sjedu.records import record as records
from sjedu.records.record import MissingMetric, canonical, columns, plain, read_recorded, write_study

RECORD = Record(
    lesson="toy",
    name="toy-seed0",
    config={"study": "cpu", "seed": 0, "grid": [6, 6]},
    seed=0,
    commit="0123456789abcdef",
    dirty=True,
    device="cpu (1 thread)",
    versions={"python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "accelerate": "1.15.0"},
    date="2026-01-31",
    seconds=1.5,
    metrics={"accuracy": 0.5, "after": {"spearman": {"atec": 0.25}, "cosines": [0.1, 0.2], "7": 1}},
    curves={"step": [0, 1, 2], "loss": [1.0, None, 0.5]},
    data="nothing",
)


def test_round_trip(tmp_path):
    path = RECORD.save(tmp_path / "runs")
    assert path == tmp_path / "runs" / "record.json"
    assert Record.load(tmp_path / "runs") == RECORD


def test_provenance_names_uncommitted_changes():
    expected = "measured 2026-01-31 on cpu (1 thread), torch 2.13.0, commit 0123456 with changes, seed 0"
    assert RECORD.provenance() == expected
    assert "commit unknown" in dataclasses.replace(RECORD, commit=None, dirty=False).provenance()


def test_a_curve_skips_steps_without_a_value():
    assert RECORD.curve("loss") == ([0, 2], [1.0, 0.5])
    with pytest.raises(ValueError, match="curve: got 'lr'; expected one of loss, step"):
        RECORD.curve("lr")


def test_a_metric_is_had_by_its_name_or_by_the_way_to_it():
    assert RECORD["accuracy"] == RECORD["accuracy",] == 0.5
    assert RECORD["after", "spearman", "atec"] == 0.25
    assert RECORD["after", "cosines", 1] == RECORD["after", "cosines", -1] == 0.2
    assert RECORD["after", 7] == 1  # JSON has names only


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("loss", "metric: got 'loss'; expected one of accuracy, after"),
        (
            ("after", "spearmann"),
            "metric after/spearmann: got 'spearmann'; expected one of spearman, cosines, 7",
        ),
        (("after", "cosines", 2), "got 2; expected a place below 2"),
        (("after", "cosines", "x"), "got 'x'; expected a place below 2"),
        (("accuracy", "mean"), "got 'mean'; expected nothing further"),
    ],
)
def test_a_metric_that_is_missing_is_named(path, says):
    with pytest.raises(MissingMetric, match=says):
        RECORD[path]


def test_files_lie_beside_the_record(tmp_path, monkeypatch):
    kept = dataclasses.replace(RECORD, files={"samples": "row.png"})
    (tmp_path / "row.png").write_bytes(b"picture")
    assert kept.file("samples", tmp_path).read_bytes() == b"picture"
    monkeypatch.setattr(records.resources, "files", lambda package: tmp_path)
    (tmp_path / "toy").mkdir()
    assert kept.file("samples") == tmp_path / "toy" / "recorded" / "row.png"
    with pytest.raises(ValueError, match="file: got 'row'; expected one of samples"):
        kept.file("row")
    with pytest.raises(ValueError, match="file: got 'samples'; expected one of none"):
        RECORD.file("samples")
    with pytest.raises(ValueError, match=r"got '\.\./row'"):
        dataclasses.replace(RECORD, files={"samples": "../row"})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda fields: fields.pop("metrics"), "missing or unknown: metrics"),
        (lambda fields: fields.update(further=1), "missing or unknown: further"),
        (lambda fields: fields.update(seed="zero"), "seed: got 'zero'; expected"),
        (lambda fields: fields.update(schema="other/1"), "schema: got 'other/1'; expected one of 1, 2"),
        (lambda fields: fields.update(schema=3), "schema: got 3; expected one of 1, 2"),
        (lambda fields: fields.update(name="a/b"), "name: got 'a/b'"),
        (lambda fields: fields["curves"].update(loss=[1.0]), "equally long"),
    ],
)
def test_a_malformed_file_is_named_with_the_reason(tmp_path, change, reason):
    path = RECORD.save(tmp_path)
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(RecordError, match=reason) as caught:
        Record.load(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("content", "says"), [("{", "not JSON"), ("[]", "got list")])
def test_what_is_no_record_is_named(tmp_path, content, says):
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(RecordError, match=rf"record\.json: {says}"):
        Record.load(tmp_path)


def test_records_of_the_first_schema_can_still_be_read(tmp_path):
    path = RECORD.save(tmp_path)
    fields = json.loads(path.read_text())
    del fields["files"]
    path.write_text(json.dumps({**fields, "schema": "sjedu.training.record/1"}))
    assert Record.load(tmp_path) == RECORD


def test_records_of_a_lesson_are_found_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(records.resources, "files", lambda package: tmp_path)
    folder = tmp_path / "toy" / "recorded"
    (tmp_path / "toy").mkdir()
    assert read_recorded("toy") == []
    folder.mkdir()
    (folder / "row.png").write_bytes(b"picture")
    second = dataclasses.replace(RECORD, name="a-second", seed=1, config={**RECORD.config, "seed": 1})
    other = dataclasses.replace(RECORD, name="b", config={**RECORD.config, "study": "big"})
    write_study(folder / "cpu.jsonl", [second, RECORD])
    write_study(folder / "big.jsonl", [other])
    assert (folder / "cpu.jsonl").read_text() == f"{RECORD.line()}\n{second.line()}\n"
    assert read_recorded("toy") == [other, RECORD, second]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lesson": "other"}, r"cpu\.jsonl, line 2: lesson: got 'other'; expected 'toy'"),
        ({"config": {"study": "gpu"}}, r"cpu\.jsonl, line 2: config\.study: got 'gpu'; expected 'cpu'"),
        ({"config": {}}, r"cpu\.jsonl, line 2: config\.study: got None; expected 'cpu'"),
        ({"schema": 0}, r"cpu\.jsonl, line 2: schema: got 0; expected one of 1, 2"),
    ],
)
def test_a_line_in_the_wrong_place_is_named(tmp_path, monkeypatch, change, says):
    monkeypatch.setattr(records.resources, "files", lambda package: tmp_path)
    (tmp_path / "toy" / "recorded").mkdir(parents=True)
    lines = [RECORD.line(), json.dumps({**json.loads(RECORD.line()), **change})]
    (tmp_path / "toy" / "recorded" / "cpu.jsonl").write_text("\n".join(lines))
    with pytest.raises(RecordError, match=says):
        read_recorded("toy")


def test_an_unknown_lesson_is_named():
    with pytest.raises(ValueError, match="got 'no_such_lesson'"):
        read_recorded("no_such_lesson")


def test_plain_values():
    assert plain({"a": torch.tensor(1.5), "b": (np.float64(2), [True, None])}, "m") == {
        "a": 1.5,
        "b": [2.0, [True, None]],
    }
    with pytest.raises(ValueError, match=r"m\.a: got nan; expected a finite number"):
        plain({"a": float("nan")}, "m")
    with pytest.raises(TypeError, match=r"m\.a\[0\]: got object; expected a number"):
        plain({"a": [object()]}, "m")


def test_a_name_must_be_a_file_name():
    with pytest.raises(ValueError, match=r"got 'a/b'"):
        dataclasses.replace(RECORD, name="a/b")


def test_a_history_becomes_columns():
    history = [{"step": 0, "loss": 1.0}, {"step": 5, "loss": float("nan"), "rate": 2}]
    assert columns(history) == {"step": [0, 5], "loss": [1.0, None], "rate": [None, 2]}


def test_a_line_is_compact_and_a_config_s_text_does_not_depend_on_its_order():
    assert RECORD.line().startswith(
        '{"schema":2,"lesson":"toy","name":"toy-seed0","config":{"study":"cpu","seed":0,"grid":[6,6]},"seed":0,'
    )
    assert (
        canonical({"b": [1, 2.5], "a": "苏"})
        == canonical({"a": "苏", "b": [1, 2.5]})
        == '{"a":"苏","b":[1,2.5]}'
    )
