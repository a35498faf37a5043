"""The configuration of a training run: one YAML file, checked completely before anything starts."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from flareseg.core.errors import ConfigError
from flareseg.core.organs import CLASSES
from flareseg.inference.networks import NETWORKS, build, divisor_by_name
from flareseg.inference.networks.savings import Savings, save_memory
from flareseg.inference.own_grid import own_grid
from flareseg.inference.resample import Size
from flareseg.training.augmentation import AugmentationConfig
from flareseg.training.sample import Stage
from flareseg.training.saved_tensors import Saved
from flareseg.training.settings import Settings, plainly
from flareseg.training.synthesis.config import SynthesisConfig

PRESETS = Path(__file__).resolve().parent / "presets"
SIZE_STEP = 8  # of each size of a grid
CLASSES_OF = {Stage.ABDOMEN: 2, Stage.ORGANS: CLASSES, Stage.FULL_SIZE: CLASSES}


class NetworkConfig(Settings):
    """``name``: of flareseg.inference.networks; ``options``: its widths, as keyword arguments (None: the default)."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("options")
    @classmethod
    def _without_defaults(cls, options: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in options.items() if value is not None}

    @model_validator(mode="after")
    def _can_be_built(self) -> NetworkConfig:
        if self.name not in NETWORKS:
            raise ValueError(f"unknown network {self.name}; known are {', '.join(NETWORKS)}")
        try:
            divisor_by_name(self.name, self.options)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the options do not fit the network {self.name} ({error})") from error
        return self

    @cached_property
    def divisor(self) -> int:
        """What each size of the network's input is divisible by."""
        return divisor_by_name(self.name, self.options)


class LossConfig(Settings):
    """Weighted sum of the focal loss (He and Luo use it alone) and the Dice loss of the organs present.

    ``boundary``: how much more the focal loss weighs voxels that several classes share; ``absent``: the weight of an
    organ that a sample does not show, where one that it shows has 1.
    """

    focal: float = Field(1.0, ge=0)
    gamma: float = Field(2.0, ge=0)
    dice: float = Field(0.0, ge=0)
    boundary: float = Field(0.0, ge=0)
    absent: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _is_something(self) -> LossConfig:
        if not self.focal + self.dice:
            raise ValueError("the weights of both losses are zero")
        return self


class MemoryConfig(Settings):
    """Savings of memory; none changes what is learned but ``saved: bfloat16``, which rounds.

    ``checkpoint`` and ``in_place``: of the network (flareseg.inference.networks.savings). ``saved``: how tensors are
    kept for the backward pass. ``loss_slab``: slices of which the loss is computed at a time (None: of all).
    """

    checkpoint: bool = False
    in_place: bool = False
    saved: Saved = "as_is"
    loss_slab: int | None = Field(None, gt=0)

    @property
    def savings(self) -> Savings:
        return Savings(self.checkpoint, self.in_place)


class OptimiserConfig(Settings):
    """``lr``: the highest learning rate; ``max_grad_norm``: the largest norm of the gradient (None: any)."""

    name: Literal["sgd", "adamw"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.0, ge=0, lt=1)
    max_grad_norm: float | None = Field(None, gt=0)


class ScheduleConfig(Settings):
    """``poly``: lr x (1 - epoch / epochs) ** power; ``cosine``: to 1 % of lr, step by step."""

    name: Literal["poly", "cosine"]
    power: float = Field(0.9, gt=0)
    warm_up_steps: int = Field(0, ge=0)


class StageConfig(Settings):
    """How the network of one stage is trained.

    ``grid``: its input size (k, j, i). ``factor``: scans have their own grid times this instead, and synthetic CT,
    which has none of its own, ``grid`` times this (None: all are resized to ``grid``). ``steps_per_epoch`` None: one
    pass over the cases. ``batch``: samples a step, of which ``fresh`` are new and the others replayed, with other
    noise, from the last ``replay_size`` (None: all new). ``ema_decay``: decay of the moving average of the weights
    (None: the last weights are used). ``start``: PyTorch's random weights, He's, or the shipped weights. ``memory``:
    what is saved of it, at the price of time.
    """

    network: NetworkConfig
    start: Literal["default", "he", "shipped"] = "default"
    grid: Size
    factor: float | None = Field(None, gt=0, le=1)
    loss: LossConfig = LossConfig()
    optimiser: OptimiserConfig
    schedule: ScheduleConfig
    epochs: int = Field(gt=0)
    steps_per_epoch: int | None = Field(None, gt=0)
    batch: int = Field(1, gt=0)
    fresh: int | None = Field(None, gt=0)
    replay_size: int = Field(64, gt=0)
    ema_decay: float | None = Field(None, gt=0, lt=1)
    memory: MemoryConfig = MemoryConfig()

    @field_validator("grid")
    @classmethod
    def _is_divisible(cls, grid: Size) -> Size:
        if any(size <= 0 or size % SIZE_STEP for size in grid):
            raise ValueError(f"each size of the grid must be divisible by {SIZE_STEP}")
        return grid

    @model_validator(mode="after")
    def _fits_the_network(self) -> StageConfig:
        name, divisor = self.network.name, self.network.divisor
        if any(size % divisor for size in self.grid):
            raise ValueError(f"each size of the grid must be divisible by {divisor}, as {name} needs")
        if all(size == divisor for size in self.grid):
            raise ValueError(f"the grid is too small for {name}: one of its sizes must be above {divisor}")
        try:
            with torch.device("meta"):
                save_memory(build(name, 2, self.network.options), self.memory.savings)
        except ValueError as error:
            raise ValueError(f"`memory` does not fit: {error}") from error
        return self

    @model_validator(mode="after")
    def _has_samples_of_one_size(self) -> StageConfig:
        if self.factor is not None and self.batch > 1:
            raise ValueError("with a `factor` scans differ in size: the batch must be 1")
        return self

    @property
    def size(self) -> Size:
        """The grid of synthetic CT."""
        return self.grid if self.factor is None else self.own_grid(self.grid)

    def own_grid(self, shape: Size) -> Size:
        """The grid of a scan of so many voxels (k, j, i)."""
        if self.factor is None:
            return self.grid
        return own_grid(shape, self.factor, self.network.divisor)

    @model_validator(mode="after")
    def _has_fresh_samples(self) -> StageConfig:
        if self.fresh and self.fresh > self.batch:
            raise ValueError("there cannot be more fresh samples than the batch holds")
        return self


