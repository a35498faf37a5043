"""Calibrated confidence: the formula, its place in the manifest, and what lowers it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flareseg.core.errors import WeightsError
from flareseg.core.geometry import Geometry
from flareseg.inference.calibration import Calibration
from flareseg.inference.cascade import Cascade
from flareseg.inference.confidence import organ_confidence, parts_apart
from flareseg.inference.manifest import read_manifest
from flareseg.inference.resample import Box
from flareseg.inference.weights import load_network, shipped_folder
from flareseg.phantom import Phantom

GEOMETRY = Geometry((20, 24, 28), (3.0, 2.0, 2.5), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))
LIVER, KIDNEYS, SPLEEN, PANCREAS, LEFT_KIDNEY = 1, 2, 3, 4, 5
SHA256 = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "weights"))


def calibrate(folder: Path, calibration: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["weights"]["organs"]["calibration"] = calibration
    (folder / "manifest.json").write_text(json.dumps(manifest))


def sha256_of(folder: Path) -> str:
    return read_manifest(folder)["weights"]["organs"]["sha256"]


def confidence_of(labels: np.ndarray, calibrations: dict[int, Calibration] | None = None) -> float:
    """The pancreas' confidence where the network gives 90 % to each of its voxels and 1 % to all others."""
    probability = torch.from_numpy(np.where(labels == PANCREAS, 0.9, 0.01)).float()
    logits = torch.full((5, *labels.shape), -20.0)
    logits[0], logits[PANCREAS] = (1 - probability).log(), probability.log()
    found = organ_confidence(logits, labels, {PANCREAS: PANCREAS}, Box.whole(labels.shape), GEOMETRY, calibrations)
    return found[PANCREAS].confidence


def blocks(*places: slice) -> np.ndarray:
    labels = np.zeros(GEOMETRY.shape, np.uint8)
    for place in places:
        labels[2:18, 2:20, place] = PANCREAS
    return labels


def test_without_calibration_the_confidence_is_the_expected_dice() -> None:
    assert Calibration().confidence(0.8) == pytest.approx(0.8)
    assert confidence_of(blocks(slice(2, 14)), {}) == confidence_of(blocks(slice(2, 14)))


@pytest.mark.parametrize(
    ("offset", "slope", "stated"),
    [(-1.0, 1.0, 0.5954), (0.0, 0.5, 0.6667), (0.5, 2.0, 0.9635)],  # by hand: the logit of 0.8 is log(4)
)
def test_the_logit_is_shifted_and_stretched(offset: float, slope: float, stated: float) -> None:
    assert Calibration(offset, slope).confidence(0.8) == pytest.approx(stated, abs=1e-4)


def test_certainty_and_nothing_stay_finite() -> None:
    assert 0.999 < Calibration().confidence(1.0) <= 1
    assert 0 <= Calibration().confidence(0.0) < 0.001


def test_an_organ_takes_its_own_calibration() -> None:
    plain = confidence_of(blocks(slice(2, 14)))
    assert confidence_of(blocks(slice(2, 14)), {LIVER: Calibration(-1.0)}) == plain
    assert confidence_of(blocks(slice(2, 14)), {PANCREAS: Calibration(-1.0)}) < plain - 0.05


def test_a_part_apart_lowers_the_confidence() -> None:
    together, apart = blocks(slice(2, 14)), blocks(slice(2, 11), slice(20, 23))
    assert np.count_nonzero(together) == np.count_nonzero(apart)
    lost = 864 * (0.5 - 0.1) / (3456 * 1.9 + (13440 - 3456) * 0.01)  # a quarter of its voxels at 50 instead of 90 %
    assert confidence_of(apart) == pytest.approx(confidence_of(together) - lost, abs=1e-3)


def test_all_but_the_largest_part_of_an_organ_are_apart() -> None:
    labels = np.zeros((8, 8, 20), np.uint8)
    labels[1:7, 1:7, 1:8] = LIVER
    labels[1:7, 1:7, 8:10] = PANCREAS  # touches the liver, and is the pancreas' largest part
    labels[2:4, 2:4, 14:16] = LIVER
    labels[6, 6, 18] = PANCREAS
    expected = np.zeros(labels.shape, bool)
    expected[2:4, 2:4, 14:16] = expected[6, 6, 18] = True
    np.testing.assert_array_equal(parts_apart(labels), expected)


def columns_apart(labels: np.ndarray) -> list[int]:
    apart = parts_apart(labels)
    assert apart is not None
    return np.flatnonzero(apart.any((0, 1))).tolist()


def test_two_kidneys_of_one_label_belong_together_and_with_two_labels_each_is_one() -> None:
    labels = np.zeros((6, 6, 24), np.uint8)
    labels[1:5, 1:5, 1:5] = labels[1:5, 1:5, 8:11] = labels[1:3, 1:3, 14:16] = KIDNEYS
    assert columns_apart(labels) == [14, 15]
    labels[1:5, 1:5, 18:22] = LEFT_KIDNEY
    assert columns_apart(labels) == [8, 9, 10, 14, 15]


def test_parts_that_touch_at_a_corner_are_one() -> None:
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[:3, :3, :3] = labels[3:5, 3:5, 3:5] = SPLEEN
    assert parts_apart(labels) is None


def test_the_calibration_of_the_manifest_is_loaded(folder: Path) -> None:
    calibrate(folder, {"sha256": sha256_of(folder), "organs": {"liver": [0.5, 1.2], "pancreas": [-1, 1.0]}})
    assert load_network("organs", 5, folder).calibration == {1: Calibration(0.5, 1.2), 4: Calibration(-1.0, 1.0)}


def test_a_calibration_of_other_weights_is_not_used(folder: Path) -> None:
    calibrate(folder, {"sha256": SHA256, "organs": {"liver": [0.5, 1.2]}})
    assert load_network("organs", 5, folder).calibration == {}


@pytest.mark.parametrize(
    ("organs", "reason"),
    [
        (None, 'has no "organs"'),
        ({"heart": [0, 1]}, "the unknown organ heart"),
        ({"liver": [0]}, "not two numbers"),
        ({"liver": [0, -1]}, "the second positive"),
        ({"liver": [0, "1"]}, "not two numbers"),
        ({"liver": [float("nan"), 1]}, "not two numbers"),
        ({"liver": [0, 1e9]}, "not two numbers up to 20"),
    ],
)
def test_a_damaged_calibration_is_refused(folder: Path, organs: Any, reason: str) -> None:
    calibrate(folder, {"sha256": sha256_of(folder), "organs": organs})
    with pytest.raises(WeightsError, match=rf"damaged: .*entry organs \(its calibration .*{reason}"):
        load_network("organs", 5, folder)


def test_a_scan_is_judged_by_the_calibration_of_its_weights(folder: Path, phantom: Phantom) -> None:
    stated = {}
    for name, organs in (("plain", {}), ("calibrated", {"spleen": [-1.0, 1.0]})):
        calibrate(folder, {"sha256": sha256_of(folder), "organs": organs})
        found = Cascade.load("cpu", folder).segment(phantom.volume).organs
        stated[name] = {organ.label: organ.confidence for organ in found}
    expected = stated["plain"].pop(SPLEEN)
    assert stated["calibrated"].pop(SPLEEN) == pytest.approx(1 / (1 + np.e * (1 - expected) / expected))
    assert stated["calibrated"] == stated["plain"]


def test_the_shipped_weights_are_calibrated() -> None:
    """After a change of the weights: python -m accuracy calibrate."""
    assert sorted(load_network("organs", 5).calibration) == [LIVER, KIDNEYS, SPLEEN, PANCREAS]
