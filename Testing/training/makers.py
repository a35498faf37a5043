"""Small things to train on: a source of balls, a tiny config, a trainer over both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from flareseg.inference.resample import Size
from flareseg.training.batches import Batches, Mixture
from flareseg.training.chance import Chance
from flareseg.training.config import TrainingConfig
from flareseg.training.sample import Sample, Stage
from flareseg.training.trainer import Trainer
from flareseg.training.validation import Score, Validation
from lightning_fabric import Fabric


class Balls:
    """A bright ball for each organ, each of its own HU and about its own place, in fat."""

    HU = (280.0, 190.0, 100.0, 10.0)
    PLACES = ((0.3, 0.3, 0.3), (0.3, 0.7, 0.7), (0.7, 0.3, 0.7), (0.7, 0.7, 0.3))

    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        axes = [torch.arange(size, dtype=torch.float32) / size for size in grid]
        image = -100 + 5 * chance.white_noise(grid)
        labels = torch.zeros(grid, dtype=torch.uint8)
        for label, (hu, place) in enumerate(zip(self.HU, self.PLACES), start=1):
            centre = [chance.uniform(c - 0.08, c + 0.08) for c in place]
            k, j, i = ((axis - c) ** 2 for axis, c in zip(axes, centre))
            inside = k[:, None, None] + j[:, None] + i < chance.uniform(0.15, 0.25) ** 2
            image[inside], labels[inside] = hu, label
        return Sample(image, labels)


class SilentWatcher:
    """Notes what it is told; ends the run after ``end_at`` reports."""

    def __init__(self, end_at: int | None = None) -> None:
        self.reports: list[tuple[int, float]] = []
        self.validations: list[Score] = []
        self._end_at = end_at

    def begins(self, stage: Stage, done: int, steps: int) -> None:
        self.begun_at, self.steps = done, steps

    def advanced(self, step: int, loss: float, score: Score, lr: float) -> None:
        self.reports.append((step, loss))

    def validated(self, step: int, score: Score, is_best: bool) -> None:
        self.validations.append(score)

    @property
    def is_cancelled(self) -> bool:
        return self._end_at is not None and len(self.reports) >= self._end_at


def tiny_config(stage: str = "organs", **changes: Any) -> TrainingConfig:
    """Twelve steps of a tiny network; ``changes`` are of the stage."""
    settings = {
        "network": {"name": "RoiUNet", "options": {"widths": [4, 8]}},
        "grid": [16, 16, 16],
        "loss": {"focal": 1.0, "gamma": 1.0, "dice": 1.0},
        "optimiser": {"name": "adamw", "lr": 0.03, "max_grad_norm": 5.0},
        "schedule": {"name": "cosine"},
        "epochs": 3,
        "steps_per_epoch": 4,
        "batch": 3,
        "fresh": 2,
        "replay_size": 6,
        "ema_decay": 0.9,
        **changes,
    }
    return TrainingConfig.model_validate(
        {"name": "tiny", "seed": 5, "stages": {stage: settings}, "precision": "32-true"}
    )


def tiny_trainer(
    folder: Path, config: TrainingConfig | None = None, watcher: SilentWatcher | None = None, **parts: Any
) -> Trainer:
    """A trainer on balls, on the CPU, of the config's only stage; ``parts`` replace its parts."""
    config = config or tiny_config()
    folder.mkdir(parents=True, exist_ok=True)
    ((stage, settings),) = config.stages.items()
    mixture, device = Mixture([Balls()], [1.0]), torch.device("cpu")
    made: dict[str, Any] = {
        "batches": Batches(mixture, stage, settings, config.seed, device),
        "validation": Validation(Batches(mixture, stage, settings, config.seed + 1, device), stage, samples=2),
        "fabric": Fabric(accelerator="cpu", devices=1),
        **parts,
    }
    assert settings.steps_per_epoch
    return Trainer(config, stage, settings.steps_per_epoch, folder=folder, watcher=watcher or SilentWatcher(), **made)
