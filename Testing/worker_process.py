"""A real worker process, driven as the panel drives it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from flareseg.core.volume import Volume
from flareseg.worker import events
from flareseg.worker.job_folder import JobFolder

MODULE = Path(__file__).resolve().parents[1] / "FlareSegmentation"
LIMIT = 120.0  # seconds; only a broken worker ever takes as long

E = TypeVar("E")


class WorkerProcess:
    def __init__(
        self,
        *arguments: str,
        command: list[str] | None = None,
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "flareseg.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(MODULE), **(environment or {})},
            cwd=folder,
        )
        self.seen: list[events.Event] = []
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send(self, job: events.JobMessage | bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(job if isinstance(job, bytes) else events.encode(job))
        self.process.stdin.flush()

    def wait_for(self, kind: type[E] | tuple[type[E], ...], matching: Callable[[E], bool] = lambda event: True) -> E:
        """The next such event; every event on the way is kept in ``seen``."""
        deadline = time.monotonic() + LIMIT
        while True:
            event = events.decode_event(self._lines.get(timeout=deadline - time.monotonic()))
            self.seen.append(event)
            if isinstance(event, kind) and matching(event):
                return event

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ended(self, within: float = LIMIT) -> int:
        return self.process.wait(timeout=within)

    def end(self) -> None:
        """Kill what still runs and close its pipes."""
        self.process.kill()
        self.process.wait()
        self._listener.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def logged(self) -> bytes:
        """Everything on stderr, once the process has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def worker(*arguments: str, **options: Any) -> Iterator[WorkerProcess]:
    running = WorkerProcess(*arguments, **options)
    try:
        yield running
    finally:
        running.end()


def job_for(volume: Volume, folder: Path, job_id: str = "1", **changes: object) -> events.SegmentJob:
    """A job on a scan laid into ``folder``, as the panel lays it."""
    np.save(folder / "scan.npy", volume.voxels, allow_pickle=False)
    fields = {
        "id": job_id,
        "scan": str(folder / "scan.npy"),
        "geometry": volume.geometry.to_json(),
        "labels": str(folder / f"labels-{job_id}.npy"),
        "device": "cpu",
        **changes,
    }
    return events.SegmentJob(**fields)  # type: ignore[arg-type]


def temporary_job(volume: Volume, parent: Path, **changes: object) -> events.SegmentJob:
    """A job in a new job folder, as Slicer's side makes it."""
    folder = JobFolder.make(str(parent))
    return job_for(volume, folder.path, labels=str(folder.labels), temporary=True, **changes)


def folder_of_ended_process(parent: Path) -> Path:
    """A job folder with a scan, whose maker has ended without removing it."""
    code = "import sys; from flareseg.worker.job_folder import JobFolder; f = JobFolder.make(sys.argv[1])"
    code += "; f.scan.write_bytes(b'voxels'); print(f.path)"
    environment = {**os.environ, "PYTHONPATH": str(MODULE), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", code, str(parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=True)
    return Path(done.stdout.strip())
