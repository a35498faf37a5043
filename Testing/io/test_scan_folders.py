"""Which files of a folder are scans, what is left out and said, and where results go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.core.errors import FlareError
from flareseg.io.tasks import Outputs, Plan, plan
from images import ct_like, write_image


def planned(*scans: Path, into: Path) -> Plan:
    return plan(scans, Outputs(into))


def names(found: Plan) -> list[str]:
    return [task.scan.name for task in found.tasks]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one CT."""
    write_image(tmp_path / "scans" / "ct.nii.gz", ct_like())
    return tmp_path / "scans"


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("ct_seg.nii.gz", np.int16),
        ("labels.nii.gz", np.int32),
        ("segmentation.nrrd", np.float32),
        ("ct.seg.nrrd", np.uint8),
        ("other.nii.gz", np.uint8),
        ("liver-mask.mha", np.uint16),
    ],
)
def test_a_segmentation_beside_the_scan_is_not_taken_for_one(
    name: str, dtype: type, folder: Path, tmp_path: Path
) -> None:
    write_image(folder / name, (ct_like() > -500).astype(dtype))
    found = planned(folder, into=tmp_path / "out")
    assert names(found) == ["ct.nii.gz"]
    assert found.left_out == [f"{name} was left out: it is a segmentation."]


def test_a_ct_whose_name_speaks_of_labels_is_a_scan_all_the_same(folder: Path, tmp_path: Path) -> None:
    write_image(folder / "patient_with_mask.nii.gz", ct_like())
    assert names(planned(folder, into=tmp_path / "out")) == ["ct.nii.gz", "patient_with_mask.nii.gz"]


def test_a_segmentation_given_by_name_is_not_left_out(folder: Path, tmp_path: Path) -> None:
    path = write_image(folder / "labels.nii.gz", (ct_like() > -500).astype(np.uint8))
    assert names(planned(path, into=tmp_path / "out")) == ["labels.nii.gz"]


def test_broken_links_are_named_and_hidden_files_are_none(folder: Path, tmp_path: Path) -> None:
    (folder / "b.nii.gz").symlink_to("gone.nii.gz")
    (folder / ".hidden.nii.gz").write_bytes(b"x")
    found = planned(folder, into=tmp_path / "out")
    assert names(found) == ["ct.nii.gz"]
    assert found.left_out == ["b.nii.gz was left out: it is a broken link."]


def test_a_damaged_file_stays_a_scan_so_that_reading_it_says_why(folder: Path, tmp_path: Path) -> None:
    (folder / "a.nii.gz").write_bytes(b"damaged")
    assert names(planned(folder, into=tmp_path / "out")) == ["a.nii.gz", "ct.nii.gz"]


@pytest.mark.parametrize(("given", "name"), [(".", "patient7"), ("..", "patients"), ("../patient7", "patient7")])
def test_a_folder_of_dots_gives_its_own_name(
    given: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "patients" / "patient7"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    (task,) = planned(Path(given), into=tmp_path / "out").tasks
    assert task.labels.name == f"{name}-organs.nii.gz"


@pytest.mark.parametrize(("first", "second"), [("A.nii.gz", "a.nii.gz"), ("\u00e9.nii.gz", "e\u0301.nii.gz")])
def test_results_whose_names_a_file_system_may_take_for_one_are_refused(
    first: str, second: str, tmp_path: Path
) -> None:
    scans = [write_image(tmp_path / str(n) / name, ct_like()) for n, name in enumerate((first, second))]
    with pytest.raises(FlareError, match="would both write"):
        planned(*scans, into=tmp_path / "out")


def test_the_scan_is_not_overwritten_under_other_capitals(folder: Path) -> None:
    with pytest.raises(FlareError, match="would be overwritten"):
        planned(folder / "ct.nii.gz", into=folder / "CT.nii.gz")


def test_a_result_whose_name_is_too_long_is_refused_before_the_work(tmp_path: Path) -> None:
    scan = write_image(tmp_path / ("x" * 247 + ".nii"), ct_like())
    with pytest.raises(FlareError, match="File name too long") as caught:
        planned(scan, into=tmp_path)
    assert caught.value.hint == "Give the result a shorter name, or the scan."
    assert planned(scan, into=tmp_path / "short.nii.gz").tasks[0].labels.name == "short.nii.gz"


@pytest.mark.parametrize("make", ["pipe", "device"])
def test_a_pipe_or_device_as_result_is_refused(make: str, folder: Path, tmp_path: Path) -> None:
    import os

    target = tmp_path / "out.nii.gz"
    if make == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to("/dev/full")
    with pytest.raises(FlareError, match="device, pipe or socket"):
        planned(folder / "ct.nii.gz", into=target)


@pytest.mark.parametrize(("option", "name"), [("report", "r.txt"), ("report", "r.nii.gz"), ("preview", "p.jpg")])
def test_other_results_names_are_checked_before_the_work(option: str, name: str, folder: Path, tmp_path: Path) -> None:
    asked = {"report": None, "preview": None, option: tmp_path / name}
    with pytest.raises(FlareError, match="no known suffix"):
        plan([folder / "ct.nii.gz"], Outputs(tmp_path / "out.nii.gz", asked["report"], asked["preview"]))


def test_a_series_of_time_points_stays_a_scan(folder: Path, tmp_path: Path) -> None:
    sitk.WriteImage(sitk.JoinSeries([sitk.GetImageFromArray(ct_like())] * 2), str(folder / "time.nii.gz"))
    assert names(planned(folder, into=tmp_path / "out")) == ["ct.nii.gz", "time.nii.gz"]
