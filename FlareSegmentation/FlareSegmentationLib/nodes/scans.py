"""The volumes of the scene that are scans: neither uncertainty volumes nor hidden nodes."""

from __future__ import annotations

import slicer
from slicer.util import VTKObservationMixin

from .uncertainty import isUncertainty

_SCAN = "vtkMRMLScalarVolumeNode"


def scansOfScene() -> list[slicer.vtkMRMLScalarVolumeNode]:
    """Return the scans, in the order of the scene."""
    exact = [node for node in slicer.util.getNodesByClass(_SCAN) if node.GetClassName() == _SCAN]
    return [node for node in exact if not node.GetHideFromEditors() and not isUncertainty(node)]


class ScanFilter(VTKObservationMixin):
    """Keeps volumes of uncertainty out of a node selector."""

    def __init__(self, selector: slicer.qMRMLNodeComboBox) -> None:
        super().__init__()
        self._selector = selector
        scene = slicer.mrmlScene
        for event in (scene.NodeAddedEvent, scene.EndImportEvent):
            self.addObserver(scene, event, self._onSceneChanged)
        self._update()

    def _onSceneChanged(self, scene: slicer.vtkMRMLScene, _event: str) -> None:
        if not scene.IsImporting():
            self._update()

    def _update(self) -> None:
        uncertainty = [node.GetID() for node in slicer.util.getNodesByClass(_SCAN) if isUncertainty(node)]
        self._selector.sortFilterProxyModel().hiddenNodeIDs = uncertainty
