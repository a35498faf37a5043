"""The loss of He and Luo (focal), and Dice over the organs that are present."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.config import LossConfig
from flareseg.training.losses import OrganLoss, present

LABELS = torch.tensor([0, 1, 1, 2, 0, 0, 1, 2]).view(1, 1, 2, 2, 2)


def sure(labels: torch.Tensor, classes: int = 5, by: float = 20.0) -> torch.Tensor:
    """Scores that give each voxel's label a probability of nearly 1."""
    return by * torch.nn.functional.one_hot(labels[:, 0], classes).movedim(-1, 1).float()


def test_focal_loss_is_that_of_the_formula() -> None:
    logits = torch.randn(1, 5, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1).gather(1, LABELS)
    expected = (-((1 - p) ** 2) * p.log()).mean()
    loss = OrganLoss(LossConfig(focal=1, gamma=2, dice=0))(logits, LABELS)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(
    "config", [LossConfig(focal=1, gamma=2), LossConfig(focal=0, dice=1), LossConfig(focal=5, dice=1)]
)
def test_a_sure_and_right_network_has_no_loss(config: LossConfig) -> None:
    assert float(OrganLoss(config)(sure(LABELS), LABELS)) == pytest.approx(0, abs=1e-3)


def test_an_organ_that_is_not_shown_has_no_dice_loss() -> None:
    """Wrong voxels of an absent organ are the focal loss's business."""
    loss = OrganLoss(LossConfig(focal=0, dice=1))
    empty = torch.zeros_like(LABELS)
    assert float(loss(sure(LABELS), empty)) == 0


def test_the_loss_can_be_followed_downhill() -> None:
    logits = torch.zeros(1, 5, 2, 2, 2, requires_grad=True)
    OrganLoss(LossConfig(focal=5, gamma=1, dice=1))(logits, LABELS).backward()
    assert logits.grad is not None
    downhill = logits.detach() - 10 * logits.grad
    config = LossConfig(focal=5, gamma=1, dice=1)
    assert float(OrganLoss(config)(downhill, LABELS)) < float(OrganLoss(config)(logits, LABELS).detach())


def test_present_tells_the_organs_of_each_sample() -> None:
    labels = torch.stack([LABELS[0], torch.full_like(LABELS[0], 4)])
    assert present(labels, 5).tolist() == [[True, True, False, False], [False, False, False, True]]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LossConfig(focal=1, gamma=2), 1.030040),  # (1 - 1/5)^2 x ln 5
        (LossConfig(), 1.030040),
        (LossConfig(focal=1, gamma=1), 1.287550),
        (LossConfig(focal=1, gamma=0), 1.609438),
        # liver: 1 - (2 x 0.6 + 20) / (1.6 + 3 + 20), kidneys: 1 - (2 x 0.4 + 20) / (1.6 + 2 + 20)
        (LossConfig(focal=0, dice=1), (0.138211 + 0.118644) / 2),
        (LossConfig(focal=2, gamma=1, dice=3), 2 * 1.287550 + 3 * (0.138211 + 0.118644) / 2),
    ],
    ids=["focal 2", "as He and Luo", "focal 1", "focal 0", "dice", "both"],
)
def test_the_loss_of_a_network_that_knows_nothing(config: LossConfig, expected: float) -> None:
    """Each of five classes has a chance of a fifth in eight voxels, of which three are liver and two kidneys."""
    assert float(OrganLoss(config)(torch.zeros(1, 5, 2, 2, 2), LABELS)) == pytest.approx(expected, abs=2e-6)


def test_dice_loss_is_the_mean_over_the_organs_of_all_samples() -> None:
    """Liver and kidneys in the one, the liver alone in the other: three in all."""
    alone = torch.where(LABELS == 2, 0, LABELS)
    loss = OrganLoss(LossConfig(focal=0, dice=1))(torch.zeros(2, 5, 2, 2, 2), torch.cat([LABELS, alone]))
    assert float(loss) == pytest.approx((0.138211 + 0.118644 + 0.138211) / 3, abs=2e-6)
