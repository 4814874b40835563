"""Runs: found by their configs, refused where they do not belong together, shown as a table."""

import dataclasses

import numpy as np
import pytest
from made_up_records import made_up

from sjedu.records import Runs, Spread, load_runs, paired
from sjedu.records import record as record_module


def run(seed=0, study="cpu", metrics=None, **fields):
    """A run whose kl is 10 · dim + seed."""
    config = {"study": study, "dim": 4, "kind": "vmf", "hidden": [8, 8], **fields, "seed": seed}
    metrics = {"kl": 10.0 * config["dim"] + seed, "after": {"spearman": {"atec": seed / 4}}} | (metrics or {})
    curves = {"step": [0, 5, 9], "loss": [3.0, 2.0 + seed, None], "rate": [1.0, None, 0.5]}
    return dataclasses.replace(made_up(f"run-{seed}", config, metrics, seed=seed), curves=curves)


RUNS = Runs(
    "rope_2d",
    (
        *(run(seed, dim=16) for seed in (10, 0, 2)),
        *(run(seed) for seed in (0, 2, 10)),
        *(run(seed, kind="gaussian", metrics={"gap": 0.5}) for seed in (0, 2, 10)),
        run(0, study="long", steps=900, hidden=[4], rate=None),
    ),
)


# ---------------------------------------------------------------- which runs


def test_where_finds_runs_by_config():
    assert len(RUNS.where(study="cpu")) == 9
    assert {each.seed for each in RUNS.where(study="cpu", dim=4, kind="vmf")} == {0, 2, 10}
    assert len(RUNS.where(dim={4, 16})) == 10
    assert len(RUNS.where(kind={"gaussian"}, seed={0, 10})) == 2
    assert len(RUNS.where(hidden=(8, 8))) == len(RUNS.where(hidden=[8, 8])) == 9
    assert len(RUNS.where(hidden={(8, 8), (4,)})) == 10
    assert RUNS.where(rate=None).one().study == "long"
    assert RUNS.where() == RUNS
    assert list(RUNS.where(study="long")) == [RUNS.records[-1]]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"stdy": "cpu"}, "field: got 'stdy'; expected one of seed, study, dim, kind, hidden, steps, rate$"),
        ({"study": "gpu"}, "study: got 'gpu'; expected one of 'cpu', 'long'$"),
        ({"dim": 5}, "dim: got 5; expected one of 4, 16$"),
        ({"dim": {4, 5}}, "dim: got 5; expected one of 4, 16$"),
        ({"study": "cpu", "dim": 4, "hidden": [4]},
         r"hidden: got \(4,\) where study = 'cpu' and dim = 4; expected one of \(8, 8\)$"),
        ({"study": "cpu", "steps": 900},
         "field: got 'steps' where study = 'cpu'; expected one of seed, study, dim, kind, hidden$"),
        ({"kind": "gaussian", "dim": 16}, "dim: got 16 where kind = 'gaussian'; expected one of 4$"),
        ({"dim": set()}, r"dim: got set\(\); expected one of 4, 16$"),
        ({"rate": set()}, r"rate: got set\(\); expected one of None$"),
        ({"hidden": [8]}, r"hidden: got \(8,\); expected one of \(8, 8\), \(4,\)$"),
    ],
)  # fmt: skip
def test_what_no_run_has_is_named(fields, says):
    with pytest.raises(ValueError, match=says):
        RUNS.where(**fields)
    if "stdy" not in fields:
        assert not RUNS.has(**fields)


def test_nothing_recorded_is_an_error_unless_one_asks_for_it():
    with pytest.raises(ValueError, match="runs of rope_2d: got none; expected at least one"):
        Runs("rope_2d", ()).where(study="cpu")
    assert not Runs("rope_2d", ()).has(study="cpu")
    assert not Runs("rope_2d", ()).has()
    assert RUNS.has(study="long", steps=900)
    assert RUNS.has(study={"cpu", "long"})
    assert not RUNS.has(study={"cpu", "gpu"})
    with pytest.raises(ValueError, match="field: got 'stdy'; expected one of seed, study"):
        RUNS.has(study="gpu", stdy="gpu")


