"""A training run: Accelerate below, the loop in plain sight above."""

from __future__ import annotations

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TypeVarTuple, get_args

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration
from jaxtyping import Int64
from torch import Tensor
from tqdm.auto import tqdm

from sjedu.checks import check_choice, check_count, check_fields
from sjedu.records.record import Record, columns, plain
from sjedu.training import provenance
from sjedu.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from sjedu.training.configs import Precision
from sjedu.training.errors import CheckpointError, Interrupted, NonFiniteLoss
from sjedu.training.seeding import rng_state, seed_everything, set_rng_state

Parts = TypeVarTuple("Parts")


class Run:
    """One training run: device, precision, processes, seeds, checkpoints, metrics, progress, result.

        with Run("rope_2d", config, directory=directory, resume=resume) as run:
            model = Net(config)
            optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)
            model, optimizer = run.prepare(model, optimizer)
            for step in run.steps(config.steps):
                indices = run.shard(batch_indices(step, len(x), config.batch_size, config.seed))
                loss = F.cross_entropy(model(x[indices]), y[indices])
                run.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                if run.logs(step):
                    run.log(loss=loss)
            return run.finish({"accuracy": accuracy(model)})

    A room's ``train(config, directory=None, *, resume=False, progress=True)`` is such a loop. Its config is checked
    before anything is read, built or trained: see `sjedu.checks.check_fields`.

    With a directory the run leaves there `checkpoint.safetensors`, TensorBoard events in `tensorboard/`, and
    at its end the record `record.json`. A run that was killed and then resumed ends with the same weights and
    history as one that was not (bit for bit on the CPU), if what happens in a step depends on nothing but the
    prepared objects, the step's number and the global random number generators.

    Ctrl-C during a step lets the step end, saves, and then raises `Interrupted`, a KeyboardInterrupt; a second
    Ctrl-C does not wait, and leaves the last checkpoint. With several processes the last checkpoint is what is left.

    Args:
        lesson: the room that runs.
        config: a frozen dataclass of JSON values with a `seed`, and optionally a `precision` of "no" (the
            default), "bf16" or "fp16", whatever `accelerate launch` was told about it.
        directory: where the run leaves its files; None: nowhere.
        resume: continue the run in `directory`; if false, there must be none.
        progress: show a bar.
        checkpoint_every: steps from one checkpoint to the next; the last step always has one.

    Attributes:
        history: a row for each step that logged something: {"step": 0, "loss": 0.7, ...}.

    Raises:
        TypeError: if config is not a frozen dataclass.
        ValueError: if seed or precision is not one, fp16 meets a CPU, or `resume` comes without a directory.
        CheckpointError: upon entry, if the directory already holds a run, or, when resuming, holds none that fits.
        Interrupted: from the loop, or upon exit, in the place of a KeyboardInterrupt.
    """

    def __init__(
        self,
        lesson: str,
        config: Any,
        directory: str | Path | None = None,
        *,
        resume: bool = False,
        progress: bool = True,
        checkpoint_every: int = 200,
    ) -> None:
        self.config = _plain_config(config)
        check_count("checkpoint_every", checkpoint_every)
        if resume and directory is None:
            raise ValueError("directory: got None; expected that of the run to resume")
        self.lesson = lesson
        self.history: list[dict[str, float | int]] = []
        self._directory = None if directory is None else Path(directory)
        self._resume = resume
        self._progress = progress
        self._checkpoint_every = checkpoint_every
        self._parts: tuple[Any, ...] | None = None
        self._loop: Generator[int] | None = None
        self._step = 0
        self._total: int | None = None
        self._saved: int | None = None
        self._restored: dict[str, Any] | None = None
        self._record: Record | None = None
        self._writer: Any = None
        self._bar: Any = None

    def __enter__(self) -> Run:
        with ExitStack() as stack:
            self.accelerator = stack.enter_context(_accelerator(self.config.get("precision", "no")))
            self._clock = time.perf_counter()
            self._commit, self._dirty = provenance.commit()
            if self._resume:
                self._load()
            elif self._path is not None and self._path.exists():
                raise CheckpointError(
                    self._path, "already there; resume that run, or choose another directory"
                )
            seed_everything(self.config["seed"])
            stack.callback(self._stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        if kind is KeyboardInterrupt:
            raise Interrupted(self._step, self._total, self._saved) from None

    @property
    def device(self) -> torch.device:
        """Where the prepared models are and the batches belong."""
        device: torch.device = self.accelerator.device
        return device

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return int(self.accelerator.num_processes)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return bool(self.accelerator.is_main_process)

    @property
    def finished(self) -> bool:
        """Whether this is a resumed run that had already ended: `finish` gives its record back."""
        return self._record is not None

    @property
    def _path(self) -> Path | None:
        return None if self._directory is None else self._directory / "checkpoint.safetensors"

    def prepare(self, *parts: *Parts) -> tuple[*Parts]:
        """Put models, optimisers and schedulers on the device and under the run's care.

        Models are wrapped for precision and processes; all parts are saved, and restored when resuming. A
        further object with `state_dict` and `load_state_dict` may come along to be saved and restored. A run that
        only measures prepares nothing: ``run.prepare()``.

        Returns:
            The parts in the order given, to be used instead of the originals.

        Raises:
            RuntimeError: if called twice.
            CheckpointError: if the checkpoint holds other parts than these.
        """
        if self._parts is not None:
            raise RuntimeError(
                "prepare was already called: give it all models, optimisers and schedulers at once"
            )
        for part in parts:
            if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
                raise TypeError(f"parts: got {part!r}; expected objects with state_dict and load_state_dict")
        self._kinds = [type(part).__name__ for part in parts]
        if len(parts) > 1:
            self._parts = self.accelerator.prepare(*parts)
        else:  # of one part accelerate makes no tuple
            self._parts = tuple(map(self.accelerator.prepare, parts))
        if self._restored is not None:
            self._restore_parts(self._restored)
        return self._parts

    def steps(self, total: int) -> Iterator[int]:
        """Count the steps that are still to do, 0 … total-1 for a new run; save as the loop goes.

        Raises:
            RuntimeError: if called before `prepare`, or twice.
            ValueError: if a resumed run has already done more than `total` steps.
        """
        if self._parts is None:
            raise RuntimeError("prepare the models, optimisers and schedulers before the steps")
        if self._loop is not None:
            raise RuntimeError("a run has one loop: steps was already called")
        if total < self._step:
            raise ValueError(f"steps: got {total}; expected at least {self._step}, which this run has done")
        self._total = total
        self._loop = self._iterate(total)
        return self._loop

    def _iterate(self, total: int) -> Generator[int]:
        if self._step == total:
            return
        self._set_rng()
        self._writer = self._open_writer()
        with (
            tqdm(
                desc=self.lesson,
                initial=self._step,
                total=total,
                disable=not (self._progress and self.is_main),
            ) as self._bar,
            _interrupts_wait(self._directory is not None and self.processes == 1) as interrupted,
        ):
            for step in range(self._step, total):
                yield step
                self._step = step + 1
                self._bar.update()
                if interrupted.is_set() or self._step % self._checkpoint_every == 0 or self._step == total:
                    self._save()
                if interrupted.is_set():
                    raise Interrupted(self._step, total, self._saved)

    def shard(self, indices: Int64[Tensor, " batch"]) -> Int64[Tensor, " share"]:
        """This process's equal share of a batch; the whole batch where there is one process.

        Averaged over processes, the gradients of mean losses are then those of the whole batch.

        Raises:
            ValueError: if the batch cannot be divided evenly.
        """
        if len(indices) % self.processes:
            raise ValueError(
                f"indices: got {len(indices)}; expected a multiple of {self.processes}, the number of processes"
            )
        return indices[self.accelerator.process_index :: self.processes]

    def backward(self, loss: Tensor) -> None:
        """Backpropagate, scaled where the precision needs it.

        Raises:
            NonFiniteLoss: if the loss, averaged over processes, is NaN or infinite. All processes stop.
        """
        self.accelerator.backward(loss)
        # Only now: reading the value waits for the accelerator, which meanwhile has the backward pass to do.
        (value,) = self._average([loss])
        if not math.isfinite(value):
            raise NonFiniteLoss(self._step, value)

    def clip(self, parameters: Iterable[Tensor], bound: float) -> Tensor:
        """Shorten the gradient g of the parameters to g · min(1, bound / ‖g‖); belongs after `backward`.

        Unlike `torch.nn.utils.clip_grad_norm_` it takes fp16's scale out first: a scaled gradient is not the one
        that is to be bounded.

        Returns:
            ‖g‖, the Euclidean norm over all parameters before that.
        """
        norm: Tensor = self.accelerator.clip_grad_norm_(parameters, bound)
        return norm

    def logs(self, step: int) -> bool:
        """Whether to log in this step: about fifty steps of a run, evenly apart, from the first on."""
        assert self._total is not None
        return step % max(1, self._total // 50) == 0

    def log(self, **values: float | int | Tensor) -> None:
        """Note values of this step, averaged over processes, in `history`, in TensorBoard and beside the bar.

        Raises:
            RuntimeError: if called outside the loop over `steps`.
            ValueError: if a value is not a single number, or is called "step".
        """
        if self._bar is None or self._step == self._total:
            raise RuntimeError("log belongs in the loop over steps; give final results to finish")
        for name, value in values.items():
            if name == "step" or (isinstance(value, Tensor) and value.numel() != 1):
                raise ValueError(f"{name}: got {value!r}; expected a single number, not named 'step'")
        row = dict(zip(values, self._average(list(values.values())), strict=True))
        if not self.history or self.history[-1]["step"] != self._step:
            self.history.append({"step": self._step})
        self.history[-1].update(row)
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in row.items()}, refresh=False)
        if self._writer is not None:
            for name, value in row.items():
                self._writer.add_scalar(name, value, self._step)

    def finish(
        self,
        metrics: Mapping[str, Any],
        *,
        name: str | None = None,
        data: str = "",
        files: Mapping[str, str] | None = None,
    ) -> Record:
        """End the run: its result with its provenance, written into the directory if there is one.

        Resuming a run that had already ended gives the record that it ended with; `metrics` is then ignored.

        Args:
            metrics: the results by name: finite numbers, strings, or lists and dicts of them. With several
                processes those of the main one are written.
            name: what people call the run; "<lesson>-seed<seed>" if not given.
            data: in a sentence, what the run learnt from and where that came from.
            files: what else belongs to the record, by what it is: names of files in the directory, which no other
                run's file has.

        Raises:
            RuntimeError: if the loop has not come to its end.
        """
        if self._step != self._total:
            raise RuntimeError(f"finish belongs after the loop; {self._step} of {self._total} steps are done")
        if self._record is None:
            self._record = Record(
                lesson=self.lesson,
                name=name if name is not None else f"{self.lesson}-seed{self.config['seed']}",
                config=self.config,
                seed=self.config["seed"],
                commit=self._commit,
                dirty=self._dirty,
                device=provenance.device_name(self.device, self.processes),
                versions=provenance.versions(),
                date=provenance.today(),
                seconds=round(self._seconds(), 3),
                metrics=plain(metrics, "metrics"),
                curves=columns(self.history),
                data=data,
                files={} if self._directory is None else dict(files or {}),
            )
            self._save()
        if self._directory is not None and self.is_main:
            self._record.save(self._directory)
        self.accelerator.wait_for_everyone()  # whoever goes on to resume this run finds it whole
        return self._record

    def _seconds(self) -> float:
        return time.perf_counter() - self._clock

    def _average(self, values: list[float | int | Tensor]) -> list[float]:
        numbers = [float(value.detach() if isinstance(value, Tensor) else value) for value in values]
        if self.processes == 1:
            return numbers
        averages = self.accelerator.reduce(
            torch.tensor(numbers, dtype=torch.float64, device=self.device), "mean"
        )
        return [float(average) for average in averages]

    def _open_writer(self) -> Any:
        if self._directory is None or not self.is_main:
            return None
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and only needed here

        # What a killed run wrote after its last checkpoint is purged: those steps come again.
        return SummaryWriter(self._directory / "tensorboard", purge_step=self._step)

    def _save(self) -> None:
        if self._path is None:
            return
        rng = self._gather_rng()  # all processes take part; only the main one writes
        if not self.is_main:
            return
        if self._writer is not None:
            self._writer.flush()  # or TensorBoard would lack steps that the checkpoint counts as done
        scaler = self.accelerator.scaler
        state = {
            "step": self._step,
            "kinds": self._kinds,
            "parts": [_bare(self.accelerator, part).state_dict() for part in self._parts or ()],
            "scaler": None if scaler is None else scaler.state_dict(),
            "rng": rng,
            "history": self.history,
            "seconds": self._seconds(),
            "commit": self._commit,
            "dirty": self._dirty,
            "record": None if self._record is None else dataclasses.asdict(self._record),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(self._path, Checkpoint(self.lesson, self.config, state))
        self._saved = self._step

    def _load(self) -> None:
        assert self._path is not None
        state = load_checkpoint(self._path, self.lesson, self.config).state
        processes = len(state["rng"]["torch"])
        if processes != self.processes:
            reason = f"written by {processes} process(es), this run has {self.processes}"
            raise CheckpointError(self._path, reason)
        self._restored = state
        self._step = self._saved = state["step"]
        self.history = state["history"]
        self._clock -= state["seconds"]
        self._dirty = self._dirty or state["dirty"] or state["commit"] != self._commit
        if state["record"] is not None:
            self._record = Record(**state["record"])

    def _restore_parts(self, state: dict[str, Any]) -> None:
        assert self._path is not None
        if state["kinds"] != self._kinds:
            reason = f"holds {', '.join(state['kinds'])}; this run prepares {', '.join(self._kinds)}"
            raise CheckpointError(self._path, reason)
        for kind, part, part_state in zip(self._kinds, self._parts or (), state["parts"], strict=True):
            try:
                _bare(self.accelerator, part).load_state_dict(part_state)
            except (RuntimeError, ValueError, KeyError) as error:
                raise CheckpointError(self._path, f"its {kind} does not fit this run's ({error})") from error
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])

    def _gather_rng(self) -> dict[str, Tensor]:
        state = {name: tensor.unsqueeze(0) for name, tensor in rng_state(self.device).items()}
        if self.processes == 1:
            return state
        return {name: self.accelerator.gather(tensor.to(self.device)).cpu() for name, tensor in state.items()}

    def _set_rng(self) -> None:
        # At the loop's start, not in prepare: what is drawn between the two must not count twice.
        rank = self.accelerator.process_index
        if self._restored is not None:
            set_rng_state({name: rows[rank] for name, rows in self._restored["rng"].items()}, self.device)
            self._restored = None
        elif rank > 0:
            # Processes began alike, so that they agree on models and data; their dropout must differ.
            seed_everything((self.config["seed"] + rank) % 2**32)

    def _stop(self) -> None:
        if self._loop is not None:
            self._loop.close()
        if self._writer is not None:
            self._writer.close()
        for part in self._parts or ():
            if isinstance(part, torch.nn.Module):
                # As it was found, so that another run may prepare it in another precision.
                model = self.accelerator.unwrap_model(part, keep_fp32_wrapper=False)
                model.__dict__.pop("_is_accelerate_prepared", None)


