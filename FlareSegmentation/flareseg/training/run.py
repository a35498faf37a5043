"""A training run: sources and batches made of a store's cases, and one trainer per stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import torch
from lightning_fabric import Fabric

from flareseg.core.errors import DataError
from flareseg.io.outputs import make_folder, write_text
from flareseg.training.augmentation import Augmentation
from flareseg.training.batches import Batches, Mixture
from flareseg.training.chance import Chance, seed_of
from flareseg.training.config import DataConfig, TrainingConfig, dump_config
from flareseg.training.provenance import digest, write_provenance
from flareseg.training.room import Room, require_room
from flareseg.training.run_memory import RunMemory, Samples
from flareseg.training.sample import Sample, SampleSource, Stage
from flareseg.training.scans import ScanSource
from flareseg.training.store import CaseFacts, Kind, Store
from flareseg.training.synthesis.synthesizer import Synthesizer
from flareseg.training.trainer import Trainer, Watcher
from flareseg.training.validation import Validation

VALIDATION_SEED = 1_000_003  # added to the run's: validation's samples are never trained on
CONFIG = "config.yaml"
_REAL_SHOWN = 3


@dataclass(frozen=True)
class Split:
    """The cases of a store to learn from and those to validate on; bodies serve both."""

    training: list[CaseFacts]
    validation: list[CaseFacts]

    @classmethod
    def of(cls, store: Store, config: DataConfig) -> Split:
        """Split the cases of a store. Raises DataError when none is left to train on."""
        chosen = [case for case in store if _matches(case, config.include) and not _matches(case, config.exclude)]
        bodies = [case for case in chosen if case.kind is Kind.BODY]
        anatomy = [case for case in chosen if case.kind is not Kind.BODY]
        held_out = [case for case in anatomy if _matches(case, config.validation)]
        if config.validation and not held_out:
            raise DataError(
                f"No case of {store.folder} matches the validation patterns {', '.join(config.validation)}.",
                "Change `validation` in the config; flareseg prepare lists the names.",
            )
        training = [case for case in anatomy if case not in held_out]
        if not training:
            raise DataError(
                f"No case of {store.folder} is left to train on.",
                "Prepare data, or change `include`, `exclude` and `validation` in the config.",
            )
        return cls(training + bodies, (held_out or training) + bodies)


@dataclass(frozen=True)
class TrainingRun:
    """A config applied to a store: makes the trainer of each stage, in folders of ``output`` named for the stages.

    ``precision``: the fabric's, "32-true" or "bf16-mixed".
    """

    config: TrainingConfig
    store: Store
    output: Path
    fabric: Fabric
    precision: str = "32-true"

    def trainer(self, stage: Stage, watcher: Watcher) -> Trainer:
        """Return the trainer of a stage, which resumes from its checkpoint. Raises FlareError."""
        settings, split = self.config.stages[stage], Split.of(self.store, self.config.data)
        folder = self.output / stage.value
        make_folder(folder)
        cases = sum(case.kind is not Kind.BODY for case in split.training)
        with self.fabric.rank_zero_first():  # it registers bodies to organ maps, the others read
            batches = self._batches(stage, split.training, self.config.seed, self.fabric.global_rank)
            validation = self._validation(stage, split)
        steps_per_epoch = settings.steps_per_epoch or -(-cases // settings.batch)
        data = digest(split.training)
        trainer = Trainer(self.config, stage, steps_per_epoch, batches, validation, folder, self.fabric, watcher, data)
        if self.fabric.is_global_zero:
            write_text(folder / CONFIG, dump_config(self.config))
            write_provenance(folder, split.training)
        return trainer

    def require_room(self, stage: Stage, limit_mb: float | None = None) -> RunMemory:
        """The memory of a stage, counted. Raises ConfigError if there is less of it."""
        settings, data, device = self.config.stages[stage], self.config.data, self.fabric.device
        split = Split.of(self.store, data)
        samples = Samples.of(settings, data, split.training, split.validation)
        main = Room.of(torch.device("cpu")) if device.type == "cuda" else None
        return require_room(stage, self.config, samples, self.precision, device, Room.of(device, limit_mb), main)

    def has_one_size(self, stage: Stage) -> bool:
        """Whether all samples of a stage have the same number of voxels."""
        return self.config.stages[stage].factor is None or not self.config.data.scans

    def samples(self, stage: Stage, count: int) -> tuple[list[Sample], list[Sample]]:
        """Synthetic samples as a stage would learn from, and some of the store's scans to compare them with.

        Raises DataError.
        """
        store = self._only(Split.of(self.store, self.config.data).training)
        synthetic: list[Sample] = []
        real: list[Sample] = []
        if self.config.data.synthetic:
            synthetic = self._first(self._synthesizer(store), stage, count)
        if any(case.kind is Kind.SCAN for case in store):
            real = self._first(self._scans(stage, store, None), stage, _REAL_SHOWN if synthetic else count)
        return synthetic, real

    def _first(self, source: SampleSource, stage: Stage, count: int) -> list[Sample]:
        chances = (Chance(seed_of(self.config.seed, number), self.fabric.device) for number in range(count))
        return [source.sample(stage, self.config.stages[stage].size, chance) for chance in chances]

    def _batches(self, stage: Stage, cases: Sequence[CaseFacts], seed: int, rank: int = 0) -> Batches:
        data, store = self.config.data, self._only(cases)
        sources: list[tuple[SampleSource, float]] = []
        if data.synthetic:
            sources.append((self._synthesizer(store), data.synthetic))
        if data.scans:
            sources.append((self._scans(stage, store, Augmentation(self.config.augmentation)), data.scans))
        return Batches(_mixture(sources), stage, self.config.stages[stage], seed, self.fabric.device, rank)

    def _validation(self, stage: Stage, split: Split) -> Validation:
        """On what is held out, in the same mixture; a kind of which nothing is held out does not judge."""
        data, store, kinds = self.config.data, self._only(split.validation), {case.kind for case in split.validation}
        sources: list[tuple[SampleSource, float]] = []
        if data.synthetic and Kind.ORGANS in kinds:
            sources.append((self._synthesizer(store), data.synthetic))
        if data.scans and Kind.SCAN in kinds:
            sources.append((self._scans(stage, store, None), data.scans))
        one_by_one = self.config.stages[stage].model_copy(update={"batch": 1, "fresh": None})
        seed = self.config.seed + VALIDATION_SEED
        batches = Batches(_mixture(sources), stage, one_by_one, seed, self.fabric.device)
        return Validation(batches, stage, data.validation_samples, self.fabric.device)

    def _synthesizer(self, store: Store) -> Synthesizer:
        fractions = self.config.data.fractions
        return Synthesizer(store, self.config.synthesis, self.fabric.device, fractions=fractions)

    def _scans(self, stage: Stage, store: Store, augmentation: Augmentation | None) -> ScanSource:
        data, settings = self.config.data, self.config.stages[stage]
        return ScanSource(
            store,
            self.fabric.device,
            augmentation,
            memory_mb=data.scans_memory_mb,
            fractions=data.fractions,
            own_grid=None if settings.factor is None else settings.own_grid,
        )

    def _only(self, cases: Sequence[CaseFacts]) -> Store:
        return self.store.only({case.name for case in cases})


def _mixture(sources: Sequence[tuple[SampleSource, float]]) -> Mixture:
    if not sources:
        raise DataError(
            "The validation cases are not of a kind that the config trains on.",
            "Name cases in `validation` that fit `synthetic` and `scans`.",
        )
    return Mixture(*zip(*sources))


def _matches(case: CaseFacts, patterns: Sequence[str]) -> bool:
    return any(fnmatch(case.name, pattern) for pattern in patterns)
