"""A job in a real process: its end, its cancelling, its crash, and that nothing stays behind."""

from __future__ import annotations

import gc
import json
import stat
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import slicer
from conftest import SCRIPT, Outcome, wait_until
from flareseg.core.errors import Cancelled, FlareError
from flareseg.core.geometry import Geometry
from FlareSegmentationLib.jobs.job import Job, JobRunner
from FlareSegmentationLib.jobs.process import WorkerProcess, workerCommand
from worker_process import folder_of_ended_process

import FlareSegmentation

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
GEOMETRY = Geometry.from_ijk_to_ras(np.eye(4), VOXELS.shape)


def new_job() -> Job:
    return Job(VOXELS, GEOMETRY, temporaryFolder=slicer.app.temporaryPath)


def run(runner: JobRunner, job: Job) -> Outcome:
    outcome = Outcome(job)
    runner.start(job)
    return outcome


class Sequel(WorkerProcess):
    """Another function of workers/script.py at each start."""

    def __init__(self, *functions):
        self.left = list(functions)
        super().__init__(lambda: [sys.executable, str(SCRIPT), self.left.pop(0)])


def test_job_that_meets_a_worker_going_idle_is_done_by_the_next_one():
    process = Sequel("leaving", "willing")
    outcome = run(JobRunner(process), new_job()).wait()
    process.kill()
    assert outcome.error is None
    assert process.left == []


def test_question_that_meets_a_worker_going_idle_is_answered_by_the_next_one():
    process = Sequel("leaving", "willing")
    runner = JobRunner(process)
    answers = []
    runner.described.connect(lambda question, device: answers.append((question, device.name)))
    question = runner.describe("cpu")
    wait_until(lambda: answers)
    process.kill()
    assert answers == [(question, "Test CPU")]


def test_worker_that_crashes_is_not_started_again():
    process = Sequel("crash", "willing")
    outcome = run(JobRunner(process), new_job()).wait()
    assert outcome.error.kind == "worker"
    assert process.left == ["willing"]


def test_a_worker_that_ended_without_qt_noticing_is_started_again():
    command = [sys.executable, "-m", "flareseg.worker", "--idle-seconds", "0.1"]
    process = WorkerProcess(lambda: command)
    runner = JobRunner(process)
    process.start()
    lines = []
    process.lineReceived.connect(lines.append)
    wait_until(lambda: lines)
    worker = psutil.Process(json.loads(lines[0])["pid"])
    psutil.wait_procs([worker], timeout=30)  # the event loop does not run: Qt has not noticed
    outcome = run(runner, new_job()).wait()
    assert outcome.error.kind == "bad_scan"  # two slices: a worker has answered
    process.kill()


def run_to_first_stage(runner: JobRunner) -> Outcome:
    job = new_job()
    stages = []
    job.progressed.connect(stages.append)
    outcome = run(runner, job)
    wait_until(lambda: stages)
    return outcome


def test_scan_is_handed_over_in_a_private_folder():
    job = new_job()
    path = Path(job.request.scan)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700 or sys.platform == "win32"
    job.fail(Cancelled("over"))
    assert not path.parent.exists()


def test_labels_and_report_come_back_although_lines_arrive_in_pieces(scripted):
    runner = scripted("pieces")
    logged = []
    runner.logged.connect(logged.append)
    labels, report = run(runner, new_job()).wait().finished
    assert labels.shape == VOXELS.shape
    assert labels.all()
    assert report.total_seconds == 1.0
    assert "a library says hello" in logged


def test_worker_stays_warm_between_jobs(scripted):
    runner = scripted("pieces")
    pids = []
    runner.process.lineReceived.connect(lambda line: pids.append(line) if b'"ready"' in line else None)
    for _ in range(3):
        assert run(runner, new_job()).wait().finished
    assert len(pids) == 1


def test_cancelled_job_fails_as_cancelled_and_worker_lives_on(scripted):
    runner = scripted("obedient")
    outcome = run_to_first_stage(runner)
    runner.cancel()
    assert outcome.wait().error.kind == "cancelled"
    assert not runner.busy
    assert runner.process.running


def test_worker_that_does_not_obey_a_cancel_is_killed(scripted):
    runner = scripted("stubborn", patienceSeconds=0.1)
    outcome = run_to_first_stage(runner)
    runner.cancel()
    assert outcome.wait().error.kind == "cancelled"
    assert not runner.process.running


def test_killed_worker_is_started_again_for_the_next_job(scripted):
    runner = scripted("stubborn", patienceSeconds=0.1)
    for _ in range(2):
        outcome = run_to_first_stage(runner)
        runner.cancel()
        outcome.wait()


