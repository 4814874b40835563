"""What a reader's mistake, or a data set that is not there, looks like in a notebook."""

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from sjedu.data import DamagedData, DataNotFound
from sjedu.roformer import WeightsError
from sjedu.training import CheckpointError, Interrupted, NonFiniteLoss

FILE = Path("runs", "cpu")


@pytest.fixture(scope="module")
def shell():
    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DataNotFound("mnist: no local file"), "mnist: no local file"),
        (DamagedData(FILE, "no gzip file"), f"{FILE}: no gzip file"),
        (WeightsError("model: lacks pooler"), "model: lacks pooler"),
        (CheckpointError(FILE, "no such checkpoint"), f"{FILE}: no such checkpoint"),
        (NonFiniteLoss(3, 1e400), "the loss is inf at step 3; the run stopped before the optimiser's step"),
        (Interrupted(2, 4, 2), "stopped at step 2 of 4; resume with resume=True"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_one_sentence(error, sentence, shell, capsys):
    def fail():
        raise error

    shell.user_ns["fail"] = fail
    assert not shell.run_cell("fail()").success
    assert capsys.readouterr().out.strip() == sentence
