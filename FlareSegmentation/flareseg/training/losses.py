"""The loss: focal cross-entropy and soft Dice, against labels or fractions of voxels."""

from __future__ import annotations

from monai.losses import DiceLoss, FocalLoss
from torch import Tensor, nn

from flareseg.training.config import LossConfig

SMOOTH_VOXELS = 20.0  # keeps the Dice loss of an organ of a few voxels from jumping
HALF_WRONG_SHARE = 0.001  # of the sample called by an absent organ's name: half of the loss of an absent organ


class OrganLoss(nn.Module):
    """Focal loss (Lin et al. 2017) over all voxels, plus soft Dice loss over the organs that are present.

    Targets may be fractions of voxels: the Dice is then that of Wang et al. 2023 ("Dice semimetric losses"), which is
    lowest where prediction and fraction agree. An organ that a sample does not show has no Dice, which any voxel of it
    would make 0; ``absent`` weighs instead how much of the sample is called by its name.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        self._focal = FocalLoss(gamma=config.gamma, use_softmax=True, reduction="none")
        self._dice = DiceLoss(
            include_background=False,
            softmax=True,
            smooth_nr=SMOOTH_VOXELS,
            smooth_dr=SMOOTH_VOXELS,
            reduction="none",
            soft_label=True,
        )

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """``targets``: share of each class in each voxel. Both (batch, classes, k, j, i). Gives one number."""
        logits = logits.float()
        loss = logits.new_zeros(())
        if self.config.focal:
            loss = loss + self.config.focal * self._focal_loss(logits, targets)
        if self.config.dice:
            loss = loss + self.config.dice * self._dice_loss(logits, targets)
        return loss

    def _focal_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        per_voxel = self._focal(logits, targets).sum(dim=1)
        if self.config.boundary:
            per_voxel = per_voxel * (1 + self.config.boundary * (targets.amax(dim=1) < 1))
        return per_voxel.mean()

    def _dice_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        shown = present(targets).float()
        weights, losses = shown, self._dice(logits, targets).flatten(1) * shown
        if self.config.absent:
            called = logits.softmax(dim=1)[:, 1:].flatten(2).mean(dim=2)
            absent = self.config.absent * (1 - shown)
            weights, losses = weights + absent, losses + absent * called / (called + HALF_WRONG_SHARE)
        return losses.sum() / weights.sum().clamp(min=1)


def present(targets: Tensor) -> Tensor:
    """Whether each class but the background has half a voxel in each sample: bool (batch, classes - 1)."""
    return targets[:, 1:].flatten(2).amax(dim=2) >= 0.5
