"""Segmentation of scan files one after the other: label map, report and picture of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from flareseg.cli import console
from flareseg.core.errors import FlareError, ScanError, unexpected
from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY
from flareseg.core.report import Report
from flareseg.core.run import Run
from flareseg.core.shortage import shortage_said
from flareseg.core.volume import Volume
from flareseg.dicom_export.targets import DicomTargets
from flareseg.evaluation.overlap import dice_per_organ
from flareseg.inference.cascade import Cascade
from flareseg.inference.options import SegmentationOptions
from flareseg.inference.pipeline import PipelineResult
from flareseg.io.batch import Batch
from flareseg.io.outputs import write_text
from flareseg.io.reading import read_series, read_volume
from flareseg.io.tasks import Task
from flareseg.result_files import segment_into_files


@dataclass(frozen=True)
class FileSegmenter:
    """Segments files with one loaded cascade.

    ``ground_truth`` is a true label map to compare with, ``format`` that of the organs (of ``flareseg.io.tasks``).
    """

    cascade: Cascade
    options: SegmentationOptions
    ground_truth: Volume | None = None
    format: str | None = None

    def segment(self, task: Task, remark: str = "") -> Report:
        """Write what the task asks for, the label map first. ``remark``: for the progress bar. Raises FlareError."""
        dicom = DicomTargets.of(task, self.format)
        with console.progress_bar(task.scan.name + remark) as progress, Run(progress) as run:
            read = partial(self._read, task)
            outcome = segment_into_files(self.cascade, read, task.labels, dicom, run, self.options)
        if self.ground_truth:
            self._add_dice(outcome, self.ground_truth)
        if task.report:
            write_text(task.report, outcome.report.dumps())
        if task.preview:
            from flareseg.display.preview import write_preview

            write_preview(task.preview, outcome.volume, outcome.segmentation.labels, outcome.report.organs)
        return outcome.report

    def _read(self, task: Task) -> Volume:
        check_size = self.cascade.limits.check_file
        volume = read_series(task.files, check_size) if task.files else read_volume(task.scan, check_size)
        if self.ground_truth and not self.ground_truth.canonical.geometry.is_close_to(volume.canonical.geometry):
            raise ScanError(
                "The true label map does not lie on the scan's grid (size, spacing or position differ).",
                "Give the label map of this scan.",
            )
        return volume

    def _add_dice(self, outcome: PipelineResult, ground_truth: Volume) -> None:
        labels = Volume(outcome.segmentation.labels, outcome.volume.geometry).canonical.voxels
        one_kidney_label = np.where(labels == LEFT_KIDNEY.label, RIGHT_KIDNEY.label, labels)
        scores = dice_per_organ(one_kidney_label, ground_truth.canonical.voxels)
        for organ in outcome.report.organs:
            organ.dice = scores[RIGHT_KIDNEY.label if organ.label == LEFT_KIDNEY.label else organ.label]


def segment_all(
    segmenter: FileSegmenter, tasks: list[Task], on_earlier: Callable[[Path], None], with_tables: bool = False
) -> list[FlareError | None]:
    """Segment scans one after the other and say how each went; the error of each, None for one that is done.

    ``on_earlier`` is called with the label map of an earlier run that a scan that failed has left in its place.
    """
    batch: Batch[Task, Report] = Batch(tasks)

    def segment(task: Task) -> Report:
        with shortage_said("This scan", segmenter.cascade.limits.ram):
            report = segmenter.segment(task, console.remark_on(batch))
        (console.show_report if with_tables else console.show_warnings)(report)
        return report

    earlier = [_file_at(task.labels) for task in tasks]
    for entry, before in zip(batch.run(segment, unexpected), earlier):
        if entry.error:
            console.say_error(entry.error, entry.task.name)
            if before and _file_at(entry.task.labels) == before:
                on_earlier(entry.task.labels)
    return [entry.error for entry in batch.entries]


def _file_at(path: Path) -> tuple[int, int] | None:
    """What tells the file at a path from one that takes its place; None without a file."""
    if not os.path.lexists(path):
        return None
    status = path.lstat()
    return status.st_dev, status.st_ino
