"""A run that is interrupted and resumed must end like one that was not."""

import itertools
import signal
from pathlib import Path

import pytest

from sjedu.records import Record


def assert_resumes(train, config, folder: Path, owner, name: str, call: int, but=()) -> tuple[Path, Path]:
    """Interrupt a run, resume it, and hold it against a whole one.

    Args:
        train: the loop.
        config: of the run.
        folder: for both runs.
        owner: a module or a class with a function that the loop calls.
        name: of that function.
        call: at which call of it the interrupt comes.
        but: names of metrics that may differ, as times do.

    Returns:
        The folders of the whole run and of the other.
    """
    wanted, calls = getattr(owner, name), itertools.count(1)

    def interrupt(*arguments, **named):
        if next(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return wanted(*arguments, **named)

    def kept(record):
        return {key: value for key, value in record.metrics.items() if key not in but}

    folders = folder / "whole", folder / "cut"
    whole = train(config, folders[0], progress=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(config, folders[1], progress=False)
    resumed = train(config, folders[1], resume=True, progress=False)
    assert resumed.curves == whole.curves
    assert kept(resumed) == kept(whole)
    assert kept(Record.load(folders[1])) == kept(whole)
    return folders
