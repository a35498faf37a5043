"""The loss: focal cross-entropy and soft Dice."""

from __future__ import annotations

from monai.losses import DiceLoss, FocalLoss
from torch import Tensor, nn

from flareseg.training.config import LossConfig

SMOOTH_VOXELS = 20.0  # keeps the Dice loss of an organ of a few voxels from jumping


class OrganLoss(nn.Module):
    """Focal loss (Lin et al. 2017) over all voxels, plus soft Dice loss over the organs that are present.

    An organ that a sample does not show has no Dice: counting it as wrong would punish each cut scan.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        self._focal = FocalLoss(gamma=config.gamma, to_onehot_y=True, use_softmax=True)
        self._dice = DiceLoss(
            include_background=False,
            to_onehot_y=True,
            softmax=True,
            smooth_nr=SMOOTH_VOXELS,
            smooth_dr=SMOOTH_VOXELS,
            reduction="none",
        )

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """``logits`` (batch, classes, k, j, i); ``labels`` (batch, 1, k, j, i), whole numbers. Gives one number."""
        logits = logits.float()
        loss = logits.new_zeros(())
        if self.config.focal:
            # MONAI's mean runs over the classes, too, of which each voxel has one
            loss = loss + self.config.focal * logits.shape[1] * self._focal(logits, labels)
        if self.config.dice:
            shown = present(labels, logits.shape[1])
            per_organ = self._dice(logits, labels).flatten(1)
            loss = loss + self.config.dice * (per_organ * shown).sum() / shown.sum().clamp(min=1)
        return loss


def present(labels: Tensor, classes: int) -> Tensor:
    """Whether each class but the background is in each sample: bool (batch, classes - 1)."""
    values = labels.new_tensor(range(1, classes)).view(-1, 1)
    return (labels.flatten(1)[:, None] == values).any(dim=2)
