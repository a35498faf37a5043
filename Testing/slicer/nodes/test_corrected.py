"""The organs of a result as they are now: one label map, with what a person has corrected measured again."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from dicom_scene import add_result, erase, four_organs, load_series
from flareseg.core.errors import ScanError
from FlareSegmentationLib.nodes.corrected import correctedResult
from FlareSegmentationLib.nodes.dicom_series import filesOf
from standins.dicom_database import DICOMDatabase


@pytest.fixture
def series(tmp_path):
    return load_series(tmp_path / "series")


@pytest.fixture
def result(series, report):
    return add_result(series, report)


def test_what_was_not_changed_is_as_the_report_says(result, series, report):
    now = correctedResult(result, series, report)
    np.testing.assert_array_equal(now.labels, four_organs())
    assert now.organs == report.organs
    assert (now.edited, now.shared) == ([], 0)


def test_an_edited_organ_is_measured_again_and_has_no_confidence(result, series, report):
    erase(result, "Liver", series, slice(10, None))
    now = correctedResult(result, series, report)
    assert now.edited == ["Liver"]
    liver, *others = now.organs
    assert (liver.voxels, liver.volume_ml, liver.confidence) == (200, pytest.approx(3.0), None)
    assert liver.mean_hu == pytest.approx(slicer.util.arrayFromVolume(series)[now.labels == 1].mean(), abs=0.05)
    assert others == report.organs[1:]
    assert (now.labels[10:] == 1).sum() == 0


def test_an_organ_that_was_moved_is_measured_again_as_well(result, series, report):
    """It has as many voxels as before."""
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(result, "FlareSegmentation.Pancreas", series)
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.roll(mask, 10, axis=0), result, "FlareSegmentation.Pancreas", series
    )
    now = correctedResult(result, series, report)
    assert now.organs[3].voxels == report.organs[3].voxels
    assert now.organs[3].mean_hu == pytest.approx(report.organs[3].mean_hu + 10 * 320, abs=0.05)
    assert (now.edited, now.organs[3].confidence) == (["Pancreas"], None)


def test_voxels_of_two_segments_are_given_to_the_first_and_counted(result, series, report):
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(result, "FlareSegmentation.Liver", series)
    slicer.modules.segmentations.logic()
    spleen = slicer.util.arrayFromSegmentBinaryLabelmap(result, "FlareSegmentation.Spleen", series)
    spleen[2:20, 2:7, 2:4] = 1
    assert mask[2:20, 2:7, 2:4].all()
    result.GetSegmentation().SeparateSegmentLabelmap("FlareSegmentation.Spleen")
    slicer.util.updateSegmentBinaryLabelmapFromArray(spleen, result, "FlareSegmentation.Spleen", series)
    now = correctedResult(result, series, report)
    assert now.shared == 18 * 5 * 2
    assert now.organs[0].voxels == report.organs[0].voxels
    assert now.organs[2].voxels == report.organs[2].voxels


def test_a_deleted_organ_is_left_out(result, series, report):
    result.GetSegmentation().RemoveSegment("FlareSegmentation.Kidneys")
    now = correctedResult(result, series, report)
    assert [facts.name for facts in now.organs] == ["Liver", "Spleen", "Pancreas"]
    assert [facts.label for facts in now.organs] == [1, 2, 3]
    assert sorted(np.unique(now.labels)) == [0, 1, 2, 3]


def test_segments_of_a_person_are_not_organs_of_ours(result, series, report):
    result.GetSegmentation().RemoveAllSegments()
    result.GetSegmentation().AddEmptySegment("", "Tumour")
    with pytest.raises(ScanError, match="has no organ of FlareSegmentation"):
        correctedResult(result, series, report)


def test_segmentation_and_scan_move_together_or_are_refused(result, series, report):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    series.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(ScanError, match="under different transforms"):
        correctedResult(result, series, report)
    result.SetAndObserveTransformNodeID(transform.GetID())
    np.testing.assert_array_equal(correctedResult(result, series, report).labels, four_organs())


class TestFiles:
    def test_they_are_those_of_the_database(self, series, tmp_path):
        assert filesOf(series) == [str(path) for path in sorted((tmp_path / "series").iterdir())]

    def test_a_volume_that_is_not_from_dicom_is_refused(self, scan):
        with pytest.raises(ScanError, match="not loaded from Slicer's DICOM database"):
            filesOf(scan)

    def test_files_that_have_left_the_database_are_told(self, series, monkeypatch):
        monkeypatch.setattr(slicer, "dicomDatabase", DICOMDatabase())
        with pytest.raises(ScanError, match="not in Slicer's DICOM database any more"):
            filesOf(series)

    def test_so_is_a_slicer_without_dicom(self, series, monkeypatch):
        monkeypatch.delattr(slicer, "dicomDatabase")
        with pytest.raises(ScanError, match="not in Slicer's DICOM database any more"):
            filesOf(series)
