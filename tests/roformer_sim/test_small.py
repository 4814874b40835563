"""The models that come with the package: what their cards say holds, and they are what their records say."""

from importlib import resources

import pytest
import torch

from sjedu.data.text import parse_question
from sjedu.records import load_runs
from sjedu.roformer_sim import load_small
from sjedu.roformer_sim.card import write_card
from sjedu.roformer_sim.evaluation import cosines, meaning_of, question_retrieval
from sjedu.roformer_sim.model import SMALL
from sjedu.roformer_sim.results import baselines

STUDIES = {"sim": "sim", "student": "student_distil"}


@pytest.mark.parametrize("name", SMALL)
def test_a_model_is_the_one_of_its_record(name, tmp_path):
    model = load_small(name)
    record = load_runs("roformer_sim").where(study=STUDIES[name], seed=0).one()
    card = resources.files("sjedu.roformer_sim") / "small" / name / "README.md"
    assert card.read_text("utf-8") == write_card(tmp_path, record).read_text("utf-8")
    assert record.metrics["parameters"] == sum(p.numel() for p in model.parameters())
    found = question_retrieval("entity").measure(cosines(model))["accuracy"]
    assert found == pytest.approx(record.metrics["entity accuracy"], abs=0.05)  # stored in float16
    assert found > baselines()["entity accuracy"]


def test_the_small_model_finds_and_writes():
    model = load_small()
    same, other = model.similarity(["信用卡丢了怎么办"] * 2, ["怎么挂失信用卡", "怎么办理信用卡"]).tolist()
    assert same > 0.9 > other
    written = model.generate("信用卡丢了怎么办", 3, generator=torch.Generator().manual_seed(0))
    assert len(written) == 3
    assert sum(meaning_of(text) == parse_question("信用卡丢了怎么办") for text in written) >= 2
