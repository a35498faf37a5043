"""What the panel shows in each of its states. It knows widgets and reports, and starts nothing."""

from __future__ import annotations

import time
from typing import Any

import qt
import slicer
from flareseg.errors import FlareError
from flareseg.events import Stage
from flareseg.report import STAGES, Report
from slicer.i18n import tr as _

from .readouts import fillOrganTable, fillStageTable, layOut, percent, seconds, totals

_TICK_MS = 100
_NOTE_STYLE = "QLabel {{ padding: 5px 8px; border-left: 4px solid {colour}; background: {tint}; }}"
WARNING_STYLE = _NOTE_STYLE.format(colour="#d99a00", tint="rgba(217, 154, 0, 40)")
FAILURE_STYLE = _NOTE_STYLE.format(colour="#d0312d", tint="rgba(208, 49, 45, 55)")


class Panel:
    """``ui`` holds the widgets of FlareSegmentation.ui by name."""

    def __init__(self, ui: Any) -> None:
        self.ui = ui
        self._scanIsFine = False
        self._running = False
        self._stage: Stage | None = None
        self._startedAt = 0.0
        self._clock = qt.QTimer()
        self._clock.setInterval(_TICK_MS)
        self._clock.connect("timeout()", self._showProgress)
        ui.warningLabel.setStyleSheet(WARNING_STYLE)
        ui.reportWarningLabel.setStyleSheet(WARNING_STYLE)
        ui.failureLabel.setStyleSheet(FAILURE_STYLE)
        for table in (ui.organTable, ui.stageTable):
            layOut(table)
        self.showReady()
        self.showNoScan()
        self.showReport(None, None)

    def showScan(self, facts: str, warnings: list[str]) -> None:
        """The line under the scan selector, and what is odd about the scan."""
        self._showScan(facts, warnings, isFine=True)

    def showNoScan(self, problem: str = "") -> None:
        """No scan is chosen, or one that cannot be segmented, for the reason given."""
        hint = "" if problem else _("Load an abdominal CT and choose it here.")
        self._showScan(hint, [problem], isFine=False)

    def _showScan(self, facts: str, warnings: list[str], isFine: bool) -> None:
        self._scanIsFine = isFine
        self.ui.scanFactsLabel.setText(facts)
        _showText(self.ui.warningLabel, "\n".join(warnings))
        if not self._running:
            self.ui.applyButton.setEnabled(isFine)

    def showReady(self) -> None:
        """Neither running nor failed."""
        self._running = False
        self._clock.stop()
        self.ui.progressBar.setVisible(False)
        _showText(self.ui.failureLabel, "")
        self._setButton(_("Segment organs"), _("Segment liver, kidneys, spleen and pancreas"), self._scanIsFine)

    def showRunning(self) -> None:
        self._running = True
        self._stage = None
        self._startedAt = time.monotonic()
        self.ui.logText.clear()
        _showText(self.ui.failureLabel, "")
        self.ui.progressBar.setRange(0, 0)
        self.ui.progressBar.setVisible(True)
        self._setButton(_("Cancel"), _("Stop the segmentation; the scene stays as it is"), True)
        self._clock.start()
        self._showProgress()

    def showStage(self, stage: Stage) -> None:
        self._stage = stage
        self.ui.progressBar.setRange(0, 100)
        self.ui.progressBar.setValue(percent(stage))
        self._showProgress()

    def showCancelling(self) -> None:
        self._setButton(_("Cancelling..."), _("The engine is being stopped"), False)

    def showFailure(self, error: FlareError) -> None:
        """One sentence and its remedy in place of the progress bar; a cancelled run is no failure."""
        self.showReady()
        self.log(str(error))
        if error.kind != "cancelled":
            _showText(self.ui.failureLabel, f"{error.sentence} {error.remedy}".strip())

    def showReport(self, report: Report | None, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        """The tables of a run; nothing at all while there is none."""
        self.ui.organsSection.setVisible(report is not None)
        self.ui.timingSection.setVisible(report is not None)
        self.ui.show3DButton.setSegmentationNode(segmentationNode)
        if report is None:
            return
        fillOrganTable(self.ui.organTable, report, segmentationNode)
        fillStageTable(self.ui.stageTable, report)
        self.ui.totalsLabel.setText(totals(report))
        _showText(self.ui.reportWarningLabel, "\n".join(report.warnings))

    def log(self, text: str) -> None:
        self.ui.logText.appendPlainText(text)

    def _setButton(self, text: str, toolTip: str, isEnabled: bool) -> None:
        self.ui.applyButton.setText(text)
        self.ui.applyButton.setToolTip(toolTip)
        self.ui.applyButton.setEnabled(isEnabled)

    def _showProgress(self) -> None:
        """Called every tick: the seconds go on while the engine is busy with one step."""
        doing = STAGES.get(self._stage.stage, self._stage.stage) if self._stage else _("Starting the engine")
        elapsed = seconds(time.monotonic() - self._startedAt)[:-1]
        self.ui.progressBar.setFormat(f"{doing} · {elapsed} s")


def _showText(label: qt.QLabel, text: str) -> None:
    label.setText(text)
    label.setVisible(bool(text))
