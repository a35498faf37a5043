"""The loss: focal cross-entropy and soft Dice, against labels or fractions of voxels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from flareseg.training.config import LossConfig

SMOOTH_VOXELS = 20.0  # keeps the Dice loss of an organ of a few voxels from jumping
HALF_WRONG_SHARE = 0.001  # of the sample called by an absent organ's name: half of the loss of an absent organ
PRESENT = 0.5  # of a voxel: the least that shows an organ


class OrganLoss(nn.Module):
    """Focal loss (Lin et al. 2017) over all voxels, plus soft Dice loss over the organs that are present.

    Targets may be fractions of voxels: the Dice is then that of Wang et al. 2023 ("Dice semimetric losses"), which is
    lowest where prediction and fraction agree. An organ that a sample does not show has no Dice, which any voxel of it
    would make 0; ``absent`` weighs instead how much of the sample is called by its name.

    The loss is a function of a few sums over voxels, so that it can be computed of parts of a sample (``sums``) and put
    together (``of_sums``).
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """``targets``: share of each class in each voxel. Both (batch, classes, k, j, i). Gives one number."""
        return self.of_sums(*self.sums(logits, targets), voxels=logits.shape[2:].numel())

    def sums(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over the voxels of a part of the samples.

        Gives the focal loss of all samples; for each organ the predicted share, the true share and their absolute
        difference, (3, batch, classes - 1); and the highest true share in a voxel, (batch, classes - 1).
        """
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        targets = targets.to(logits.dtype)
        log_share = logits.log_softmax(dim=1)
        share = log_share.exp()
        focal = self._focal_sum(share, log_share, targets) if self.config.focal else logits.new_zeros(())
        predicted, true = share[:, 1:].flatten(2), targets[:, 1:].flatten(2)
        if not self.config.dice:
            predicted = predicted.detach()
        organs = torch.stack([predicted.sum(dim=2), true.sum(dim=2), (predicted - true).abs().sum(dim=2)])
        return focal, organs, true.amax(dim=2)

    def of_sums(self, focal: Tensor, organs: Tensor, highest: Tensor, voxels: int) -> Tensor:
        """The loss of whole samples of so many voxels each; ``highest`` is a maximum, not a sum."""
        loss = self.config.focal * focal / (voxels * len(highest))
        return loss + self.config.dice * self._dice_loss(organs, highest, voxels) if self.config.dice else loss

    def _focal_sum(self, share: Tensor, log_share: Tensor, targets: Tensor) -> Tensor:
        per_voxel = -((1 - share) ** self.config.gamma * log_share * targets).sum(dim=1)
        if self.config.boundary:
            per_voxel = per_voxel * (1 + self.config.boundary * (targets.amax(dim=1) < 1))
        return per_voxel.sum()

    def _dice_loss(self, organs: Tensor, highest: Tensor, voxels: int) -> Tensor:
        predicted, true, difference = organs
        total, shown = predicted + true + SMOOTH_VOXELS, (highest >= PRESENT).to(predicted.dtype)
        # twice the overlap is the sum less the difference
        weights, losses = shown, (1 - (total - difference) / total) * shown
        if self.config.absent:
            called, absent = predicted / voxels, self.config.absent * (1 - shown)
            weights, losses = weights + absent, losses + absent * called / (called + HALF_WRONG_SHARE)
        return losses.sum() / weights.sum().clamp(min=1)
