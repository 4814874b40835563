"""``python -m sjedu record``: what becomes part of the package, what does not, and why."""

import dataclasses
import json

import pytest

from sjedu.course import record_command
from sjedu.course.record_command import config_of, main, up_to_date
from sjedu.records import RecordError, load_runs, migrations
from sjedu.records import record as record_module
from sjedu.records.migrations import MIGRATIONS, SCHEMA, migrate
from sjedu.records.record import read_recorded

RUN = next(run for run in load_runs("rope_2d") if run.study == "cpu" and run.seed == 0)
GAME = next(run for run in load_runs("wgan") if run.files)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The folder of an installed package without records."""
    for room in ("rope_2d", "wgan"):
        (tmp_path / "package" / room).mkdir(parents=True)
    monkeypatch.setattr(record_module.resources, "files", lambda name: tmp_path / "package")
    return tmp_path / "package"


@pytest.fixture
def leave(tmp_path):
    """A function that leaves a run's record, changed, in a directory of its own, as a run does."""

    def leave(run=RUN, kept=(), **changes):
        directory = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        dataclasses.replace(run, **changes).save(directory)
        for name in kept:
            (directory / name).write_bytes(directory.name.encode())
        return directory

    return leave


def config(**changes):
    return {**RUN.config, **changes}


def lines(package, room="rope_2d", study="cpu"):
    return (package / room / "recorded" / f"{study}.jsonl").read_text("utf-8").splitlines()


def test_a_run_becomes_a_line_of_its_study(package, leave, capsys):
    assert main([str(leave())]) == 0
    assert capsys.readouterr().out == f"rope_2d: {RUN.name} added\n"
    assert lines(package) == [RUN.line()]
    other = leave(name="other", seed=7, config=config(seed=7))
    symbols = leave(config=config(study="symbols"))
    assert main([str(other), str(symbols)]) == 0
    assert [json.loads(line)["seed"] for line in lines(package)] == [0, 7]
    assert len(lines(package, study="symbols")) == 1
    assert len(read_recorded("rope_2d")) == 3


def test_a_run_takes_the_place_of_one_with_its_config(package, leave, capsys):
    main([str(leave()), str(leave(config=config(seed=8), seed=8))])
    again = leave(name="again", metrics={"6x6": 0.5}, config=dict(sorted(RUN.config.items())))
    capsys.readouterr()
    assert main([str(again)]) == 0
    assert capsys.readouterr().out == "rope_2d: again replaced\n"
    assert {json.loads(line)["name"] for line in lines(package)} == {"again", RUN.name}
    assert len(lines(package)) == 2
    assert read_recorded("rope_2d")[0].config == RUN.config  # in the order of today's Config


def test_files_come_along_and_go_with_their_run(package, leave):
    folder = package / "wgan" / "recorded"
    (picture,) = GAME.files.values()
    first = leave(GAME, [picture])
    assert main([str(first)]) == 0
    assert (folder / picture).read_bytes() == first.name.encode()
    second = leave(GAME, [picture])
    assert main([str(second)]) == 0
    assert (folder / picture).read_bytes() == second.name.encode()
    renamed = leave(dataclasses.replace(GAME, files={"samples": "better.png"}), ["better.png"])
    assert main([str(renamed)]) == 0
    assert [file.name for file in folder.glob("*.png")] == ["better.png"]
    numbers = {"seed": 99, "config": {**GAME.config, "seed": 99}}
    assert main([str(leave(GAME, ["one.png"], files={"samples": "one.png"}, **numbers))]) == 0
    new = [
        leave(GAME, [f"new{i}.png"], files={"samples": f"new{i}.png"}, **changes)
        for i, changes in enumerate(({}, numbers))
    ]
    assert main(list(map(str, new))) == 0
    assert sorted(file.name for file in folder.glob("*.png")) == ["new0.png", "new1.png"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dirty": True}, r"commit: got .{7} with changes; expected a clean one"),
        ({"commit": None}, "commit: got an unknown one; expected a clean one"),
        ({"config": config(study="mine")}, "study: got 'mine'; expected one of cpu, symbols"),
        (
            {"config": config(encoding="spiral")},
            "'spiral'",
        ),  # by whom it is refused, the checks of annotations decide
        ({"config": config(steps=-3)}, "config.steps: got -3; expected at least"),
        ({"config": config(speed=3)}, "config.speed: got 3; expected no such field, for today's Config"),
        (
            {"config": {k: v for k, v in RUN.config.items() if k != "steps"}},
            "config.steps: got none; expected it, or",
        ),
        ({"lesson": "toy"}, "lesson: got 'toy'; expected a room with an experiment"),
        ({"lesson": "figures"}, "lesson: got 'figures'; expected a room with an experiment"),
        ({"files": {"samples": "none.png"}}, "got no none.png; expected it, as the record names it"),
    ],
)
def test_what_may_not_become_part_of_the_package(package, leave, changes, says):
    good, bad = leave(config=config(seed=9), seed=9), leave(**changes)
    with pytest.raises(RecordError, match=says) as caught:
        main([str(good), str(bad)])
    assert str(bad) in str(caught.value)
    assert not (package / "rope_2d" / "recorded").exists()  # the good one neither


