"""Batches follow from the seed and the step, and replayed samples are not quite the same again."""

from __future__ import annotations

import weakref

import pytest
import torch
from flareseg.inference.resample import Size
from flareseg.training.batches import Batches, Mixture, TrainingBatch
from flareseg.training.chance import Chance
from flareseg.training.sample import Sample, Stage
from training.makers import Balls, tiny_config

CPU = torch.device("cpu")


class Counted(Balls):
    """Balls that count how many samples they made."""

    made = 0

    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        self.made += 1
        return super().sample(stage, grid, chance)


class Remembered(Balls):
    """Balls that tell how many of their samples are still in memory."""

    def __init__(self) -> None:
        self.labels: list[weakref.ref[torch.Tensor]] = []

    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        sample = super().sample(stage, grid, chance)
        self.labels.append(weakref.ref(sample.labels))
        return sample

    def in_memory(self) -> int:
        return sum(labels() is not None for labels in self.labels)


def batches(source: Balls | None = None, stage: Stage = Stage.ORGANS, rank: int = 0, **changes: object) -> Batches:
    settings = tiny_config(**changes).stages[Stage.ORGANS]
    return Batches(Mixture([source or Balls()], [1.0]), stage, settings, seed=3, device=CPU, rank=rank)


def same(one: TrainingBatch, other: TrainingBatch) -> bool:
    return torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels)


def test_a_step_gives_the_same_batch_whatever_came_before() -> None:
    running = batches()
    for step in range(5):
        last = running.batch(step)
    assert same(last, batches().batch(4))


def test_every_step_and_every_process_has_other_samples() -> None:
    first = batches().batch(0)
    assert not same(first, batches().batch(1))
    assert not same(first, batches(rank=1).batch(0))


def test_replayed_samples_cost_nothing_once_the_pool_is_full() -> None:
    source = Counted()
    running = batches(source, batch=4, fresh=1, replay_size=3)
    for step in range(10):
        running.batch(step)
    before = source.made
    for step in range(10, 20):
        running.batch(step)
    assert source.made - before == 10


def test_a_replayed_sample_keeps_its_labels_and_changes_its_image() -> None:
    running = batches(batch=2, fresh=1, replay_size=1)
    first, second = running.batch(0), running.batch(1)
    assert torch.equal(second.labels[1], first.labels[0])
    difference = (second.images[1] - first.images[0]).abs()
    assert 0 < float(difference.mean()) < 0.5


def test_images_are_the_networks_input_and_labels_its_classes() -> None:
    batch = batches().batch(0)
    assert batch.images.shape == batch.labels.shape == (3, 1, 16, 16, 16)
    assert batch.images.dtype == torch.float32
    assert -1.5 < float(batch.images.min()) < float(batch.images.max()) < 1.5
    assert set(batch.labels.unique().tolist()) <= {0, 1, 2, 3, 4}


def test_the_abdomen_stage_has_one_foreground() -> None:
    assert set(batches(stage=Stage.ABDOMEN).batch(0).labels.unique().tolist()) == {0, 1}


def test_sources_are_drawn_by_their_weights() -> None:
    often, seldom = Counted(), Counted()
    settings = tiny_config(fresh=None, batch=1).stages[Stage.ORGANS]
    running = Batches(Mixture([often, seldom], [9.0, 1.0]), Stage.ORGANS, settings, seed=0, device=CPU)
    for step in range(100):
        running.batch(step)
    assert 1 <= seldom.made <= 25
    assert often.made + seldom.made == 100


