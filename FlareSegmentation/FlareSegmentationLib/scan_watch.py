"""Tells when the chosen scan has become another: new voxels, a new transform."""

from __future__ import annotations

import qt
import slicer
from slicer.util import VTKObservationMixin

from .signals import Signal

_QUIET_MS = 200  # a volume that changes many times a second (a sequence that plays) is looked at when it rests


class ScanWatch(VTKObservationMixin):
    """Watches one volume node at a time; ``changed`` comes once the node has been quiet for a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: Signal[slicer.vtkMRMLScalarVolumeNode] = Signal()
        self._volumeNode: slicer.vtkMRMLScalarVolumeNode | None = None
        self._quiet = qt.QTimer()
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(_QUIET_MS)
        self._quiet.connect("timeout()", self._onQuiet)

    def watch(self, volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        self.removeObservers()
        self._quiet.stop()
        self._volumeNode = volumeNode
        if volumeNode is not None:
            self.addObserver(volumeNode, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, self._onEvent)
            self.addObserver(volumeNode, slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._onEvent)

    def _onEvent(self, _volumeNode: object, _event: str) -> None:
        self._quiet.start()

    def _onQuiet(self) -> None:
        self.changed.emit(self._volumeNode)
