"""The background process, over real pipes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from flareseg.core.geometry import Geometry
from flareseg.core.report import Report
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
from flareseg.inference.weights import shipped_folder
from flareseg.phantom import Phantom
from flareseg.worker import events
from worker_process import WorkerProcess, job_for, temporary_job, worker


@pytest.fixture(scope="module")
def warm() -> Iterator[WorkerProcess]:
    with worker() as running:
        running.wait_for(events.Ready)
        yield running


def test_a_job_gives_the_cascades_labels_and_a_report(
    warm: WorkerProcess, phantom: Phantom, cascade: Cascade, tmp_path: Path
) -> None:
    warm.send(job_for(phantom.volume, tmp_path, "first", name="phantom"))
    result = warm.wait_for(events.JobResult)
    report = Report.from_json(result.report)
    assert (result.id, report.scan.name) == ("first", "phantom")
    labels = np.load(result.labels, allow_pickle=False)
    assert labels.dtype == np.uint8
    assert np.mean(labels == cascade.segment(phantom.volume).labels) > 0.999


def test_weights_that_take_the_place_of_others_are_loaded(
    warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    weights = shutil.copytree(shipped_folder(), tmp_path / "weights")
    warm.send(job_for(phantom.volume, tmp_path, "1", weights=str(weights)))
    warm.wait_for(events.JobResult)
    (weights / "manifest.json").write_text('{"weights": {}}')
    warm.send(job_for(phantom.volume, tmp_path, "2", weights=str(weights)))
    assert "has no entry abdomen" in warm.wait_for(events.Failure).message


def test_every_stage_reports_progress_and_memory(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    warm.seen.clear()
    warm.send(job_for(phantom.volume, tmp_path))
    warm.wait_for(events.JobResult)
    stages = [event for event in warm.seen if isinstance(event, events.StageProgress)]
    names = list(dict.fromkeys(event.stage for event in stages))
    assert names[-7:] == ["read", "find_abdomen", "crop", "segment", "put_back", "clean_up", "write"]
    assert all(event.ram_mb > 50 and 0 <= event.fraction <= 1 for event in stages)


def test_the_networks_stay_loaded_between_jobs(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    for job_id in ("a", "b"):
        warm.send(job_for(phantom.volume, tmp_path, job_id))
        result = warm.wait_for(events.JobResult)
    assert "load" not in [stage["name"] for stage in result.report["stages"]]


def test_the_device_is_described_on_request(warm: WorkerProcess) -> None:
    warm.send(events.DescribeJob("d", "cpu"))
    device = warm.wait_for(events.DeviceInfo)
    assert (device.id, device.kind) == ("d", "cpu")
    assert 0 < device.free_mb <= device.total_mb


@pytest.mark.parametrize(
    "line",
    [
        *(b"no json\n", b"{}\n", b'{"type":"dance"}\n', b'{"type":"segment","id":"1"}\n', b"\xff\xfe\n"),
        *(b'{"type":[]}\n', b'{"type":"cancel","id":["x"]}\n', b"[" * 100_000 + b"\n", b"null\n"),
    ],
    ids=lambda line: line[:20].decode("latin-1").strip(),
)
def test_a_bad_line_is_answered_and_the_worker_goes_on(line: bytes, warm: WorkerProcess) -> None:
    warm.send(line)
    failure = warm.wait_for(events.Failure)
    assert (failure.id, failure.kind) == (None, "bad_job")
    warm.send(events.DescribeJob("after", "cpu"))
    assert warm.wait_for(events.DeviceInfo).id == "after"


def test_a_scan_that_is_not_there_is_a_failed_job(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    job = job_for(phantom.volume, tmp_path, "gone")
    Path(job.scan).unlink()
    warm.send(job)
    failure = warm.wait_for(events.Failure)
    assert (failure.id, failure.kind) == ("gone", "bad_job")


def test_a_geometry_of_another_scan_is_a_failed_job(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    other = {**phantom.volume.geometry.to_json(), "shape": [1, 2, 3]}
    warm.send(job_for(phantom.volume, tmp_path, geometry=other))
    assert "does not match" in warm.wait_for(events.Failure).message


def test_nothing_found_is_a_failure_with_a_hint(warm: WorkerProcess, tmp_path: Path) -> None:
    air = np.random.default_rng(0).integers(-1000, -800, (40, 64, 64)).astype(np.int16)
    geometry = Geometry(air.shape, (5.0, 5.0, 5.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))
    warm.send(job_for(Volume(air, geometry), tmp_path))
    failure = warm.wait_for(events.Failure)
    assert (failure.kind, failure.message) == ("no_abdomen", "No abdomen found in this scan.")
    assert "ROI" in failure.hint


@pytest.mark.parametrize("stage", ["find_abdomen", "segment"])
def test_a_running_job_is_cancelled_within_half_a_second(
    stage: str, warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    seconds = [cancel(warm, job_for(phantom.volume, tmp_path, f"cancel {n} in {stage}"), stage) for n in range(3)]
    assert min(seconds) < 0.5  # other programs may slow one of them down
    assert [path.name for path in tmp_path.iterdir()] == ["scan.npy"]


def cancel(warm: WorkerProcess, job: events.SegmentJob, stage: str) -> float:
    """Cancel a job in a stage; the seconds until that is answered."""
    warm.send(job)
    warm.wait_for(events.StageProgress, lambda event: event.stage == stage)
    start = time.monotonic()
    warm.send(events.CancelJob(job.id))
    failure = warm.wait_for(events.Failure)
    assert (failure.id, failure.kind) == (job.id, "cancelled")
    return time.monotonic() - start


def test_a_cancel_that_comes_too_late_does_not_touch_a_later_job(
    warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    warm.send(job_for(phantom.volume, tmp_path, "again"))
    warm.wait_for(events.JobResult)
    warm.send(events.CancelJob("again"))
    warm.send(job_for(phantom.volume, tmp_path, "again"))
    assert warm.wait_for(events.JobResult).id == "again"


def test_uncertainty_is_written_beside_the_labels_on_request(
    warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    warm.send(job_for(phantom.volume, tmp_path, uncertainty=str(tmp_path / "uncertainty.npy"), split_kidneys=True))
    report = Report.from_json(warm.wait_for(events.JobResult).report)
    assert [organ.name for organ in report.organs][2] == "Left kidney"
    assert np.load(tmp_path / "uncertainty.npy").shape == phantom.volume.voxels.shape


def test_a_job_is_cancelled_while_the_networks_are_loading(phantom: Phantom, tmp_path: Path) -> None:
    with worker() as running:
        running.send(job_for(phantom.volume, tmp_path, "1"))
        running.wait_for(events.StageProgress, lambda event: event.stage == "load")
        running.send(events.CancelJob("1"))
        running.send(job_for(phantom.volume, tmp_path, "2"))
        assert running.wait_for(events.Failure).kind == "cancelled"
        assert running.wait_for(events.StageProgress).stage == "load"  # it has not waited for them


def test_a_waiting_job_is_cancelled_without_being_run(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    job = job_for(phantom.volume, tmp_path, "runs")
    warm.send(job)
    warm.send(replace(job, id="waits", labels=str(tmp_path / "labels-waits.npy")))
    warm.send(events.CancelJob("waits"))
    assert warm.wait_for(events.JobResult).id == "runs"
    assert warm.wait_for(events.Failure).id == "waits"
    assert not (tmp_path / "labels-waits.npy").exists()


def test_the_worker_ends_when_stdin_closes() -> None:
    with worker() as running:
        running.wait_for(events.Ready)
        running.close_stdin()
        assert running.ended(within=10) == 0


def test_the_worker_ends_in_the_middle_of_a_job_and_leaves_nothing(phantom: Phantom, tmp_path: Path) -> None:
    with worker() as running:
        running.send(job_for(phantom.volume, tmp_path))
        running.wait_for(events.StageProgress, lambda event: event.stage == "find_abdomen")
        running.close_stdin()
        assert running.ended(within=10) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["scan.npy"]


def test_the_temporary_folder_of_a_caller_that_is_gone_is_removed(phantom: Phantom, tmp_path: Path) -> None:
    with worker() as running:
        running.send(temporary_job(phantom.volume, tmp_path))
        running.wait_for(events.StageProgress, lambda event: event.stage == "find_abdomen")
        running.close_stdin()
        assert running.ended(within=10) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_the_caller_did_not_get_to_remove_is_removed_in_the_end(phantom: Phantom, tmp_path: Path) -> None:
    with worker() as running:
        job = temporary_job(phantom.volume, tmp_path)
        running.send(job)
        running.wait_for(events.JobResult)
        assert Path(job.labels).is_file()
        running.close_stdin()
        assert running.ended(within=10) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_worker_ends_after_an_invalid_line_too() -> None:
    with worker() as running:
        running.send(b'{"type":[]}\n')
        running.wait_for(events.Failure)
        running.close_stdin()
        assert running.ended(within=10) == 0


def test_a_worker_without_stdin_ends_at_once() -> None:
    command = ["sh", "-c", f'exec "{sys.executable}" -m flareseg.worker <&-']
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


def test_the_worker_ends_when_its_parent_disappears() -> None:
    waits = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as parent, worker("--parent", str(parent.pid)) as running:
        running.wait_for(events.Ready)
        parent.kill()
        assert running.ended(within=10) == 0


@pytest.mark.skipif(os.name == "nt", reason="a process group is ended differently on Windows")
def test_the_worker_ends_behind_a_launcher_that_is_killed() -> None:
    """The launcher's death alone does not reach the worker; its closed stdin does."""
    launcher = "import subprocess, sys; subprocess.call([sys.executable, '-m', 'flareseg.worker'])"
    with worker(command=[sys.executable, "-c", launcher]) as running:
        behind = psutil.Process(running.wait_for(events.Ready).pid)
        running.process.kill()
        running.close_stdin()
        assert psutil.wait_procs([behind], timeout=10)[1] == []


