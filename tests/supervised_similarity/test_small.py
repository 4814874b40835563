"""The models that come with the package: they are what their records say, and so are their cards."""

from importlib import resources

import pytest

from sjedu.records import load_runs
from sjedu.supervised_similarity.card import write_card
from sjedu.supervised_similarity.evaluation import measure
from sjedu.supervised_similarity.experiment import PAIRS_SEED, load_small
from sjedu.supervised_similarity.tasks import embedded_set

FOLDER = resources.files("sjedu.supervised_similarity") / "small"


@pytest.mark.parametrize(
    ("name", "study", "who"),
    [("start", "start", "after"), ("teacher", "distil", "after"), ("student", "distil", "student")],
)
def test_a_model_is_the_one_of_its_record(name, study, who, tmp_path):
    objective = "mined" if study == "start" else "head"
    record = load_runs("supervised_similarity").where(study=study, objective=objective, seed=0).one()
    model = load_small(name)
    assert sum(weight.numel() for weight in model.parameters()) == record.metrics["parameters"]
    size = record.config["test_size"]
    tests = [embedded_set(each, size, PAIRS_SEED, "test") for each in ("topics", "colour")]
    for each, found in measure(model, tests)["spearman"].items():
        assert found == pytest.approx(record.metrics[who]["spearman"][each], abs=0.01)  # stored in float16
    card = (FOLDER / name / "README.md").read_text("utf-8")
    assert card == write_card(tmp_path, record, who).read_text("utf-8")
    assert not record.dirty


def test_the_start_names_the_pairs_that_it_learnt_from():
    card = (FOLDER / "start" / "README.md").read_text("utf-8")
    assert "6000 pairs of the embedded corpus, mined by overlap" in card
