"""The tournament of real, mean and central pictures, on data sets that are not downloaded while one reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sjedu.checks import check_fields, check_count
from sjedu.data import load_images
from sjedu.data.images import ImageSet
from sjedu.records import Record
from sjedu.training import Run
from sjedu.wgan import studies


@dataclass(frozen=True)
class TournamentConfig:
    """All numbers of one tournament.

    Attributes:
        study: what it is part of; its record's name begins with it.
        dataset: whose pictures.
        sizes: of the batches.
        repeats: test batches of each size.
        seed: of the draws.
    """

    study: str = "tournament"
    dataset: ImageSet = "mnist"
    sizes: tuple[int, ...] = (4, 16, 64, 256)
    repeats: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        for i, size in enumerate(self.sizes):
            check_count(f"sizes[{i}]", size)
        check_count("repeats", self.repeats)

    @property
    def name(self) -> str:
        """Of the record."""
        return f"{self.study}-{self.dataset}-seed{self.seed}"


def compete(
    config: TournamentConfig,
    directory: str | Path | None = None,
    *,
    resume: bool = False,
    progress: bool = True,
) -> Record:
    """Hold batches of test pictures against real ones, the mean and centres, see `studies.tournament`.

    Args:
        config: all numbers.
        directory: where checkpoint and record go; None: nowhere.
        resume: continue the run in that directory.
        progress: show a bar.

    Returns:
        The record. Its metrics are, for each size, the mean distance of each candidate, and "wins", the share of
        batches nearer to the repeated mean than to real pictures.

    Raises:
        ValueError: if a number of the config does not fit; says which.
        DataNotFound, DamagedData: if the pictures cannot be read.
        CheckpointError: if the directory holds a run and `resume` is false, or none that fits and it is true.
    """
    with Run("wgan", config, directory, resume=resume, progress=progress) as run:
        run.prepare()  # nothing is trained
        for step in run.steps(len(config.sizes)):
            found = studies.tournament(config.sizes[step], config.repeats, config.seed, config.dataset)
            run.log(**{name: spread.mean for name, spread in found.items()}, wins=studies.win_rate(found))
        sizes = map(str, config.sizes)
        metrics = {size: _metrics(row) for size, row in zip(sizes, run.history, strict=True)}
        return run.finish(metrics, name=config.name, data=load_images(config.dataset, "test").source)


def _metrics(row: dict[str, float | int]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in row.items() if name != "step"}
