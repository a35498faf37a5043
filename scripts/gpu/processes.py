"""What a user waits for beside the engine: a fresh process from file to file (FLARE21), and a worker that is warm."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from flareseg.core.report import Report
from job import DEVICE, END, FACTS, REHEARSE, end_by_facts, keep, stretched, tried

SLICES = (40, 80) if REHEARSE else (160, 80, 320, 640)  # what time runs out for comes last
LEAST_SECONDS = 25.0  # for a scan's benchmark
RUNS = 1 if REHEARSE else 10


def processes() -> None:
    with tried("warm worker"):
        keep(worker=warm_worker())
    try:
        import SimpleITK  # noqa: F401
    except ImportError:
        keep(flare21="not measured: the kit was made without SimpleITK")
        print("fresh processes: not measured; `prepare.sh KIT DATA measure` makes a kit with SimpleITK")
    else:
        with tried("fresh processes"):
            flare21()
    end_by_facts()


def warm_worker() -> dict[str, Any]:
    """Median ms from a scan in Slicer's memory to labels in Slicer's memory, beyond what the engine's report tells."""
    sys.path.append("Testing")
    from flareseg.worker import events
    from flareseg.worker.job_folder import JobFolder
    from worker_process import temporary_job, worker

    scan = stretched(80 if REHEARSE else 160)
    rows: list[dict[str, float]] = []
    surroundings = {"PYTHONPATH": os.environ["PYTHONPATH"]}  # with the packages of the kit
    with tempfile.TemporaryDirectory() as folder, worker(environment=surroundings) as process:
        process.wait_for(events.Ready)
        for _ in range(RUNS + 1):
            at = [time.perf_counter()]
            job = temporary_job(scan, Path(folder), device=DEVICE)
            at.append(time.perf_counter())
            process.send(job)
            result = process.wait_for((events.JobResult, events.Failure))
            assert isinstance(result, events.JobResult), result
            at.append(time.perf_counter())
            np.load(result.labels)
            JobFolder(Path(job.scan).parent).remove()
            at.append(time.perf_counter())
            scan_written, worked, labels_read = np.diff(at)
            engine = engine_seconds(result.report)
            parts = {"scan": scan_written, "worker": worked - engine, "labels": labels_read}
            rows.append({"engine": engine, "above": sum(parts.values()), **parts})
    told = {name: round(1000 * statistics.median(row[name] for row in rows[1:]), 1) for name in rows[0]}
    print(f"warm worker, ms: {json.dumps(told)}")
    return told


def engine_seconds(report: dict[str, Any]) -> float:
    """What a report tells of the time from array to labels: all but the worker's own stages."""
    told = Report.from_json(report)
    return told.total_seconds - sum(each.seconds for each in told.stages if each.name in ("load", "read", "write"))


def flare21() -> None:
    """``flareseg segment`` in a fresh process, .nii.gz to .nii.gz, by the benchmark's own watch; a scan at a time."""
    from flareseg.io.writing import write_scan

    keep(flare21=[])
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "ct.nii.gz"
        write_scan(scan, stretched(SLICES[0]))
        for slices in SLICES:
            left = END - time.monotonic()
            if left < LEAST_SECONDS:
                print(f"fresh processes: no time for {slices} slices")
                return
            row = benchmarked(scan, slices, Path(folder) / str(slices), left - 5)
            measured = {name: value for name, value in row.items() if value not in (None, "", {})}
            keep(flare21=[*FACTS["flare21"], measured])
            if row["problem"]:
                raise AssertionError(row["problem"])


def benchmarked(scan: Path, slices: int, out: Path, seconds: float) -> dict[str, Any]:
    """The row of one scan as the benchmark writes it."""
    words = [sys.executable, "-m", "benchmarks", str(out), "--method", "ours", "--protocol", "flare21"]
    words += ["--scan", str(scan), "--slices", str(slices), "--device", DEVICE, "--minutes", "5"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds)
    print(done.stderr)
    (row,) = json.loads((out / "results.json").read_text(encoding="utf-8"))["rows"]
    return dict(row)
