"""Which files and DICOM subfolders of a folder are scans, and where the results of each go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_series
from flareseg.core.errors import FlareError
from flareseg.io.tasks import Plan, plan_folder
from flareseg.phantom import Phantom
from images import ct_like, write_image

SUFFIX = "-organs.seg.nrrd"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with one CT, a.nii.gz."""
    write_image(tmp_path / "scans" / "a.nii.gz", ct_like())
    return tmp_path / "scans"


def planned(scans: Path, output: Path, pattern: str = "*", suffix: str = SUFFIX) -> Plan:
    return plan_folder(scans, output, pattern, suffix)


def names(found: Plan) -> list[str]:
    return [task.name for task in found.tasks]


def test_a_pattern_chooses_and_subfolders_stay_subfolders(scans: Path, tmp_path: Path) -> None:
    for name in ("ct.nii.gz", "other.nii.gz"):
        write_image(scans / "fall Größe 1" / name, ct_like())
    (task,) = planned(scans, tmp_path / "organs", pattern="*/ct.nii.gz").tasks
    assert task.name == "fall Größe 1/ct.nii.gz"
    assert task.scan == scans / "fall Größe 1" / "ct.nii.gz"
    assert task.labels == tmp_path / "organs" / "fall Größe 1" / "ct-organs.seg.nrrd"
    assert task.report == tmp_path / "organs" / "fall Größe 1" / "ct.json"


def test_subfolders_with_dicom_files_are_scans_and_others_are_not(
    scans: Path, tmp_path: Path, phantom: Phantom
) -> None:
    write_series(scans / "series", phantom.volume)
    (scans / "papers").mkdir()
    (scans / "papers" / "paper.pdf").write_bytes(b"x" * 200)
    assert names(planned(scans, tmp_path / "organs")) == ["a.nii.gz", "series"]


def test_a_folder_that_is_itself_a_dicom_series_is_one_scan(tmp_path: Path, phantom: Phantom) -> None:
    write_series(tmp_path / "series", phantom.volume)
    (task,) = planned(tmp_path / "series", tmp_path / "organs").tasks
    assert (task.name, task.scan) == ("series", tmp_path / "series")


@pytest.mark.parametrize(
    ("suffix", "left_out"),
    [
        ("-organs.nii.gz", []),
        ("_labels.nii.gz", ["a_labels.nii.gz was left out: it is a segmentation."]),
    ],
)
def test_results_beside_their_scans_are_not_scans(suffix: str, left_out: list[str], scans: Path) -> None:
    write_image(scans / f"a{suffix}", np.ones((8, 8, 8), np.uint8))
    found = planned(scans, scans, suffix=suffix)
    assert (names(found), found.left_out) == (["a.nii.gz"], left_out)


def test_a_segmentation_in_a_subfolder_is_named_with_it(scans: Path, tmp_path: Path) -> None:
    write_image(scans / "1" / "ct.nii.gz", ct_like())
    write_image(scans / "1" / "truth.nii.gz", np.ones((8, 8, 8), np.uint8))
    found = planned(scans, tmp_path / "organs", pattern="*/*")
    assert names(found) == ["1/ct.nii.gz"]
    assert found.left_out == ["1/truth.nii.gz was left out: it is a segmentation."]


def test_hidden_files_texts_and_segmentations_are_not_scans(tmp_path: Path) -> None:
    for name in (".a.nii.gz", "notes.txt", "b.seg.nrrd"):
        (tmp_path / name).write_bytes(b"x" * 200)
    with pytest.raises(FlareError, match="No scan in"):
        planned(tmp_path, tmp_path / "organs")


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"pattern": "*.xyz"}, "bad_scan", 'matches "\\*.xyz"'),
        ({"pattern": "/a*"}, "bad_job", "cannot be used"),
        ({"suffix": "-organs.png"}, "write", "no known label map suffix"),
        ({"suffix": ".nii.gz", "output": Path("scans")}, "write", "a.nii.gz would be overwritten"),
        ({"scans": Path("nowhere")}, "bad_scan", "Folder not found"),
        ({"output": Path("scans/a.nii.gz/organs")}, "write", "cannot be made"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_before_anything_is_written(
    options: dict, kind: str, message: str, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scans.parent)
    with pytest.raises(FlareError, match=message) as caught:
        planned(**{"scans": Path("scans"), "output": Path("organs"), **options})
    assert caught.value.kind == kind
    assert caught.value.hint
    assert [path.name for path in scans.parent.iterdir()] == ["scans"]


def test_two_scans_with_one_name_are_refused(scans: Path, tmp_path: Path) -> None:
    write_image(scans / "a.nrrd", ct_like())
    with pytest.raises(FlareError, match="would both write a-organs"):
        planned(scans, tmp_path / "organs")
