"""The training run: what every loop of the course needs, under a loop in plain sight."""

from sjedu.training.batches import batch_indices
from sjedu.training.checkpoint import CheckpointError
from sjedu.training.choices import check_choices
from sjedu.training.record import Record, RecordError, load_records
from sjedu.training.run import NonFiniteLoss, Run
from sjedu.training.seeding import seed_everything
from sjedu.training.spread import Spread, lead

__all__ = [
    "CheckpointError",
    "NonFiniteLoss",
    "Record",
    "RecordError",
    "Run",
    "Spread",
    "batch_indices",
    "check_choices",
    "lead",
    "load_records",
    "seed_everything",
]