def test_by_groups_runs_numbers_ascending_and_names_as_they_come():
    assert list(RUNS.by("dim")) == [4, 16]
    assert {dim: len(runs) for dim, runs in RUNS.by("dim").items()} == {4: 7, 16: 3}
    assert list(RUNS.by("kind")) == ["vmf", "gaussian"]
    assert list(RUNS.by("kind", "dim")) == [("vmf", 4), ("vmf", 16), ("gaussian", 4)]
    assert list(RUNS.by("dim", "kind")) == [(4, "vmf"), (4, "gaussian"), (16, "vmf")]
    assert list(RUNS.by("hidden")) == [(8, 8), (4,)]
    assert list(RUNS.by("seed")) == [0, 2, 10]
    assert RUNS.by("kind")["gaussian"].where(seed=2).one() in RUNS
    assert isinstance(RUNS.by("kind")["vmf"], Runs)
    assert Runs("rope_2d", ()).by("kind") == {}


def test_by_takes_an_order():
    assert list(RUNS.by("kind", order=("gaussian", "vmf", "cauchy"))) == ["gaussian", "vmf"]
    assert list(RUNS.by("hidden", order=([4], [8, 8]))) == [(4,), (8, 8)]
    assert next(iter(RUNS.by("kind", "dim", order=(("vmf", 16), ("gaussian", 4), ("vmf", 4))))) == ("vmf", 16)
    with pytest.raises(ValueError, match="order: got no 'vmf'; expected all values that runs have"):
        RUNS.by("kind", order=("gaussian",))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ((), "fields: got none; expected one or more of seed, study, dim, kind"),
        (
            ("steps",),
            "field: got 'steps'; expected one that all of the runs have: seed, study, dim, kind, hidden$",
        ),
        (("kind", "knid"), "field: got 'knid'"),
    ],
)
def test_groups_by_what_runs_do_not_have_are_refused(fields, says):
    with pytest.raises(ValueError, match=says):
        RUNS.by(*fields)


def test_one_is_the_only_run():
    assert RUNS.where(study="long").one() == RUNS.records[-1]
    says = "runs: got 3 runs of rope_2d; seed 0, 2, 10; expected exactly one"
    with pytest.raises(ValueError, match=says):
        RUNS.where(dim=16).one()
    with pytest.raises(ValueError, match="runs: got 0 runs of rope_2d; expected exactly one"):
        Runs("rope_2d", ()).one()


def test_pairs_are_matched_by_seed():
    pairs = RUNS.where(dim=16).pairs(RUNS.where(kind="gaussian"))
    assert [(a.seed, b.seed) for a, b in pairs] == [(0, 0), (2, 2), (10, 10)]
    assert all((a.config["dim"], b.config["kind"]) == (16, "gaussian") for a, b in pairs)
    with pytest.raises(ValueError, match="seeds: got 0, 2, 10 and 0; expected the same of both"):
        RUNS.where(dim=16).pairs(RUNS.where(study="long"))
    with pytest.raises(ValueError, match="seeds: got 0 and 0, 2, 10; expected the same of both"):
        RUNS.where(study="long").pairs(RUNS.where(dim=16))


def test_runs_show_what_varies():
    assert repr(RUNS.where(study="cpu")) == (
        "9 runs of rope_2d; seed 0, 2, 10; dim 4, 16; kind 'vmf', 'gaussian'"
    )
    assert "; steps absent, 900" in repr(RUNS)
    few = Runs("rope_2d", tuple(run(seed) for seed in range(12)))
    assert repr(few).endswith("; seed 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")
    many = Runs("rope_2d", tuple(run(seed) for seed in range(20)))
    assert repr(many) == "20 runs of rope_2d; seed 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, and 8 more"


