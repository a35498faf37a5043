"""The display of the panel in each of its states, from widgets and reports; it starts nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import slicer
from flareseg.core.errors import Cancelled, FlareError, ScanError
from flareseg.core.estimate import Cost
from flareseg.core.organs import Organ
from flareseg.core.report import Report
from flareseg.core.volume import Volume
from flareseg.worker.events import StageProgress
from slicer.i18n import tr as _

from ..choices import NetworkChoice
from ..jobs.dependencies import Dependencies
from ..jobs.job import JobRunner
from ..jobs.scan_queue import ScanEntry
from ..names import organName
from ..nodes.report_text import totals
from ..nodes.results import waited
from ..nodes.roi import Region
from ..nodes.uncertainty import isUncertaintyShown, uncertaintyOf
from ..nodes.volumes import facts
from ..signals import Signal
from .device_line import DeviceLine
from .failure import WARNING_STYLE, FailureNote
from .organ_table import OrganTable
from .progress import RunProgress
from .readouts import fillStageTable, layOut

_DOUBLE_CLICK_SECONDS = 0.5
_MOST_WARNINGS = 2


class Panel:
    """``ui`` holds the widgets of FlareSegmentation.ui by name. ``clicked`` tells of clicks on the large button."""

    def __init__(self, ui: Any, runner: JobRunner, dependencies: Dependencies) -> None:
        self.ui = ui
        self.clicked: Signal[[]] = Signal()
        self._clickedAt = -math.inf
        ui.applyButton.connect("clicked(bool)", self._onClicked)
        self.organs = OrganTable(ui.organTable)
        self.progress = RunProgress(ui.progressLabel, ui.progressBar)
        self.failure = FailureNote(ui.failureLabel, ui.failureActionButton, ui.retryButton, dependencies)
        self.device = DeviceLine(ui.deviceFactsLabel, ui.deviceReasonLabel, ui.costLabel, runner, dependencies)
        self.report: Report | None = None  # that is shown
        self._scanIsFine = False
        self._running = False
        ui.warningLabel.setStyleSheet(WARNING_STYLE)
        ui.reportWarningLabel.setStyleSheet(WARNING_STYLE)
        ui.regionNoteLabel.setStyleSheet(WARNING_STYLE)
        layOut(ui.stageTable)
        ui.networkComboBox.connect("currentIndexChanged(int)", self._onNetworkChosen)
        self.showReady()
        self.showNoScan()
        self.showFrames(0)
        self.showReport(None, None)
        self.showEdited([])
        self.showRegion(Region.AUTOMATIC, "")

    @property
    def takesClicks(self) -> bool:
        """Not just after a click: the second one of a double click would stop what the first one started."""
        return time.monotonic() - self._clickedAt >= _DOUBLE_CLICK_SECONDS

    def _onClicked(self, _checked: bool = False) -> None:
        if self.takesClicks:
            self.clicked.emit()
            self._clickedAt = time.monotonic()  # after the work of the click, which may have taken long

    def _onNetworkChosen(self, index: int) -> None:
        """Only the whole scan in one pass takes weights of one's own; none are shipped for it."""
        network = list(NetworkChoice)[index]
        self.ui.weightsLineEdit.setEnabled(network is NetworkChoice.FULL_SIZE)
        self.device.setNetwork(network)

    def close(self) -> None:
        """Ask the worker nothing more, and observe nothing."""
        self.device.close()
        self.organs.close()

    def showScan(self, volume: Volume) -> None:
        """Show the size of the scan and its warnings under the scan selector."""
        self._showScan(facts(volume.geometry), volume.warnings, volume, isFine=True)

    def showUnchecked(self, volume: Volume) -> None:
        """A scan whose voxels are still being looked at: it cannot be segmented yet."""
        self._showScan(facts(volume.geometry), volume.warnings, volume, isFine=False)

    def showFrames(self, count: int) -> None:
        """Offer the frames of the sequence that the scan belongs to, if it has any."""
        self.ui.framesButton.setVisible(count > 1)
        self.ui.framesButton.setText(_("List the {count} frames as scans").format(count=count))

    def showNoScan(self, problem: str = "") -> None:
        """No scan is chosen, or one that cannot be segmented, for the reason given."""
        hint = "" if problem else _("Load an abdominal CT and choose it here.")
        self._showScan(hint, [], None, isFine=False)
        if problem:
            showText(self.ui.warningLabel, problem)

    def _showScan(self, line: str, warnings: list[str], volume: Volume | None, isFine: bool) -> None:
        self._scanIsFine = isFine
        self.ui.scanFactsLabel.setText(line)
        self.device.setScan(volume)
        showWarnings(self.ui.warningLabel, warnings)
        if not self._running:
            self.ui.applyButton.setEnabled(self._scanIsFine)

    def showEdited(self, organs: list[Organ]) -> None:
        """Which segments were changed by hand, and the choice of what becomes of them; nothing without."""
        self.ui.editedOrgansLabel.setText(", ".join(organName(organ.name) for organ in organs))
        for widget in (self.ui.editedLabel, self.ui.editedOrgansLabel, self.ui.editedComboBox):
            widget.setVisible(bool(organs))

    def showRegion(self, region: Region, note: str) -> None:
        """Show next to the button that a box confines the run: Options may be closed."""
        self.ui.roiSelector.setVisible(region is Region.ROI)
        showText(self.ui.regionNoteLabel, note)

    def showReady(self) -> None:
        """Neither running nor failed."""
        self._running = False
        self.progress.stop()
        self.failure.hide()
        self._setButton(_("Segment organs"), _("Segment liver, kidneys, spleen and pancreas"), self._scanIsFine)

    def showRunning(self) -> None:
        self._running = True
        self.ui.logText.clear()
        self.failure.hide()
        self._startProgress(self.device.cost)
        self._setButton(_("Cancel"), _("Stop the segmentation; the scene stays as it is"), True)

    def showScanOfQueue(self, volume: Volume | None, number: int, count: int) -> None:
        """The next of several scans is at work; ``volume`` is None where it cannot be read."""
        self._startProgress(
            self.device.costOf(volume), _("Scan {number} of {count}").format(number=number, count=count)
        )

    def _startProgress(self, cost: Cost | None, title: str = "") -> None:
        self.progress.start(cost.seconds if cost else None, title)

    def showStarting(self) -> None:
        """Show a run that is starting: a click would come too early to cancel it."""
        self.showRunning()
        self.ui.applyButton.setEnabled(False)

    def showStarted(self) -> None:
        self.ui.applyButton.setEnabled(True)

    def showStage(self, stage: StageProgress) -> None:
        self.progress.showStage(stage)

    def showCancelling(self) -> None:
        self._setButton(_("Cancelling..."), _("The engine is being stopped"), False)

    def showFailure(self, error: FlareError) -> None:
        """Show why a run ended without a result, in place of the progress bar."""
        self.showReady()
        self.failure.show(error)
        if error.kind != Cancelled.kind:
            self.log(str(error))

    def showEndOfQueue(self, entries: Sequence[ScanEntry]) -> None:
        """What became of several scans, where that is not a result of each; the list says the rest."""
        self.showReady()
        errors = [entry.error for entry in entries if entry.error]
        stopped = [error for error in errors if error.kind == Cancelled.kind]
        if failed := len(errors) - len(stopped):
            message = _("{failed} of {count} scans have no result.").format(failed=failed, count=len(entries))
            self.failure.show(ScanError(message, _("The list of scans says why.")))
        elif stopped:
            self.failure.show(stopped[0])

    def showReport(self, report: Report | None, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        """The tables of a run; nothing at all while there is none."""
        self.report = report
        self.ui.organsSection.setVisible(report is not None)
        self.ui.timingSection.setVisible(report is not None)
        self.ui.show3DButton.setSegmentationNode(segmentationNode)
        self.ui.showUncertaintyButton.setVisible(uncertaintyOf(segmentationNode) is not None)
        self.ui.showUncertaintyButton.setChecked(isUncertaintyShown(segmentationNode))
        if report is None:
            return
        self.organs.show(report, segmentationNode)
        fillStageTable(self.ui.stageTable, report)
        self.ui.totalsLabel.setText(totals(report, waited(segmentationNode) if segmentationNode else None))
        showWarnings(self.ui.reportWarningLabel, report.warnings)

    def log(self, text: str) -> None:
        self.ui.logText.appendPlainText(text)

    def _setButton(self, text: str, toolTip: str, isEnabled: bool) -> None:
        self.ui.applyButton.setText(text)
        self.ui.applyButton.setToolTip(toolTip)
        self.ui.applyButton.setEnabled(isEnabled)


def showWarnings(label: Any, warnings: Sequence[str]) -> None:
    """The first sentence of each of a few; all of it is in the tooltip."""
    shown = [warning.partition(". ")[0].rstrip(".") + "." for warning in warnings[:_MOST_WARNINGS]]
    if more := len(warnings) - len(shown):
        shown.append(_("And {count} more: point here to read them.").format(count=more))
    showText(label, "\n".join(shown))
    label.setToolTip("\n".join(warnings))


def showText(label: Any, text: str) -> None:
    """A label that is not there while it has nothing to say."""
    label.setText(text)
    label.setVisible(bool(text))
