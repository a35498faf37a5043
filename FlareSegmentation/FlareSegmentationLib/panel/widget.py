"""The module's widget as Slicer loads it, which connects the scene and the logic with the panel."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import qt
import slicer
import vtk
from flareseg.core.errors import FlareError
from flareseg.core.report import Report
from flareseg.io.batch import State
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from ..choices import DeviceChoice
from ..explained import explained
from ..jobs.logic import FlareSegmentationLogic
from ..jobs.parameters import FlareSegmentationParameterNode, boxOf, connectToGui, optionsOf
from ..jobs.scan_queue import ScanEntry, ScanQueue
from ..jobs.segmenter import SegmentationRun
from ..node_watch import BOX_EVENTS, SCAN_EVENTS, SEGMENT_EVENTS, NodeWatch
from ..nodes.edits import editedOrgans
from ..nodes.frames import addFrames, sequenceOf
from ..nodes.result_sequence import addResultSequences
from ..nodes.results import readReport, scanOf
from ..nodes.roi import Region, boxScan, regionNote
from ..nodes.scans import ScanFilter, scansOfScene
from ..nodes.visibility import boxToShow, resultToShow
from ..nodes.volumes import readable
from .actions import ResultActions
from .consent import Consent
from .failure import FailureAction
from .panel import Panel
from .places import showPlace
from .preferences import Preferences
from .queue_panel import QueuePanel
from .scan_line import ScanLine
from .scan_views import ScanViews, shownScan

_RELOADED = ("FlareSegmentationLib", "flareseg")  # both pure Python; the engine at work is a process of its own


class FlareSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Connects the scene and the logic with the panel."""

    def __init__(self, parent: slicer.qMRMLWidget | None = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self._run: SegmentationRun | None = None
        self._retry: Callable[[], None] = self._start
        self._parameterNode: Any = None  # a FlareSegmentationParameterNode, with what Slicer's wrapper adds to it
        self._parameterNodeGuiTag: Any = None
        self._askedDevice: DeviceChoice | None = None
        self._isConnected = False  # the widgets show and change the parameters
        self._isOtherScan = False  # another scan was chosen, and its result and box are still to be

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        self.uiWidget = slicer.util.loadUI(self.resourcePath("UI/FlareSegmentation.ui"))
        self.layout.addWidget(self.uiWidget)
        self.ui = slicer.util.childWidgetVariables(self.uiWidget)
        self.uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = FlareSegmentationLogic()
        self.panel = Panel(self.ui, self.logic.runner, self.logic.dependencies)
        self.queue = ScanQueue()
        self.queuePanel = QueuePanel(self.ui)
        self.scanLine = ScanLine(self.panel)
        self.scanFilter = ScanFilter(self.ui.scanSelector)
        self.actions = ResultActions(self.ui, lambda: self._parameterNode)
        self.preferences = Preferences(self.ui)
        self.consent = Consent()
        self.views = ScanViews()
        self.scanWatch = NodeWatch(SCAN_EVENTS)
        self.resultWatch = NodeWatch(SEGMENT_EVENTS)
        self.reportWatch = NodeWatch((vtk.vtkCommand.ModifiedEvent,))
        self.boxWatch = NodeWatch(BOX_EVENTS)
        self._pairing = qt.QTimer()  # later, because the selectors are still being set when one of them changes
        self._pairing.setSingleShot(True)
        self._pairing.setInterval(0)
        self._connect()
        self.initializeParameterNode()

    def _connect(self) -> None:
        self.panel.clicked.connect(self.onApplyButton)
        self.ui.framesButton.connect("clicked(bool)", self.onFramesButton)
        self.ui.show3DButton.connect("pressed()", self.onShow3DPressed)
        self.ui.show3DButton.connect("released()", self.onShow3DReleased)
        self.ui.scanSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onScanChosen)
        self.logic.runner.logged.connect(self.panel.log)
        self.logic.learned.connect(self.panel.device.showCost)
        self.panel.organs.went.connect(showPlace)
        self.panel.failure.chosen.connect(self.onFailureAction)
        self._pairing.connect("timeout()", self._pair)
        self.scanWatch.changed.connect(self.onScanModified)
        self.resultWatch.changed.connect(self.showEdited)
        self.reportWatch.changed.connect(self.onReportModified)
        self.boxWatch.changed.connect(self.showRegion)
        self.queuePanel.started.connect(self.onQueueStarted)
        self.queuePanel.resultChosen.connect(self.onQueueResultChosen)
        self.queue.changed.connect(self.onScanChanged)
        self.queue.progressed.connect(self.panel.showStage)
        self.queue.ended.connect(self.onQueueEnded)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartImportEvent, self.onSceneStartImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)

    def onReload(self) -> None:
        """Slicer reloads the module's file; what that file imports from its own folder is read anew as well."""
        folder = Path(slicer.util.modulePath(self.moduleName)).resolve().parent
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _RELOADED and folder in Path(module.__file__ or "").resolve().parents:
                del sys.modules[name]
        importlib.invalidate_caches()
        ScriptedLoadableModuleWidget.onReload(self)

    def cleanup(self) -> None:
        """The module is unloaded or reloaded: Slicer hides the old widgets, and nothing may reach them any more."""
        self.queue.close()
        self.panel.close()
        self.scanLine.close()
        self.logic.close()
        self.panel.showReady()
        self._pairing.stop()
        self.scanWatch.watch(None)
        self.resultWatch.watch(None)
        self.reportWatch.watch(None)
        self.boxWatch.watch(None)
        self.queuePanel.removeObservers()
        self.scanFilter.removeObservers()
        self.setParameterNode(None)
        self.removeObservers()
        self.uiWidget.deleteLater()

    def enter(self) -> None:
        self._askedDevice = None
        self.initializeParameterNode()
        self.queuePanel.refresh()

    def exit(self) -> None:
        """Another module is shown; a run in progress goes on."""
        self._disconnectGui()

    def onSceneStartClose(self, _caller: object, _event: str) -> None:
        self.queue.batch.cancel()  # the scan at work stops by itself and says why
        self.setParameterNode(None)
        self.views = ScanViews()
        self.panel.failure.hide()

    def onSceneEndClose(self, _caller: object, _event: str) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneStartImport(self, _caller: object, _event: str) -> None:
        """Selectors that take the first node they see must not overwrite what the scene brings."""
        self._disconnectGui()

    def onSceneEndImport(self, _caller: object, _event: str) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        parameters = self.logic.getParameterNode()
        if not parameters.scan:
            parameters.scan = shownScan(scansOfScene())
        self.views.adopt(parameters.scan, parameters.result, boxOf(parameters))
        self.setParameterNode(parameters)
        self.onScanChosen(self._parameterNode.scan)  # a selector that shows it already has sent no signal

    def setParameterNode(self, parameterNode: FlareSegmentationParameterNode | None) -> None:
        self._disconnectGui()
        self._parameterNode = parameterNode
        if parameterNode:
            self._parameterNodeGuiTag = connectToGui(parameterNode, self.ui)
            self._isConnected = True
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self.onParametersModified()

    def _disconnectGui(self) -> None:
        self._isConnected = False
        if not self._parameterNode:
            return
        self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
        if self.hasObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified):
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)

    def onParametersModified(self, _caller: object = None, _event: str = "") -> None:
        """The tables belong to the chosen result, also in a scene that was loaded."""
        parameters = self._parameterNode
        self.showResult(parameters.result if parameters else None)
        if parameters is None:
            self.boxWatch.watch(None)
            return
        self._pairing.start()  # the selector takes a neighbour when its node is deleted
        self.boxWatch.watch(boxOf(parameters))
        self.showRegion()
        self.views.chooseResult(parameters.result)
        self.views.chooseBox(boxOf(parameters))
        if parameters.device is not self._askedDevice:
            self._askedDevice = parameters.device
            self.panel.device.ask(parameters.device)

    def showRegion(self, _box: slicer.vtkMRMLMarkupsROINode | None = None) -> None:
        parameters = self._parameterNode
        box = boxOf(parameters)
        self.panel.showRegion(parameters.region, regionNote(box, parameters.scan) if box and parameters.scan else "")

    def showResult(self, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        if self.resultWatch.watch(segmentationNode):
            self.showEdited(segmentationNode)
        self.reportWatch.watch(segmentationNode)
        self.panel.showReport(readReport(segmentationNode), segmentationNode)

    def onReportModified(self, segmentationNode: slicer.vtkMRMLSegmentationNode) -> None:
        """The result of a sequence shows another frame now."""
        report = readReport(segmentationNode)
        if report != self.panel.report:
            self.panel.showReport(report, segmentationNode)

    def showEdited(self, segmentationNode: slicer.vtkMRMLSegmentationNode | None) -> None:
        self.panel.showEdited(editedOrgans(segmentationNode))

    def onScanChosen(self, volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        # while it is not connected no person has chosen it: the selector's list was filled anew
        if self._isConnected and self.views.chooseScan(volumeNode):
            self._isOtherScan = True
            self.panel.failure.hide()
        self.scanWatch.watch(volumeNode)
        self.scanLine.show(volumeNode)
        sequence = sequenceOf(volumeNode)
        self.panel.showFrames(sequence.GetNumberOfDataNodes() if sequence else 0)
        self._pairing.start()

    def _pair(self) -> None:
        """Result and box beside a scan are its own: a click never writes one scan's organs over another's."""
        parameters, isOtherScan = self._parameterNode, self._isOtherScan
        self._isOtherScan = False
        if not parameters or not parameters.scan:
            return
        if parameters.result is None:  # which means a new one, unless it was chosen for another scan
            parameters.result = resultToShow(parameters.scan) if isOtherScan else None
        elif scanOf(parameters.result) not in (None, parameters.scan):
            parameters.result = resultToShow(parameters.scan)
        if isOtherScan:
            self._pairBox(parameters)

    def _pairBox(self, parameters: Any) -> None:
        box = boxToShow(parameters.scan)
        if box is not None:
            parameters.roi, parameters.region = box, Region.ROI
        elif parameters.roi and boxScan(parameters.roi) not in (None, parameters.scan):
            parameters.roi, parameters.region = None, Region.AUTOMATIC

    def onScanModified(self, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> None:
        self.views.showVoxels()
        self.scanLine.show(volumeNode)

    def onFramesButton(self, _checked: bool = False) -> None:
        self.queuePanel.tick(addFrames(self._parameterNode.scan))

    def onApplyButton(self) -> None:
        """A click starts; while a run is in progress, a click stops it."""
        if self.queue.active:
            self.panel.showCancelling()
            self.queue.cancel()
        elif self._run and self._run.active:
            self.panel.showCancelling()
            self._run.cancel()
        elif self.consent.isGiven():
            self._start()

    def _start(self) -> None:
        self._pair()
        parameters = self._parameterNode
        self._retry = partial(self._startAgain, parameters.scan)
        self.panel.showStarting()
        self.queuePanel.setRunning(True)
        try:
            self._run = self.logic.start(
                parameters.scan,
                parameters.result,
                onProgress=self.panel.showStage,
                onFinished=self.onFinished,
                onFailed=self.onFailed,
                **optionsOf(parameters),
            )
        except Exception as error:  # whatever it is, the panel must not stay in the middle of a start
            self.onFailed(explained(error))
        else:
            if self._run.active:
                self.panel.showStarted()

    def _startAgain(self, scan: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """Segment the scan whose run has failed, even if another one is chosen by now."""
        if scan is not None and scan.GetScene() is not None:
            self._parameterNode.scan = scan
        self._start()

    def onFinished(self, segmentationNode: slicer.vtkMRMLSegmentationNode, _report: Report) -> None:
        self.queuePanel.setRunning(False)
        self.panel.showReady()
        self._showEnded(segmentationNode)

    def _showEnded(self, segmentationNode: slicer.vtkMRMLSegmentationNode) -> None:
        """The panel goes to the scan of a result; while another module is shown, the views belong to that one."""
        if self.parent.isEntered:
            self.onResultChosen(segmentationNode)
            return
        self.views.keep(segmentationNode)
        if self._parameterNode and self._parameterNode.scan is scanOf(segmentationNode):
            self._parameterNode.result = segmentationNode

    def onFailed(self, error: FlareError) -> None:
        self.queuePanel.setRunning(False)
        self.panel.showFailure(error)

    def showFinished(self, segmentationNode: slicer.vtkMRMLSegmentationNode) -> None:
        self.views.showFinished(segmentationNode)
        self._parameterNode.result = segmentationNode
        self.showResult(segmentationNode)
        self.showEdited(segmentationNode)

    def onShow3DPressed(self) -> None:
        """The button makes surfaces when it is let go, which takes seconds; between the two a busy cursor says so."""
        qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)

    def onShow3DReleased(self) -> None:
        qt.QApplication.restoreOverrideCursor()
        if self.ui.show3DButton.checked:
            self.views.centre3D()

    def onFailureAction(self, action: FailureAction) -> None:
        if action is FailureAction.EXTENSIONS:
            slicer.app.openExtensionsManagerDialog()
        elif action is FailureAction.REGION:
            self.actions.adjustRegion()
            self.ui.optionsSection.collapsed = False
        else:
            if action is FailureAction.CPU:
                self._parameterNode.device = DeviceChoice.CPU
            self._retry()

    def onQueueStarted(self, volumeNodes: list[slicer.vtkMRMLScalarVolumeNode]) -> None:
        self._retry = lambda: self.onQueueStarted(volumeNodes)
        try:
            options = optionsOf(self._parameterNode)
        except FlareError as error:
            self.panel.showFailure(error)
            return
        if not self.consent.isGiven():
            return
        self.panel.showRunning()
        self.queuePanel.setRunning(True)

        def start(volumeNode: slicer.vtkMRMLScalarVolumeNode, **callbacks: Callable) -> SegmentationRun:
            return self.logic.start(volumeNode, resultToShow(volumeNode), **callbacks, **options)

        self.queue.start(volumeNodes, start)

    def onScanChanged(self, entry: ScanEntry) -> None:
        self.queuePanel.showEntry(entry)
        if self.parent.isEntered:
            self.views.hideOthers()
        elif entry.result:
            self.views.keep(entry.result)
        if entry.state is State.RUNNING:
            self.panel.showScanOfQueue(readable(entry.task), *self.queue.batch.place(entry))

    def onQueueEnded(self) -> None:
        self.queuePanel.setRunning(False)
        entries = self.queue.batch.entries
        self.panel.showEndOfQueue(entries)
        failed = [entry.task for entry in entries if entry.error and entry.task.GetScene()]
        self._retry = lambda: self.onQueueStarted(failed)
        done = [entry for entry in entries if entry.result and entry.result.GetScene()]
        if done and self._parameterNode:
            together = addResultSequences([entry.task for entry in done if entry.task.GetScene()])
            self._showEnded(together[-1] if together else done[-1].result)

    def onQueueResultChosen(self, entry: ScanEntry) -> None:
        self.onResultChosen(entry.result)

    def onResultChosen(self, segmentationNode: slicer.vtkMRMLSegmentationNode) -> None:
        self._parameterNode.scan = scanOf(segmentationNode) or self._parameterNode.scan
        self.showFinished(segmentationNode)
