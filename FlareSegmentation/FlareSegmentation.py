"""FlareSegmentation: liver, kidneys, spleen and pancreas in abdominal CT, in one click."""

import unittest
from collections.abc import Callable, Sequence

import qt
import slicer
import vtk
from flareseg.errors import FlareError
from flareseg.organs import ORGANS
from flareseg.report import Report
from flareseg.volume import checked
from FlareSegmentationLib.dependencies import Dependencies
from FlareSegmentationLib.device import DeviceChoice
from FlareSegmentationLib.job import JobRunner
from FlareSegmentationLib.panel import Panel
from FlareSegmentationLib.process import WorkerProcess, workerCommand
from FlareSegmentationLib.results import organCentre, readReport, segmentId
from FlareSegmentationLib.scan_watch import ScanWatch
from FlareSegmentationLib.segmenter import SegmentationRun, prepareRun
from FlareSegmentationLib.volumes import facts, volumeOf
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
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


@parameterNodeWrapper
class FlareSegmentationParameterNode:
    """scan: the CT. result: where the organs go; None makes a new node. device: where the networks run."""

    scan: vtkMRMLScalarVolumeNode
    result: vtkMRMLSegmentationNode
    device: DeviceChoice = DeviceChoice.AUTO


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

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/FlareSegmentation.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.panel = Panel(self.ui)
        self.logic = FlareSegmentationLogic()
        self.logic.runner.logged.connect(self.panel.log)
        self.scanWatch = ScanWatch()
        self.scanWatch.changed.connect(self.showScan)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.scanSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onScanChosen)
        self.ui.organTable.connect("cellClicked(int,int)", self.onOrganClicked)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The module is unloaded or reloaded."""
        self.logic.close()
        self.scanWatch.watch(None)
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self.initializeParameterNode()

    def exit(self) -> None:
        """Another module is shown; a run in progress goes on."""
        self._disconnectGui()

    def onSceneStartClose(self, caller, event) -> None:
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.scan:
            scans = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            self._parameterNode.scan = next((n for n in scans if n.GetClassName() == "vtkMRMLScalarVolumeNode"), None)

    def setParameterNode(self, parameterNode) -> None:
        self._disconnectGui()
        self._parameterNode = parameterNode
        if parameterNode:
            self._parameterNodeGuiTag = parameterNode.connectGui(self.ui)
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
        result = self._parameterNode.result if self._parameterNode else None
        self.panel.showReport(readReport(result), result)

    def onScanChosen(self, volumeNode) -> None:
        self.scanWatch.watch(volumeNode)
        self.showScan(volumeNode)

    def showScan(self, volumeNode) -> None:
        if volumeNode is None:
            self.panel.showNoScan()
            return
        try:
            volume = checked(volumeOf(volumeNode))
        except FlareError as error:
            self.panel.showNoScan(str(error))
        else:
            self.panel.showScan(facts(volume.geometry), volume.warnings)

    def onApplyButton(self, checked=False) -> None:
        """A click starts; while a run is in progress, a click stops it."""
        if self._run and self._run.active:
            self.panel.showCancelling()
            self._run.cancel()
        else:
            self._start()

    def _start(self) -> None:
        parameters = self._parameterNode
        self.panel.showRunning()
        try:
            self._run = self.logic.start(
                parameters.scan,
                parameters.result,
                parameters.device,
                onProgress=self.panel.showStage,
                onFinished=self.onFinished,
                onFailed=self.panel.showFailure,
            )
        except FlareError as error:
            self.panel.showFailure(error)

    def onFinished(self, segmentationNode, report: Report) -> None:
        self.panel.showReady()
        self._parameterNode.result = segmentationNode
        self.panel.showReport(report, segmentationNode)

    def onOrganClicked(self, row: int, column: int) -> None:
        """Centre the slice views on the organ of this row."""
        result = self._parameterNode.result
        centre = organCentre(result, ORGANS[row]) if result else None
        if centre:
            slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *centre)


class FlareSegmentationLogic(ScriptedLoadableModuleLogic):
    """Segments volume nodes; for the panel and for scripts.

    The engine runs in a process of its own, which stays warm for a while after each run.
    """

    def __init__(self, runner: JobRunner | None = None, dependencies: Dependencies | None = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.runner = runner or JobRunner(WorkerProcess(workerCommand()))
        self.dependencies = dependencies or Dependencies()
        slicer.app.connect("aboutToQuit()", self.close)

    def getParameterNode(self) -> FlareSegmentationParameterNode:
        return FlareSegmentationParameterNode(super().getParameterNode())

    def segment(
        self,
        volumeNode: vtkMRMLScalarVolumeNode,
        segmentationNode: vtkMRMLSegmentationNode | None = None,
        device: str | DeviceChoice = "auto",
        roi: Sequence[float] | None = None,
    ) -> vtkMRMLSegmentationNode:
        """Segment one scan and wait for it; Slicer handles events meanwhile.

        ``segmentationNode`` receives the organs (None: a new node). ``device`` is "auto", "cuda" or
        "cpu". ``roi`` is a markups ROI node or RAS bounds in mm (r0, r1, a0, a1, s0, s1); None finds
        the abdomen. Raises FlareError with a sentence and a remedy.
        """
        outcome: list = []
        loop = qt.QEventLoop()

        def end(nodeOrError, *_report) -> None:
            outcome.append(nodeOrError)
            loop.quit()

        run = self.start(volumeNode, segmentationNode, device, roi, onFinished=end, onFailed=end)
        if run.active:
            loop.exec_()
        if run.active:  # the loop was left because Slicer quits
            self.close()
        if isinstance(outcome[0], FlareError):
            raise outcome[0]
        return outcome[0]

    def start(
        self,
        volumeNode: vtkMRMLScalarVolumeNode,
        segmentationNode: vtkMRMLSegmentationNode | None = None,
        device: str | DeviceChoice = "auto",
        roi: Sequence[float] | None = None,
        onProgress: Callable | None = None,
        onFinished: Callable | None = None,
        onFailed: Callable | None = None,
    ) -> SegmentationRun:
        """Begin to segment and return at once; the arguments are those of ``segment``.

        ``onProgress(stage)`` is called often, then once either ``onFinished(segmentationNode, report)``
        or ``onFailed(error)``. Raises FlareError for input that cannot be segmented.
        """
        self.dependencies.ensure()
        run = prepareRun(self.runner, volumeNode, segmentationNode, device, roi)
        for signal, callback in ((run.progressed, onProgress), (run.finished, onFinished), (run.failed, onFailed)):
            if callback:
                signal.connect(callback)
        run.start()
        return run

    def close(self) -> None:
        """Stop a run in progress and end the engine's process. A later run starts it again."""
        self.runner.close()


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
        """A node without voxels is refused with a sentence, and nothing is added to the scene."""
        volumeNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        with self.assertRaises(FlareError) as caught:
            self.logic.segment(volumeNode)
        self.assertEqual(caught.exception.kind, "bad_scan")
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0)

    def _addPhantom(self) -> vtkMRMLScalarVolumeNode:
        from flareseg.phantom import make_phantom

        volume = make_phantom(shape=(100, 128, 128), spacing=(3.6, 3.0, 3.0)).volume
        return slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), "Phantom")