def test_result_that_crosses_a_cancel_is_dropped(scripted):
    runner = scripted("late")
    outcome = run_to_first_stage(runner)
    runner.cancel()
    assert outcome.wait().error.kind == "cancelled"
    assert outcome.finished is None


def test_crash_of_the_worker_fails_the_job_with_a_hint_and_its_last_words_logged(scripted):
    runner = scripted("crash")
    logged = []
    runner.logged.connect(logged.append)
    error = run(runner, new_job()).wait().error
    assert error.kind == "worker"
    assert "exit code 7" in error.message
    assert error.hint
    assert "something broke" in logged


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_worker_that_the_system_kills_may_have_run_out_of_memory(scripted):
    error = run(scripted("killed"), new_job()).wait().error
    assert error.kind == "memory"
    assert "The system ended the engine" in error.message
    assert "memory of this computer or container may be exhausted" in error.message
    assert "Close other programs" in error.hint


def test_missing_program_fails_the_job_with_a_hint():
    runner = JobRunner(WorkerProcess(lambda: ["no-such-program"]))
    error = run(runner, new_job()).wait().error
    assert error.kind == "worker"
    assert "could not be started" in error.message
    assert error.hint


def test_labels_of_another_shape_are_refused(scripted):
    error = run(scripted("wrong_shape"), new_job()).wait().error
    assert error.kind == "worker"
    assert "could not be read" in error.message


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        ("no_labels", "worker", "could not be read"),
        ("empty_labels", "worker", "could not be read"),
        ("pickled_labels", "worker", "could not be read"),
        ("broken_report", "worker", "could not be read"),
        ("huge_labels", "memory", "not enough memory to load the result"),
    ],
)
def test_answer_that_cannot_be_read_ends_the_job(function, kind, message, scripted):
    error = run(scripted(function), new_job()).wait().error
    assert error.kind == kind
    assert message in error.message
    assert error.hint


def test_segment_does_not_wait_for_an_answer_that_cannot_be_read(scripted, add_scan):
    scripted("empty_labels")
    with pytest.raises(FlareError, match="could not be read"):
        FlareSegmentation.FlareSegmentationLogic().segment(add_scan())


def test_second_job_is_refused_while_one_runs(scripted):
    runner = scripted("obedient")
    outcome = run_to_first_stage(runner)
    second = new_job()
    with pytest.raises(FlareError, match="already running"):
        runner.start(second)
    second.fail(Cancelled("never started"))
    runner.cancel()
    outcome.wait()


def test_close_ends_job_and_worker_even_a_stubborn_one(scripted):
    runner = scripted("stubborn")
    outcome = run_to_first_stage(runner)
    runner.close()
    assert outcome.error.kind == "cancelled"
    assert not runner.process.running


def test_job_ends_exactly_once(scripted):
    runner = scripted("obedient")
    outcome = run_to_first_stage(runner)
    runner.cancel()
    runner.cancel()
    outcome.wait()
    runner.close()
    assert outcome.ends == 1


def test_temporary_folder_that_is_missing_is_told_by_name(tmp_path):
    missing = str(tmp_path / "missing")
    with pytest.raises(FlareError) as caught:
        Job(VOXELS, GEOMETRY, temporaryFolder=missing)
    assert caught.value.kind == "write"
    assert caught.value.message == f"Slicer's temporary folder {missing} does not exist."
    assert caught.value.hint == "Create it, or choose another one in Slicer's application settings."


def test_folder_of_a_job_that_is_dropped_before_its_end_goes():
    job = new_job()
    folder = Path(job.request.scan).parent
    assert folder.is_dir()
    del job
    gc.collect()
    assert not folder.exists()


def test_folder_of_a_job_keeps_what_is_not_of_the_job(tmp_path):
    job = Job(VOXELS, GEOMETRY, temporaryFolder=str(tmp_path))
    notes = Path(job.request.scan).with_name("notes.txt")
    notes.touch()
    job.fail(Cancelled("over"))
    assert list(notes.parent.iterdir()) == [notes]


def test_worker_removes_at_its_start_what_a_killed_slicer_left():
    folder_of_ended_process(Path(slicer.app.temporaryPath))
    process = WorkerProcess(workerCommand)
    lines = []
    process.lineReceived.connect(lines.append)
    process.start()
    wait_until(lambda: lines)
    process.kill()
    assert list(Path(slicer.app.temporaryPath).iterdir()) == []


def test_real_worker_is_started_with_the_module_folder_as_its_only_python_path(scripted):
    runner = scripted("environment")
    logged = []
    runner.logged.connect(logged.append)
    run(runner, new_job()).wait()
    folder = str(Path(sys.modules["FlareSegmentation"].__file__).parent)
    assert f'"PYTHONPATH": "{folder}"' in logged[0]
    assert workerCommand()[1:3] == ["-m", "flareseg.worker"]
