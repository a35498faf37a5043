"""The background process: jobs in on stdin, events out on stdout, logs on stderr.

Started as ``python -m flareseg.worker [--idle-seconds N] [--parent PID]``. It stays warm between
jobs with the networks loaded, and ends when stdin closes, when its parent disappears, or after
the idle time: ending is the only way to give a GPU's context back. See events.py for the lines.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import psutil

from flareseg import __version__, events, own_process
from flareseg.errors import FlareError
from flareseg.free_memory import attainable_mb
from flareseg.geometry import Bounds, Geometry
from flareseg.limits import Limits
from flareseg.shortage import shortage_said

if TYPE_CHECKING:
    import numpy as np

    from flareseg.cascade import Cascade, Segmentation
    from flareseg.measure import MemoryWatch
    from flareseg.report import Report
    from flareseg.run import Run
    from flareseg.volume import Volume

IDLE_SECONDS = 600.0
_LOOK_SECONDS = 0.05
_PARENT_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 2.0  # for a cancelled job to remove what it wrote, before the process just ends

log = logging.getLogger("flareseg.worker")


class Outlet:
    """Writes events, whole lines only, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: events.Event) -> None:
        with self._lock:
            self._stream.write(events.encode(event))
            self._stream.flush()


class Inbox:
    """Jobs waiting, and the ids that nobody wants any more. Filled by a thread that reads stdin."""

    def __init__(self, stream: BinaryIO, outlet: Outlet) -> None:
        self._stream, self._outlet = stream, outlet
        self._jobs: queue.Queue[events.SegmentJob | events.DescribeJob | None] = queue.Queue()
        self._open: set[str] = set()
        self._temporary: set[Path] = set()
        self._cancelled: set[str] = set()
        self.closed = threading.Event()

    def listen(self) -> None:
        """Read lines until stdin closes or nobody takes answers any more, then close the inbox."""
        try:
            for line in self._stream:
                if line.strip():
                    self._take(line)
        except OSError as error:
            log.info("the caller is gone (%s)", error)
        finally:
            self.close()

    def close(self) -> None:
        self.closed.set()
        self._jobs.put(None)

    def next(self, seconds: float) -> events.SegmentJob | events.DescribeJob | None:
        """The next job, None when the inbox has closed; raises queue.Empty after ``seconds``."""
        job = self._jobs.get(timeout=seconds)
        return None if self.closed.is_set() else job

    def unwanted(self, job_id: str) -> bool:
        return self.closed.is_set() or job_id in self._cancelled

    def answered(self, job_id: str) -> None:
        """Forget a job; an answer to it has been sent."""
        self._open.discard(job_id)
        self._cancelled.discard(job_id)

    def remove_orphans(self) -> None:
        """Remove the temporary folders of jobs that a caller, now gone, could not remove itself."""
        for folder in list(self._temporary):
            shutil.rmtree(folder, ignore_errors=True)

    def _take(self, line: bytes) -> None:
        try:
            job = events.decode_job(line)
        except FlareError as error:
            self._outlet.send(events.Failure(None, error.kind, error.sentence, error.remedy))
            return
        if isinstance(job, events.CancelJob):
            if job.id in self._open:
                self._cancelled.add(job.id)
            return
        if isinstance(job, events.SegmentJob):
            self._open.add(job.id)
            if job.temporary:
                self._temporary.add(Path(job.scan).parent)
        self._jobs.put(job)


class Worker:
    """Takes one job after the other and keeps the networks of the last device loaded."""

    def __init__(self, inbox: Inbox, outlet: Outlet, idle_seconds: float = IDLE_SECONDS) -> None:
        self._inbox, self._outlet, self._idle_seconds = inbox, outlet, idle_seconds
        self._loader = Loader()

    def serve(self) -> None:
        """Work until the inbox closes or stays empty for the idle time."""
        self._outlet.send(events.Ready(os.getpid(), __version__))
        while True:
            try:
                job = self._inbox.next(self._idle_seconds)
            except queue.Empty:
                self._outlet.send(events.Idle(self._idle_seconds))
                return
            if job is None:
                return
            answer = self._answer(job)
            if self._inbox.closed.is_set():
                return
            self._outlet.send(answer)
            self._inbox.answered(job.id)

    def _answer(self, job: events.SegmentJob | events.DescribeJob) -> events.Event:
        try:
            with shortage_said("This job"):
                Limits().check_engine()
                return self._describe(job) if isinstance(job, events.DescribeJob) else self._segment(job)
        except FlareError as error:
            return events.Failure(job.id, error.kind, error.sentence, error.remedy)
        except Exception as error:  # the worker outlives any job; the caller is told all of it
            log.exception("job %s failed", job.id)
            sentence = f"The engine failed unexpectedly ({type(error).__name__})."
            remedy = "Please report this with the log."
            return events.Failure(job.id, "internal", sentence, remedy, traceback.format_exc())

    def _describe(self, job: events.DescribeJob) -> events.Device:
        from flareseg.device import choose

        chosen = choose(job.device)
        free, total = chosen.memory_mb
        return events.Device(job.id, chosen.device.type, chosen.name, free, total, chosen.reason, attainable_mb())

    def _segment(self, job: events.SegmentJob) -> events.Result:
        from flareseg.run import Run

        progress = Progress(job.id, self._outlet)
        with Run(progress, lambda: self._inbox.unwanted(job.id)) as run:
            progress.memory = run.memory
            cascade = self._loader.cascade(job.device, run)
            report = _run_job(job, cascade, run)
        return events.Result(job.id, job.labels, report.to_json())


