"""An archive with DICOM segmentations as results: of DICOM series; image files keep a NIfTI file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.job import SegmentArchive
from flareseg.archive.segmenting import CaseSegmenter
from flareseg.core.volume import Volume
from flareseg.inference.options import SegmentationOptions
from flareseg.io.writing import write_scan
from scripted_networks import kidney_finder


@pytest.fixture
def segmenter(tmp_path: Path) -> CaseSegmenter:
    job = SegmentArchive(tmp_path / "source", tmp_path / "out", ".dcm", SegmentationOptions())
    return CaseSegmenter(kidney_finder(), job)


def test_a_series_becomes_a_segmentation_of_its_study(
    segmenter: CaseSegmenter, add_study: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    folder = add_study(tmp_path / "source" / "study", 7)
    files = tuple(sorted(path.name for path in folder.iterdir()))
    row = segmenter(ArchiveCase("k1", "study", "study/S4", "study", files, part=0))
    assert row["labels"] == "study/S4-organs.dcm"
    written = pydicom.dcmread(tmp_path / "out" / "study" / "S4-organs.dcm")
    assert (written.Modality, written.StudyInstanceUID) == ("SEG", "1.2.826.0.1.7")
    assert written.Rows == 48


def test_an_image_file_keeps_a_nifti_file(segmenter: CaseSegmenter, small_phantom: Volume, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    write_scan(tmp_path / "source" / "scan.nii.gz", small_phantom)
    row = segmenter(ArchiveCase("k2", "scan.nii.gz", "scan", "", ("scan.nii.gz",)))
    assert row["labels"] == "scan-organs.nii.gz"
    assert (tmp_path / "out" / "scan-organs.nii.gz").is_file()


def test_a_series_without_a_study_fails_before_it_is_segmented(
    segmenter: CaseSegmenter, add_study: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    folder = add_study(tmp_path / "source" / "study", 7)
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.StudyInstanceUID
        dataset.save_as(path)
    files = tuple(sorted(path.name for path in folder.iterdir()))
    row = segmenter(ArchiveCase("k1", "study", "study/S4", "study", files, part=0))
    assert row["state"] == "failed" and "Study Instance UID" in str(row["error"])
    assert not list((tmp_path / "out").rglob("*.dcm"))
