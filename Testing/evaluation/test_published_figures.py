"""Our scores against published ones, where their inputs exist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.boxes import box_around
from flareseg.core.organs import ORGANS
from flareseg.evaluation.label_maps import read_label_map
from flareseg.evaluation.resources import Resources
from flareseg.evaluation.scores import CaseScore, OrganScore, score_labels
from flareseg.evaluation.selection import OrganSelection
from flareseg.evaluation.summary import summarise
from flareseg.evaluation.surface import TOLERANCES
from scipy import ndimage

from accuracy.published import PUBLISHED

# of the starting weights' reference predictions, percent by organ: Dice, NSD at 1 and 3 mm counted on voxels (as
# published with the weights), and NSD at 1 mm in the challenge's surfels
REFERENCES = {
    "spl": (
        "spl_abdomen/label.nii.gz",
        {
            "dice": (93.7, 93.2, 89.5, 80.0),
            1.0: (39.0, 45.8, 42.6, 38.3),
            3.0: (82.7, 92.1, 96.3, 82.4),
            "nsd": (56.0, 68.1, 61.7, 53.9),
        },
    ),
    "ts": (
        "totalsegmentator_example/label_model.nii.gz",
        {
            "dice": (96.7, 93.9, 96.6, 60.1),
            1.0: (68.9, 69.4, 72.0, 35.5),
            3.0: (93.8, 94.6, 99.0, 67.3),
            "nsd": (86.4, 85.8, 88.9, 51.4),
        },
    ),
}


def voxel_nsd(prediction: np.ndarray, ground_truth: np.ndarray, spacing: Sequence[float], tolerance: float) -> float:
    """Surface Dice of surface voxels rather than of the faces between them; the scan's edge is not a surface."""
    box = box_around(prediction | ground_truth, (1, 1, 1))
    surfaces = [mask[box] & ~ndimage.binary_erosion(mask[box], border_value=1) for mask in (prediction, ground_truth)]
    away = [ndimage.distance_transform_edt(~surface, sampling=spacing) for surface in surfaces]
    near = sum(np.count_nonzero(away[1 - n][surface] <= tolerance) for n, surface in enumerate(surfaces))
    return near / sum(np.count_nonzero(surface) for surface in surfaces)


@pytest.mark.parametrize("team", PUBLISHED)
def test_the_published_means_follow_from_the_organs(team: str) -> None:
    (*dice, mean_dice), (*nsd, mean_nsd) = PUBLISHED[team]
    scores = [OrganScore(o, d / 100, n / 100, 1.0, 1.0) for o, d, n in zip(ORGANS, dice, nsd, strict=True)]
    mean = summarise([CaseScore("all", scores, Resources(), [])]).organs[-1]
    assert 100 * mean.dice.mean == pytest.approx(mean_dice, abs=0.1)  # both sides are rounded
    assert 100 * mean.nsd.mean == pytest.approx(mean_nsd, abs=0.1)


@pytest.mark.parametrize("case", REFERENCES)
def test_the_reference_predictions_score_as_published(case: str, real_ct: Path, reference_predictions: Path) -> None:
    label, published = REFERENCES[case]
    ground_truth = read_label_map(real_ct / label)
    prediction = read_label_map(reference_predictions / f"reference_{case}.nii.gz")
    scores = score_labels(prediction, ground_truth, TOLERANCES["flare21"], OrganSelection())
    assert [100 * score.dice for score in scores] == pytest.approx(published["dice"], abs=0.06)
    assert [100 * score.nsd for score in scores] == pytest.approx(published["nsd"], abs=0.06)
    for tolerance in (1.0, 3.0):
        counted = [
            100
            * voxel_nsd(
                prediction.voxels == o.label, ground_truth.voxels == o.label, ground_truth.geometry.spacing, tolerance
            )
            for o in ORGANS
        ]
        assert counted == pytest.approx(published[tolerance], abs=0.3)


@pytest.mark.parametrize("case", REFERENCES)
def test_surfels_are_kinder_than_voxels_and_closer_at_3_mm(
    case: str, real_ct: Path, reference_predictions: Path
) -> None:
    """A border that is one voxel off still shares surfels with the true one on the staircase of a slanted surface."""
    label, published = REFERENCES[case]
    ground_truth, prediction = (
        read_label_map(real_ct / label),
        read_label_map(reference_predictions / f"reference_{case}.nii.gz"),
    )
    at = {
        mm: score_labels(prediction, ground_truth, dict.fromkeys(TOLERANCES["flare21"], mm), OrganSelection())
        for mm in (1.0, 3.0)
    }
    excess = {mm: np.subtract([100 * score.nsd for score in at[mm]], published[mm]) for mm in at}
    assert (excess[1.0] > 10).all()
    assert (excess[3.0] > 0).all()
    assert (excess[3.0] < excess[1.0]).all()
