"""Batches of samples, each determined by the run's seed and its number alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from monai.networks.utils import one_hot
from torch import Tensor

from flareseg.inference.engine import normalised
from flareseg.training.chance import Chance, seed_of
from flareseg.training.config import StageConfig
from flareseg.training.sample import SampleSource, Stage
from flareseg.training.synthesis.masks import Spacing

# A replayed sample is another one to the network: its contrast, brightness and noise differ (network units, 250 HU).
REPLAY_GAIN_SD = 0.06
REPLAY_OFFSET_SD = 0.04
REPLAY_NOISE = 0.06

_NEW_SAMPLE, _REPLAY = 1, 2


@dataclass(frozen=True)
class Mixture:
    """Sources with how often each is drawn from."""

    sources: Sequence[SampleSource]
    weights: Sequence[float]


@dataclass(frozen=True)
class TrainingBatch:
    """``images``: float32 network input; ``labels``: uint8 classes of the stage. Both (batch, 1, k, j, i). ``shares``:
    uint8 (batch, classes but the background, k, j, i) in 255ths of a voxel, if the samples have them. ``voxels``: each
    sample's in mm along (k, j, i), where known; ``shown``: how many of its slices show its box (see Sample)."""

    images: Tensor
    labels: Tensor
    shares: Tensor | None = None
    voxels: Sequence[Spacing | None] = ()
    shown: Sequence[int | None] = ()

    def to(self, device: torch.device | str) -> TrainingBatch:
        """The same on another device."""
        shares = None if self.shares is None else self.shares.to(device)
        return replace(self, images=self.images.to(device), labels=self.labels.to(device), shares=shares)

    def targets(self, classes: int, start: int = 0, stop: int | None = None) -> Tensor:
        """The share of each class in each voxel of some slices: float32 (batch, classes, k, j, i)."""
        if self.shares is None:
            return one_hot(self.labels[:, :, start:stop].long(), classes)
        organs = self.shares[:, :, start:stop].float() / 255
        return torch.cat([(1 - organs.sum(dim=1, keepdim=True)).clamp(min=0), organs], dim=1)


@dataclass(frozen=True)
class _Made:
    """A sample as the network sees it, in little memory: ``image`` float16, ``labels`` and ``shares`` uint8."""

    image: Tensor
    labels: Tensor
    shares: Tensor | None
    voxel: Spacing | None
    shown: int | None


class Batches:
    """Makes the batch of any step, alike each time it is asked for, on one device.

    Replayed samples are kept in memory as float16; after a resume they are made again, so that a run that was killed
    goes on exactly as it would have.
    """

    def __init__(
        self, mixture: Mixture, stage: Stage, config: StageConfig, seed: int, device: torch.device, rank: int = 0
    ) -> None:
        self._mixture = mixture
        self._stage = stage
        self._config = config
        self._seed = seed_of(seed, list(Stage).index(stage), rank)
        self._device = device
        self._pool: OrderedDict[int, _Made] = OrderedDict()

    def batch(self, step: int) -> TrainingBatch:
        """The samples of a step (from 0)."""
        fresh = self._config.fresh or self._config.batch
        first = step * fresh
        chance = Chance(seed_of(self._seed, _REPLAY, step), self._device)
        # numbers below zero are samples too: the first steps replay what came before the run
        replayed = [
            chance.integer(first - self._config.replay_size, first - 1) for _ in range(self._config.batch - fresh)
        ]
        samples = [self._made(number) for number in range(first, first + fresh)]
        samples += [self._changed(self._made(number), chance) for number in replayed]
        self._forget_before(first + fresh - self._config.replay_size)
        images, labels = (torch.stack(some)[:, None] for some in zip(*((s.image, s.labels) for s in samples)))
        shares = [made.shares for made in samples if made.shares is not None]
        voxels, shown = [made.voxel for made in samples], [made.shown for made in samples]
        return TrainingBatch(images.float(), labels, torch.stack(shares) if shares else None, voxels, shown)

    def _made(self, number: int) -> _Made:
        if number not in self._pool:
            made = self._make(Chance(seed_of(self._seed, _NEW_SAMPLE, number), self._device))
            if self._config.fresh is None:
                return made
            self._pool[number] = made
        return self._pool[number]

    def _make(self, chance: Chance) -> _Made:
        source = chance.choose(self._mixture.sources, self._mixture.weights)
        with torch.no_grad():
            sample = source.sample(self._stage, self._config.size, chance)
        labels, shares = sample.labels, sample.shares
        if self._stage is Stage.ABDOMEN:
            labels = (labels > 0).to(torch.uint8)
            shares = None if shares is None else shares.sum(dim=0, keepdim=True).clamp(max=255).to(torch.uint8)
        return _Made(normalised(sample.image).half(), labels, shares, sample.voxel, sample.shown)

    def _changed(self, made: _Made, chance: Chance) -> _Made:
        gain, offset = chance.normal(1.0, REPLAY_GAIN_SD), chance.normal(0.0, REPLAY_OFFSET_SD)
        noise = chance.white_noise(made.image.shape) * chance.uniform(0.0, REPLAY_NOISE)
        return replace(made, image=(made.image * gain + offset + noise).half())

    def _forget_before(self, number: int) -> None:
        for old in [key for key in self._pool if key < number]:
            del self._pool[old]
