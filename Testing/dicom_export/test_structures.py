"""RTSTRUCT: contours that rt-utils and OpenCV turn back into the organs, and series that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flareseg.core.errors import NoAbdomenError, ScanError
from flareseg.dicom_export.targets import DicomTargets
from flareseg.io.reading import read_volume
from pydicom import Dataset, dcmread
from rt_utils import RTStructBuilder
from series import SERIES, WEIGHTS, Written, faults, written


@pytest.fixture(scope="module", params=["axial", "oblique", "feet first", "decubitus", "from head to foot"])
def each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("rt")
    return written(SERIES[request.param](folder / "series"), folder, structures=True)


class TestOfEverySeries:
    def test_dciodvfy_finds_no_error(self, each: Written) -> None:
        assert faults(each.targets.structures) == []

    def test_rt_utils_gives_back_the_organs(self, each: Written) -> None:
        folder = each.volume.dicom_slices[0][0].parent
        structures = RTStructBuilder.create_from(str(folder), str(each.targets.structures))
        assert structures.get_roi_names() == ["Liver", "Right kidney", "Spleen", "Pancreas", "Left kidney"]
        for facts in each.organs:
            read = structures.get_roi_mask_by_name(facts.name)
            np.testing.assert_array_equal(read.transpose(2, 0, 1), each.labels == facts.label)

    def test_each_contour_runs_through_voxel_centres_of_the_image_it_refers_to(self, each: Written) -> None:
        files = {source.SOPInstanceUID: source for source in each.source_files()}
        contours = [c for roi in each.dataset("structures").ROIContourSequence for c in roi.ContourSequence]
        assert len(contours) > 50
        for contour in contours:
            assert contour.ContourGeometricType == "CLOSED_PLANAR"
            image = files[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            rows, columns, heights = in_plane(image, np.reshape([float(v) for v in contour.ContourData], (-1, 3)))
            np.testing.assert_allclose(heights, 0, atol=1e-3)
            np.testing.assert_allclose(rows, rows.round(), atol=1e-3)
            np.testing.assert_allclose(columns, columns.round(), atol=1e-3)


def in_plane(image: Dataset, points: np.ndarray) -> np.ndarray:
    """Row, column and mm out of the plane of points in LPS (DICOM PS3.3, C.7.6.2.1.1)."""
    row, column = np.array(image.ImageOrientationPatient[:3]), np.array(image.ImageOrientationPatient[3:])
    way = points - np.array(image.ImagePositionPatient)
    down, across = image.PixelSpacing
    return np.array([way @ column / down, way @ row / across, way @ np.cross(row, column)])


def test_the_organs_are_named_coded_and_coloured(tmp_path: Path) -> None:
    made = written(SERIES["axial"](tmp_path / "series"), tmp_path, structures=True).dataset("structures")
    assert list(made.ROIContourSequence[0].ROIDisplayColor) == [221, 130, 101]
    assert made.RTROIObservationsSequence[0].RTROIIdentificationCodeSequence[0].CodeValue == "10200004"
    assert {roi.ROIGenerationAlgorithm for roi in made.StructureSetROISequence} == {"AUTOMATIC"}
    assert "dense_vnet.safetensors sha256 cdcd" in made.StructureSetDescription
    assert (made.Manufacturer, made.ApprovalStatus) == ("FlareSegmentation", "UNAPPROVED")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("enhanced multi-frame", "it is a multi-frame image"),
        ("tilted gantry", "its gantry was tilted"),
        ("with a gap", "its slices are not evenly spaced"),
        ("pixels that are not square", "its pixels are not square"),
    ],
)
def test_a_series_whose_contours_would_be_misplaced_is_refused(kind: str, reason: str, tmp_path: Path) -> None:
    volume = read_volume(SERIES[kind](tmp_path / "series"))
    with pytest.raises(ScanError, match=reason) as caught:
        DicomTargets(structures=tmp_path / "rt.dcm").checked(volume)
    assert "--format dicom-seg" in caught.value.hint


def test_an_organ_of_single_voxels_has_no_contour_and_is_left_out(tmp_path: Path) -> None:
    axial = written(SERIES["axial"](tmp_path / "series"), tmp_path)
    labels = axial.labels.copy()
    labels[labels == 4] = 0
    labels[5, 4, 12] = 4
    targets = DicomTargets(structures=tmp_path / "rt.dcm")
    targets.write(axial.volume, labels, axial.organs, WEIGHTS)
    made = dcmread(tmp_path / "rt.dcm")
    assert [roi.ROIName for roi in made.StructureSetROISequence] == ["Liver", "Right kidney", "Spleen", "Left kidney"]
    numbers = [roi.ROINumber for roi in made.StructureSetROISequence]
    for name in ("ROIContourSequence", "RTROIObservationsSequence"):
        assert [roi.ReferencedROINumber for roi in made[name].value] == numbers
    assert faults(tmp_path / "rt.dcm") == []


def test_a_result_of_single_voxels_only_is_not_written(tmp_path: Path) -> None:
    axial = written(SERIES["axial"](tmp_path / "series"), tmp_path / "results")
    labels = np.zeros_like(axial.labels)
    labels[5, 4, 12] = 1
    with pytest.raises(NoAbdomenError, match="too small for contours"):
        DicomTargets(structures=tmp_path / "rt.dcm").write(axial.volume, labels, axial.organs[:1], WEIGHTS)
    assert [path.name for path in tmp_path.glob("*.dcm")] == []
