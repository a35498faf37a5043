"""DICOM files of a corrected result, written by a process of their own while Slicer goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import qt
import slicer
from flareseg.core.errors import OutputError
from flareseg.core.report import Report
from flareseg.worker.job_folder import JobFolder
from slicer.i18n import tr as _

from ..background import Work
from ..explained import explained
from ..nodes.corrected import CorrectedResult, correctedResult
from ..nodes.dicom_series import filesOf
from ..nodes.results import scanOf
from ..nodes.volumes import volumeOf
from ..signals import Signal
from .job import newFolder
from .process_run import ProcessRun

_LOOK_MS = 20


@dataclass(frozen=True)
class ExportedFiles:
    """The files that were written, and what a person should know about them."""

    paths: list[str]
    warnings: list[str]


class DicomExportRun(ProcessRun):
    """Writes one result as DICOM. Only the start, which copies the segments' voxels, uses Slicer's main thread."""

    def __init__(self) -> None:
        super().__init__()
        self.finished: Signal[ExportedFiles] = Signal()
        self._folder: JobFolder | None = None
        self._writing: Work[None] | None = None
        self._job: dict[str, Any] = {}
        self._warnings: list[str] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(_LOOK_MS)
        self._timer.connect("timeout()", self._look)

    def start(
        self, segmentationNode: slicer.vtkMRMLSegmentationNode, report: Report, segmentation: Path, sr: Path | None
    ) -> None:
        """Write the segments as they are now to ``segmentation``, and a structured report on them to ``sr``.

        Raises ScanError when the scan was not loaded from DICOM or there is nothing to write, and OutputError.
        """
        volumeNode = scanOf(segmentationNode)
        files = filesOf(volumeNode)
        result = correctedResult(segmentationNode, volumeNode, report)
        self._folder = newFolder(slicer.app.temporaryPath)
        self._warnings = _remarks(result)
        self._job = {
            "files": files,
            "labels": str(self._folder.labels),
            "geometry": volumeOf(volumeNode).geometry.to_json(),
            "organs": [asdict(facts) for facts in result.organs],
            "weights": [asdict(facts) for facts in report.weights],
            "segmentation": str(segmentation),
            "report": str(sr) if sr else None,
            "edited": result.edited,
        }
        labels, path = result.labels, self._folder.labels
        self.active = True
        self._writing = Work(lambda: np.save(path, labels, allow_pickle=False))
        self._timer.start()

    def _module(self) -> list[str]:
        return ["flareseg.dicom_export"]

    def _look(self) -> None:
        """Start the process as soon as the label map is written."""
        if self._writing is None or not self._writing.isDone():
            return
        self._timer.stop()
        try:
            self._writing.result()
            self._process.start()
            self._process.send(json.dumps(self._job).encode() + b"\n")
        except OSError as error:
            self._fail(_notHandedOver(error))
        except Exception as error:  # whatever it is, the run has to end
            self._fail(explained(error))

    def _understand(self, said: dict[str, Any]) -> Callable[[], object]:
        return partial(self._finish, ExportedFiles(said["written"], self._warnings + said["warnings"]))

    def _finish(self, written: ExportedFiles) -> None:
        self._end()
        self.finished.emit(written)

    def _end(self) -> None:
        self._timer.stop()
        if self._writing is not None:
            self._writing.wait()
        super()._end()
        if self._folder is not None:
            self._folder.remove()


def _remarks(result: CorrectedResult) -> list[str]:
    if not result.shared:
        return []
    return [_("{count} voxels lie in two segments; each was written to the first of them.").format(count=result.shared)]


def _notHandedOver(error: OSError) -> OutputError:
    return OutputError(
        _("The segments could not be handed to the engine: {why}.").format(why=error.strerror),
        _("Free some disk space, or choose another temporary folder in Slicer's application settings."),
    )