def test_runs_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RUNS.records = ()
    with pytest.raises(TypeError):
        RUNS["kl"] = 3


# ---------------------------------------------------------------- what they measured


def test_a_metric_is_a_spread_over_seeds():
    assert RUNS.where(dim=16)["kl"] == Spread((160.0, 162.0, 170.0), (0, 2, 10))
    assert RUNS.where(dim=16)["after", "spearman", "atec"].values == (0.0, 0.5, 2.5)
    assert RUNS.where(dim=16)[lambda record: record["kl"] / record.config["dim"]].values[0] == 10
    assert RUNS.where(study="long")["kl"] == Spread((40.0,), (0,))
    assert paired(RUNS.where(dim=16)["kl"], RUNS.where(kind="gaussian")["kl"]).estimate == 120


@pytest.mark.parametrize(
    ("fields", "metric", "says"),
    [
        ({"study": "cpu"}, "kl", "dim: got 4, 16; expected runs that differ in seed only"),
        (
            {"study": "cpu", "dim": 4},
            "kl",
            "kind: got 'vmf', 'gaussian'; expected runs that differ in seed only",
        ),
        ({"dim": 4, "kind": "vmf"}, "kl", "study: got 'cpu', 'long'; expected"),
        ({"dim": 16}, "lk", r"metric: got 'lk'; expected one of kl, after \(in 3 of 3 runs\)"),
        (
            {"dim": 16},
            ("after", "pearson"),
            r"metric after/pearson: got 'pearson'; expected one of spearman \(in 3",
        ),
        ({"dim": 16}, "after", r"metric 'after': got {'spearman': .*}; expected a number"),
        ({"dim": 16}, lambda record: record["dim"], "metric: got 'dim'; expected one of"),
        ({"dim": 16}, lambda record: True, "got True; expected a number"),
    ],
)
def test_what_is_no_figure_over_seeds_is_refused(fields, metric, says):
    with pytest.raises(ValueError, match=says):
        RUNS.where(**fields)[metric]


def test_no_run_and_the_same_run_twice_are_refused():
    with pytest.raises(ValueError, match="got none; expected at least one"):
        Runs("rope_2d", ())["kl"]
    with pytest.raises(ValueError, match="seed: got 2 twice; expected each once"):
        Runs("rope_2d", (run(0), run(2), run(2)))["kl"]


def test_a_metric_that_some_runs_lack_is_counted():
    some = Runs("rope_2d", (run(0, metrics={"gap": 1.0}), run(1), run(2)))
    with pytest.raises(ValueError, match=r"metric: got 'gap'; expected one of kl, after \(in 2 of 3 runs\)"):
        some["gap"]


def test_further_fields_may_vary():
    spread = RUNS.where(study="cpu", kind="vmf").values("kl", over=("seed", "dim"))
    assert spread.seeds == ((0, 4), (0, 16), (2, 4), (2, 16), (10, 4), (10, 16))
    assert spread.values[:2] == (40.0, 160.0)
    with pytest.raises(
        ValueError, match="kind: got 'vmf', 'gaussian'; expected runs that differ in seed, dim only"
    ):
        RUNS.where(study="cpu").values("kl", over=("seed", "dim"))
    with pytest.raises(ValueError, match="seed: got 0, 2, 10; expected runs that differ in dim only"):
        RUNS.where(study="cpu", kind="vmf").values("kl", over=("dim",))
    with pytest.raises(ValueError, match="field: got 'start'; expected one that all of the runs have"):
        RUNS.where(dim=16).values("kl", over=("seed", "start"))


def test_a_run_may_hold_several_draws():
    many = Runs(
        "rope_2d", (run(0, metrics={"acc": {"16": [0.5, 0.75]}}), run(1, metrics={"acc": {"16": [1.0]}}))
    )
    assert many.values(("acc", 16), over=("seed", "draw")) == Spread(
        (0.5, 0.75, 1.0), ((0, 0), (0, 1), (1, 0))
    )
    with pytest.raises(ValueError, match=r"metric \('acc', 16\): got \[0.5, 0.75\]; expected a number"):
        many["acc", 16]
    with pytest.raises(ValueError, match=r"metric 'kl': got 40\.0; expected a list, a figure for each draw"):
        many.values("kl", over=("seed", "draw"))


