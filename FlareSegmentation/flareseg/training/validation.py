"""Validation of a network on a fixed set of samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from flareseg.core.organs import ORGANS
from flareseg.training.batches import Batches, TrainingBatch
from flareseg.training.roi_recall import RoiMeter
from flareseg.training.sample import Stage
from flareseg.training.slab_loss import spans, upsampled

SLAB = 16  # slices that are compared at a time
_ORGANS = tuple(organ.name for organ in ORGANS)
NAMES = {Stage.ABDOMEN: ("Abdomen",), Stage.ORGANS: _ORGANS, Stage.FULL_SIZE: _ORGANS}


@dataclass(frozen=True)
class Score:
    """``dice``: mean 0..1 by organ name, over the samples that show the organ. ``roi``: figures of RoiMeter by name, of
    the ROI network."""

    dice: dict[str, float]
    roi: dict[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        return sum(self.dice.values()) / len(self.dice) if self.dice else 0.0

    @property
    def rank(self) -> float:
        """What the best weights have most of, 0..1: the mean Dice; of a ROI network, the mean of that, of the recall
        of its ROI, and of the share of scans without organs in which it finds none."""
        terms = [self.mean]
        if "roi recall" in self.roi:
            terms.append(self.roi["roi recall"])
        if "roi in nothing" in self.roi:
            terms.append(1 - self.roi["roi in nothing"])
        return sum(terms) / len(terms)


class DiceMeter:
    """Collects the Dice of batches; nothing leaves the device before the score is asked for."""

    def __init__(self, stage: Stage) -> None:
        self._names = NAMES[stage]
        self._overlaps: list[Tensor] = []
        self._sizes: list[Tensor] = []
        self._shown: list[Tensor] = []

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """``logits`` (batch, classes, k, j, i); ``labels`` (batch, 1, k, j, i), whole numbers, of a grid as fine or
        finer, to which the logits are interpolated."""
        classes = torch.arange(1, logits.shape[1], device=logits.device).view(1, -1, 1)
        overlap = torch.zeros(len(labels), classes.shape[1], dtype=torch.int64, device=logits.device)
        size = overlap.new_zeros(2, *overlap.shape)  # of what won and of what is true
        for start, stop in spans(labels.shape[2], SLAB):
            won = upsampled(logits, labels.shape[2:], start, stop).argmax(dim=1).flatten(1)[:, None] == classes
            true = labels[:, :, start:stop].flatten(1)[:, None] == classes
            overlap, size = overlap + (won & true).sum(dim=2), size + torch.stack([won.sum(dim=2), true.sum(dim=2)])
        self._overlaps.append(overlap)
        self._sizes.append(size.sum(dim=0))
        self._shown.append(size[1] > 0)

    def score(self) -> Score:
        if not self._shown:
            return Score({})
        shown = torch.cat(self._shown)
        dice = 2 * torch.cat(self._overlaps) / torch.cat(self._sizes).clamp(min=1) * shown
        means, counts = (dice.sum(dim=0) / shown.sum(dim=0).clamp(min=1)).tolist(), shown.sum(dim=0).tolist()
        return Score({name: mean for name, mean, count in zip(self._names, means, counts) if count})


class Validation:
    """Scores a network on a device on the first ``samples`` samples of batches of its own."""

    def __init__(self, batches: Batches, stage: Stage, samples: int, device: torch.device | str = "cpu") -> None:
        self._all = batches
        self._stage = stage
        self._samples, self._device = samples, device

    @cached_property
    def batches(self) -> list[TrainingBatch]:
        """The validation samples, one in each batch, in main memory."""
        return [self._all.batch(number).to("cpu") for number in range(self._samples)]

    @torch.no_grad()
    def score(self, network: nn.Module) -> Score:
        """The score of a network, which is in evaluation mode afterwards."""
        network.eval()
        meter, roi = DiceMeter(self._stage), RoiMeter()
        for kept in self.batches:
            batch = kept.to(self._device)
            logits = network(batch.images).float()
            meter.add(logits, batch.labels)
            if self._stage is Stage.ABDOMEN:
                roi.add(logits, batch)
        return replace(meter.score(), roi=roi.figures())
