"""The scan on its way to the worker: whole, without a pause of Slicer, and without a trace where it is given up."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from conftest import Outcome, click, is_ready, wait_until
from flareseg.core.errors import Cancelled, FlareError
from flareseg.core.geometry import Geometry
from FlareSegmentationLib.jobs.hand_over import HandOver
from FlareSegmentationLib.jobs.job import Job, JobRunner
from FlareSegmentationLib.nodes.volumes import voxelWatch

import FlareSegmentation

VOXELS = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7) - 100


def job_of(voxels: np.ndarray, **options) -> Job:
    geometry = Geometry.from_ijk_to_ras(np.eye(4), voxels.shape)
    return Job(voxels, geometry, temporaryFolder=slicer.app.temporaryPath, **options)


def run(runner: JobRunner, job: Job) -> Outcome:
    outcome = Outcome(job)
    runner.start(job)
    return outcome


@pytest.fixture
def held():
    """The file of the scan is opened only when this is set: a slow disk."""
    event, slow = threading.Event(), [True]

    def slow_disk(what, arguments):
        if slow and what == "open" and Path(str(arguments[0])).name == "scan.npy":
            assert event.wait(60)

    sys.addaudithook(slow_disk)  # stays until the process ends
    yield event
    slow.clear()
    event.set()


@pytest.mark.parametrize(
    "voxels",
    [VOXELS, VOXELS.astype(">i2"), np.asfortranarray(VOXELS), VOXELS[::-1, :, ::2], VOXELS.astype(np.float64)],
    ids=["plain", "big endian", "Fortran order", "part of another array", "double"],
)
@pytest.mark.parametrize("slab", [1, 200, 10**9], ids=["slice by slice", "some slices", "at once"])
def test_every_array_arrives_unchanged(voxels, slab, tmp_path):
    transfer = HandOver(str(tmp_path / "scan.npy"), voxels, lambda: True, slab)
    wait_until(transfer.isDone)
    arrived = np.load(tmp_path / "scan.npy", mmap_mode="r")
    assert arrived.dtype == voxels.dtype
    assert np.array_equal(arrived, voxels)


def test_slicer_goes_on_while_the_scan_is_written(held, scripted, ready_with):
    """The writing ends only if the event loop runs meanwhile."""
    panel = ready_with("willing")
    release = qt.QTimer()
    release.setInterval(50)
    release.connect("timeout()", held.set)
    click(panel)
    assert panel.ui.applyButton.text == "Cancel"
    release.start()
    wait_until(lambda: is_ready(panel))
    assert panel.ui.failureLabel.isHidden()


def test_cancel_while_the_scan_is_written_ends_the_job_without_the_worker(held, scripted):
    runner = scripted("crash")  # at whatever it is sent
    outcome = run(runner, job_of(VOXELS))
    runner.cancel()
    held.set()
    assert isinstance(outcome.wait().error, Cancelled)
    assert not list(Path(slicer.app.temporaryPath).iterdir())


def test_close_while_the_scan_is_written_leaves_nothing(held, scripted):
    runner = scripted("willing")
    outcome = run(runner, job_of(VOXELS))
    held.set()
    runner.close()
    assert isinstance(outcome.error, Cancelled)
    assert not list(Path(slicer.app.temporaryPath).iterdir())


def test_the_next_job_runs_after_one_that_was_given_up(held, scripted):
    runner = scripted("willing")
    outcome = run(runner, job_of(VOXELS))
    runner.cancel()
    held.set()
    outcome.wait()
    assert run(runner, job_of(VOXELS)).wait().finished


def test_full_disk_is_told(scripted, small_disk, monkeypatch):
    monkeypatch.setattr(slicer.app, "temporaryPath", str(small_disk))
    error = run(scripted("willing"), job_of(np.zeros((32, 32, 32), np.int16))).wait().error
    assert error.kind == "write"
    assert error.message == "The scan could not be handed to the engine: No space left on device."
    assert "Free some disk space" in error.hint
    assert list(small_disk.iterdir()) == []


def test_shortage_of_memory_ends_the_job(scripted):
    """A slice of 2 EB, which is one voxel in memory, cannot be copied."""
    huge = np.broadcast_to(np.int16(0), (1, 1 << 30, 1 << 30))
    assert run(scripted("willing"), job_of(huge)).wait().error.kind == "internal"


def test_worker_that_leaves_while_the_scan_is_written_is_started_again(held, scripted):
    runner = scripted("leaving")
    outcome = run(runner, job_of(VOXELS))
    runner.describe("cpu")  # upon which it goes
    starts = []
    runner.process.lineReceived.connect(lambda line: starts.append(line) if b"ready" in line else None)
    wait_until(lambda: len(starts) > 1)
    runner.cancel()
    held.set()
    assert isinstance(outcome.wait().error, Cancelled)


class TestVoxelsThatChange:
    @pytest.fixture
    def node(self):
        return slicer.util.addVolumeFromArray(VOXELS)

    def test_scan_changed_while_it_is_written_is_refused(self, held, scripted, add_scan):
        scripted("willing")
        node = add_scan()
        outcome = Outcome(FlareSegmentation.FlareSegmentationLogic().start(node))
        slicer.util.arrayFromVolume(node)[:] = 0
        slicer.util.arrayFromVolumeModified(node)
        held.set()
        error = outcome.wait().error
        assert error.kind == "bad_scan"
        assert error.message == "The scan was changed while it was handed to the engine."

    def test_voxels_edited_in_place_count_as_changed(self, node):
        isUnchanged = voxelWatch(node)
        slicer.util.arrayFromVolume(node)[0] = 5
        slicer.util.arrayFromVolumeModified(node)
        assert not isUnchanged()

    def test_the_next_frame_of_a_sequence_does_not_count(self, node):
        """It brings voxels of its own; those that are being written stay."""
        voxels, isUnchanged = slicer.util.arrayFromVolume(node), voxelWatch(node)
        node.CopyContent(slicer.util.addVolumeFromArray(VOXELS + 1), False)
        assert (slicer.util.arrayFromVolume(node) == VOXELS + 1).all()
        assert isUnchanged()
        assert (voxels == VOXELS).all()

    def test_other_voxels_put_in_their_place_leave_those_being_written(self, node):
        voxels = slicer.util.arrayFromVolume(node)
        slicer.util.updateVolumeFromArray(node, np.zeros((50, 60, 70), np.int16))
        assert (voxels == VOXELS).all()

    def test_a_look_at_their_range_does_not_count(self, node):
        """A display looks at it when it first shows the scan."""
        isUnchanged = voxelWatch(node)
        node.GetImageData().GetScalarRange()
        node.CreateDefaultDisplayNodes()
        node.Modified()
        assert isUnchanged()


def test_refused_hand_over_is_a_failure_of_the_run(scripted, add_scan, monkeypatch, tmp_path):
    scripted("willing")
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path / "missing"))
    with pytest.raises(FlareError, match="does not exist"):
        FlareSegmentation.FlareSegmentationLogic().segment(add_scan())
