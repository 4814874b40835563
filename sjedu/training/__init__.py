"""The training run: what every loop of the course needs, under a loop in plain sight."""

from sjedu.training.batches import batch_indices
from sjedu.training.checkpoint import CheckpointError
from sjedu.training.run import NonFiniteLoss, Run
from sjedu.training.seeding import seed_everything

__all__ = ["CheckpointError", "NonFiniteLoss", "Run", "batch_indices", "seed_everything"]