def test_a_curve_is_a_table_of_seeds_and_steps():
    curve = RUNS.where(dim=16).curve("loss")
    assert curve.steps.tolist() == [0, 5]
    assert curve.values.tolist() == [[3, 2], [3, 4], [3, 12]]
    assert curve.seeds == (0, 2, 10)
    assert curve.mean.tolist() == [3, 6]
    assert curve.error == pytest.approx([0, np.std([2, 4, 12], ddof=1) / np.sqrt(3)])
    assert np.isnan(RUNS.where(study="long").curve("loss").error).all()
    wide = RUNS.where(study="cpu", kind="vmf").curve("loss", over=("seed", "dim"))
    assert wide.seeds[1] == (0, 16)
    with pytest.raises(ValueError, match="curve: got 'kl'; expected one of loss, rate, step"):
        RUNS.where(dim=16).curve("kl")
    with pytest.raises(ValueError, match="dim: got 4, 16"):
        RUNS.where(study="cpu", kind="vmf").curve("loss")


def test_curves_at_other_steps_are_refused():
    other = dataclasses.replace(run(1), curves={"step": [0, 6], "loss": [1.0, 1.0]})
    with pytest.raises(ValueError, match="curve 'loss': got different steps; expected the same in each run"):
        Runs("rope_2d", (run(0), other)).curve("loss")


def test_provenance_is_a_sentence():
    assert RUNS.where(dim=16).provenance() == (
        "3 runs, 3 seeds, measured 2026-01-01 on cpu (1 thread), torch 2, commit unknown"
    )
    other = dataclasses.replace(
        run(0), date="2026-02-03", device="H200", versions={"torch": "2.1+cu"}, commit="0123456789abcdef"
    )
    assert Runs("rope_2d", (other, run(0, dim=16))).provenance() == (
        "2 runs, 1 seed, measured 2026-01-01 to 2026-02-03 on H200, cpu (1 thread), torch 2, 2.1,"
        " commits 0123456, unknown"
    )
    dated = [dataclasses.replace(run(day), date=f"2026-01-0{day}") for day in (5, 2, 9, 1, 7)]
    assert "5 seeds, measured 2026-01-01 to 2026-01-09 on" in Runs("rope_2d", tuple(dated)).provenance()
    with pytest.raises(ValueError, match="got none"):
        Runs("rope_2d", ()).provenance()


# ---------------------------------------------------------------- as a table


def test_a_table_has_a_row_for_each_group_and_says_n():
    table = RUNS.where(study="cpu", kind="vmf").table("dim", ["kl", ("after", "spearman", "atec")])
    assert table.header == ["dim", "kl", "after spearman atec", "n"]
    assert table.rows == [
        ["4", "44.000 ± 3.055", "1.000 ± 0.764", "3"],
        ["16", "164.000 ± 3.055", "1.000 ± 0.764", "3"],
    ]
    assert table.notes == [f"Mean ± standard error; {RUNS.where(study='cpu', kind='vmf').provenance()}."]


def test_a_table_begins_with_its_baselines():
    table = RUNS.where(study="cpu").table(
        ("dim", "kind"),
        {"KL": "kl", "gap, %": lambda record: 100 * record["gap"]},
        order=((16, "vmf"), (4, "gaussian"), (4, "vmf")),
        baselines={"longer": RUNS.where(study="long"), "chance": {"KL": Spread((1, 3))}, "nothing": 0.0},
        digits={"KL": 0},
        caption="KL",
    )
    assert table.header == ["dim", "kind", "KL", "gap, %", "n"]
    assert table.rows == [
        ["longer", "", "40", "—", "1"],
        ["chance", "", "2 ± 1", "—", "2"],
        ["nothing", "", "0", "0.000", "—"],
        ["16", "vmf", "164 ± 3", "—", "3"],
        ["4", "gaussian", "44 ± 3", "50.000 ± 0.000", "3"],
        ["4", "vmf", "44 ± 3", "—", "3"],
    ]
    assert table.caption == "KL"
    with pytest.raises(ValueError, match="baselines: got 'loss'; expected one of kl"):
        RUNS.where(study="cpu").table(("dim", "kind"), ["kl"], baselines={"chance": {"loss": 1.0}})


