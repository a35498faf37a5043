"""FlareSegmentation: liver, kidneys, spleen and pancreas in abdominal CT, in one click."""

import unittest

import qt
import slicer
import vtk
from flareseg.core.errors import FlareError
from flareseg.core.organs import ORGANS
from flareseg.core.report import Report
from flareseg.core.volume import Volume, checked
from FlareSegmentationLib import settings
from FlareSegmentationLib.choices import DeviceChoice
from FlareSegmentationLib.explained import explained
from FlareSegmentationLib.jobs.logic import FlareSegmentationLogic
from FlareSegmentationLib.jobs.parameters import FlareSegmentationParameterNode, connectToGui, optionsOf
from FlareSegmentationLib.jobs.scan_queue import Case, CaseState, ScanQueue
from FlareSegmentationLib.jobs.segmenter import SegmentationRun
from FlareSegmentationLib.node_watch import SCAN_EVENTS, SEGMENT_EVENTS, NodeWatch
from FlareSegmentationLib.nodes.edits import editedOrgans, segmentId
from FlareSegmentationLib.nodes.frames import addFrames, sequenceOf
from FlareSegmentationLib.nodes.results import readReport, resultOf, scanOf, showSurfaces
from FlareSegmentationLib.nodes.sample_data import registerSampleData
from FlareSegmentationLib.nodes.scans import ScanFilter, scansOfScene
from FlareSegmentationLib.nodes.volumes import volumeOf
from FlareSegmentationLib.panel.actions import ResultActions
from FlareSegmentationLib.panel.failure import FailureAction
from FlareSegmentationLib.panel.panel import Panel
from FlareSegmentationLib.panel.places import showPlace
from FlareSegmentationLib.panel.preferences import Preferences
from FlareSegmentationLib.panel.queue_panel import QueuePanel
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class FlareSegmentation(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("FlareSegmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations"]
        self.parent.contributors = ["FlareSegmentation contributors"]
        self.parent.helpText = _(
            "Segments liver, kidneys, spleen and pancreas in an abdominal CT. Choose the scan and click "
            "<b>Segment organs</b>; Slicer stays usable meanwhile. "
            'See the <a href="https://github.com/flaresegmentation/SlicerFlareSegmentation">project page</a>. '
            "For research use only, not for diagnosis."
        )
        self.parent.acknowledgementText = _(
            "The two-stage design follows the challenge of Fast and Low GPU memory Abdominal oRgan "
            "sEgmentation (FLARE) of MICCAI 2021."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


class FlareSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Ties the scene and the logic to the panel."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: FlareSegmentationLogic | None = None
        self.panel: Panel | None = None
        self._run: SegmentationRun | None = None
        self._parameterNode: FlareSegmentationParameterNode | None = None
        self._parameterNodeGuiTag = None
        self._askedDevice: DeviceChoice | None = None

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/FlareSegmentation.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = FlareSegmentationLogic()
        self.panel = Panel(self.ui, self.logic.runner, self.logic.dependencies)
        self.queue = ScanQueue()
        self.queuePanel = QueuePanel(self.ui)
        self.scanFilter = ScanFilter(self.ui.scanSelector)
        self.actions = ResultActions(self.ui, lambda: self._parameterNode)
        self.preferences = Preferences(self.ui)
        self.scanWatch = NodeWatch(SCAN_EVENTS)
        self.resultWatch = NodeWatch(SEGMENT_EVENTS)
        self._pairing = qt.QTimer()  # later, because the selectors are still being set when one of them changes
        self._pairing.setSingleShot(True)
        self._pairing.setInterval(0)
        self._connect()
        self.initializeParameterNode()

    def _connect(self) -> None:
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.framesButton.connect("clicked(bool)", self.onFramesButton)
        self.ui.scanSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onScanChosen)
        self.logic.runner.logged.connect(self.panel.log)
        self.logic.learned.connect(self.panel.device.showCost)
        self.panel.organs.went.connect(showPlace)
        self.panel.failure.chosen.connect(self.onFailureAction)
        self._pairing.connect("timeout()", self._showOwnResult)
        self.scanWatch.changed.connect(self.showScan)
        self.resultWatch.changed.connect(self.showEdited)
        self.queuePanel.started.connect(self.onQueueStarted)
        self.queuePanel.resultChosen.connect(self.onQueueResultChosen)
        self.queue.changed.connect(self.onCaseChanged)
        self.queue.progressed.connect(self.panel.showStage)
        self.queue.ended.connect(self.onQueueEnded)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartImportEvent, self.onSceneStartImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)

    def cleanup(self) -> None:
        """The module is unloaded or reloaded."""
        self.queue.cancel()
        self.logic.close()
        self.scanWatch.watch(None)
        self.resultWatch.watch(None)
        self.queuePanel.removeObservers()
        self.scanFilter.removeObservers()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self._askedDevice = None
        self.initializeParameterNode()
        self.showEdited(self._parameterNode.result)
        self.queuePanel.refresh()

    def exit(self) -> None:
        """Another module is shown; a run in progress goes on."""
        self._disconnectGui()

    def onSceneStartClose(self, caller, event) -> None:
        self.queue.cancel()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneStartImport(self, caller, event) -> None:
        """Selectors that take the first node they see must not overwrite what the scene brings."""
        self._disconnectGui()

    def onSceneEndImport(self, caller, event) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.scan:
            self._parameterNode.scan = next(iter(scansOfScene()), None)
        self.onScanChosen(self._parameterNode.scan)  # a selector that shows it already has sent no signal

    def setParameterNode(self, parameterNode) -> None:
        self._disconnectGui()
        self._parameterNode = parameterNode
        if parameterNode:
            self._parameterNodeGuiTag = connectToGui(parameterNode, self.ui)
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self.onParametersModified()

    def _disconnectGui(self) -> None:
        if not self._parameterNode:
            return
        self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
        if self.hasObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified):
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)

    def onParametersModified(self, caller=None, event=None) -> None:
        """The tables belong to the chosen result, also in a scene that was loaded."""
        parameters = self._parameterNode
        self.showResult(parameters.result if parameters else None)
        if parameters is None:
            return
        self._pairing.start()  # the selector takes a neighbour when its node is deleted
        self.panel.showRegion(parameters.region, parameters.roi)
        if parameters.device is not self._askedDevice:
            self._askedDevice = parameters.device
            self.panel.device.ask(parameters.device)

    def showResult(self, segmentationNode) -> None:
        if self.resultWatch.watch(segmentationNode):
            self.showEdited(segmentationNode)
        self.panel.showReport(readReport(segmentationNode), segmentationNode)

    def showEdited(self, segmentationNode) -> None:
        self.panel.showEdited(editedOrgans(segmentationNode))

    def onScanChosen(self, volumeNode) -> None:
        self.scanWatch.watch(volumeNode)
        self.showScan(volumeNode)
        sequence = sequenceOf(volumeNode)
        self.panel.showFrames(sequence.GetNumberOfDataNodes() if sequence else 0)
        self._pairing.start()

    def _showOwnResult(self) -> None:
        """The result beside a scan is its own: a click never writes one scan's organs over another's."""
        parameters = self._parameterNode
        if not parameters or not parameters.scan or not parameters.result:
            return
        if scanOf(parameters.result) not in (None, parameters.scan):
            parameters.result = resultOf(parameters.scan)

    def showScan(self, volumeNode) -> None:
        if volumeNode is None:
            self.panel.showNoScan()
            return
        try:
            self.panel.showScan(checked(volumeOf(volumeNode)))
        except FlareError as error:
            self.panel.showNoScan(str(error))

    def onFramesButton(self, checked=False) -> None:
        self.queuePanel.tick(addFrames(self._parameterNode.scan))

    def onApplyButton(self, checked=False) -> None:
        """A click starts; while a run is in progress, a click stops it."""
        if self.queue.active:
            self.panel.showCancelling()
            self.queue.cancel()
        elif self._run and self._run.active:
            self.panel.showCancelling()
            self._run.cancel()
        else:
            self._start()

    def _start(self) -> None:
        self._showOwnResult()
        parameters = self._parameterNode
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

    def onFinished(self, segmentationNode, report: Report) -> None:
        self.queuePanel.setRunning(False)
        self.panel.showReady()
        self._parameterNode.scan = scanOf(segmentationNode) or self._parameterNode.scan  # another may be chosen by now
        self.showFinished(segmentationNode)

    def onFailed(self, error: FlareError) -> None:
        self.queuePanel.setRunning(False)
        self.panel.showFailure(error)

    def showFinished(self, segmentationNode) -> None:
        self._parameterNode.result = segmentationNode
        self.showResult(segmentationNode)
        self.showEdited(segmentationNode)
        if settings.show3D():
            showSurfaces(segmentationNode)

    def onFailureAction(self, action: FailureAction) -> None:
        if action is FailureAction.EXTENSIONS:
            slicer.app.openExtensionsManagerDialog()
        elif action is FailureAction.REGION:
            self.actions.adjustRegion()
            self.ui.optionsSection.collapsed = False
        else:
            if action is FailureAction.CPU:
                self._parameterNode.device = DeviceChoice.CPU
            self._start()

    def onQueueStarted(self, volumeNodes) -> None:
        try:
            options = optionsOf(self._parameterNode)
        except FlareError as error:
            self.panel.showFailure(error)
            return
        self.panel.showRunning()
        self.queuePanel.setRunning(True)

        def start(volumeNode, **callbacks) -> SegmentationRun:
            return self.logic.start(volumeNode, resultOf(volumeNode), **callbacks, **options)

        self.queue.start(volumeNodes, start)

    def onCaseChanged(self, case: Case) -> None:
        self.queuePanel.showCase(case)
        if case.state is CaseState.RUNNING:
            self.panel.showScanOfQueue(readable(case.volumeNode), *self.queue.place(case))

    def onQueueEnded(self) -> None:
        self.queuePanel.setRunning(False)
        self.panel.showReady()
        done = [case for case in self.queue.cases if case.result and case.result.GetScene()]
        if done and self._parameterNode:
            self.onQueueResultChosen(done[-1])

    def onQueueResultChosen(self, case) -> None:
        if case.volumeNode.GetScene():
            self._parameterNode.scan = case.volumeNode
        self.showFinished(case.result)


