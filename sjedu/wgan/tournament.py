"""The tournament of real, mean and central pictures, on data sets that are not downloaded while one reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import MinLen

from sjedu.checks import PositiveInt
from sjedu.data import load_images
from sjedu.data.images import ImageSet
from sjedu.records import Record
from sjedu.training import Run, Seed
from sjedu.wgan import batch_distance


@dataclass(frozen=True)
class TournamentConfig:
    """All numbers of one tournament.

    Attributes:
        study: the preset, or the question that it helps to answer.
        dataset: whose pictures.
        sizes: of the batches.
        repeats: test batches of each size.
        seed: of the draws.
    """

    study: str = "tournament"
    dataset: ImageSet = "mnist"
    sizes: Annotated[tuple[PositiveInt, ...], MinLen(1)] = (4, 16, 64, 256)
    repeats: PositiveInt = 20
    seed: Seed = 0

    @property
    def name(self) -> str:
        """The name of the record."""
        return f"{self.study}-{self.dataset}-seed{self.seed}"


def compete(
    config: TournamentConfig,
    directory: str | Path | None = None,
    *,
    resume: bool = False,
    progress: bool = True,
) -> Record:
    """Hold batches of test pictures against real ones, the mean and centres, see `batch_distance.tournament`.

    The record's metrics are, for each size, the mean distance of each candidate, and "wins", the share of batches
    nearer to the repeated mean than to real pictures.
    """
    with Run("wgan", config, directory, resume=resume, progress=progress) as run:
        run.prepare()  # nothing is trained
        for step in run.steps(len(config.sizes)):
            rivals = batch_distance.tournament(
                config.sizes[step], config.repeats, config.seed, config.dataset
            )
            run.log(
                **{name: spread.mean for name, spread in rivals.items()}, wins=batch_distance.win_rate(rivals)
            )
        sizes = map(str, config.sizes)
        metrics = {size: _metrics(row) for size, row in zip(sizes, run.history, strict=True)}
        return run.finish(metrics, name=config.name, data=load_images(config.dataset, "test").source)


def _metrics(row: dict[str, float | int]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in row.items() if name != "step"}
