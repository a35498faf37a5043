"""What ``flareseg segment`` writes, and in which order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.cli.segment_files import FileSegmenter
from flareseg.core.errors import FlareError
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.io.reading import read_volume
from flareseg.io.tasks import Task


def test_labels_that_cannot_be_written_leave_no_report_and_no_picture(
    cascade: Cascade, phantom_file: Path, tmp_path: Path
) -> None:
    """A report is never about labels that are not there."""
    (tmp_path / "file").touch()
    results = tmp_path / "report.json", tmp_path / "preview.png"
    with pytest.raises(FlareError) as caught:
        FileSegmenter(cascade, SegmentationOptions()).segment(
            Task("ct", phantom_file, tmp_path / "file" / "labels.nii.gz", *results)
        )
    assert caught.value.kind == "write"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_report_that_cannot_be_written_leaves_the_labels(
    cascade: Cascade, phantom_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FlareError) as caught:
        task = Task("ct", phantom_file, tmp_path / "labels.nii.gz", tmp_path / "file" / "report.json", None)
        FileSegmenter(cascade, SegmentationOptions()).segment(task)
    assert caught.value.kind == "write"
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "labels.nii.gz"))))) == {0, 1, 2, 3, 4}


def test_both_kidneys_are_compared_with_a_ground_truth_that_has_one_label_for_them(
    cascade: Cascade, phantom_file: Path, phantom_ground_truth: Path, tmp_path: Path
) -> None:
    task = Task("ct", phantom_file, tmp_path / "labels.nii.gz", tmp_path / "report.json", None)
    segmenter = FileSegmenter(cascade, SegmentationOptions(split_kidneys=True), read_volume(phantom_ground_truth))
    segmenter.segment(task)
    dice = {organ["name"]: organ["dice"] for organ in json.loads(task.report.read_text())["organs"]}
    assert dice["Left kidney"] == dice["Right kidney"] > 0.85
