"""Observer of one node that signals changes of voxels, transform or segments."""

from __future__ import annotations

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

from .signals import Signal

_QUIET_MS = 200  # a node that changes many times a second (a sequence that plays) is looked at when it rests
SCAN_EVENTS = (
    slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
BOX_EVENTS = (
    vtk.vtkCommand.ModifiedEvent,
    slicer.vtkMRMLMarkupsNode.PointModifiedEvent,
    slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
)
SEGMENT_EVENTS = (
    slicer.vtkSegmentation.SourceRepresentationModified,
    slicer.vtkSegmentation.SegmentAdded,
    slicer.vtkSegmentation.SegmentRemoved,
)


class NodeWatch(VTKObservationMixin):
    """Watches one node at a time; ``changed`` comes once the node has been quiet for a moment."""

    def __init__(self, events: tuple[int, ...]) -> None:
        super().__init__()
        self.changed: Signal[slicer.vtkMRMLNode] = Signal()
        self._events = events
        self._node: slicer.vtkMRMLNode | None = None
        self._quiet = qt.QTimer()
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(_QUIET_MS)
        self._quiet.connect("timeout()", self._onQuiet)

    def watch(self, node: slicer.vtkMRMLNode | None) -> bool:
        """Returns whether this is another node than before."""
        if node is self._node:
            return False
        self.removeObservers()
        self._quiet.stop()
        self._node = node
        for event in self._events if node is not None else ():
            self.addObserver(node, event, self._onEvent)
        return True

    def _onEvent(self, _node: object, _event: str) -> None:
        self._quiet.start()

    def _onQuiet(self) -> None:
        self.changed.emit(self._node)
