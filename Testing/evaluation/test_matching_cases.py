"""Which prediction, ground truth, scan and report make one case."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flareseg.core.errors import FlareError
from flareseg.evaluation.cases import EvaluationCase, case_name, match


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).touch()
    return path


@pytest.mark.parametrize(
    "prediction", ["x.nii.gz", "x.nii", "x.nrrd", "x.mha", "x.seg.nrrd", "x-organs.nii.gz", "x_0000-organs.seg.nrrd"]
)
@pytest.mark.parametrize("ground_truth", ["x.nii.gz", "x_0000.nii.gz", "x.seg.nrrd"])
def test_files_of_a_case_match_whatever_wrote_them(prediction: str, ground_truth: str, tmp_path: Path) -> None:
    predictions, ground_truths = folder(tmp_path / "p", prediction), folder(tmp_path / "t", ground_truth)
    assert match(predictions, ground_truths).cases == [
        EvaluationCase("x", ground_truths / ground_truth, predictions / prediction)
    ]


def test_missing_and_extra_predictions_are_told_apart(tmp_path: Path) -> None:
    predictions, ground_truths = (
        folder(tmp_path / "p", "a.nii", "c.nii"),
        folder(tmp_path / "t", "a.nii", "b.nii", "._a.nii"),
    )
    found = match(predictions, ground_truths)
    assert [(case.name, case.prediction) for case in found.cases] == [("a", predictions / "a.nii"), ("b", None)]
    assert found.extra == [predictions / "c.nii"]


def test_beside_their_scans_results_and_labels_are_what_is_compared(tmp_path: Path) -> None:
    predictions = folder(tmp_path / "p", "x_0000.nii.gz", "x_0000-organs.nii.gz")
    ground_truths = folder(tmp_path / "t", "x_0000.nii.gz", "x.nii.gz")
    (case,) = match(predictions, ground_truths, scans=ground_truths).cases
    assert case == EvaluationCase(
        "x", ground_truths / "x.nii.gz", predictions / "x_0000-organs.nii.gz", ground_truths / "x_0000.nii.gz"
    )


def test_reports_lie_beside_the_predictions_unless_told(tmp_path: Path) -> None:
    predictions, ground_truths = folder(tmp_path / "p", "x.nii.gz", "x_0000.json"), folder(tmp_path / "t", "x.nii.gz")
    reports = folder(tmp_path / "r", "x.json")
    assert match(predictions, ground_truths).cases[0].report == predictions / "x_0000.json"
    assert match(predictions, ground_truths, reports=reports).cases[0].report == reports / "x.json"


def test_two_files_are_one_case(tmp_path: Path) -> None:
    files = folder(tmp_path / "f", "x-organs.nii.gz", "label.nrrd", "x.json")
    expected = EvaluationCase("x", files / "label.nrrd", files / "x-organs.nii.gz", report=files / "x.json")
    assert match(files / "x-organs.nii.gz", files / "label.nrrd").cases == [expected]


def test_two_predictions_of_one_case_are_refused(tmp_path: Path) -> None:
    predictions, ground_truths = folder(tmp_path / "p", "x.nii.gz", "x.nrrd"), folder(tmp_path / "t", "x.nii.gz")
    with pytest.raises(FlareError, match=r"x\.nii\.gz and x\.nrrd .* are one case"):
        match(predictions, ground_truths)


def test_a_folder_without_label_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlareError, match="holds no label maps"):
        match(folder(tmp_path / "p", "x.nii.gz"), folder(tmp_path / "t", "notes.txt"))


def test_a_file_and_a_folder_do_not_match(tmp_path: Path) -> None:
    ground_truths = folder(tmp_path / "t", "x.nii.gz")
    with pytest.raises(FlareError, match="Give a folder, or two files"):
        match(ground_truths / "x.nii.gz", ground_truths)


def test_a_name_that_is_not_utf_8_becomes_one_that_can_be_written(tmp_path: Path) -> None:
    assert case_name(Path(os.fsdecode(b"caf\xe9.nii.gz"))) == "caf\ufffd"
