"""The tests that ctest runs inside Slicer, run here on the stand-ins."""

from __future__ import annotations

import importlib
import re
import sys
import unittest
from pathlib import Path

import pytest
import qt
import slicer
from standins.install import MODULE_FOLDER

FOLDER = Path(__file__).resolve().parents[2] / "Python"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*Test.py"))


@pytest.fixture(autouse=True)
def as_slicer(monkeypatch, desktop):
    """The module is loaded, and slicer.testing.runUnitTest puts the folder on sys.path."""
    desktop.load(MODULE_FOLDER / "FlareSegmentation.py")
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def run(name: str) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.TestLoader().loadTestsFromName(name).run(result)
    return result


def traces(result: unittest.TestResult) -> str:
    return "\n".join(trace for _test, trace in result.errors + result.failures)


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_passes(name, engine):
    result = run(name)
    assert result.testsRun
    assert result.wasSuccessful(), traces(result)
    assert not result.skipped


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.usefixtures("packages_missing")
def test_it_is_skipped_with_a_reason_where_packages_are_missing(name):
    result = run(name)
    assert len(result.skipped) == result.testsRun > 0
    assert all("PyTorch" in reason for _test, reason in result.skipped)


def test_cmake_knows_them_all():
    text = (FOLDER / "CMakeLists.txt").read_text(encoding="utf-8")
    listed = re.search(r"set\(TESTS\n(.*?)\s*\)", text, re.DOTALL)
    assert listed
    assert sorted(listed.group(1).split()) == SCRIPTS


def raise_in_a_slot(_test):
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda checked: 1 / 0)
    button.click()


def raise_in_an_observer(_test):
    tag = slicer.mrmlScene.AddObserver(slicer.mrmlScene.NodeAddedEvent, lambda *_: 1 / 0)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")
    slicer.mrmlScene.RemoveObserver(tag)


def leave_a_folder(_test):
    (Path(slicer.app.temporaryPath) / "flareseg-left").mkdir()


@pytest.mark.parametrize(
    ("misdeed", "said"),
    [
        (raise_in_a_slot, "ZeroDivisionError"),
        (raise_in_an_observer, "ZeroDivisionError"),
        (leave_a_folder, "a temporary folder was left behind"),
    ],
)
def test_what_the_application_would_only_print_fails_a_test_of_the_panel(misdeed, said, scripted):
    scripted("obedient")
    driver = importlib.import_module("panel_driver")
    result = unittest.TestResult()
    type("Misdeed", (driver.PanelTest,), {"runTest": misdeed})().run(result)
    for folder in Path(slicer.app.temporaryPath).glob("flareseg-*"):
        folder.rmdir()
    assert said in traces(result)


def test_without_a_main_window_the_panel_is_entered_all_the_same(scripted, monkeypatch):
    scripted("willing")
    monkeypatch.setattr(slicer.util, "mainWindow", lambda: None)
    driver = importlib.import_module("panel_driver")
    panel = driver.Panel()
    driver.show("Data")
    driver.show(driver.MODULE)
    panel.choose(driver.addScan())
    panel.click()
    driver.waitUntil(panel.isReady)
    assert panel.result().GetName() == "Phantom organs"