class TwoLevels:
    """Always the same: 50 HU in one half and 300 in the other, which are 0 and 1 to the network; every organ."""

    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        image = torch.full(grid, 50.0)
        image[:, :, grid[2] // 2 :] = 300.0
        labels = torch.arange(grid[0] * grid[1] * grid[2]).view(grid) % 5
        return Sample(image, labels.to(torch.uint8))


def test_a_replay_changes_contrast_by_6_and_brightness_by_4_percent_and_adds_noise() -> None:
    running = batches(TwoLevels(), batch=2, fresh=1, replay_size=4)  # type: ignore[arg-type]
    replays = torch.stack([running.batch(step).images[1, 0] for step in range(150)])
    low, high = replays[..., :8].flatten(1), replays[..., 8:].flatten(1)
    gain, offset, noise = high.mean(1) - low.mean(1), low.mean(1), low.std(1)
    assert float(gain.mean()) == pytest.approx(1.0, abs=0.02)
    assert float(gain.std()) == pytest.approx(0.06, rel=0.2)
    assert float(offset.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(offset.std()) == pytest.approx(0.04, rel=0.2)
    assert float(noise.mean()) == pytest.approx(0.03, rel=0.2)
    assert float(noise.max()) < 0.065


def test_a_fresh_sample_is_not_changed() -> None:
    image = batches(TwoLevels(), batch=2, fresh=1, replay_size=4).batch(3).images[0]  # type: ignore[arg-type]
    assert image.unique().tolist() == [0.0, 1.0]


def test_every_organ_is_foreground_to_the_abdomen_stage() -> None:
    labels = batches(TwoLevels(), Stage.ABDOMEN).batch(0).labels  # type: ignore[arg-type]
    assert int(labels.sum()) == labels.numel() - 3 * (16**3 // 5 + 1)


def test_what_is_replayed_is_one_of_the_last_samples_of_the_pool() -> None:
    running = batches(batch=2, fresh=1, replay_size=3)
    made = [running.batch(step) for step in range(30)]
    ages = set()
    for step in range(3, 30):
        replayed = made[step].labels[1]
        ages.add(next(age for age in (1, 2, 3) if torch.equal(replayed, made[step - age].labels[0])))
    assert ages == {1, 2, 3}


def test_samples_older_than_the_pool_are_forgotten() -> None:
    source = Remembered()
    running = batches(source, batch=2, fresh=1, replay_size=3)
    for step in range(12):
        running.batch(step)
    assert source.in_memory() <= 3


def test_each_stage_has_samples_of_its_own() -> None:
    first, second, third = (batches(stage=stage).batch(0).images for stage in Stage)
    assert not any(torch.equal(one, other) for one, other in ((first, second), (second, third), (first, third)))


class Shared(TwoLevels):
    """Every voxel is 3/5 its label's organ and 1/5 pancreas."""

    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        sample = super().sample(stage, grid, chance)
        shares = torch.stack([(sample.labels == organ) * 153 for organ in range(1, 5)]).to(torch.uint8)
        shares[3] += 51
        return Sample(sample.image, sample.labels, shares)


def test_targets_are_whole_voxels_without_shares() -> None:
    batch = batches().batch(0)
    targets = batch.targets(5)
    assert targets.shape == (3, 5, 16, 16, 16)
    assert torch.equal(targets.argmax(dim=1, keepdim=True), batch.labels.long())
    assert set(targets.unique().tolist()) == {0.0, 1.0}


def test_targets_are_the_shares_of_each_class_fresh_and_replayed() -> None:
    targets = batches(Shared(), batch=2, fresh=1).batch(3).targets(5)  # type: ignore[arg-type]
    first = targets[:, :, 0, 0, :5]  # labels 0 to 4
    expected = [[0.8, 0.2, 0.2, 0.2, 0.2], [0, 0.6, 0, 0, 0], [0, 0, 0.6, 0, 0], [0, 0, 0, 0.6, 0], [0.2] * 4 + [0.8]]
    torch.testing.assert_close(first, torch.tensor([expected, expected]), atol=0.003, rtol=0)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(2, 16, 16, 16))


def test_the_abdomens_share_is_that_of_all_organs() -> None:
    targets = batches(Shared(), Stage.ABDOMEN).batch(0).targets(2)  # type: ignore[arg-type]
    torch.testing.assert_close(targets[0, 1, 0, 0, :5], torch.tensor([0.2, 0.8, 0.8, 0.8, 0.8]), atol=0.003, rtol=0)
