"""The queue of scans of the scene: a batch driven by events, in the warm worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import qt
import slicer
from flareseg.core.errors import FlareError, ScanError
from flareseg.io.batch import Batch, Entry
from flareseg.worker.events import StageProgress
from slicer.i18n import tr as _

from ..explained import explained
from ..signals import Signal
from .segmenter import SegmentationRun

ScanEntry = Entry[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLSegmentationNode]
StartRun = Callable[..., SegmentationRun]  # of a volume node and callbacks, see FlareSegmentationLogic.start


class ScanQueue:
    """``changed`` gives each entry that got another state, ``progressed`` the stage of the running one."""

    def __init__(self) -> None:
        self.changed: Signal[ScanEntry] = Signal()
        self.progressed: Signal[StageProgress] = Signal()
        self.ended: Signal[[]] = Signal()
        self.batch: Batch[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLSegmentationNode] = Batch([])
        self.active = False
        self._start: StartRun | None = None
        self._run: SegmentationRun | None = None
        self._turn = qt.QTimer()  # by way of the event loop: scans that fail at once are not calls inside each other
        self._turn.setSingleShot(True)
        self._turn.setInterval(0)
        self._turn.connect("timeout()", self._next)

    def start(self, volumeNodes: Sequence[slicer.vtkMRMLScalarVolumeNode], startRun: StartRun) -> None:
        """Returns at once; a scan that fails does not keep the others from being segmented."""
        self.batch = Batch(volumeNodes, lambda entry: self.changed.emit(entry))
        self._start = startRun
        self.active = True
        for entry in self.batch.entries:
            self.changed.emit(entry)
        self._turn.start()

    def cancel(self) -> None:
        """Stop the scan at work and leave out those that wait."""
        self.batch.cancel()
        if self._run and self._run.active:
            self._run.cancel()

    def close(self) -> None:
        """Cancel, and tell of nothing more."""
        self.changed, self.progressed, self.ended = Signal(), Signal(), Signal()
        self.cancel()

    def _next(self) -> None:
        entry = self.batch.begin()
        if entry is None:
            self.active, self._run = False, None
            self.ended.emit()
            return
        try:
            if entry.task.GetScene() is None:
                raise ScanError(_("The scan was deleted."), "")
            assert self._start
            self._run = self._start(
                entry.task,
                onProgress=self.progressed.emit,
                onFinished=lambda node, _report: self._onFinished(entry, node),
                onFailed=lambda error: self._onFailed(entry, error),
            )
        except Exception as error:  # whatever it is, the other scans have to go on
            self._onFailed(entry, explained(error))

    def _onFinished(self, entry: ScanEntry, node: slicer.vtkMRMLSegmentationNode) -> None:
        self.batch.succeed(entry, node)
        self._turn.start()

    def _onFailed(self, entry: ScanEntry, error: FlareError) -> None:
        self.batch.fail(entry, error)
        self._turn.start()
