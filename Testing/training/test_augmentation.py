"""Augmentation: image and labels move alike, the scan changes within bounds, nothing is mirrored."""

from __future__ import annotations

import math

import pytest
import torch
from flareseg.inference.resample import HU_RANGE, Box
from flareseg.training.augmentation import Augmentation, AugmentationConfig
from flareseg.training.chance import Chance
from flareseg.training.sample import Sample
from pydantic import ValidationError

EFFECTS = ("rotation", "scaling", "elastic_deformation", "blur", "contrast", "slices", "noise")
MOVES = EFFECTS[:3]


def only(*effects: str, **changes: object) -> Augmentation:
    """These effects always, no other one ever."""
    chances = {effect: float(effect in effects) for effect in EFFECTS}
    return Augmentation(AugmentationConfig.model_validate({**chances, **changes}))


@pytest.fixture
def sample() -> Sample:
    """A bright liver on the right (low i) and a spleen on the left, in fat."""
    k, j, i = torch.meshgrid(*(torch.arange(n) - (n - 1) / 2 for n in (24, 40, 48)), indexing="ij")
    labels = torch.zeros(24, 40, 48, dtype=torch.uint8)
    labels[(k / 8) ** 2 + (j / 12) ** 2 + ((i + 9) / 10) ** 2 < 1] = 1
    labels[(k / 6) ** 2 + (j / 8) ** 2 + ((i - 15) / 5) ** 2 < 1] = 3
    hu = torch.tensor([-100.0, 100.0, 0.0, 60.0, 0.0])
    return Sample(hu[labels.long()], labels)


def changed(one: Sample, other: Sample) -> tuple[bool, bool]:
    return not torch.equal(one.image, other.image), not torch.equal(one.labels, other.labels)


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_changes_the_image_and_only_a_move_the_labels(effect: str, sample: Sample) -> None:
    after = only(effect)(sample, Chance(2), (3.0, 2.0, 2.0))
    assert after.image.shape == after.labels.shape == sample.image.shape
    assert after.labels.dtype == torch.uint8
    assert changed(sample, after) == (True, effect in MOVES)


def test_without_effects_a_sample_stays_as_it_is(sample: Sample) -> None:
    assert changed(sample, only()(sample, Chance(2))) == (False, False)


def test_the_same_chance_changes_alike(sample: Sample) -> None:
    augmentation = only(*EFFECTS)
    one, again, other = (augmentation(sample, Chance(seed)) for seed in (1, 1, 2))
    assert changed(one, again) == (False, False) and changed(one, other) == (True, True)


@pytest.mark.parametrize("seed", range(5))
def test_labels_move_with_the_image(seed: int, sample: Sample) -> None:
    after = only(*MOVES)(sample, Chance(seed), (3.0, 2.0, 2.0))
    bright = after.image > 0  # half-way from fat to liver
    liver = after.labels == 1
    assert float((bright & liver).sum() / liver.sum()) > 0.95


@pytest.mark.parametrize("seed", range(5))
def test_the_liver_stays_on_the_right(seed: int, sample: Sample) -> None:
    labels = only(*MOVES)(sample, Chance(seed)).labels
    liver, spleen = (float(torch.nonzero(labels == label)[:, 2].float().mean()) for label in (1, 3))
    assert liver + 10 < spleen


def test_scaling_by_two_gives_eight_times_the_volume(sample: Sample) -> None:
    small = Sample(sample.image[:, ::2, ::2], torch.where(sample.labels == 3, 0, sample.labels)[:, ::2, ::2])
    after = only("scaling", scale=(1.5, 1.5), stretch=0.0)(small, Chance(0))
    ratio = float((after.labels == 1).sum() / (small.labels == 1).sum())
    assert ratio == pytest.approx(1.5**3, rel=0.25)


def test_a_rotation_keeps_lengths_in_mm(sample: Sample) -> None:
    """On flat voxels a ball stays a ball."""
    k, j, i = torch.meshgrid(*((torch.arange(n) - (n - 1) / 2) for n in (20, 60, 60)), indexing="ij")
    labels = ((k * 3) ** 2 + j**2 + i**2 < 20**2).to(torch.uint8)
    ball = Sample(labels.float() * 200 - 100, labels)
    after = only("rotation", rotation_degrees=(40, 40, 40))(ball, Chance(1), (3.0, 1.0, 1.0))
    assert float((after.labels & labels).sum() * 2 / (after.labels.sum() + labels.sum())) > 0.95


