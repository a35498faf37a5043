"""A worker without networks, for what the real one cannot be made to do: see the functions.

Started as ``python script.py FUNCTION``; speaks flareseg.worker.events like the real worker.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from flareseg.core.report import DeviceFacts, MemoryFacts, OrganFacts, Report, ScanFacts, StageTime, WeightsFacts
from flareseg.phantom.__main__ import main as draw_phantom
from flareseg.worker import events


def say(event: events.Event) -> None:
    write(events.encode(event))


def write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


CPU = ("cpu", "Test CPU", 9100.0, 16000.0, "Chosen by you.")
GPU = ("cuda", "NVIDIA GeForce RTX 3060", 900.0, 12000.0, "The fastest available device.")
LAPTOP_GPU = ("cuda", "NVIDIA GeForce RTX 3060 Laptop GPU", 5900.0, 6000.0, "The fastest available device.")


def jobs(device: tuple[Any, ...] = CPU) -> Iterator[events.JobMessage]:
    say(events.Ready(os.getpid(), "0"))
    for line in sys.stdin.buffer:
        job = events.decode_job(line)
        if isinstance(job, events.DescribeJob):
            say(events.DeviceInfo(job.id, *device))
        else:
            yield job


def report() -> dict[str, object]:
    return Report(
        version="0",
        scan=ScanFacts("scan", [2, 3, 4], [1.0, 1.0, 1.0], "LPS"),
        device=DeviceFacts("cpu", "test", "float32"),
        weights=[WeightsFacts("none", "0")],
        roi=[0.0] * 6,
        roi_source="network",
        stages=[StageTime("segment", 1.0)],
        total_seconds=1.0,
        memory=MemoryFacts(100.0),
        organs=[OrganFacts(1, "Liver", 24, 1.0)],
        warnings=[],
    ).to_json()


def labels_of(job: events.SegmentJob) -> np.ndarray:
    return np.ones(job.geometry["shape"], np.uint8)


def obedient(device: tuple[Any, ...] = CPU) -> None:
    """Waits in each job until it is cancelled."""
    for job in jobs(device):
        if isinstance(job, events.SegmentJob):
            say(events.StageProgress(job.id, "segment", 0.5, 1.0))
        elif isinstance(job, events.CancelJob):
            say(events.Failure(job.id, "cancelled", "The job was cancelled."))


def obedient_laptop() -> None:
    """The same, on a GPU with a long name."""
    obedient(LAPTOP_GPU)


def stubborn() -> None:
    """Never answers a cancel, nor the end of its stdin."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            say(events.StageProgress(job.id, "segment", 0.5, 1.0))
    while True:
        time.sleep(1)


def crash() -> None:
    """Dies in the middle of a job, leaving words on stderr."""
    for _job in jobs():
        print("something broke", file=sys.stderr, flush=True)
        os._exit(7)


def crash_once() -> None:
    """Dies in its first job; a worker that is started after it, in the same temporary folder, does the job."""
    for job in jobs():
        crashed = Path(job.scan).parents[1].with_name("crashed")
        if not crashed.exists():
            crashed.touch()
            os._exit(7)
        answer(job)


def killed() -> None:
    """Is killed by the system in the middle of a job."""
    for _job in jobs():
        os.kill(os.getpid(), signal.SIGKILL)


def short_of_memory() -> None:
    """Can have 300 MB of the computer's memory."""
    for job in jobs((*CPU, 300.0)):
        answer(job)


