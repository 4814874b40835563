"""Runs held against each other: grouped by what they compare, in its order, and honest about what is missing."""

import pytest
from made_up_records import made_up

from sjedu.records.comparison import Comparison

SHAPES = Comparison(
    "rope_2d",
    "shape",
    label=lambda record: record.config["shape"],
    order=["round", "square"].index,
    figure=lambda spread: f"{spread.mean:.2f}",
    aside=("seconds",),
)


def run(shape, study="cpu", seed=0, **metrics):
    config = {"study": study, "shape": shape}
    return made_up(f"{study}-{shape}-seed{seed}", config, metrics, seed=seed)


RUNS = [run("square", seed=seed, area=1.0 + seed, seconds=9) for seed in range(2)]
RUNS += [run("round", seed=seed, area=3.0, turns=seed) for seed in range(2)]
RUNS += [run("round", study="other", area=9.0)]


def test_spreads_are_of_one_study_and_one_metric():
    found = SHAPES.spreads(RUNS, "cpu", "area")
    assert list(found) == ["round", "square"]
    assert found["square"].values == (1.0, 2.0)
    assert set(SHAPES.spreads(RUNS, "cpu", "turns")) == {"round"}


@pytest.mark.parametrize(
    ("study", "metric", "seeds", "says"),
    [
        (
            "other",
            "area",
            2,
            r"records of 'other' with 'area': got {'round': 1}; expected 2 seeds of each shape",
        ),
        ("gpu", "area", 1, "records of 'gpu' with 'area': got none; expected 1 seeds"),
        ("cpu", "depth", 1, "records of 'cpu' with 'depth': got none"),
    ],
)
def test_too_few_records_are_named(study, metric, seeds, says):
    with pytest.raises(ValueError, match=says):
        SHAPES.spreads(RUNS, study, metric, seeds)


def test_a_summary_has_a_row_for_each_label_and_a_column_for_each_metric():
    table = SHAPES.summary(RUNS, "cpu")
    assert table.header == ["shape", "area", "turns"]
    assert table.rows == [["round", "3.00", "0.50"], ["square", "1.50", "—"]]
    assert table.notes == ["4 runs on cpu (1 thread)"]
    asked = SHAPES.summary(RUNS, "cpu", ("seconds", "depth"))
    assert (asked.header, asked.rows) == (["shape", "seconds"], [["round", "—"], ["square", "9.00"]])


def test_without_an_order_labels_come_as_the_records_do():
    plain = Comparison("rope_2d", "shape", label=lambda record: record.config["shape"])
    assert [row[0] for row in plain.summary(RUNS, "cpu").rows] == ["square", "round"]


def test_a_study_without_records_says_so_itself():
    table = SHAPES.summary([], "gpu")
    assert table.rows == []
    assert table.notes == [
        "No gpu run is recorded yet; to make one: python -m sjedu train rope_2d --preset gpu"
    ]