def test_the_worker_ends_after_its_idle_time_and_says_so() -> None:
    with worker("--idle-seconds", "0.2") as running:
        assert running.wait_for(events.Idle).seconds == pytest.approx(0.2)
        assert running.ended(within=10) == 0


def test_a_crash_is_seen_as_an_exit_code(phantom: Phantom, tmp_path: Path) -> None:
    with worker() as running:
        running.send(job_for(phantom.volume, tmp_path))
        running.wait_for(events.StageProgress)
        running.process.kill()
        assert running.ended(within=10) != 0
    assert not (tmp_path / "labels-1.npy").exists()


NOISY = """
import os, sys

def print_at_import(event, arguments):
    if event == "import" and arguments[0] == "torch":
        os.write(1, b"raw ")
        print("printed", flush=True)

sys.addaudithook(print_at_import)
from flareseg.worker.service import main
main()
"""


def test_what_libraries_print_never_reaches_the_events() -> None:
    with worker(command=[sys.executable, "-c", NOISY]) as running:
        running.send(events.DescribeJob("d", "cpu"))
        assert running.wait_for(events.DeviceInfo).id == "d"
        assert [type(event) for event in running.seen] == [events.Ready, events.DeviceInfo]
        running.close_stdin()
        running.ended()
        assert b"raw printed" in running.logged()


def test_the_log_names_no_patient(phantom: Phantom, tmp_path: Path) -> None:
    with worker() as running:
        running.send(job_for(phantom.volume, tmp_path, name="Doe^Jane"))
        running.wait_for(events.JobResult)
        running.close_stdin()
        running.ended()
        assert b"Doe" not in running.logged()
