"""The background process: jobs on stdin, events on stdout, logs on stderr.

Started as ``python -m flareseg.worker [--idle-seconds N] [--parent PID] [--sweep FOLDER]``. It stays warm between
jobs with the networks loaded, and ends when stdin closes, when its parent disappears, on a signal,
or after the idle time: ending is the only way to give a GPU's context back. See events.py for the lines.

Exit codes: 0; 1 where events cannot be delivered; 2 for bad options; 128 plus the number of a signal.
"""

from __future__ import annotations

import argparse
import io
import logging
import math
import os
import queue
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flareseg import __version__
from flareseg.core import own_process
from flareseg.core.errors import FlareError
from flareseg.core.free_memory import attainable_mb
from flareseg.core.limits import Limits
from flareseg.core.shortage import shortage_said
from flareseg.worker import events
from flareseg.worker.ending import Ending, end_for_sure, end_on_signals, end_with, leave
from flareseg.worker.job_folder import sweep
from flareseg.worker.mailbox import Inbox, Outlet
from flareseg.worker.segment_job import check, run_job

if TYPE_CHECKING:
    from flareseg.core.measure import MemoryWatch
    from flareseg.core.run import Run
    from flareseg.inference.cascade import Cascade

IDLE_SECONDS = 600.0
_LOOK_SECONDS = 0.05

log = logging.getLogger("flareseg.worker")


class Worker:
    """Takes one job after the other and keeps the networks of the last device loaded."""

    def __init__(self, inbox: Inbox, outlet: Outlet, ending: Ending, idle_seconds: float = IDLE_SECONDS) -> None:
        self._inbox, self._outlet, self._ending, self._idle_seconds = inbox, outlet, ending, idle_seconds
        self._loader = Loader()

    def serve(self) -> None:
        """Work until the end begins or the inbox stays empty for the idle time."""
        self._outlet.send(events.Ready(os.getpid(), __version__))
        while True:
            try:
                job = self._inbox.next(self._idle_seconds)
            except queue.Empty:
                self._outlet.send(events.Idle(self._idle_seconds))
                return
            if job is None:
                return
            if isinstance(job, events.Failure):  # it was not a job
                self._outlet.send(job)
                continue
            answer = self._answer(job)
            if self._ending.begun:
                return
            self._outlet.send(answer)
            self._inbox.answered(job.id)

    def _answer(self, job: events.SegmentJob | events.DescribeJob) -> events.Event:
        try:
            with shortage_said("This job"):
                Limits().check_engine()
                return self._describe(job) if isinstance(job, events.DescribeJob) else self._segment(job)
        except FlareError as error:
            return events.Failure(job.id, error.kind, error.message, error.hint)
        except Exception as error:  # the worker outlives any job; the caller is told all of it
            log.exception("job %s failed", job.id)
            message = f"The engine failed unexpectedly ({type(error).__name__})."
            hint = "Please report this with the log."
            return events.Failure(job.id, "internal", message, hint, traceback.format_exc())

    def _describe(self, job: events.DescribeJob) -> events.DeviceInfo:
        with own_process.loading():
            from flareseg.inference.device import select_device

        device = select_device(job.device)
        free, total = device.memory_mb
        return events.DeviceInfo(
            job.id, device.torch_device.type, device.name, free, total, device.reason, attainable_mb()
        )

    def _segment(self, job: events.SegmentJob) -> events.JobResult:
        from flareseg.core.run import Run

        check(job)
        progress = StageReporter(job.id, self._outlet)
        with Run(progress, lambda: self._inbox.is_cancelled(job.id)) as run:
            progress.memory = run.memory
            cascade = self._loader.cascade((job.device, job.precision, job.network, job.weights), run)
            report = run_job(job, cascade, run)
        return events.JobResult(job.id, job.labels, report.to_json())


Wanted = tuple[str, str, str, str | None]  # device, precision, network, weights


class Loader:
    """Keeps the networks that were wanted last; loads in a thread, so that waiting can be cancelled."""

    def __init__(self) -> None:
        self._loaded: tuple[Wanted, bytes] | None = None
        self._future: Future[Cascade] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")

    def cascade(self, wanted: Wanted, run: Run) -> Cascade:
        named = (wanted, _manifest(wanted[3]))
        if self._future is None or named != self._loaded or _has_failed(self._future):
            self._loaded, self._future = named, self._pool.submit(_load_cascade, *wanted)
        if self._future.done():
            return self._future.result()
        with run.stage("load"):
            while not self._future.done():
                wait([self._future], timeout=_LOOK_SECONDS)
                run.advance(0.0)
            return self._future.result()


class StageReporter:
    """Turns a run's progress into Stage events, a few a second and one for each new stage."""

    memory: MemoryWatch

    def __init__(self, job_id: str, outlet: Outlet) -> None:
        self._job_id, self._outlet = job_id, outlet
        self._stage, self._sent = "", 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._sent < _LOOK_SECONDS:
            return
        self._stage, self._sent = stage, now
        ram, gpu = self.memory.ram_mb, self.memory.gpu_mb
        self._outlet.send(events.StageProgress(self._job_id, stage, round(fraction, 3), ram, gpu))


def _manifest(weights: str | None) -> bytes:
    """The manifest of a folder of weights, which has each file's sha256: others may have taken their place."""
    if weights is None:
        return b""
    with suppress(OSError, ValueError):  # loading says what is wrong with the folder
        return (Path(weights) / "manifest.json").read_bytes()
    return b""


def _load_cascade(device: str, precision: str, network: str, weights: str | None) -> Cascade:
    with own_process.loading():
        from flareseg.inference.cascade import Cascade
        from flareseg.inference.full_size import Networks

        folder = None if weights is None else Path(weights)
        return Cascade.load(device, folder, precision=precision, networks=Networks.of(network))


def _has_failed(future: Future[Cascade]) -> bool:
    return future.done() and future.exception() is not None


def _own_stdout() -> BinaryIO:
    """The real stdout for events alone; whatever else prints goes to stderr. Raises OSError if it is closed."""
    if sys.stderr is None:  # else the copy of stdout would become the process's stderr
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    events_only = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return events_only


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 up")


def _pid(text: str) -> int:
    with suppress(ValueError):
        if 0 < (pid := int(text)) < 1 << 32:
            return pid
    raise argparse.ArgumentTypeError(f"{text} is not the id of a process")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="flareseg.worker", description="FlareSegmentation's background process.")
    parser.add_argument("--idle-seconds", type=_seconds, default=IDLE_SECONDS, help="end after so long without a job")
    parser.add_argument("--parent", type=_pid, metavar="PID", help="end when this process has ended")
    parser.add_argument("--sweep", type=Path, metavar="FOLDER", help="remove what jobs of ended programs left there")
    return parser.parse_args()


def main() -> None:
    options = _options()
    own_process.prepare()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        stdout = _own_stdout()
    except OSError:
        log.error("Standard output is closed, so no event can be delivered.")
        sys.exit(1)
    ending = Ending()
    end_on_signals(ending)
    outlet = Outlet(stdout, ending)
    inbox = Inbox(sys.stdin.buffer if sys.stdin else io.BytesIO(), ending)
    end_for_sure(ending, inbox.remove_folders)
    threading.Thread(target=inbox.listen, daemon=True).start()
    if options.parent:
        end_with(options.parent, ending)
    try:
        if options.sweep:
            sweep(options.sweep)
        Worker(inbox, outlet, ending, options.idle_seconds).serve()
    except Exception:
        log.exception("the worker failed")
        ending.begin("it failed", 1)
    finally:
        leave(ending, inbox.remove_folders)
