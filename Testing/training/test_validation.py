"""Dice of batches, and what a validation looks at."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.batches import TrainingBatch
from flareseg.training.sample import Stage
from flareseg.training.validation import DiceMeter, Score, Validation
from strict_gpu import GPU, strict_gpu
from torch import Tensor, nn


def labels(*values: int) -> Tensor:
    """One sample of eight voxels: (1, 1, 2, 2, 2)."""
    return torch.tensor(values).view(1, 1, 2, 2, 2)


def logits(*winners: int) -> Tensor:
    """Logits (1, 5, 2, 2, 2) of which these classes win."""
    return nn.functional.one_hot(torch.tensor(winners), 5).T.reshape(1, 5, 2, 2, 2).float()


def test_dice_is_twice_the_overlap_over_the_sum() -> None:
    meter = DiceMeter(Stage.ORGANS)
    meter.add(logits(1, 1, 1, 0, 0, 0, 2, 2), labels(1, 0, 0, 0, 0, 1, 2, 2))
    # liver: 3 found, 2 true, 1 in common
    assert meter.score().dice == pytest.approx({"Liver": 0.4, "Kidneys": 1.0})


def test_an_organ_is_judged_only_on_the_samples_that_show_it() -> None:
    meter = DiceMeter(Stage.ORGANS)
    meter.add(logits(3, 3, 0, 0, 0, 0, 0, 0), labels(3, 3, 0, 0, 0, 0, 0, 0))
    meter.add(logits(3, 0, 0, 0, 0, 0, 0, 4), labels(0, 0, 0, 0, 0, 0, 0, 4))
    assert meter.score().dice == pytest.approx({"Spleen": 1.0, "Pancreas": 1.0})


def test_dice_is_the_mean_over_samples_whatever_the_batches() -> None:
    first, second = labels(1, 1, 0, 0, 0, 0, 0, 0), labels(1, 1, 1, 1, 0, 0, 0, 0)
    found = logits(1, 1, 0, 0, 0, 0, 0, 0)
    apart, together = DiceMeter(Stage.ORGANS), DiceMeter(Stage.ORGANS)
    apart.add(found, first)
    apart.add(found, second)
    together.add(torch.cat([found, found]), torch.cat([first, second]))
    assert apart.score().dice == together.score().dice == pytest.approx({"Liver": (1 + 2 / 3) / 2})


def test_the_abdomen_is_one_class() -> None:
    meter = DiceMeter(Stage.ABDOMEN)
    meter.add(logits(1, 1, 1, 1, 0, 0, 0, 0)[:, :2], labels(1, 1, 0, 0, 0, 0, 0, 0))
    assert meter.score().dice == pytest.approx({"Abdomen": 2 / 3})


def test_the_mean_is_over_the_organs_shown() -> None:
    assert Score({"Liver": 0.9, "Pancreas": 0.6}).mean == pytest.approx(0.75)
    assert Score({}).mean == 0
    assert DiceMeter(Stage.ORGANS).score() == Score({})


class Numbered:
    """Batches whose liver grows from sample to sample; notes which were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def batch(self, step: int) -> TrainingBatch:
        self.asked.append(step)
        return TrainingBatch(torch.zeros(1, 1, 2, 2, 2), labels(*[1] * (step + 1), *[0] * (7 - step)))


class Two(nn.Module):
    """Finds a liver in the first two voxels, and only in evaluation mode."""

    def forward(self, x: Tensor) -> Tensor:
        return logits(*((0,) * 8 if self.training else (1, 1, 0, 0, 0, 0, 0, 0)))


def test_a_validation_takes_as_many_samples_as_it_is_told_once_and_keeps_them() -> None:
    batches = Numbered()
    validation = Validation(batches, Stage.ORGANS, samples=3)  # type: ignore[arg-type]
    network = Two().train()
    # livers of one, two and three voxels, two found: 2/3, 1 and 4/5
    for _ in range(2):
        assert validation.score(network).dice == pytest.approx({"Liver": (2 / 3 + 1 + 4 / 5) / 3})
    assert batches.asked == [0, 1, 2]
    assert not network.training


@pytest.mark.parametrize(
    ("roi", "rank"),
    [({}, 0.8), ({"roi recall": 0.9}, 0.85), ({"roi recall": 1.0, "roi worst": 0.5, "roi in nothing": 0.4}, 0.8)],
)
def test_a_roi_network_is_judged_by_its_roi_too(roi: dict[str, float], rank: float) -> None:
    """The mean of its Dice, of the recall, and of how often it finds nothing where nothing is."""
    assert Score({"Abdomen": 0.8}, roi).rank == pytest.approx(rank)


class OnGpu(Numbered):
    def batch(self, step: int) -> TrainingBatch:
        return super().batch(step).to(GPU)


def test_validation_keeps_its_samples_in_main_memory() -> None:
    with strict_gpu():
        validation = Validation(OnGpu(), Stage.ORGANS, samples=2, device=GPU)  # type: ignore[arg-type]
        assert {tensor.device.type for batch in validation.batches for tensor in (batch.images, batch.labels)} == {
            "cpu"
        }