def test_what_lies_around_moves_in(sample: Sample) -> None:
    """The middle of a larger sample, made smaller, shows the sample's own surroundings."""
    shown = Box((6, 10, 12), (18, 30, 36))
    after = only("scaling", scale=(0.7, 0.7), stretch=0.0)(sample, Chance(0), shown=shown)
    assert after.labels.shape == shown.size
    middle = sample.labels[shown.slices]
    assert not (middle == 3).any(dim=0).any(dim=0)[:18].any()
    assert int((after.labels == 3).sum()) > 0 and float((after.image < -90).float().mean()) > 0.2


def test_unmoved_samples_are_cut_to_what_is_shown(sample: Sample) -> None:
    shown = Box((6, 10, 12), (18, 30, 36))
    after = only("contrast")(sample, Chance(0), shown=shown)
    assert torch.equal(after.labels, sample.labels[shown.slices])


def test_thick_slices_are_alike_in_threes(sample: Sample) -> None:
    after = only("slices", thickness_mm=(6.0, 6.0))(sample, Chance(0), (1.0, 1.0, 1.0))
    rough, smooth = (torch.diff(image, n=2, dim=0).abs().mean() for image in (sample.image, after.image))
    assert smooth < 0.7 * rough


def test_noise_has_the_hu_that_were_asked_for(sample: Sample) -> None:
    after = only("noise", noise_hu=(10.0, 10.0))(sample, Chance(0))
    assert float((after.image - sample.image).std()) == pytest.approx(10, rel=0.05)


def test_contrast_leaves_air_as_dark_as_it_is() -> None:
    air = Sample(torch.full((8, 8, 8), -1000.0), torch.zeros(8, 8, 8, dtype=torch.uint8))
    after = only("contrast", offset_hu=(10.0, 15.0))(air, Chance(0))
    assert torch.equal(after.image, air.image)


def test_hu_stay_in_their_range(sample: Sample) -> None:
    bright = Sample(sample.image * 100, sample.labels)
    after = only("noise", "contrast")(bright, Chance(0))
    assert float(after.image.min()) >= HU_RANGE[0] and float(after.image.max()) <= HU_RANGE[1]


@pytest.mark.parametrize("change", [{"flip": 0.5}, {"rotation": 1.5}, {"scale": (1.2, 0.8)}, {"noise_hu": (0.0, 1.0)}])
def test_a_setting_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AugmentationConfig.model_validate(change)


def test_a_turn_is_as_wide_as_its_degrees_and_goes_both_ways(sample: Sample) -> None:
    """About the axis k, measured on the line from the liver to the spleen, at most 30 degrees."""
    angles = []
    for seed in range(24):
        labels = only("rotation", rotation_degrees=(30, 0, 0))(sample, Chance(seed)).labels
        liver, spleen = (torch.nonzero(labels == label).float().mean(dim=0) for label in (1, 3))
        _, j, i = spleen - liver
        angles.append(math.degrees(math.atan2(float(j), float(i))))
    assert 24 < max(angles) < 31
    assert -31 < min(angles) < -24


def test_shares_move_as_labels_do(sample: Sample) -> None:
    """The most of a voxel is its label's, before and after; a half voxel on the border stays about one."""
    shares = torch.stack([(sample.labels == organ) * 255 for organ in range(1, 5)]).to(torch.uint8)
    shared = Sample(sample.image, sample.labels, shares)
    after = only(*MOVES)(shared, Chance(1), (3.0, 2.0, 2.0))
    assert after.shares is not None and after.shares.dtype == torch.uint8
    assert (after.shares[0][after.labels == 1] >= 127).all()
    assert (after.shares[0][after.labels == 0] <= 128).all()
    assert int(((after.shares[0] > 0) & (after.shares[0] < 255)).sum()) > 100
    unmoved = only("noise")(shared, Chance(1)).shares
    assert unmoved is not None and torch.equal(unmoved, shares)
