"""How the worker ends: on signals, bad options, full or closed pipes; and what it then removes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.phantom import Phantom
from flareseg.worker import events
from worker_process import folder_of_ended_process, job_for, temporary_job, worker

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and a shell")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
TINY = Volume(np.zeros((2, 3, 4), np.int16), Geometry.from_ijk_to_ras(np.eye(4), (2, 3, 4)))


def assert_clean(log: bytes) -> None:
    assert b"Traceback" not in log
    assert b"Fatal Python error" not in log


@posix
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_a_signal_ends_the_worker_cleanly_in_the_middle_of_a_job(
    name: str, code: int, phantom: Phantom, tmp_path: Path
) -> None:
    with worker() as running:
        running.send(temporary_job(phantom.volume, tmp_path))
        running.wait_for(events.StageProgress)
        running.process.send_signal(getattr(signal, name))
        assert running.ended(within=60) == code
        assert_clean(running.logged())
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_signal_ends_an_idle_worker() -> None:
    with worker() as running:
        running.wait_for(events.Ready)
        running.process.send_signal(signal.SIGTERM)
        assert running.ended(within=60) == 143
        assert_clean(running.logged())


@pytest.mark.parametrize(
    "option", [*(f"--idle-seconds={value}" for value in ("inf", "nan", "-1", "soon")), "--parent=-1", "--parent=me"]
)
def test_senseless_options_are_refused_with_a_message(option: str) -> None:
    with worker(option) as running:
        assert running.ended() == 2
        log = running.logged()
    assert option.split("=")[1].encode() + b" is not " in log
    assert_clean(log)


def test_a_very_long_idle_time_is_waited_for() -> None:
    with worker("--idle-seconds", "1e12") as running:
        running.wait_for(events.Ready)
        running.send(b"no job\n")
        running.wait_for(events.Failure)
        running.close_stdin()
        assert running.ended() == 0
        assert_clean(running.logged())


@linux
def test_a_full_stdout_ends_the_worker_and_is_said() -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "flareseg.worker"]
        running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE)
        assert running.wait(timeout=60) == 1  # with stdin open, whose end would be another reason
        _, log = running.communicate()
    assert b"events cannot be delivered (No space left on device)" in log
    assert_clean(log)


@posix
def test_a_closed_stdout_ends_the_worker_and_is_said() -> None:
    command = ["sh", "-c", f'exec "{sys.executable}" -m flareseg.worker >&-']
    done = subprocess.run(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1
    assert b"Standard output is closed" in done.stderr
    assert_clean(done.stderr)


@linux
def test_where_stderr_is_closed_what_libraries_print_goes_nowhere() -> None:
    with worker(command=["sh", "-c", f'exec "{sys.executable}" -m flareseg.worker 2>&-']) as running:
        pid = running.wait_for(events.Ready).pid
        assert [str(Path(f"/proc/{pid}/fd/{n}").readlink()) for n in (1, 2)] == [os.devnull] * 2


def test_a_caller_that_closes_its_end_of_stdout_in_the_middle_of_a_job_ends_the_worker(
    phantom: Phantom, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "flareseg.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as running:
        assert running.stdin and running.stdout and running.stderr
        running.stdin.write(events.encode(temporary_job(phantom.volume, tmp_path)))
        running.stdin.flush()
        while b'"stage"' not in running.stdout.readline():
            pass
        running.stdout.close()
        code = running.wait(timeout=60)
        assert_clean(running.stderr.read())
    assert code == (1 if sys.platform == "win32" else 0)
    assert list(tmp_path.iterdir()) == []


@linux
def test_a_worker_in_a_step_that_never_returns_still_ends_when_stdin_closes() -> None:
    """The step is a write to a caller that does not read: the pipe is full."""
    command = [sys.executable, "-m", "flareseg.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as running:
        assert running.stdin and running.stdout
        try:
            running.stdin.write(b"no job\n" * 5000)  # each is answered
            running.stdin.flush()
            wait_until_full(running.stdout.fileno())
            running.stdin.close()
            assert running.wait(timeout=30) == 0
        finally:
            running.kill()


def wait_until_full(pipe: int) -> None:
    """Until a pipe's writer has been stuck for a while."""
    import fcntl
    import termios

    seen = [-1, 0]
    while seen[-1] < 4096 or seen[-1] != seen[-2]:
        time.sleep(0.5)
        seen.append(int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4), sys.byteorder))


def home(tmp_path: Path, name: str = "home") -> Path:
    """A folder of a person, with a scan that is called as those of jobs are."""
    folder = tmp_path / name
    (folder / "papers").mkdir(parents=True)
    for file in ("labels.npy", "thesis.txt", "papers/data.csv"):
        (folder / file).write_text("of a person")
    np.save(folder / "scan.npy", TINY.voxels)
    if os.name == "posix":
        folder.chmod(0o700)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "scan"),
    [
        *(("home", scan) for scan in ("{home}/scan.npy", "scan.npy", "{home}/papers/../scan.npy", "scan.npy\\u0000")),
        *(("flareseg-home", scan) for scan in ("{home}/scan.npy", "./scan.npy")),
    ],
)
def test_a_refused_job_that_calls_a_foreign_folder_temporary_removes_nothing(
    name: str, scan: str, tmp_path: Path
) -> None:
    folder = home(tmp_path, name)
    before = content(folder)
    with worker(folder=folder) as running:
        job = job_for(TINY, folder, labels=str(folder / "new.npy"), temporary=True, roi=[0])
        running.send(events.encode(job).replace(str(folder / "scan.npy").encode(), scan.format(home=folder).encode()))
        running.wait_for(events.Failure)
        running.close_stdin()
        assert running.ended() == 0
        assert_clean(running.logged())
    assert content(folder) == before


def test_a_job_done_in_a_foreign_folder_that_is_called_temporary_removes_nothing(
    phantom: Phantom, tmp_path: Path
) -> None:
    folder = home(tmp_path)
    before = {**content(folder), "scan.npy": b"", "labels-1.npy": b""}
    with worker() as running:
        running.send(job_for(phantom.volume, folder, temporary=True))
        running.wait_for(events.JobResult)
        running.close_stdin()
        assert running.ended() == 0
    after = content(folder)
    assert set(after) == set(before)
    assert after["thesis.txt"] == b"of a person"


def test_a_job_folder_into_which_a_person_saved_something_keeps_that(tmp_path: Path) -> None:
    job = temporary_job(TINY, tmp_path)
    folder = Path(job.scan).parent
    (folder / "thesis.txt").write_text("of a person")
    with worker() as running:
        running.send(job)
        running.wait_for(events.Failure)
        running.close_stdin()
        assert running.ended() == 0
    assert content(folder) == {"thesis.txt": b"of a person"}


def test_a_worker_removes_at_its_start_what_ended_programs_left(tmp_path: Path) -> None:
    folder_of_ended_process(tmp_path)
    home(tmp_path)
    with worker("--sweep", str(tmp_path)) as running:
        running.wait_for(events.Ready)
        assert [path.name for path in tmp_path.iterdir()] == ["home"]
