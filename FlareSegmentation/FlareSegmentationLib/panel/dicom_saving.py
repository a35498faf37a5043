"""Saving a result as DICOM: the file dialog, a progress dialog meanwhile, and what was written."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from flareseg.core.errors import Cancelled, FlareError
from flareseg.core.report import Report
from slicer.i18n import tr as _

from ..jobs.dependencies import Dependencies
from ..jobs.dicom_export import DicomExportRun, ExportedFiles
from ..nodes.dicom_series import filesOf
from ..nodes.results import scanOf
from .file_dialog import askedPath

_REPORT = "-report.dcm"


class DicomSaving:
    """Writes a segmentation (SEG) and a structured report (SR) beside it; a click while it does is ignored."""

    def __init__(self) -> None:
        self.run: DicomExportRun | None = None
        self.dialog: qt.QProgressDialog | None = None

    def save(self, segmentationNode: slicer.vtkMRMLSegmentationNode, report: Report) -> None:
        """Ask for a file name and start; what cannot be done is said in a message."""
        if self.run is not None and self.run.active:
            return
        try:
            filesOf(scanOf(segmentationNode))  # before any question
            Dependencies().ensureDicom()
            if path := askedPath(
                _title(), "organs.dcm", _("DICOM (*.dcm)"), ".dcm", lambda path: [_reportBeside(path)]
            ):
                self._start(segmentationNode, report, path)
        except FlareError as error:
            _tell(error)

    def _start(self, segmentationNode: slicer.vtkMRMLSegmentationNode, report: Report, path: Path) -> None:
        self.run = DicomExportRun()
        self.run.finished.connect(self._onFinished)
        self.run.failed.connect(self._onFailed)
        self.run.start(segmentationNode, report, path, _reportBeside(path))
        self.dialog = slicer.util.createProgressDialog(
            windowTitle=_title(),
            labelText=_("Writing the DICOM files ..."),
            maximum=0,  # how far it is cannot be known
            autoClose=False,
            autoReset=False,
        )
        self.dialog.connect("canceled()", self.run.cancel)

    def _onFinished(self, written: ExportedFiles) -> None:
        self._close()
        lines = [_("Written:"), *written.paths, *written.warnings]
        lines.append(_("For research use only. To see them in Slicer, import the folder in the DICOM module."))
        slicer.util.infoDisplay("\n".join(lines), windowTitle=_title())

    def _onFailed(self, error: FlareError) -> None:
        self._close()
        if not isinstance(error, Cancelled):
            _tell(error)

    def _close(self) -> None:
        if self.dialog is not None:
            self.dialog.close()
            self.dialog.deleteLater()
            self.dialog = None


def _reportBeside(path: Path) -> Path:
    return path.with_name(path.stem + _REPORT)


def _title() -> str:
    return str(_("Save as DICOM"))


def _tell(error: FlareError) -> None:
    slicer.util.errorDisplay(str(error), windowTitle=_title())
