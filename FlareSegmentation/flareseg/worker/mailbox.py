"""The worker's two pipes: incoming jobs and outgoing events."""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from typing import BinaryIO

from flareseg.core.errors import FlareError
from flareseg.worker import events
from flareseg.worker.ending import Ending
from flareseg.worker.job_folder import JobFolder

_LONGEST_WAIT_SECONDS = 30 * 24 * 3600.0  # Windows cannot wait for more than 49 days
_UNDELIVERED = 1  # exit code

log = logging.getLogger("flareseg.worker.mailbox")

Received = events.SegmentJob | events.DescribeJob | events.Failure


class Outlet:
    """Writes events, whole lines only, from any thread. Begins the end when they cannot be delivered."""

    def __init__(self, stream: BinaryIO, ending: Ending) -> None:
        self._stream, self._ending = stream, ending
        self._lock = threading.Lock()
        self._is_broken = False

    def send(self, event: events.Event) -> None:
        with self._lock:
            if self._is_broken:
                return
            try:
                self._stream.write(events.encode(event))
                self._stream.flush()
            except BrokenPipeError:
                self._is_broken = True
                self._ending.begin("its caller is gone")
            except OSError as error:
                self._is_broken = True
                self._ending.begin(f"events cannot be delivered ({error.strerror})", _UNDELIVERED)


class Inbox:
    """Jobs that wait, and the ids of cancelled ones. Filled by a thread that reads stdin and never writes.

    Were that thread to write, a caller that does not read would keep it from seeing the end of stdin.
    """

    def __init__(self, stream: BinaryIO, ending: Ending) -> None:
        self._stream, self._ending = stream, ending
        self._items: queue.Queue[Received | None] = queue.Queue()
        self._open: set[str] = set()
        self._cancelled: set[str] = set()
        self._folders: set[JobFolder] = set()
        ending.wakes(lambda: self._items.put(None))

    def listen(self) -> None:
        """Read lines until stdin closes, then begin the end."""
        try:
            for line in self._stream:
                if line.strip():
                    self._take(line)
        except OSError as error:
            log.info("stdin cannot be read (%s)", error)
        finally:
            self._ending.begin("its stdin is closed")

    def next(self, seconds: float) -> Received | None:
        """The next job, or the answer to a bad line; None once the end has begun.

        Raises queue.Empty after ``seconds``, or after a month.
        """
        item = self._items.get(timeout=min(seconds, _LONGEST_WAIT_SECONDS))
        return None if self._ending.begun else item

    def is_cancelled(self, job_id: str) -> bool:
        return self._ending.begun or job_id in self._cancelled

    def answered(self, job_id: str) -> None:
        """Forget a job; an answer to it has been sent."""
        self._open.discard(job_id)
        self._cancelled.discard(job_id)

    def remove_folders(self) -> None:
        """Remove the job folders that the caller, now gone, has not removed itself."""
        for folder in list(self._folders):
            folder.remove_if_ours()

    def _take(self, line: bytes) -> None:
        try:
            job = events.decode_job(line)
        except FlareError as error:
            self._items.put(events.Failure(None, error.kind, error.message, error.hint))
            return
        if isinstance(job, events.CancelJob):
            if job.id in self._open:
                self._cancelled.add(job.id)
            return
        if isinstance(job, events.SegmentJob):
            self._open.add(job.id)
            if job.temporary:
                self._folders.add(JobFolder(Path(job.scan).parent))
                self._folders = {folder for folder in self._folders if folder.owner()}  # removed ones are forgotten
        self._items.put(job)