def _bare(accelerator: Accelerator, part: Any) -> Any:
    return accelerator.unwrap_model(part) if isinstance(part, torch.nn.Module) else part


def _plain_config(config: Any) -> dict[str, Any]:
    if not (dataclasses.is_dataclass(config) and not isinstance(config, type)):
        raise TypeError(f"config: got {config!r}; expected a frozen dataclass")
    if not config.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(
            f"config: got {type(config).__name__}, which is not frozen; expected a frozen dataclass"
        )
    check_fields(config)
    fields: dict[str, Any] = plain(dataclasses.asdict(config), "config")
    seed = fields.get("seed")
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"config.seed: got {seed!r}; expected a whole number from 0 to 2**32 - 1")
    check_choice("config.precision", fields.get("precision", "no"), get_args(Precision))
    return fields


@contextmanager
def _accelerator(precision: str) -> Iterator[Accelerator]:
    # Accelerate keeps one state for the whole process and refuses a second precision, but a notebook trains
    # one model after another: set the state aside, and put it back for whoever else uses it.
    previous = dict(AcceleratorState._shared_state)
    AcceleratorState._reset_state()
    try:
        # Without split_batches a scheduler would step once for each process.
        accelerator = Accelerator(
            mixed_precision=precision, dataloader_config=DataLoaderConfiguration(split_batches=True)
        )
        if precision == "fp16" and accelerator.device.type == "cpu":
            raise ValueError(
                "config.precision: got 'fp16' on a CPU; expected 'no' or 'bf16', or an accelerator"
            )
        yield accelerator
    finally:
        if previous:
            AcceleratorState._reset_state()
            AcceleratorState._shared_state.update(previous)


@contextmanager
def _interrupts_wait(enabled: bool) -> Iterator[threading.Event]:
    """Let the first Ctrl-C only set the event, so that the step in work is not torn apart."""
    interrupted = threading.Event()
    previous = signal.getsignal(signal.SIGINT)
    if not enabled or not callable(previous) or threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def wait_once(number: int, frame: FrameType | None) -> None:
        if interrupted.is_set():
            previous(number, frame)
        interrupted.set()

    signal.signal(signal.SIGINT, wait_once)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
