"""The two protocols as the child process runs them: once from file to file, or repeatedly from array to labels."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flareseg.core.measure import MB, MemoryWatch, StageClock
from flareseg.core.report import MemoryFacts, Report

from benchmarks.job import Account, ChildJob
from benchmarks.methods import OURS

if TYPE_CHECKING:
    import numpy as np

    from benchmarks.subject import Subject

MIB = 2**20 / MB
LONG_SECONDS = 20.0  # a run that takes so long is not repeated: warming up changes little of it
ENOUGH_SECONDS = 30.0  # after which no further run is begun


def measure_cold(job: ChildJob) -> Account:
    """FLARE21: the scan's .nii.gz to the labels' .nii.gz, once; imports are part of what is measured."""
    return _our_command(job) if job.method == OURS else _file_to_file(job)


def measure_warm(job: ChildJob) -> Account:
    """One run to warm up, then ``job.repeats``; a long first run is itself the measurement."""
    from benchmarks.subject import load

    subject = load(job.method, job.device)
    image = subject.read(Path(job.scan))
    runs, memory = _watched(subject, image, job.device, 1)
    if runs[0].seconds < LONG_SECONDS:
        runs, memory = _watched(subject, image, job.device, job.repeats)
    account = _account(job, subject, runs)
    allocated = memory.peak_gpu_allocated_mb
    account.row = replace(
        account.row,
        ram_mb=memory.peak_ram_mb,
        ram_above_mb=memory.peak_ram_mb - account.given_mb,
        gpu_allocated_mib=None if allocated is None else allocated / MIB,
    )
    return account


@dataclass(frozen=True)
class _Timed:
    """One run from array to labels, with the seconds that it left out (see Account)."""

    seconds: float
    cpu_seconds: float
    stages: dict[str, float]
    left_out: tuple[float, float]
    given_mb: float


def _our_command(job: ChildJob) -> Account:
    """``flareseg segment`` itself; its report tells the stages."""
    report_file = Path(job.labels).with_name("report.json")
    start = time.perf_counter()
    from flareseg.cli.app import app

    arguments = ["segment", job.scan, "-o", job.labels, "--report", str(report_file), "--device", job.device]
    code = app([*arguments, "--no-table"], standalone_mode=False)
    seconds = time.perf_counter() - start
    if code:
        raise SystemExit(code)  # why is the last line of what it printed
    report = Report.from_json(json.loads(report_file.read_text(encoding="utf-8")))
    stages = {stage.name: stage.seconds for stage in report.stages}
    # what the report's clock did not see came before it: imports and the networks
    stages["load"] = stages.get("load", 0.0) + seconds - report.total_seconds
    gpu = report.memory.peak_gpu_device_mb
    row = replace(
        job.row,
        stages=stages,
        dtype=report.device.dtype,
        reported_ram_mb=report.memory.peak_ram_mb,
        reported_gpu_mib=None if gpu is None else gpu / MIB,
    )
    return Account(row)


def _file_to_file(job: ChildJob) -> Account:
    clock = StageClock()
    with clock.stage("load"):
        from benchmarks.subject import load

        subject = load(job.method, job.device)
    with clock.stage("read"):
        image = subject.read(Path(job.scan))
    run, labels = _segmented(subject, image)
    with clock.stage("write"):
        subject.write(Path(job.labels), labels, image)
    account = _account(job, subject, [run])
    outer = {stage.name: stage.seconds for stage in clock.stages}
    account.row = replace(account.row, stages={**outer, **account.row.stages})
    return account


def _watched(subject: Subject, image: Any, device: str, most: int) -> tuple[list[_Timed], MemoryFacts]:
    """Up to ``most`` runs, and the peak memory of all of them."""
    with MemoryWatch() as watch:
        if device == "cuda":
            watch.watch_gpu(0)
        runs = [_segmented(subject, image)[0]]
        while len(runs) < most and sum(run.seconds for run in runs) < ENOUGH_SECONDS:
            runs.append(_segmented(subject, image)[0])
        return runs, watch.facts()


def _segmented(subject: Subject, image: Any) -> tuple[_Timed, np.ndarray]:
    """One run and its labels. They lie in host memory, so that a GPU has finished when they are there."""
    clock = StageClock()
    start, cpu_start = time.perf_counter(), time.process_time()
    labels = subject.segment(image, clock)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    stages = {stage.name: stage.seconds for stage in clock.stages}
    left_out = subject.sampled.left_out if subject.sampled else (0.0, 0.0)
    if subject.sampled:
        stages["network"] += left_out[0]
    given_mb = (image.voxels.nbytes + labels.nbytes) / MB
    return _Timed(seconds + left_out[0], cpu_seconds + left_out[1], stages, left_out, given_mb), labels


def _account(job: ChildJob, subject: Subject, runs: list[_Timed]) -> Account:
    """Medians of all runs."""
    row = replace(
        job.row,
        seconds=statistics.median(run.seconds for run in runs),
        runs=len(runs),
        cpu_seconds=statistics.median(run.cpu_seconds for run in runs),
        stages={name: statistics.median(run.stages[name] for run in runs) for name in runs[0].stages},
        dtype=subject.dtype,
        passes=subject.sampled.passes if subject.sampled else 0,
        passes_run=len(subject.sampled.run) if subject.sampled else 0,
    )
    return Account(row, given_mb=runs[-1].given_mb, left_out=runs[-1].left_out)
