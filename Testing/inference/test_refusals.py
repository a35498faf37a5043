"""Scans without an abdomen are refused by the shipped networks, and scans that show a part of one are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_series
from flareseg import segment
from flareseg.core.errors import NoAbdomenError
from flareseg.core.geometry import Orientation
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.io.reading import read_volume
from flareseg.phantom import Phantom
from stations import STATIONS, make_station

SLAB_MM, STEP_MM = 60.0, 30.0
LEAST_ML = 10.0  # of all organs; of a kidney's tip of 5 mL the networks find nothing


@pytest.fixture(scope="session")
def head() -> Volume:
    return make_station("head", 0)


@pytest.mark.parametrize("part", STATIONS)
def test_a_scan_without_an_abdomen_is_refused(part: str, cascade: Cascade) -> None:
    with pytest.raises(NoAbdomenError, match="No abdomen found in this scan") as caught:
        cascade.segment(make_station(part, 0))
    assert "region (ROI)" in caught.value.hint


def test_a_region_of_the_caller_is_segmented_with_a_warning(head: Volume, cascade: Cascade) -> None:
    found = cascade.segment(head, SegmentationOptions(roi=(-100.0, 100.0, -120.0, 120.0, -100.0, 100.0)))
    assert found.organs[0].volume_ml > 100
    assert any("Check that this scan shows the whole abdomen" in warning for warning in found.warnings)


def test_a_chest_with_the_upper_abdomen_is_labelled(cascade: Cascade, phantom: Phantom) -> None:
    voxels = phantom.volume.voxels[60:]
    scan = Volume(voxels, replace(phantom.volume.geometry, shape=voxels.shape))
    assert cascade.segment(scan).organs[0].volume_ml > 100


@pytest.mark.parametrize(
    ("case", "labels"), [("spl_abdomen", "label"), ("totalsegmentator_example", "label_model")], ids=["spl", "ts"]
)
def test_slabs_that_show_organs_are_labelled(case: str, labels: str, cascade: Cascade, real_ct: Path) -> None:
    scan, truth = (read_volume(real_ct / case / f"{name}.nii.gz").canonical for name in ("ct", labels))
    count, step = (round(mm / scan.geometry.spacing[0]) for mm in (SLAB_MM, STEP_MM))
    firsts = [
        first
        for first in range(0, len(scan.voxels) - count + 1, step)
        if np.count_nonzero(truth.voxels[first : first + count]) * scan.geometry.voxel_ml >= LEAST_ML
    ]
    assert len(firsts) >= 4
    for first in firsts:
        voxels = scan.voxels[first : first + count]
        found = cascade.segment(Volume(voxels, replace(scan.geometry, shape=voxels.shape)))
        assert found.labels.any(), first


@pytest.mark.parametrize("axis", [1, 2], ids=["prone", "decubitus or situs inversus"])
def test_a_body_that_lies_otherwise_is_not_refused(axis: int, cascade: Cascade, phantom: Phantom) -> None:
    mirrored = Volume(np.ascontiguousarray(np.flip(phantom.volume.voxels, axis)), phantom.volume.geometry)
    assert cascade.segment(mirrored).organs[0].volume_ml > 100


def test_the_station_that_shows_the_abdomen_is_taken(
    head: Volume, phantom: Phantom, cascade: Cascade, tmp_path: Path
) -> None:
    """The head has more to speak for it: its description fits, and its files come first."""
    top = head.geometry.origin[2] + 900.0
    station = Volume(head.voxels, replace(head.geometry, origin=(*head.geometry.origin[:2], top)))
    write_series(tmp_path / "1", station, series="1.2.3", SeriesNumber=2, SeriesDescription="Abdomen portal venous")
    write_series(tmp_path / "2", phantom.volume, SeriesNumber=5, SeriesDescription="AC CT")
    result = segment(tmp_path, cascade=cascade)
    assert result.labels.shape == phantom.labels.shape
    assert Orientation.of(result.volume.geometry).name == "LPS"
    assert (
        "series 5 (AC CT) with 80 slices was read, because no abdomen was found in series 2 (Abdomen portal venous) "
        "with 60 slices" in result.report.warnings[0]
    )