def readable(volumeNode) -> Volume | None:
    """The scan of a node, if it is one; why it is not is told when it is segmented."""
    try:
        return volumeOf(volumeNode)
    except FlareError:
        return None


class FlareSegmentationTest(ScriptedLoadableModuleTest):
    """Runs in Slicer (Reload and Test, ctest) and in the project's own tests."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()
        self.logic = FlareSegmentationLogic()

    def tearDown(self) -> None:
        self.logic.close()

    def runTest(self) -> None:
        for test in (self.test_phantomIsSegmented, self.test_emptyVolumeIsRefused):
            self.setUp()
            try:
                test()
            except unittest.SkipTest as reason:
                self.delayDisplay(f"Skipped {test.__name__}: {reason}")
            finally:
                self.tearDown()

    def test_phantomIsSegmented(self) -> None:
        """A synthetic CT comes back as four coded segments of plausible size in one shared layer."""
        if not self.logic.dependencies.areThere():
            self.skipTest("PyTorch or another package of the engine is not installed in this Slicer")
        volumeNode = self._addPhantom()
        segmentationNode = self.logic.segment(volumeNode, device="cpu")
        segmentation = segmentationNode.GetSegmentation()
        self.assertEqual(list(segmentation.GetSegmentIDs()), [segmentId(organ) for organ in ORGANS])
        self.assertEqual(segmentation.GetNumberOfLayers(), 1)
        report = readReport(segmentationNode)
        for organ in report.organs:
            self.assertGreater(organ.volume_ml, 10, organ.name)

    def test_emptyVolumeIsRefused(self) -> None:
        """A node without voxels is refused with a message, and nothing is added to the scene."""
        volumeNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        with self.assertRaises(FlareError) as caught:
            self.logic.segment(volumeNode)
        self.assertEqual(caught.exception.kind, "bad_scan")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0)

    def _addPhantom(self) -> vtkMRMLScalarVolumeNode:
        from flareseg.phantom import make_phantom

        volume = make_phantom(shape=(100, 128, 128), spacing=(3.6, 3.0, 3.0)).volume
        return slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), "Phantom")