def test_a_table_takes_labels_a_factor_and_an_interval():
    table = RUNS.where(study="cpu", kind="vmf").table(
        "dim", ["kl"], label=lambda dim: f"d = {dim}", heading="dimension", factor=10, digits=1, interval=True
    )
    assert table.header == ["dimension", "kl", "n"]
    assert table.rows[0] == ["d = 4", "440.0 ± 131.4", "3"]
    assert table.notes[0].startswith("Mean ± half the 95 % interval; 6 runs")
    one_label = RUNS.where(study="cpu", kind="vmf").table(
        "dim", ["kl"], label=lambda dim: "d", baselines={"d": 1}
    )
    assert [row[0] for row in one_label.rows] == ["d", "d", "d"]
    plain = RUNS.where(study="cpu").table(("kind", "dim"), ["kl"], label=lambda kind, dim: f"{kind} {dim}")
    assert (plain.header[0], plain.rows[0][0]) == ("kind, dim", "vmf 4")


def test_a_table_shows_every_number_unless_asked():
    assert RUNS.where(study="cpu", dim=4).table("kind").header == ["kind", "kl", "gap", "n"]
    rows = RUNS.where(study="cpu", dim=4).table("kind").rows
    assert [row[2] for row in rows] == ["—", "0.500 ± 0.000"]
    with pytest.raises(ValueError, match="metric: got 'depth'; expected one of kl, after"):
        RUNS.where(study="cpu").table(("dim", "kind"), ["depth"])


def test_a_table_of_draws_counts_them():
    runs = Runs(
        "rope_2d",
        (run(0, metrics={"acc": [0.5, 0.75], "f1": [0.5]}), run(0, dim=2, metrics={"acc": [1.0, 1.0]})),
    )
    table = runs.table("dim", ["acc", "f1"], over=("seed", "draw"))
    assert table.rows == [["2", "1.000 ± 0.000", "—", "2"], ["4", "0.625 ± 0.125", "0.500", "1, 2"]]


def test_a_table_of_a_study_says_how_to_make_it_if_nobody_did():
    table = RUNS.table(("dim", "kind"), ["kl"], study="gpu", caption="large")
    assert (table.header, table.rows, table.caption) == (["dim", "kind"], [], "large")
    assert table.notes == [
        "No gpu run is recorded yet; to make one: python -m sjedu train rope_2d --preset gpu"
    ]
    assert Runs("rope_2d", ()).table("dim", study="gpu").notes == table.notes
    assert RUNS.table("dim", ["kl"], study="long").rows == [["4", "40.000", "1"]]


# ---------------------------------------------------------------- from the package


def test_runs_come_with_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(record_module.resources, "files", lambda package: tmp_path)
    (tmp_path / "rope_2d" / "recorded").mkdir(parents=True)
    load_runs.cache_clear()
    try:
        assert len(load_runs("rope_2d")) == 0
        load_runs.cache_clear()
        record_module.write_study(tmp_path / "rope_2d" / "recorded" / "cpu.jsonl", [run(1), run(0)])
        assert load_runs("rope_2d") == Runs("rope_2d", (run(0), run(1)))
        assert load_runs("rope_2d") is load_runs("rope_2d")
    finally:
        load_runs.cache_clear()


def test_an_unknown_room_is_named():
    with pytest.raises(ValueError, match="lesson: got 'no_such_room'"):
        load_runs("no_such_room")
