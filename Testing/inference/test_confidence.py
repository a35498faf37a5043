"""Confidence per organ, and the slices where it is least sure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.geometry import Geometry, Orientation
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice_per_organ
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.inference.confidence import organ_confidence
from flareseg.inference.resample import Box
from flareseg.io.reading import read_volume
from flareseg.phantom import Phantom

PANCREAS = 4
CLASSES = {PANCREAS: PANCREAS}
UP, BACK, LEFT = (0, 0, 1), (0, 1, 0), (1, 0, 0)
GEOMETRY = Geometry((40, 32, 32), (3.0, 2.0, 2.0), (UP, BACK, LEFT), (0.0, 0.0, 0.0))
GRID = (20, 16, 16)


def scores_and_labels(unsure: slice) -> tuple[torch.Tensor, np.ndarray]:
    """A pancreas in slices 4 to 16 of the network's grid, at 40 % in the unsure ones and 99 % elsewhere."""
    probability = torch.full(GRID, 0.001)
    probability[4:16, 4:12, 4:12] = 0.99
    probability[unsure, 4:12, 4:12] = 0.4
    logits = torch.full((5, *GRID), -20.0)
    logits[0], logits[PANCREAS] = (1 - probability).log(), probability.log()
    labels = np.zeros(GEOMETRY.shape, np.uint8)
    labels[8:32, 8:24, 8:24] = PANCREAS
    return logits, labels


def test_a_sure_organ_has_high_confidence_and_no_uncertain_places() -> None:
    logits, labels = scores_and_labels(slice(0, 0))
    found = organ_confidence(logits, labels, CLASSES, Box.whole(GEOMETRY.shape), GEOMETRY)[PANCREAS]
    assert found.confidence > 0.9
    assert found.places == []


def test_the_unsure_slices_are_told_in_the_scans_own_slices() -> None:
    logits, labels = scores_and_labels(slice(8, 12))
    found = organ_confidence(logits, labels, CLASSES, Box.whole(GEOMETRY.shape), GEOMETRY)[PANCREAS]
    assert found.confidence < 0.9
    assert [(place.first, place.last) for place in found.places] == [(16, 23)]
    r, a, s = found.places[0].ras
    assert (r, a) == pytest.approx((-31, -31), abs=2)
    assert 16 * 3 <= s <= 23 * 3


def test_a_scan_stored_from_head_to_foot_counts_from_the_head() -> None:
    logits, labels = scores_and_labels(slice(8, 12))
    flipped = Geometry((40, 32, 32), (3.0, 2.0, 2.0), ((0, 0, -1), BACK, LEFT), (0.0, 0.0, 117.0))
    straight = organ_confidence(logits, labels, CLASSES, Box.whole(GEOMETRY.shape), GEOMETRY)[PANCREAS].places[0]
    turned = organ_confidence(logits, labels, CLASSES, Box.whole(GEOMETRY.shape), flipped)[PANCREAS].places[0]
    assert (turned.first, turned.last) == (39 - straight.last, 39 - straight.first)
    assert turned.ras == pytest.approx(straight.ras)


def test_what_the_gate_removed_lowers_no_confidence() -> None:
    logits, labels = scores_and_labels(slice(0, 0))
    labels[8:16] = 0
    excluded = np.zeros(GRID, bool)
    excluded[4:8] = True
    whole = Box.whole(GEOMETRY.shape)
    missed = organ_confidence(logits, labels, CLASSES, whole, GEOMETRY)[PANCREAS]
    gated = organ_confidence(logits, labels, CLASSES, whole, GEOMETRY, excluded=excluded)[PANCREAS]
    assert missed.confidence == pytest.approx(0.79, abs=0.02)
    assert gated.confidence == pytest.approx(0.98, abs=0.02)


def test_an_organ_that_is_not_there_has_no_certainty() -> None:
    logits, labels = scores_and_labels(slice(0, 0))
    assert organ_confidence(logits, np.zeros_like(labels), CLASSES, Box.whole(GEOMETRY.shape), GEOMETRY) == {}


def test_a_place_lies_in_its_organ_and_its_slices(cascade: Cascade, phantom: Phantom) -> None:
    noisy = phantom.volume.voxels + np.random.default_rng(0).normal(0, 60, phantom.volume.voxels.shape)
    found = cascade.segment(Volume(noisy, phantom.volume.geometry))
    places = [(facts, place) for facts in found.organs for place in facts.uncertain]
    assert places, "so noisy a scan leaves some uncertainty"
    for facts, place in places:
        i, j, k, _ = np.linalg.solve(phantom.volume.geometry.ijk_to_ras(), [*place.ras, 1.0])
        assert place.first - 1 <= k <= place.last + 1, facts.name
        near = found.labels[place.first : place.last + 1] == facts.label
        distance = np.abs(np.argwhere(near.any(axis=0)) - (j, i)).max(axis=1).min()
        assert distance < 10, facts.name


def test_uncertainty_is_highest_at_borders_and_lies_on_the_scans_grid(cascade: Cascade, phantom: Phantom) -> None:
    found = cascade.segment(phantom.volume, SegmentationOptions(uncertainty=True))
    assert found.uncertainty is not None
    assert found.uncertainty.shape == found.labels.shape
    assert found.uncertainty.max() <= 80  # five classes: the winner has a fifth at least
    liver = found.labels == 1
    border = liver & ~np.roll(liver, 1, axis=2)
    assert found.uncertainty[border].mean() > 2 * found.uncertainty[liver].mean()


def test_no_uncertainty_is_made_unless_it_is_requested(cascade: Cascade, phantom: Phantom) -> None:
    assert cascade.segment(phantom.volume).uncertainty is None


def test_confidence_is_within_10_points_of_dice_on_the_real_cts_and_low_where_it_is_low(
    cascade: Cascade, real_ct: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = {"spl_abdomen": "label.nii.gz", "totalsegmentator_example": "label_model.nii.gz"}
    pairs = []
    for case, ground_truth in cases.items():
        found = cascade.segment(read_volume(real_ct / case / "ct.nii.gz"))
        dice = dice_per_organ(found.labels, read_volume(real_ct / case / ground_truth).voxels)
        pairs += [(case, facts.name, facts.confidence, dice[facts.label]) for facts in found.organs]
    with capsys.disabled():
        for case, name, confidence, score in pairs:
            print(f"\n{case:>26} {name:<9} confidence {100 * confidence:.0f} %  Dice {100 * score:.0f} %", end="")
    correlation = np.corrcoef([pair[2] for pair in pairs], [pair[3] for pair in pairs])[0, 1]
    assert correlation > 0.8
    assert all(abs(confidence - score) < 0.1 for *_, confidence, score in pairs), (
        "run python -m accuracy calibrate again"
    )


def test_the_orientation_of_the_scan_changes_nothing_about_certainty(cascade: Cascade, phantom: Phantom) -> None:
    straight = cascade.segment(phantom.volume)
    geometry = phantom.volume.geometry
    origin = (*geometry.origin[:2], geometry.origin[2] + geometry.spacing[0] * (geometry.shape[0] - 1))
    flipped = replace(geometry, direction=((0, 0, -1), *geometry.direction[1:]), origin=origin)
    turned = cascade.segment(Volume(phantom.volume.voxels[::-1], flipped))
    assert Orientation.of(flipped).flips[0]
    assert [f.confidence for f in turned.organs] == pytest.approx([f.confidence for f in straight.organs])
