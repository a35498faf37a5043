"""One case of an archive with a loaded cascade: scan to label map, report, preview and row."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from flareseg.archive.attempt import SourceLost
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.job import SegmentArchive
from flareseg.core.errors import FlareError
from flareseg.core.limits import Limits
from flareseg.core.run import Run
from flareseg.core.shortage import shortage_said
from flareseg.core.volume import Volume
from flareseg.dicom_export.targets import DicomTargets
from flareseg.display.preview import write_preview
from flareseg.inference.cascade import Cascade
from flareseg.inference.full_size import Networks
from flareseg.inference.pipeline import PipelineResult
from flareseg.io.ledger import ResultRow
from flareseg.io.outputs import make_folder, sync, write_text
from flareseg.io.reading import read_volume
from flareseg.io.result_row import done_row, failed_row, inside
from flareseg.io.scan_folder import RESULT
from flareseg.io.tasks import DICOM
from flareseg.result_files import segment_into_files

FALLBACK = ".nii.gz"  # of an image file where DICOM segmentations are written


@dataclass(frozen=True)
class CaseSegmenter:
    """Segments the cases of a job. Every file appears whole or not at all; the row comes after all of them."""

    cascade: Cascade
    job: SegmentArchive

    @classmethod
    def load(cls, job: SegmentArchive) -> CaseSegmenter:
        """Load the cascade. Raises FlareError."""
        if job.threads:
            torch.set_num_threads(job.threads)
        networks = Networks.of(job.network)
        return cls(Cascade.load(job.device, job.weights, Limits(job.ram_mb), job.precision, networks), job)

    def __call__(self, case: ArchiveCase) -> ResultRow:
        """Write the files of a case; its row, also for a failure that another attempt would have, too."""
        target = self.job.output / case.target
        make_folder(target.parent)
        labels, report, preview = (target.with_name(target.name + end) for end in self._ends(case))
        try:
            outcome = self._segment(case, labels)
        except FlareError as error:
            if error.kind == "bad_scan":
                check_source(self.job.source / case.folder)
            if error.kind in ("bad_scan", "no_abdomen") and not isinstance(error.__cause__, OSError):
                return failed_row(case.key, case.name, error, **self._facts(case))
            raise
        write_text(report, outcome.report.dumps())
        write_preview(preview, outcome.volume, outcome.segmentation.labels, outcome.report.organs)
        paths = {"labels": labels, "report": report, "preview": preview}
        for path in paths.values():
            sync(path)
        files = {name: inside(path, self.job.output) for name, path in paths.items()}
        return done_row(case.key, case.name, outcome.report, files, **self._facts(case))

    def _ends(self, case: ArchiveCase) -> tuple[str, str, str]:
        """How the names of the label map, the report and the preview end. Of a file there is no DICOM segmentation."""
        is_file = case.part is None
        suffix = FALLBACK if is_file and self.job.suffix == DICOM else self.job.suffix
        return f"{RESULT}{suffix}", ".json", ".png"

    def _segment(self, case: ArchiveCase, labels: Path) -> PipelineResult:
        dicom = DicomTargets(labels if labels.suffix == DICOM else None)
        with shortage_said("This scan", self.cascade.limits.ram), Run() as run:
            read = partial(self._read, case)
            return segment_into_files(self.cascade, read, labels, dicom, run, self.job.options)

    def _read(self, case: ArchiveCase) -> Volume:
        paths = case.paths(self.job.source)
        if case.part is None:
            return read_volume(paths[0], self.cascade.limits.check_file)
        from flareseg.io.dicom.series import read_part

        return read_part(paths, case.part, self.cascade.limits.check_file)

    def _facts(self, case: ArchiveCase) -> dict[str, str]:
        """Study, series and scanner of a DICOM series; nothing for one whose header cannot be read."""
        if case.part is None:
            return {}
        from flareseg.io.dicom.series import series_facts

        for path in case.paths(self.job.source):
            with contextlib.suppress(Exception):  # pydicom raises what its parts raise
                return series_facts(path)
        return {}


def check_source(folder: Path) -> None:
    """Raise SourceLost where a folder, or what is left of the path to it, is empty, as without a share, or unreadable.

    A folder that is gone from among others was removed: that is a fault of its scans alone.
    """
    if reason := _why_lost(folder):
        where = f"{folder} cannot be read on this computer ({platform.node()})"
        raise SourceLost(f"{where}: {reason}.", "Check that the disk or share is connected.")


def _why_lost(folder: Path) -> str:
    try:
        with os.scandir(folder) as entries:
            return "" if next(entries, None) else f"{folder} is empty"
    except OSError as error:
        is_gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
        return _why_lost(folder.parent) if is_gone and folder != folder.parent else error.strerror or str(error)
