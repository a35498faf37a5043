"""A corrected result is saved as DICOM while Slicer goes on."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import qt
import slicer
from conftest import wait_until
from dicom_scene import add_result, erase, four_organs, load_series
from FlareSegmentationLib.panel.saving import SaveMenu
from pydicom import dcmread
from PySide6.QtWidgets import QApplication, QProgressDialog, QPushButton


@pytest.fixture
def series(tmp_path):
    return load_series(tmp_path / "series")


@pytest.fixture
def result(series, report):
    return add_result(series, report)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The file dialog is answered with organs.dcm in it."""
    folder = tmp_path / "Ordner mit Ä"
    folder.mkdir()
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: str(folder / "organs.dcm"))
    return folder


@pytest.fixture
def told(monkeypatch):
    """What is said at the end."""
    told = []
    for name in ("infoDisplay", "errorDisplay"):
        monkeypatch.setattr(slicer.util, name, lambda text, windowTitle=None: told.append(text))
    return told


@pytest.fixture
def save(result, report, python_slicer):
    """The menu's action."""
    python_slicer([])
    button = qt.QPushButton("Save as...")
    menu = SaveMenu(button, lambda: (result, report))
    (action,) = (action for action in button.menu().actions() if action.text == "DICOM segmentation and report...")
    yield action.trigger
    assert menu


def dialogs():
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, QProgressDialog) and not w.wasCanceled]


def uids(series):
    return series.GetAttribute("DICOM.instanceUIDs").split()


def test_segments_are_written_as_the_person_left_them(save, folder, told, result, series):
    erase(result, "Spleen", series, slice(10, None))
    expected = four_organs()
    expected[10:][expected[10:] == 3] = 0
    save()
    assert told == []  # Slicer goes on
    assert len(dialogs()) == 1
    wait_until(lambda: told)
    assert dialogs() == []
    segmentation = hd.seg.segread(folder / "organs.dcm")
    read = segmentation.get_pixels_by_source_instance(
        uids(series), combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(read, expected)
    kinds = {segment.SegmentLabel: segment.SegmentAlgorithmType for segment in segmentation.SegmentSequence}
    assert (kinds["Spleen"], kinds["Liver"]) == ("SEMIAUTOMATIC", "AUTOMATIC")


def test_the_report_beside_it_refers_to_it_and_both_are_named(save, folder, told):
    save()
    wait_until(lambda: told)
    assert sorted(path.name for path in folder.iterdir()) == ["organs-report.dcm", "organs.dcm"]
    assert told[0].splitlines()[1:3] == [str(folder / "organs.dcm"), str(folder / "organs-report.dcm")]
    groups = hd.sr.srread(folder / "organs-report.dcm").content.get_volumetric_roi_measurement_groups()
    uid = dcmread(folder / "organs.dcm").SOPInstanceUID
    assert {group.referenced_segment.referenced_sop_instance_uid for group in groups} == {uid}


def test_an_earlier_report_is_replaced_only_when_the_person_agrees(save, folder, told, monkeypatch):
    (folder / "organs-report.dcm").write_text("earlier")
    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: asked.append(text))
    save()
    assert len(asked) == 1
    assert [path.read_text() for path in folder.iterdir()] == ["earlier"]


def test_a_name_without_suffix_gets_it_and_replaces_no_file_unasked(save, folder, told, monkeypatch):
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: str(folder / "CT 1.25 mm"))
    (folder / "CT 1.25 mm.dcm").write_text("earlier")
    asked = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: asked.append(text))
    save()
    assert asked == [f"{folder / 'CT 1.25 mm.dcm'} exists. Replace it?"]
    assert [path.read_text() for path in folder.iterdir()] == ["earlier"]


def test_the_report_has_the_name_of_the_segmentation(save, folder, told, monkeypatch):
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: str(folder / "CT 1.25 mm"))
    save()
    wait_until(lambda: told)
    assert sorted(path.name for path in folder.iterdir()) == ["CT 1.25 mm-report.dcm", "CT 1.25 mm.dcm"]


def test_nothing_happens_when_the_dialog_is_left(save, folder, monkeypatch):
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: "")
    save()
    assert dialogs() == list(folder.iterdir()) == []


def test_cancel_leaves_nothing(save, folder, told):
    save()
    (dialog,) = dialogs()
    dialog.findChild(QPushButton).click()
    assert dialogs() == told == list(folder.iterdir()) == []
    assert list(Path(slicer.app.temporaryPath).iterdir()) == []


def test_a_second_click_meanwhile_is_ignored(save, folder, told):
    save()
    save()
    assert len(dialogs()) == 1
    wait_until(lambda: told)
    assert len(told) == 1


def test_a_scan_from_elsewhere_is_told_before_any_question(save, series, told, monkeypatch):
    series.RemoveAttribute("DICOM.instanceUIDs")
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *_arguments: pytest.fail("asked"))
    save()
    assert "not loaded from Slicer's DICOM database" in told[0]


def test_a_scan_whose_grid_is_another_by_now_is_told(save, folder, series, told):
    series.SetSpacing(1.5, 2.0, 4.0)
    save()
    wait_until(lambda: told)
    assert "voxels are not those of its DICOM series" in told[0]
    assert list(folder.iterdir()) == []


def test_packages_that_are_missing_are_told(save, folder, told, packages_missing):
    save()
    assert "highdicom" in told[0]
    assert dialogs() == []


def test_a_process_that_ends_unexpectedly_is_told(save, folder, told, monkeypatch, tmp_path):
    lost = tmp_path / "lost"
    lost.mkdir()
    name = "PythonSlicer.bat" if sys.platform == "win32" else "PythonSlicer"
    (lost / name).write_text("@exit 3\n" if sys.platform == "win32" else "#!/bin/sh\nexit 3\n")
    (lost / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(lost), prepend=os.pathsep)
    save()
    wait_until(lambda: told)
    assert "stopped unexpectedly (exit code 3)" in told[0]
    assert list(folder.iterdir()) == []