class DataConfig(Settings):
    """Which cases of the store are learned from, and in which mixture.

    ``synthetic`` and ``scans`` are the weights of synthetic CT and of real CTs, of which ``scans_memory_mb`` are kept
    in memory. ``fractions``: the loss compares with the share of each organ in each voxel, not with labels. Patterns
    (``btcv*``) are of case names; ``validation`` cases are held out; none: validation is on new samples of the training
    cases.
    """

    synthetic: float = Field(1.0, ge=0)
    scans: float = Field(0.0, ge=0)
    scans_memory_mb: float = Field(6000.0, gt=0)
    fractions: bool = False
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    validation_samples: int = Field(16, gt=0)

    @model_validator(mode="after")
    def _is_something(self) -> DataConfig:
        if not self.synthetic + self.scans:
            raise ValueError("the weights of synthetic CT and of scans are both zero")
        return self


class TrainingConfig(Settings):
    """A whole run. ``precision`` auto: bfloat16 where the GPU has it, else float32."""

    name: str
    seed: int = 0
    data: DataConfig = DataConfig()
    synthesis: SynthesisConfig = SynthesisConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    stages: dict[Stage, StageConfig] = Field(min_length=1)
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    validate_every_epochs: int = Field(1, gt=0)
    checkpoint_minutes: float = Field(3.0, gt=0)

    @model_validator(mode="after")
    def _factors_are_of_whole_scans(self) -> TrainingConfig:
        if any(settings.factor is not None and not stage.takes_whole_scan for stage, settings in self.stages.items()):
            raise ValueError("a `factor` is for stages that take whole scans, not boxes around the organs")
        return self

    @model_validator(mode="after")
    def _starts_from_what_there_is(self) -> TrainingConfig:
        if any(settings.start == "shipped" and stage.takes_whole_scan for stage, settings in self.stages.items()):
            raise ValueError("no weights are shipped for whole scans: `start` must be default or he")
        return self


def read_config(name_or_path: str) -> TrainingConfig:
    """The config of a preset ("flareseg", "he-luo") or of a YAML file; ``extends: NAME`` in it begins with another one.

    Raises ConfigError.
    """
    try:
        return TrainingConfig.model_validate(_read_yaml(name_or_path))
    except ValidationError as error:
        problems = plainly(error)
        raise ConfigError(f"Invalid training config {name_or_path}: {problems}.", "Correct it.") from error


def _read_yaml(name_or_path: str, extended_by: tuple[Path, ...] = ()) -> Any:
    preset = PRESETS / f"{name_or_path}.yaml"
    path = preset if preset.is_file() else Path(name_or_path)
    if path in extended_by:
        raise ConfigError(f"{path} extends itself.", "Remove its `extends`.")
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        presets = ", ".join(sorted(file.stem for file in PRESETS.glob("*.yaml")))
        raise ConfigError(
            f"Training config not found: {name_or_path}.", f"Give a YAML file or a preset: {presets}."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}.", "Correct the file.") from error
    if isinstance(given, dict) and (base := given.pop("extends", None)):
        return _merged(_read_yaml(str(base), (*extended_by, path)), given)
    return given


def _merged(base: Any, changes: Any) -> Any:
    """Mappings key by key; whatever else ``changes`` holds takes the place of what was there."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    return {**base, **{key: _merged(base.get(key), value) for key, value in changes.items()}}


def same_run(described: str, other: str) -> bool:
    """Whether a run of one dumped config may go on with another: they differ in nothing but exact savings of memory.

    Settings that the one lacks, as it is older, have their defaults.
    """
    try:
        one, two = (TrainingConfig.model_validate(yaml.safe_load(text)) for text in (described, other))
    except ValidationError:  # of a version with other settings
        return False
    return _learning(one) == _learning(two)


def _learning(config: TrainingConfig) -> dict[str, Any]:
    """What the weights depend on."""
    dumped = config.model_dump(mode="json")
    for stage in dumped["stages"].values():
        stage["memory"] = stage["memory"]["saved"] == "bfloat16"
    return dumped


def dump_config(config: TrainingConfig) -> str:
    """The config as YAML that read_config understands."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=100)
