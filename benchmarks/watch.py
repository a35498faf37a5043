"""Measurement of a child process from outside: wall-clock time, memory, processor time, GPU memory."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from flareseg.core.measure import MB
from flareseg.evaluation.resources import SAMPLE_SECONDS

RAM_SAMPLES = 2  # for each sample of the GPU
_GRACE_SECONDS = 5.0


class TimeIsUp(Exception):
    """The process was ended because it took longer than it was given."""


@dataclass
class Watched:
    """``ended``: seconds since the epoch. ``ram_mb``: highest sum of resident memory over the process and its children.

    ``others``: share of the processor (0..1) that all other programs had meanwhile.
    ``gpu_mib``: the whole device's used memory every SAMPLE_SECONDS; empty without a GPU to look at.
    """

    seconds: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    exit_code: int = 0
    ram_mb: float = 0.0
    cpu_seconds: float = 0.0
    others: float = 0.0
    gpu_mib: list[float] = field(default_factory=list)


class DeviceLevel:
    """Memory in use on one whole GPU in MiB (total less free), through NVML; takes no context."""

    def __init__(self, uuid: str) -> None:
        """Raises pynvml.NVMLError where NVML does not know the device (a slice of a GPU)."""
        import pynvml

        pynvml.nvmlInit()
        self._nvml = pynvml
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)

    def mib(self) -> float:
        memory = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
        return float(memory.total - memory.free) / 2**20


def run_watched(
    command: Sequence[str],
    log: Path,
    limit_seconds: float,
    gpu: DeviceLevel | None = None,
    **options: Any,
) -> Watched:
    """Run a command to its end, its output in ``log``; ``options`` are those of subprocess.Popen.

    Whatever ends the wait, an exception or Ctrl-C, ends the process and its children too. Raises TimeIsUp.
    """
    watched = Watched(started=time.time())
    start = time.perf_counter()
    psutil.cpu_percent()  # the next call tells the share since this one
    with log.open("wb") as stream, _started(command, stream.fileno(), options) as process:
        turn = 0
        while (code := _wait(process, start + turn * SAMPLE_SECONDS / RAM_SAMPLES)) is None:
            _sample(process, watched)
            if gpu and turn % RAM_SAMPLES == 0:
                watched.gpu_mib.append(gpu.mib())
            turn += 1
            if time.perf_counter() - start > limit_seconds:
                raise TimeIsUp
        watched.seconds, watched.ended, watched.exit_code = time.perf_counter() - start, time.time(), code
    own = watched.cpu_seconds / (watched.seconds * (psutil.cpu_count() or 1))
    watched.others = max(0.0, psutil.cpu_percent() / 100 - own)  # the clocks tick coarsely
    return watched


@contextlib.contextmanager
def _started(command: Sequence[str], output: int, options: dict[str, Any]) -> Iterator[psutil.Popen]:
    """The process, in a session of its own so that a Ctrl-C reaches only us; ended with all its children."""
    pipes = {"stdin": subprocess.PIPE, "stdout": output, "stderr": subprocess.STDOUT}
    process = psutil.Popen(command, start_new_session=True, **pipes, **options)
    try:
        yield process
    finally:
        family = _family(process)
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(family, timeout=_GRACE_SECONDS)
        process.wait()
        process.stdin.close()


def _wait(process: psutil.Popen, until: float) -> int | None:
    try:
        return int(process.wait(max(0.0, until - time.perf_counter())))
    except psutil.TimeoutExpired:
        return None


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _sample(process: psutil.Process, watched: Watched) -> None:
    ram = cpu = 0.0
    for each in _family(process):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            times = each.cpu_times()
            cpu += times.user + times.system
            ram += each.memory_info().rss / MB
    watched.ram_mb = max(watched.ram_mb, ram)
    watched.cpu_seconds = max(watched.cpu_seconds, cpu)
