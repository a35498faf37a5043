"""The loss of He and Luo (focal), and Dice over the organs that are present, against labels and fractions."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.config import LossConfig
from flareseg.training.losses import PRESENT, OrganLoss

LABELS = torch.tensor([0, 1, 1, 2, 0, 0, 1, 2]).view(1, 1, 2, 2, 2)


def whole(labels: torch.Tensor, classes: int = 5) -> torch.Tensor:
    """Targets without fractions: each voxel is its label's as a whole."""
    return torch.nn.functional.one_hot(labels[:, 0], classes).movedim(-1, 1).float()


TARGETS = whole(LABELS)
MIXED = 0.7 * TARGETS + 0.3 * whole(LABELS.flip(-1))  # a part of most voxels is their neighbour's


def sure(labels: torch.Tensor, by: float = 20.0) -> torch.Tensor:
    """Scores that give each voxel's label a probability of nearly 1."""
    return by * whole(labels)


def test_focal_loss_is_that_of_the_formula() -> None:
    logits = torch.randn(1, 5, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1).gather(1, LABELS)
    expected = (-((1 - p) ** 2) * p.log()).mean()
    loss = OrganLoss(LossConfig(focal=1, gamma=2, dice=0))(logits, TARGETS)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(
    "config", [LossConfig(focal=1, gamma=2), LossConfig(focal=0, dice=1), LossConfig(focal=5, dice=1)]
)
def test_a_sure_and_right_network_has_no_loss(config: LossConfig) -> None:
    assert float(OrganLoss(config)(sure(LABELS), TARGETS)) == pytest.approx(0, abs=1e-3)


def test_an_organ_that_is_not_shown_has_no_dice_loss() -> None:
    """Wrong voxels of an absent organ are the focal loss's business."""
    loss = OrganLoss(LossConfig(focal=0, dice=1))
    empty = torch.zeros_like(LABELS)
    assert float(loss(sure(LABELS), whole(empty))) == 0


def test_the_loss_can_be_followed_downhill() -> None:
    logits = torch.zeros(1, 5, 2, 2, 2, requires_grad=True)
    OrganLoss(LossConfig(focal=5, gamma=1, dice=1))(logits, TARGETS).backward()
    assert logits.grad is not None
    downhill = logits.detach() - 10 * logits.grad
    config = LossConfig(focal=5, gamma=1, dice=1)
    assert float(OrganLoss(config)(downhill, TARGETS)) < float(OrganLoss(config)(logits, TARGETS).detach())


def present(targets: torch.Tensor) -> list[list[bool]]:
    """Which organs the samples show: those that some voxel has half of."""
    _, _, highest = OrganLoss(LossConfig()).sums(torch.zeros_like(targets), targets)
    return (highest >= PRESENT).tolist()


def test_the_sums_tell_the_organs_of_each_sample() -> None:
    labels = torch.stack([LABELS[0], torch.full_like(LABELS[0], 4)])
    assert present(whole(labels)) == [[True, True, False, False], [False, False, False, True]]


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
    assert float(OrganLoss(config)(torch.zeros(1, 5, 2, 2, 2), TARGETS)) == pytest.approx(expected, abs=2e-6)


def test_dice_loss_is_the_mean_over_the_organs_of_all_samples() -> None:
    """Liver and kidneys in the one, the liver alone in the other: three in all."""
    alone = torch.where(LABELS == 2, 0, LABELS)
    loss = OrganLoss(LossConfig(focal=0, dice=1))(torch.zeros(2, 5, 2, 2, 2), whole(torch.cat([LABELS, alone])))
    assert float(loss) == pytest.approx((0.138211 + 0.118644 + 0.138211) / 3, abs=2e-6)


def test_a_thin_slice_of_an_organ_in_a_voxel_does_not_make_it_present() -> None:
    assert present(0.3 * TARGETS + 0.7 * whole(torch.zeros_like(LABELS))) == [[False] * 4]


@pytest.mark.parametrize("config", [LossConfig(focal=1, gamma=0), LossConfig(focal=0, dice=1)], ids=["focal", "dice"])
def test_against_fractions_the_loss_is_lowest_where_probability_and_fraction_agree(config: LossConfig) -> None:
    loss, agreeing = OrganLoss(config), MIXED.clamp(min=1e-7).log()
    least = float(loss(agreeing, MIXED))
    for other in (0.5 * agreeing, 3 * agreeing, sure(LABELS), torch.zeros_like(MIXED)):
        assert float(loss(other, MIXED)) > least + 0.003


def test_a_voxel_that_classes_share_weighs_more_by_the_boundary() -> None:
    """Two of the eight voxels are shared."""
    targets = torch.where(torch.arange(8).view(2, 2, 2) < 2, MIXED, TARGETS)
    shared = (targets.amax(dim=1) < 1).float()
    logits = torch.randn(1, 5, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    per_voxel = -(targets * logits.log_softmax(1)).sum(1)
    expected = (per_voxel * (1 + 3 * shared)).mean()
    assert int(shared.sum()) == 2
    torch.testing.assert_close(OrganLoss(LossConfig(focal=1, gamma=0, boundary=3))(logits, targets), expected)


def test_an_organ_that_is_not_shown_costs_as_much_of_the_sample_as_is_called_so() -> None:
    """Nothing is shown; one voxel of a thousand called liver costs half of the most, and nothing called costs none."""
    empty = torch.zeros(1, 1, 10, 10, 10, dtype=torch.long)
    one_wrong = empty.clone()
    one_wrong[..., 0, 0, 0] = 1
    loss = OrganLoss(LossConfig(focal=0, dice=1, absent=1))
    assert float(loss(sure(empty, by=50), whole(empty))) == pytest.approx(0, abs=1e-6)
    assert float(loss(sure(one_wrong, by=50), whole(empty))) == pytest.approx(0.5 / 4, abs=1e-6)


def test_what_is_absent_weighs_beside_what_is_shown_as_the_config_says() -> None:
    """Liver and kidneys are shown and right; the absent spleen, called so in three voxels of eight, weighs a half."""
    wrong = torch.where(LABELS == 0, 3, LABELS)
    loss = float(OrganLoss(LossConfig(focal=0, dice=1, absent=0.5))(sure(wrong, by=50), TARGETS))
    assert loss == pytest.approx(0.5 * (3 / 8) / (3 / 8 + 0.001) / (2 + 2 * 0.5), abs=1e-6)