def pieces() -> None:
    """Sends noise, then its answer byte by byte, then the rest of it at once."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            np.save(job.labels, labels_of(job))
            write(b"a library says hello\n")
            line = events.encode(events.JobResult(job.id, job.labels, report()))
            for byte in line[:40]:
                write(bytes([byte]))
            write(line[40:])


def answer(job: events.SegmentJob) -> None:
    np.save(job.labels, labels_of(job))
    if job.uncertainty:
        np.save(job.uncertainty, np.full(job.geometry["shape"], 30, np.uint8))
    source = "network" if job.roi is None else "caller"
    bounds = job.roi or [-60.0, 60.0, -50.0, 50.0, -40.0, 40.0]
    say(events.JobResult(job.id, job.labels, {**report(), "roi": bounds, "roi_source": source}))


def willing() -> None:
    """Everything is liver. A scan whose first voxel is -1 fails; one whose first voxel is -2 waits for a cancel."""
    for job in jobs():
        if isinstance(job, events.CancelJob):
            say(events.Failure(job.id, "cancelled", "The job was cancelled."))
            continue
        first = np.load(job.scan, mmap_mode="r")[0, 0, 0]
        if first == -1:
            say(events.Failure(job.id, "bad_scan", "This scan is broken.", "Load another."))
        elif first == -2:
            say(events.StageProgress(job.id, "segment", 0.5, 1.0))
        else:
            answer(job)


def cpu_only() -> None:
    """The GPU's memory is always full."""
    for job in jobs():
        if job.device == "cpu":
            answer(job)
        else:
            say(events.Failure(job.id, "gpu_memory", "The GPU memory ran out.", "Use the CPU."))


def full_gpu() -> None:
    """Another program has taken the GPU's memory since the worker was asked about it."""
    for job in jobs(GPU):
        message = "The GPU has too little free memory for the networks."
        say(events.Failure(job.id, "gpu_memory", message, "Close other programs that use the GPU, or choose the CPU."))


def lost() -> None:
    """Finds the abdomen only when told where."""
    for job in jobs():
        if job.roi:
            answer(job)
        else:
            say(events.Failure(job.id, "no_abdomen", "No abdomen found in this scan.", "Give a region."))


def wrong_shape() -> None:
    """Writes labels of another shape than the scan."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            np.save(job.labels, np.ones((1, 1, 1), np.uint8))
            say(events.JobResult(job.id, job.labels, report()))


def no_labels() -> None:
    """Says that it is done without having written labels."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            say(events.JobResult(job.id, job.labels, report()))


def empty_labels() -> None:
    """Writes an empty file."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            Path(job.labels).touch()
            say(events.JobResult(job.id, job.labels, report()))


def pickled_labels() -> None:
    """Writes a pickle, which leaves a file beside it when it is loaded."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            Path(job.labels).write_bytes(pickle.dumps(Touch(Path(job.labels).parent.parent / "loaded")))
            say(events.JobResult(job.id, job.labels, report()))


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def huge_labels() -> None:
    """Writes the header of an array that no computer has the memory for."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            with Path(job.labels).open("wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 20, 1 << 20, 1 << 20)}
                np.lib.format.write_array_header_1_0(file, header)
            say(events.JobResult(job.id, job.labels, report()))


def broken_report() -> None:
    """Sends a report of another form."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            np.save(job.labels, labels_of(job))
            say(events.JobResult(job.id, job.labels, {**report(), "memory": "much"}))


def leaving() -> None:
    """Goes idle and ends just as a job or a question comes."""
    say(events.Ready(os.getpid(), "0"))
    sys.stdin.buffer.readline()
    say(events.Idle(1.0))


def late() -> None:
    """Finishes a job only when it is cancelled, as if both had happened at once."""
    last = None
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            last = job
            say(events.StageProgress(job.id, "segment", 0.9, 1.0))
        elif last:
            np.save(last.labels, labels_of(last))
            say(events.JobResult(last.id, last.labels, report()))


def telling() -> None:
    """Tells each job on stderr, then answers it."""
    for job in jobs():
        if isinstance(job, events.SegmentJob):
            print(events.encode(job).decode(), file=sys.stderr, flush=True)
            answer(job)


def environment() -> None:
    """Tells its environment on stderr."""
    print(json.dumps(dict(os.environ)), file=sys.stderr, flush=True)


def coarse_phantom() -> None:
    """Draws the synthetic CT into the folder that it is given, on a coarse grid, which takes a moment."""
    draw_phantom(sys.argv[2], (40, 64, 64), (8.0, 6.0, 6.0))


def lost_phantom() -> None:
    """Names a folder for the synthetic CT that does not exist."""
    write(b'{"folder": "/missing"}\n')
    sys.stdin.read()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
