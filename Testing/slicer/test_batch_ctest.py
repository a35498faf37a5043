"""The tests that ctest runs inside Slicer, run here on the stand-ins."""

from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

import pytest
import slicer

FOLDER = Path(__file__).resolve().parents[1] / "Python"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture(autouse=True)
def as_slicer(monkeypatch):
    """slicer.testing.runUnitTest puts the folder on sys.path; there is no main window."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: None, raising=False)
    monkeypatch.setattr(slicer.util, "loadSegmentation", load_segmentation)
    yield
    for name in SCRIPTS:
        sys.modules.pop(name, None)


def load_segmentation(path: str):
    """The application's reader, without the application."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(path)
    assert storage.ReadData(node)
    return node


def run(name: str) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.TestLoader().loadTestsFromName(name).run(result)
    return result


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_passes(name, engine):
    result = run(name)
    assert result.testsRun == 1
    assert result.wasSuccessful(), result.errors + result.failures
    assert not result.skipped


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_is_skipped_with_a_reason_where_packages_are_missing(name, monkeypatch):
    monkeypatch.setattr("FlareSegmentationLib.dependencies.Dependencies.areThere", lambda self: False)
    ((_test, reason),) = run(name).skipped
    assert "PyTorch" in reason


def test_cmake_knows_them_all():
    text = (FOLDER / "CMakeLists.txt").read_text(encoding="utf-8")
    listed = re.search(r"set\(TESTS\n(.*?)\s*\)", text, re.DOTALL)
    assert listed
    assert sorted(listed.group(1).split()) == SCRIPTS
