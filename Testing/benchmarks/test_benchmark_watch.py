"""A process seen from outside, and never left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.watch import TimeIsUp, run_watched

HOLDS_300_MB = """
data = b"x" * int("300000000")
sum(range(20_000_000))
"""
SPAWNS_AND_WAITS = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def first_number(log: Path) -> int:
    return int(log.read_text().splitlines()[0])


def test_memory_and_processor_time_are_those_of_the_process(tmp_path: Path):
    watched = run_watched(python(HOLDS_300_MB), tmp_path / "log", 60)
    assert 300 < watched.ram_mb < 400
    assert 0.1 < watched.cpu_seconds <= watched.seconds * (psutil.cpu_count() or 1)
    assert watched.ended - watched.started == pytest.approx(watched.seconds, abs=0.1)


def test_the_share_of_other_programs_is_a_share(tmp_path: Path):
    assert 0 <= run_watched(python("pass"), tmp_path / "log", 60).others <= 1


def test_what_the_process_printed_is_in_the_log(tmp_path: Path):
    watched = run_watched(python("import sys; sys.exit('The disk is full.')"), tmp_path / "log", 60)
    assert watched.exit_code == 1
    assert (tmp_path / "log").read_text().strip() == "The disk is full."


def test_a_process_out_of_time_is_ended_with_its_children(tmp_path: Path):
    with pytest.raises(TimeIsUp):
        run_watched(python(SPAWNS_AND_WAITS), tmp_path / "log", 1.5)
    assert not psutil.pid_exists(first_number(tmp_path / "log"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_ends_the_process_with_its_children(tmp_path: Path):
    log = tmp_path / "log"
    threading.Thread(target=interrupt_once_begun, args=[log]).start()
    with pytest.raises(KeyboardInterrupt):
        run_watched(python(SPAWNS_AND_WAITS), log, 60)
    assert not psutil.pid_exists(first_number(log))


def interrupt_once_begun(log: Path) -> None:
    while not (log.exists() and log.read_text()):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
