"""Segmentation of one scan file by the worker, with label map and report as files."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from flareseg.core.errors import NoAbdomenError
from flareseg.core.geometry import Geometry
from flareseg.core.report import Report, StageTime
from flareseg.core.volume import Volume, read_instead
from flareseg.io.outputs import write_text
from flareseg.io.reading import read_volume
from flareseg.io.tasks import Task
from flareseg.io.writing import write_labels

from ..explained import explained
from ..options import RunOptions
from .job import Job, JobRunner
from .segmenter import newJob
from .waiting import Outcome, inBackground


def segmentFile(runner: JobRunner, task: Task, options: RunOptions) -> Report:
    """Segment one file and wait for it; Slicer handles its events meanwhile. Raises FlareError.

    Of several DICOM series in a folder the next choice is segmented where the first shows no abdomen.
    """
    read: Callable[[], Volume] = partial(read_volume, task.scan)
    while True:
        start = time.monotonic()
        job, geometry, warnings, following = inBackground(partial(_read, read, options))
        seconds = time.monotonic() - start
        try:
            labels, report = _runJob(runner, job)
            break
        except NoAbdomenError as error:
            if following is None:
                raise
            read = partial(read_instead, following, error)
    report.scan.name = task.name
    report.warnings = warnings + report.warnings
    _addSeconds(report, "read", seconds)
    inBackground(partial(_write, task, labels, geometry, report))
    return report


def _read(
    read: Callable[[], Volume], options: RunOptions
) -> tuple[Job, Geometry, list[str], Callable[[], Volume] | None]:
    """Read the scan, which stays in Slicer's memory only during this call; and what reads the next choice."""
    volume = read()
    return newJob(volume, options), volume.geometry, volume.warnings, volume.next_choice


def _runJob(runner: JobRunner, job: Job) -> tuple[np.ndarray, Report]:
    outcome = Outcome()
    job.finished.connect(outcome.end)
    job.failed.connect(outcome.end)
    try:
        runner.start(job)
    except Exception as error:  # whatever it is, the job has to remove its folder
        job.fail(explained(error))
    labels, report = outcome.wait(runner.close)
    return labels, report


def _write(task: Task, labels: np.ndarray, geometry: Geometry, report: Report) -> None:
    """Write the report last: it marks the scan as done for a resumed batch."""
    start = time.monotonic()
    write_labels(task.labels, labels, geometry, [organ.name for organ in report.organs])
    _addSeconds(report, "write", time.monotonic() - start)
    if task.report:
        write_text(task.report, report.dumps())


def _addSeconds(report: Report, name: str, seconds: float) -> None:
    """Add the time of reading or writing files to what the worker measured."""
    report.total_seconds += seconds
    for stage in report.stages:
        if stage.name == name:
            stage.seconds += seconds
            return
    report.stages.append(StageTime(name, seconds))
