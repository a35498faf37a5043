"""The work of ``flareseg segment``: from a scan's file to its label map, report and picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flareseg.cli.console import progress_bar
from flareseg.core.errors import FlareError
from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY
from flareseg.core.report import Report
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice_per_organ
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.inference.pipeline import Outcome, segment_scan
from flareseg.io.batch import Task
from flareseg.io.outputs import write_text
from flareseg.io.reading import read_volume
from flareseg.io.writing import write_labels


@dataclass(frozen=True)
class FileSegmenter:
    """Segments files with one loaded cascade; ``ground_truth`` is a true label map to compare with."""

    cascade: Cascade
    options: SegmentationOptions
    ground_truth: Volume | None = None

    def segment(self, task: Task) -> Report:
        """Write what the task asks for, the label map first. Raises FlareError."""
        with progress_bar(task.scan.name) as progress, Run(progress) as run:
            outcome = segment_scan(
                self.cascade,
                lambda: self._read(task.scan),
                lambda found, geometry: write_labels(task.labels, found.labels, geometry),
                run,
                self.options,
            )
        if self.ground_truth:
            self._add_dice(outcome, self.ground_truth)
        if task.report:
            write_text(task.report, outcome.report.dumps())
        if task.preview:
            from flareseg.display.preview import write_preview

            write_preview(task.preview, outcome.volume, outcome.segmentation.labels, outcome.report.organs)
        return outcome.report

    def _read(self, scan: Path) -> Volume:
        volume = read_volume(scan, self.cascade.limits.check_file)
        if self.ground_truth and not self.ground_truth.canonical.geometry.is_close_to(volume.canonical.geometry):
            raise FlareError(
                "bad_scan",
                "The true label map does not lie on the scan's grid (size, spacing or position differ).",
                "Give the label map of this scan.",
            )
        return volume

    def _add_dice(self, outcome: Outcome, ground_truth: Volume) -> None:
        labels = Volume(outcome.segmentation.labels, outcome.volume.geometry).canonical.voxels
        one_kidney_label = np.where(labels == LEFT_KIDNEY.label, RIGHT_KIDNEY.label, labels)
        scores = dice_per_organ(one_kidney_label, ground_truth.canonical.voxels)
        for organ in outcome.report.organs:
            organ.dice = scores[RIGHT_KIDNEY.label if organ.label == LEFT_KIDNEY.label else organ.label]
