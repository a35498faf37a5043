"""The module's logic, used by the panel and by scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from flareseg.core.report import Report
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from .. import settings
from ..options import RunOptions
from ..signals import Signal
from .dependencies import Dependencies
from .job import JobRunner
from .parameters import FlareSegmentationParameterNode, parametersOf
from .process import WorkerProcess, workerCommand
from .segmenter import SegmentationRun, checkRun, prepareRun
from .waiting import Outcome

if TYPE_CHECKING:
    from .batch import CaseResult, NodeResult


class FlareSegmentationLogic(ScriptedLoadableModuleLogic):
    """Segments volume nodes; for the panel and for scripts.

    The engine runs in a process of its own, which stays warm for a while after each run. ``learned``
    tells that a finished run has bettered the forecast of the next.
    """

    def __init__(self, runner: JobRunner | None = None, dependencies: Dependencies | None = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.runner = runner or JobRunner(WorkerProcess(workerCommand))
        self.dependencies = dependencies or Dependencies()
        self.learned: Signal[[]] = Signal()
        self._onQuit = self.close  # one object, so that it can be disconnected
        self._isConnected = False
        self._connectToQuit(True)

    def getParameterNode(self) -> FlareSegmentationParameterNode:
        return parametersOf(super().getParameterNode())

    def segment(
        self,
        volumeNode: vtkMRMLScalarVolumeNode,
        segmentationNode: vtkMRMLSegmentationNode | None = None,
        **options: Any,
    ) -> vtkMRMLSegmentationNode:
        """Segment one scan and wait for it; Slicer handles events meanwhile.

        ``segmentationNode`` receives the organs (None: a new node). ``options`` are those of RunOptions:
        ``device="auto"``, ``roi=None``, ``edited="keep"``, ``splitKidneys=False``,
        ``cleanUp="normal"``, ``uncertainty=False``, ``precision="auto"``, ``organs=None``,
        ``borders="guided"``, ``huGate=True``, ``network="cascade"``, ``weights=""``.
        Raises FlareError with a message and a hint.
        """
        outcome = Outcome()
        self.start(volumeNode, segmentationNode, onFinished=outcome.end, onFailed=outcome.end, **options)
        return outcome.wait(self.close)[0]

    def start(
        self,
        volumeNode: vtkMRMLScalarVolumeNode,
        segmentationNode: vtkMRMLSegmentationNode | None = None,
        onProgress: Callable | None = None,
        onFinished: Callable | None = None,
        onFailed: Callable | None = None,
        **options: Any,
    ) -> SegmentationRun:
        """Begin to segment and return at once; the other arguments are those of ``segment``.

        ``onProgress(stage)`` is called often, then once either ``onFinished(segmentationNode, report)``
        or ``onFailed(error)``. Raises FlareError for input that cannot be segmented.
        """
        runOptions = RunOptions(**options)
        checkRun(self.runner, volumeNode, runOptions)  # before gigabytes are installed for what cannot be segmented
        self.dependencies.ensure()
        run = prepareRun(self.runner, volumeNode, segmentationNode, runOptions)
        self._connectToQuit(True)
        for signal, callback in ((run.progressed, onProgress), (run.finished, onFinished), (run.failed, onFailed)):
            if callback:
                signal.connect(callback)
        run.finished.connect(self._learn)  # after the callbacks, which must be told whatever happens here
        run.start()
        return run

    def segmentAll(
        self, volumeNodes: Sequence[vtkMRMLScalarVolumeNode], onResult: Callable | None = None, **options: Any
    ) -> list[NodeResult]:
        """Segment several scans; see FlareSegmentationLib.jobs.batch.segmentAll."""
        from . import batch

        return batch.segmentAll(self, volumeNodes, onResult, **options)

    def segmentFolder(self, inputFolder: str | Path, outputFolder: str | Path, **options: Any) -> list[CaseResult]:
        """Segment the scan files of a folder; see FlareSegmentationLib.jobs.batch.segmentFolder."""
        from . import batch  # here, because reading files takes SimpleITK

        return batch.segmentFolder(self, inputFolder, outputFolder, **options)

    def close(self) -> None:
        """Stop a run in progress and end the engine's process. A later run starts it again."""
        self.runner.close()
        self._connectToQuit(False)

    def _connectToQuit(self, isWanted: bool) -> None:
        """Slicer's end closes a logic that is in use, and keeps none alive that is not."""
        if isWanted is not self._isConnected:
            (slicer.app.connect if isWanted else slicer.app.disconnect)("aboutToQuit()", self._onQuit)
            self._isConnected = isWanted

    def _learn(self, _segmentationNode: vtkMRMLSegmentationNode, report: Report) -> None:
        settings.learn(report)
        self.learned.emit()
