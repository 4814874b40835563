"""What ends a run before its time."""

from __future__ import annotations

from pathlib import Path

from sjedu.errors import InOneSentence


class CheckpointError(InOneSentence, ValueError):
    """A checkpoint cannot be used; the message names the file and the reason. Nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NonFiniteLoss(InOneSentence, ArithmeticError):  # noqa: N818  the name says it all
    """The loss became NaN or infinite; `step` and `value` say when and what. No step was taken with it."""

    def __init__(self, step: int, value: float) -> None:
        super().__init__(f"the loss is {value} at step {step}; the run stopped before the optimiser's step")
        self.step = step
        self.value = value


class Interrupted(InOneSentence, KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button, ended a run; the message says where, and how to go on.

    Attributes:
        place: where it stopped, "stopped at step 44 of 400".
        saved: how many steps the run's checkpoint holds; None: there is no checkpoint.
    """

    def __init__(self, step: int, total: int | None, saved: int | None) -> None:
        self.place = (
            "stopped before the first step" if total is None else f"stopped at step {step} of {total}"
        )
        self.saved = saved
        if saved is None:
            advice = "run the cell again to start over"
        else:
            advice = "resume with resume=True" + ("" if saved == step else f", from step {saved}")
        super().__init__(f"{self.place}; {advice}")
