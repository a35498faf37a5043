"""The loss of a whole scan, slab by slab, of logits that may be coarser than the scan."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from flareseg.training.batches import TrainingBatch
from flareseg.training.losses import OrganLoss


def loss_by_slabs(loss: OrganLoss, logits: Tensor, batch: TrainingBatch, slices: int | None = None) -> Tensor:
    """The loss of logits (batch, classes, k, j, i) against a batch whose grid may be finer by whole numbers.

    ``slices``: of a slab, on the batch's grid; None: all at once. With slabs neither upsampled logits nor their
    gradient, nor targets, ever exist for the whole grid: each slab is computed twice. Value and gradient are the same.
    """
    size, classes = batch.images.shape[2:], logits.shape[1]

    def sums(logits: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        return loss.sums(upsampled(logits, size, start, stop), batch.targets(classes, start, stop))

    if slices is None or slices >= size[0]:
        return loss.of_sums(*sums(logits, 0, size[0]), voxels=size.numel())
    parts = [
        checkpoint(sums, logits, *span, use_reentrant=False, preserve_rng_state=False)
        for span in spans(size[0], slices)
    ]
    focal, organs, highest = zip(*parts)
    return loss.of_sums(sum(focal), sum(organs), torch.stack(highest).amax(dim=0), voxels=size.numel())


def spans(slices: int, step: int) -> Iterator[tuple[int, int]]:
    """First slice, and the one behind the last, of successive slabs."""
    return ((start, min(start + step, slices)) for start in range(0, slices, step))


def upsampled(logits: Tensor, size: torch.Size, start: int, stop: int) -> Tensor:
    """The slices from ``start`` to ``stop`` of logits, interpolated linearly to ``size`` (k, j, i).

    What a slice is interpolated from is as of the whole; ``start`` and ``stop`` need not meet coarse slices.
    """
    ratio = size[0] // logits.shape[2]
    low, high = max(0, start // ratio - 1), min(logits.shape[2], -(-stop // ratio) + 1)
    slab = logits[:, :, low:high]
    finer = ((high - low) * ratio, *size[1:])
    if slab.shape[2:] != finer:
        slab = F.interpolate(slab, finer, mode="trilinear", align_corners=False)
    return slab[:, :, start - low * ratio : stop - low * ratio]