class Loader:
    """Keeps the cascade of the last device; loads in a thread, so that waiting for it can be cancelled."""

    def __init__(self) -> None:
        self._device = ""
        self._future: Future[Cascade] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")

    def cascade(self, device: str, run: Run) -> Cascade:
        if self._future is None or device != self._device or _has_failed(self._future):
            self._device, self._future = device, self._pool.submit(_load_cascade, device)
        if self._future.done():
            return self._future.result()
        with run.stage("load"):
            while not self._future.done():
                wait([self._future], timeout=_LOOK_SECONDS)
                run.advance(0.0)
            return self._future.result()


class Progress:
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
        self._outlet.send(events.Stage(self._job_id, stage, round(fraction, 3), ram, gpu))


def _load_cascade(device: str) -> Cascade:
    from flareseg.cascade import Cascade

    return Cascade.load(device)


def _has_failed(future: Future[Cascade]) -> bool:
    return future.done() and future.exception() is not None


def _run_job(job: events.SegmentJob, cascade: Cascade, run: Run) -> Report:
    from flareseg.cascade import Wishes
    from flareseg.components import CleanUp
    from flareseg.pipeline import segment_scan

    def write(found: Segmentation, geometry: Geometry) -> None:
        if job.uncertainty and found.uncertainty is not None:
            _save(Path(job.uncertainty), found.uncertainty)
        _save(Path(job.labels), found.labels)

    wishes = Wishes(_bounds(job), job.split_kidneys, CleanUp.of(job.clean_up), job.uncertainty is not None)
    return segment_scan(cascade, lambda: _mapped(job), write, run, wishes).report


def _save(path: Path, array: np.ndarray) -> None:
    import numpy as np

    from flareseg.outputs import replacing

    with replacing(path, ".npy") as beside:
        np.save(beside, array, allow_pickle=False)


def _mapped(job: events.SegmentJob) -> Volume:
    """The job's scan, mapped rather than read. Raises FlareError("bad_job")."""
    import numpy as np

    from flareseg.volume import Volume

    try:
        voxels = np.load(job.scan, mmap_mode="r", allow_pickle=False)
        geometry = Geometry.from_json(job.geometry)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, EOFError) as error:
        raise FlareError(
            "bad_job", f"The scan handed to the engine cannot be read ({type(error).__name__}).", "Try again."
        ) from error
    if voxels.shape != geometry.shape:
        raise FlareError("bad_job", "The scan handed to the engine does not match its geometry.", "Try again.")
    return Volume(voxels, geometry, job.name)


def _bounds(job: events.SegmentJob) -> Bounds | None:
    if job.roi is None:
        return None
    try:
        r0, r1, a0, a1, s0, s1 = (float(v) for v in job.roi)  # NaN and infinity are refused with the ROI
    except (TypeError, ValueError):
        raise FlareError("bad_job", "The ROI of the job is not six numbers.", "Give RAS bounds in mm.") from None
    return (r0, r1, a0, a1, s0, s1)


def _end_with(parent: int, inbox: Inbox) -> None:
    """Close the inbox when the parent process is gone."""
    try:
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if inbox.closed.wait(_PARENT_LOOK_SECONDS):
                return
    except psutil.NoSuchProcess:
        pass  # it is gone already, or went while it was looked at
    inbox.close()


def _end_for_sure(inbox: Inbox) -> None:
    """Once nobody listens, leave the process, even from a step that cannot be interrupted."""
    inbox.closed.wait()
    time.sleep(_GRACE_SECONDS)
    inbox.remove_orphans()
    os._exit(0)


def _own_stdout() -> BinaryIO:
    """The real stdout for events alone; whatever else prints goes to stderr."""
    events_only = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return events_only


def main() -> None:
    parser = argparse.ArgumentParser(prog="flareseg.worker", description="FlareSegmentation's background process.")
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    parser.add_argument("--parent", type=int, default=0, help="end when this process has ended")
    options = parser.parse_args()
    own_process.prepare()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    outlet = Outlet(_own_stdout())
    inbox = Inbox(sys.stdin.buffer if sys.stdin else io.BytesIO(), outlet)
    watches: list[tuple[Callable[..., None], tuple[object, ...]]] = [(inbox.listen, ()), (_end_for_sure, (inbox,))]
    if options.parent:
        watches.append((_end_with, (options.parent, inbox)))
    for target, arguments in watches:
        threading.Thread(target=target, args=arguments, daemon=True).start()
    try:
        Worker(inbox, outlet, options.idle_seconds).serve()
    except BrokenPipeError:  # nobody reads the events any more
        inbox.close()
    if inbox.closed.is_set():  # after an idle time the caller is still there and removes its own
        inbox.remove_orphans()
    os._exit(0)  # do not wait for a loader or for threads that read a closed pipe


if __name__ == "__main__":
    main()
