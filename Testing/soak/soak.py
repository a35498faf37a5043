"""Many jobs in one worker, as a long day in Slicer gives them, and what the worker holds after each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import psutil
from flareseg.core.volume import Volume
from flareseg.phantom import make_phantom
from flareseg.worker import events
from flareseg.worker.job_folder import JobFolder
from worker_process import WorkerProcess, job_for, worker


@dataclass(frozen=True)
class Held:
    """What a worker holds: resident memory in MB, open descriptors (Windows: handles), threads, temporary files."""

    ram_mb: float
    descriptors: int
    threads: int
    files: int

    @classmethod
    def by(cls, process: psutil.Process, temporary: Path) -> Held:
        descriptors = process.num_handles() if psutil.WINDOWS else process.num_fds()
        files = sum(path.is_file() for path in temporary.rglob("*"))
        return cls(process.memory_info().rss / 1e6, descriptors, process.num_threads(), files)


@dataclass(frozen=True)
class Scene:
    """One kind of job: what is asked for, and how it is answered."""

    volume: Volume
    answer: type[events.JobResult] | type[events.Failure]
    changes: dict[str, object]
    cancelled_in: str | None = None


def soak(jobs: int, temporary: Path) -> list[Held]:
    """Give one worker so many jobs of all kinds; what it holds after each. ``temporary``: an empty folder."""
    with worker(environment={"TMPDIR": str(temporary), "TEMP": str(temporary)}) as running:
        process = psutil.Process(running.wait_for(events.Ready).pid)
        held = []
        for number, scene in enumerate(islice(scenes(), jobs)):
            _play(running, scene, f"job {number}", temporary)
            held.append(Held.by(process, temporary))
        return held


def scenes() -> Iterator[Scene]:
    """Scans of two sizes that are segmented, cancelled in different stages, or refused, in turn, without end."""
    small = make_phantom(shape=(40, 64, 64), spacing=(8.0, 6.0, 6.0)).volume
    large = make_phantom(shape=(56, 80, 96), spacing=(6.0, 5.0, 4.0)).volume
    air = replace(small, voxels=np.random.default_rng(0).integers(-1000, -900, small.voxels.shape).astype(np.int16))
    far = [5000.0, 5100.0, 5000.0, 5100.0, 5000.0, 5100.0]
    yield from cycle(
        [
            Scene(small, events.JobResult, {}),
            Scene(large, events.Failure, {}, cancelled_in="segment"),
            Scene(large, events.JobResult, {"split_kidneys": True}),
            Scene(small, events.Failure, {"scan": str(Path(__file__).with_name("missing.npy"))}),
            Scene(small, events.Failure, {}, cancelled_in="find_abdomen"),
            Scene(large, events.JobResult, {"clean_up": "strong"}),
            Scene(air, events.Failure, {}),
            Scene(small, events.Failure, {"geometry": large.geometry.to_json()}),
            Scene(large, events.Failure, {"roi": far}),
            Scene(small, events.Failure, {"labels": "labels.npy"}),
        ]
    )


def growth(held: list[Held]) -> Held:
    """Median of the last quarter less that of the second: what came on top once the worker was warm.

    Of the RAM twice the smaller rise from one quarter to the next: a leak goes on, an arena of the allocator (64 MB) is
    one step.
    """
    quarter = len(held) // 4
    parts = (held[quarter : 2 * quarter], held[-2 * quarter : -quarter], held[-quarter:])
    early, middle, late = ([statistics.median(values) for values in zip(*map(astuple, part))] for part in parts)
    more = Held(*(last - first for first, last in zip(early, late)))
    return replace(more, ram_mb=2 * min(middle[0] - early[0], late[0] - middle[0]))


def _play(running: WorkerProcess, scene: Scene, job_id: str, temporary: Path) -> None:
    """One job in its own folder, which is removed after the answer as Slicer's side does."""
    folder = JobFolder.make(str(temporary))
    running.seen.clear()
    changes = {"labels": str(folder.labels), "temporary": True, **scene.changes}
    running.send(job_for(scene.volume, folder.path, job_id, **changes))
    if scene.cancelled_in:
        running.wait_for(events.StageProgress, _of(scene.cancelled_in))
        running.send(events.CancelJob(job_id))
    answer = running.wait_for((events.JobResult, events.Failure))
    assert isinstance(answer, scene.answer) or scene.cancelled_in, answer  # a cancel may come too late
    assert folder.remove(), "the worker left a file in the job's folder"


def _of(stage: str) -> Callable[[events.StageProgress], bool]:
    return lambda event: event.stage == stage
