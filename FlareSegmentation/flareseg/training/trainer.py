"""The training loop of one stage: steps, validation and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor

from flareseg.core.errors import Cancelled, ConfigError, GpuMemoryError
from flareseg.core.shortage import ran_out
from flareseg.inference.gpu_check import is_out_of_memory
from flareseg.training.averaging import averaged
from flareseg.training.batches import Batches
from flareseg.training.checkpoint import TrainingProgress, TrainingState
from flareseg.training.config import TrainingConfig, dump_config
from flareseg.training.logs import TRAINING, VALIDATION, Log
from flareseg.training.losses import OrganLoss
from flareseg.training.optimiser import new_optimiser
from flareseg.training.sample import Stage
from flareseg.training.saved_tensors import saving
from flareseg.training.schedule import rate_factor
from flareseg.training.start import new_network
from flareseg.training.step import forward, layout_on
from flareseg.training.validation import DiceMeter, Score, Validation

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
ROWS_PER_EPOCH = 10
METERED_STEPS = 20  # of each row; measuring each step would cost time


class Watcher(Protocol):
    """Interface of an observer of a run, which may also cancel it."""

    def begins(self, stage: Stage, done: int, steps: int) -> None: ...

    def advanced(self, step: int, loss: float, score: Score, lr: float) -> None: ...

    def validated(self, step: int, score: Score, is_best: bool) -> None: ...

    @property
    def is_cancelled(self) -> bool: ...


class Trainer:
    """Trains the network of one stage in a folder of its own; begins where the folder's checkpoint stands."""

    def __init__(
        self,
        config: TrainingConfig,
        stage: Stage,
        steps_per_epoch: int,
        batches: Batches,
        validation: Validation,
        folder: Path,
        fabric: Fabric,
        watcher: Watcher,
        data: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._stage, self._settings = config, stage, config.stages[stage]
        self._epoch = steps_per_epoch
        self.batches, self.validation = batches, validation
        self._folder, self._fabric, self._watcher, self._clock = folder, fabric, watcher, clock
        torch.manual_seed(config.seed)
        network = new_network(stage, self._settings).to(memory_format=layout_on(fabric.device))  # type: ignore[call-overload]
        self._network, self._optimiser = fabric.setup(network, new_optimiser(network, self._settings.optimiser))
        self._loss = OrganLoss(self._settings.loss)
        average = averaged(self._network.module, self._settings.ema_decay)
        optimiser, described = self._optimiser.optimizer, dump_config(config)
        self._state = TrainingState(self._network.module, average, optimiser, TrainingProgress(), described, data)
        if (folder / CHECKPOINT).exists():
            self._state.load(folder / CHECKPOINT)
        self._saved_step = self.progress.step
        self._log = Log(folder, self.progress.step) if fabric.is_global_zero else None
        self._meter = DiceMeter(stage)

    @property
    def progress(self) -> TrainingProgress:
        return self._state.progress

    @property
    def steps(self) -> int:
        """How many steps the whole run has."""
        return self._settings.epochs * self._epoch

    def train(self, minutes: float | None = None) -> bool:
        """Go on to the last step, or for some minutes; whether the run is complete. The state is saved in any case.

        Raises FlareError: "gpu_memory" when the device's memory ran out, "bad_config" when loss or gradient are not
        finite, "write" when the state could not be saved, "cancelled".
        """
        self._watcher.begins(self._stage, self.progress.step, self.steps)
        try:
            self._run(self._clock(), minutes)
        except RuntimeError as error:
            if not is_out_of_memory(error) and not ran_out(error):
                raise
            self._save()
            raise GpuMemoryError(
                f"The memory of the device ran out at step {self.progress.step}; step {self._saved_step} is saved.",
                "Free the device's memory and resume, also with more savings under `memory` of the config; or lower "
                "`batch`, `grid` or `factor` in the config of a new run.",
            ) from error
        return self.progress.step >= self.steps

    def _run(self, begun: float, minutes: float | None) -> None:
        saved = begun
        if not self.progress.step and self._settings.start == "shipped":
            self._validate()  # what the run has to be better than
        while self.progress.step < self.steps:
            started = self._clock()
            self._step()
            now = self._clock()
            self.progress.seconds += now - started
            if self._is_validation_due():
                self._validate()
            is_old, is_cancelled, is_over = self._agreed(
                now - saved > 60 * self._config.checkpoint_minutes,
                self._watcher.is_cancelled,
                minutes is not None and now - begun > 60 * minutes,
            )
            if is_old or is_cancelled:
                self._save()
                saved = now
            if is_cancelled:
                raise Cancelled
            if is_over:
                break
        self._save()

    def _agreed(self, *flags: bool) -> list[bool]:
        """Whether any of the processes says so, flag by flag: all of them must go the same way."""
        if self._fabric.world_size == 1:
            return list(flags)
        told = torch.tensor(flags, dtype=torch.float32, device=self._fabric.device)
        return [bool(flag) for flag in self._fabric.all_reduce(told, reduce_op="sum")]

    def _is_validation_due(self) -> bool:
        every = self._epoch * self._config.validate_every_epochs
        return self.progress.step % every == 0 or self.progress.step == self.steps

    def _step(self) -> None:
        step = self.progress.step
        lr = self._settings.optimiser.lr * rate_factor(
            self._settings.schedule, step, self._epoch, self._settings.epochs
        )
        for group in self._optimiser.param_groups:
            group["lr"] = lr
        batch = self.batches.batch(step)
        self._network.train()
        before = [buffer.clone() for buffer in self._network.module.buffers()]
        try:
            with saving(self._settings.memory.saved, self._fabric.device):
                logits, loss = forward(self._network, self._loss, batch, self._settings.memory)
            self._optimiser.zero_grad(set_to_none=True)
            self._fabric.backward(loss)
            norm = self._clip()
        except RuntimeError:  # out of memory, after which the state is saved
            self._restore(before)
            raise
        (is_spoilt,) = self._agreed(not bool(torch.isfinite(loss) & torch.isfinite(norm)))
        if is_spoilt:
            self._restore(before)
            self._give_up()
        self._optimiser.step()
        self._state.average.update_parameters(self._network.module)
        self.progress.step += 1
        self.progress.samples += len(batch.images) * self._fabric.world_size
        self._report(logits.detach(), batch.labels, loss.detach(), lr)

    def _clip(self) -> Tensor:
        """The norm of the gradient as it was; afterwards it is within the config's bound."""
        bound = self._settings.optimiser.max_grad_norm or float("inf")
        norm = self._fabric.clip_gradients(self._network, self._optimiser, max_norm=bound, error_if_nonfinite=False)
        assert norm is not None  # of gradients clipped by norm
        return norm

    @torch.no_grad()
    def _restore(self, buffers_before: list[Tensor]) -> None:
        """The network as it was before this step: its weights are untouched, batch norm is not."""
        for buffer, before in zip(self._network.module.buffers(), buffers_before):
            buffer.copy_(before)

    def _give_up(self) -> None:
        self._save()
        raise ConfigError(
            f"Loss or gradient is not finite at step {self.progress.step}; the run is saved as it was before.",
            "Begin a new run with a lower learning rate, with gradient clipping, or with precision 32-true.",
        )

    def _report(self, logits: Tensor, labels: Tensor, loss: Tensor, lr: float) -> None:
        row = max(1, self._epoch // ROWS_PER_EPOCH)
        into = self.progress.step % row
        if into == 0 or into > row - METERED_STEPS:
            self._meter.add(logits, labels)
        if into == 0:
            score = self._meter.score()
            self._meter = DiceMeter(self._stage)
            self._watcher.advanced(self.progress.step, float(loss), score, lr)
            self._keep({"loss": float(loss), "lr": lr, "seconds": self.progress.seconds}, TRAINING, score)

    def _validate(self) -> None:
        score = self.validation.score(self._state.average)
        is_best = score.rank > self.progress.best
        if is_best:
            self.progress.best, self.progress.best_step = score.rank, self.progress.step
            if self._log:
                self._state.save_average(self._folder / BEST)
        self._watcher.validated(self.progress.step, score, is_best)
        self._keep(score.roi, VALIDATION, score)

    def _keep(self, figures: dict[str, float], prefix: str, score: Score) -> None:
        if self._log:
            dice = {prefix + name: value for name, value in score.dice.items()}
            self._log.add({"step": float(self.progress.step), **figures, **dice})

    def _save(self) -> None:
        """Only one of the processes writes; it waits for none, as one of them may be gone."""
        if self._log:
            self._state.save(self._folder / CHECKPOINT)
            self._log.write()
        self._saved_step = self.progress.step
