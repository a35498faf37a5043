"""Which results and boxes are visible: those of the chosen scan. The others wait until their scan is chosen again.

Only nodes that this module made or filled are touched, and of them only the display nodes.
"""

from __future__ import annotations

import slicer

from .results import readReport, resultOf, scanOf
from .roi import boxScan

_SEEN = "FlareSegmentation.Seen"  # on a result that was shown when its run ended
_WAITING = "FlareSegmentation.HiddenWithScan"  # on a node that was visible when another scan was chosen


def isVisible(node: slicer.vtkMRMLDisplayableNode) -> bool:
    displays = (node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes()))
    return any(display.GetVisibility() for display in displays if display)


def setVisible(node: slicer.vtkMRMLDisplayableNode, isShown: bool) -> None:
    node.SetDisplayVisibility(isShown)
    node.RemoveAttribute(_WAITING)


def forgetHidden(node: slicer.vtkMRMLNode) -> None:
    """The node, a copy of another, does not wait for a scan."""
    node.RemoveAttribute(_WAITING)


def hideUntilChosen(node: slicer.vtkMRMLDisplayableNode) -> None:
    """Hide a node; ``showOwn`` of its scan shows it again."""
    node.SetDisplayVisibility(False)
    node.SetAttribute(_WAITING, "True")


def hideOthers(volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """Hide what belongs to other scans; ``showOwn`` of their scan shows it again."""
    for node, scan in _ownedNodes():
        if scan is not volumeNode and isVisible(node):
            hideUntilChosen(node)


def showOwn(volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """Show what was visible when another scan was chosen instead of this one."""
    for node, scan in _ownedNodes():
        if scan is volumeNode and node.GetAttribute(_WAITING):
            setVisible(node, True)


def resultToShow(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSegmentationNode | None:
    """The result of a scan that has several: one that is visible, or will be with its scan, before the others."""
    owned = [
        node for node, scan in _ownedNodes() if scan is volumeNode and (isVisible(node) or node.GetAttribute(_WAITING))
    ]
    return next((node for node in owned if node.IsA("vtkMRMLSegmentationNode")), None) or resultOf(volumeNode)


def boxToShow(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLMarkupsROINode | None:
    """The visible box that was made for a scan."""
    boxes = slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
    return next((box for box in boxes if boxScan(box) is volumeNode and isVisible(box)), None)


def isFirstOfScan(segmentationNode: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether no result of its scan has been asked about before; the answer is remembered in the scene."""
    results = [node for node, scan in _ownedNodes() if scan is scanOf(segmentationNode)]
    isFirst = not any(node.GetAttribute(_SEEN) for node in results)
    segmentationNode.SetAttribute(_SEEN, "True")
    return isFirst


def _ownedNodes() -> list[tuple[slicer.vtkMRMLDisplayableNode, slicer.vtkMRMLScalarVolumeNode]]:
    """Results and boxes of this module whose scan is in the scene, each with its scan."""
    results = [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if readReport(node)]
    pairs = [(node, scanOf(node)) for node in results]
    pairs += [(box, boxScan(box)) for box in slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")]
    return [(node, scan) for node, scan in pairs if scan is not None]