def test_a_directory_without_a_record_is_named(package, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match=r"empty: got no record\.json; expected the directory of a run"):
        main([str(tmp_path / "empty")])


def test_a_foreign_schema_is_refused(package, leave):
    directory = leave()
    fields = json.loads((directory / "record.json").read_text())
    (directory / "record.json").write_text(json.dumps({**fields, "schema": SCHEMA + 1}))
    with pytest.raises(RecordError, match=f"schema: got {SCHEMA + 1}; expected one of 1, {SCHEMA}"):
        main([str(directory)])


def test_a_file_of_another_run_is_not_overwritten(package, leave):
    (picture,) = GAME.files.values()
    main([str(leave(GAME, [picture]))])
    other = leave(GAME, [picture], seed=99, config={**GAME.config, "seed": 99})
    with pytest.raises(RecordError, match=f"{picture}; expected another name, this is that of {GAME.name}"):
        main([str(other)])
    assert len(lines(package, "wgan", GAME.study)) == 1


def test_neither_directories_nor_migrate_is_a_usage_error(capsys):
    for arguments in ([], ["--migrate", "runs"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert "expected directories of runs, or --migrate" in capsys.readouterr().err


# ---------------------------------------------------------------- older records


def test_migrating_rewrites_what_older_versions_wrote(package, capsys):
    folder = package / "rope_2d" / "recorded"
    folder.mkdir()
    (package / "figures").mkdir()
    old = json.loads(RUN.line())
    del old["files"]
    other = {
        **old,
        "schema": "sjedu.training.record/1",
        "config": dict(reversed(config(seed=1).items())),
        "seed": 1,
    }
    content = "\n".join(json.dumps(each) for each in (other, {**old, "schema": 1}))
    (folder / "cpu.jsonl").write_text(content)
    (folder / "left.jsonl").write_text("")
    assert main(["--migrate"]) == 0
    assert capsys.readouterr().out == "rope_2d: 2 runs\n"
    assert [file.name for file in folder.iterdir()] == ["cpu.jsonl"]
    second = dataclasses.replace(RUN, config=config(seed=1), seed=1)
    assert lines(package) == [RUN.line(), second.line()]
    before = (folder / "cpu.jsonl").read_bytes()
    assert main(["--migrate"]) == 0
    assert (folder / "cpu.jsonl").read_bytes() == before


def test_fields_that_were_added_get_the_value_that_was_in_effect(monkeypatch):
    bare = {name: value for name, value in RUN.config.items() if name != "weight_decay"}
    monkeypatch.setitem(record_command.FIELDS_ADDED, "rope_2d", {"weight_decay": 0.5, "of another Config": 1})
    old = dataclasses.replace(RUN, config=bare)
    assert config_of(old).weight_decay == 0.5
    assert up_to_date(old).config == {**RUN.config, "weight_decay": 0.5}
    assert up_to_date(RUN) == RUN  # what a record says stands


@pytest.mark.parametrize(
    ("before", "after"), [({"clip": 0.0}, None), ({"clip": None}, None), ({"clip": 5.0}, 5.0)]
)
def test_the_first_schema_bounded_gradients_under_another_name(before, after):
    old = {"schema": "sjedu.training.record/1", "config": {"seed": 1, **before}, "metrics": {}}
    assert migrate(old) == {
        "schema": SCHEMA,
        "config": {"seed": 1, "max_grad_norm": after},
        "metrics": {},
        "files": {},
    }
    assert old["config"] == {"seed": 1, **before}


def test_a_record_takes_one_step_after_the_other(monkeypatch):
    monkeypatch.setattr(migrations, "SCHEMA", 3)
    monkeypatch.setitem(MIGRATIONS, 2, lambda fields: {**fields, "schema": 3, "third": True})
    assert migrate({"schema": 1})["third"]
    assert migrate({"schema": 2}) == {"schema": 3, "third": True}
    assert migrate({"schema": 3}) == {"schema": 3}


def test_every_schema_leads_to_today_s():
    assert sorted(MIGRATIONS) == list(range(1, SCHEMA))
