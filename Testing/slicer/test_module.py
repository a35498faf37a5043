"""The module's own test class as Slicer runs it, and the module's metadata in Slicer."""

from __future__ import annotations

import unittest
from types import SimpleNamespace

import pytest
import slicer

import FlareSegmentation

TESTS = [name for name in dir(FlareSegmentation.FlareSegmentationTest) if name.startswith("test_")]


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.usefixtures("engine")
def test_own_test_passes_alone_as_ctest_runs_it(name):
    result = unittest.TestResult()
    FlareSegmentation.FlareSegmentationTest(name).run(result)
    assert result.testsRun == 1
    assert result.wasSuccessful(), result.errors + result.failures


def test_run_test_runs_them_all():
    called = []
    noted = {name: lambda self, name=name: called.append(name) for name in TESTS}
    type("Noted", (FlareSegmentation.FlareSegmentationTest,), noted)("runTest").runTest()
    assert sorted(called) == TESTS


def test_module_describes_itself():
    parent = SimpleNamespace(path=slicer.util.modulePath("FlareSegmentation"))
    FlareSegmentation.FlareSegmentation(parent)
    assert parent.title == "FlareSegmentation"
    assert parent.categories == ["Segmentation"]
    assert "not for diagnosis" in parent.helpText
    assert parent.contributors
    assert parent.acknowledgementText
