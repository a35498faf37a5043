"""The module's logic, as scripts use it, and how it ends with Slicer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import slicer
from conftest import Outcome, wait_until
from flareseg.core.errors import FlareError
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes.edits import segmentId
from FlareSegmentationLib.nodes.results import readReport
from PySide6.QtCore import QCoreApplication

import FlareSegmentation

SESSION = Path(__file__).parents[1] / "slicer_session.py"


@pytest.fixture
def logic(engine):
    return FlareSegmentation.FlareSegmentationLogic()


def test_segment_returns_the_node_with_its_report(logic, add_scan):
    node = logic.segment(add_scan(), device="cpu")
    assert node.GetName() == "Phantom organs"
    report = readReport(node)
    assert report.device.kind == "cpu"
    assert report.organs[0].volume_ml > 500
    assert report.scan.name == "scan"


def test_segment_fills_the_given_node(logic, add_scan):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    assert logic.segment(add_scan(), node) is node
    assert node.GetSegmentation().GetNumberOfSegments() == 4


def test_several_scans_one_after_the_other(logic, add_scan):
    nodes = [logic.segment(add_scan(name)) for name in ("first", "second")]
    assert [node.GetName() for node in nodes] == ["first organs", "second organs"]


def test_roi_bounds_confine_the_organs(logic, add_scan, phantom):
    scan = add_scan()
    bounds = np.zeros(6)
    scan.GetRASBounds(bounds)
    bounds[0] = (bounds[0] + bounds[1]) / 2  # the patient's right half, where the liver is
    node = logic.segment(scan, roi=bounds)
    assert readReport(node).roi_source == "caller"
    liver = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId(ORGANS[0]), scan)
    right = [(phantom.volume.geometry.ijk_to_ras() @ [i, j, k, 1])[0] for k, j, i in np.argwhere(liver)]
    assert len(right) > 10000
    assert min(right) > bounds[0] - 3


def test_failure_is_raised_with_its_message(logic):
    with pytest.raises(FlareError, match="no voxels"):
        logic.segment(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))


def test_failure_in_the_engine_is_raised_too(logic):
    flat = slicer.util.addVolumeFromArray(np.full((40, 40, 40), -1000, np.int16))
    with pytest.raises(FlareError, match="same value") as caught:
        logic.segment(flat)
    assert caught.value.kind == "bad_scan"


def test_unknown_device_is_refused(logic, add_scan):
    with pytest.raises(FlareError, match="Unknown device: 'tpu'"):
        logic.segment(add_scan(), device="tpu")


def test_gpu_that_is_not_there_is_told(logic, add_scan):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this computer has a GPU")
    with pytest.raises(FlareError) as caught:
        logic.segment(add_scan(), device="cuda")
    assert caught.value.kind == "no_gpu"


def test_start_returns_at_once_and_calls_back(logic, add_scan):
    stages, ends = [], []
    logic.start(add_scan(), onProgress=stages.append, onFinished=lambda *a: ends.append(a), onFailed=pytest.fail)
    assert ends == []
    wait_until(lambda: ends)
    ((node, report),) = ends
    assert node.GetSegmentation().GetNumberOfSegments() == 4
    assert report.total_seconds > 0
    assert {stage.stage for stage in stages} >= {"find_abdomen", "segment", "put_back"}


def test_start_while_a_run_is_in_progress_is_refused(scripted, add_scan):
    scripted("obedient")
    logic = FlareSegmentation.FlareSegmentationLogic()
    run = logic.start(add_scan())
    outcome = Outcome(run)
    with pytest.raises(FlareError, match="already running"):
        logic.start(add_scan())
    run.cancel()
    assert outcome.wait().error.kind == "cancelled"


class RefusingSegment(slicer.vtkSegment):
    """Slicer's own, which takes no voxels."""

    def AddRepresentation(self, *_arguments):
        raise RuntimeError("no memory for the labels")


def test_result_that_slicer_refuses_ends_the_run_with_an_error(scripted, add_scan, monkeypatch):
    scripted("willing")
    monkeypatch.setattr(slicer, "vtkSegment", RefusingSegment)
    with pytest.raises(FlareError, match=r"could not be put into the scene: .*no memory for the labels") as caught:
        FlareSegmentation.FlareSegmentationLogic().segment(add_scan())
    assert caught.value.kind == "internal"
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_input_is_looked_at_before_anything_is_installed(engine):
    class NothingThere:
        def ensure(self):
            raise AssertionError("asked to install packages for a scan that cannot be segmented")

    logic = FlareSegmentation.FlareSegmentationLogic(dependencies=NothingThere())
    with pytest.raises(FlareError) as caught:
        logic.segment(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))
    assert caught.value.kind == "bad_scan"


def test_a_volume_outside_the_scene_is_refused(logic, phantom):
    node = slicer.vtkMRMLScalarVolumeNode()
    slicer.util.updateVolumeFromArray(node, phantom.volume.voxels)
    with pytest.raises(FlareError, match="not in the scene"):
        logic.segment(node)


class Session:
    """slicer_session.py in a process of its own: a Slicer that runs until it is told to quit or dies."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, str(SESSION), str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.worker = psutil.Process(int(self.process.stdout.readline()))


@pytest.fixture
def session(tmp_path):
    started = Session(tmp_path / "temporary")
    yield started
    started.process.kill()
    started.process.communicate()


def test_quitting_slicer_ends_the_worker_and_removes_its_files(session, tmp_path):
    assert list((tmp_path / "temporary").iterdir())
    session.process.stdin.write("quit\n")
    session.process.stdin.flush()
    assert session.process.wait(timeout=60) == 0
    session.worker.wait(timeout=30)
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_worker_ends_when_slicer_is_killed(session, tmp_path):
    os.kill(session.process.pid, signal.SIGKILL)
    session.worker.wait(timeout=30)
    assert not list((tmp_path / "temporary").iterdir()), "the worker removes what Slicer no longer can"


def test_closed_logic_hears_of_slicers_end_no_more(scripted):
    runner = scripted("willing")
    logic = FlareSegmentation.FlareSegmentationLogic(runner)
    runner.describe("cpu")
    assert runner.process.running
    QCoreApplication.instance().aboutToQuit.emit()
    assert not runner.process.running
    logic.close()
    runner.describe("cpu")
    QCoreApplication.instance().aboutToQuit.emit()
    assert runner.process.running
