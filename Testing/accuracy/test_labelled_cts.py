"""Which CTs of a folder `make accuracy CTS=FOLDER` scores."""

from __future__ import annotations

from pathlib import Path

import pytest
from flareseg.core.errors import DataError

from accuracy.cases import labelled_cts


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_case_is_a_folder_with_a_ct_and_labels_and_others_are_left_out(tmp_path: Path) -> None:
    made(
        tmp_path,
        "b/ct.nii.gz",
        "b/label_model.nii.gz",
        "a/ct.nrrd",
        "a/segmentation.seg.nrrd",
        "series/1.dcm",
        "c/ct.nii",
    )
    found = [(case.name, case.scan.name, case.ground_truth.name) for case in labelled_cts(tmp_path)]
    assert found == [("a", "ct.nrrd", "segmentation.seg.nrrd"), ("b", "ct.nii.gz", "label_model.nii.gz")]


def test_the_folders_of_nnunet_are_known(tmp_path: Path) -> None:
    made(tmp_path, "imagesTr/x_0000.nii.gz", "imagesTr/y_0000.nii.gz", "labelsTr/x.nii.gz", "labelsTr/z.nii.gz")
    (case,) = labelled_cts(tmp_path)
    assert (case.name, case.scan.name, case.ground_truth.name) == ("x", "x_0000.nii.gz", "x.nii.gz")


def test_a_folder_without_labels_is_refused_and_the_layouts_are_named(tmp_path: Path) -> None:
    made(tmp_path, "a/ct.nii.gz")
    with pytest.raises(DataError, match="holds no CT with a label map") as caught:
        labelled_cts(tmp_path)
    assert "CASE/ct.nii.gz and CASE/label.nii.gz" in caught.value.hint


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        labelled_cts(tmp_path / "nowhere")


def test_two_label_maps_of_a_case_are_refused_by_name(tmp_path: Path) -> None:
    made(tmp_path, "a/ct.nii.gz", "a/label.nii.gz", "a/label2.nii.gz")
    with pytest.raises(
        DataError, match=r"several scans or label maps \(ct\.nii\.gz, label\.nii\.gz, label2\.nii\.gz\)"
    ):
        labelled_cts(tmp_path)


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    """Their results would lie in the same files."""
    made(tmp_path, *(f"{images}/x.nii.gz" for images in ("imagesTr", "labelsTr", "imagesTs", "labelsTs")))
    with pytest.raises(DataError, match="holds 2 cases named x"):
        labelled_cts(tmp_path)
