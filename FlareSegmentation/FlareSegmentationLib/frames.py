"""The frames of a sequence as scans of their own."""

from __future__ import annotations

import slicer
import vtk

_FRAME = "FlareSegmentation.Frame"  # on a scan made here: which frame of which sequence it is


def sequenceOf(volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> slicer.vtkMRMLSequenceNode | None:
    """The sequence of two frames or more whose present frame the node shows; None for an ordinary scan."""
    if volumeNode is None:
        return None
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        sequence = browser.GetSequenceNode(volumeNode)
        if sequence is not None and sequence.GetNumberOfDataNodes() > 1:
            return sequence
    return None


def addFrames(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """A scan for each frame of the node's sequence, in its order; those made earlier are found again.

    A new scan shares the voxels of its frame, so that no memory is spent twice.
    """
    sequence = sequenceOf(volumeNode)
    if sequence is None:
        return []
    known = {node.GetAttribute(_FRAME): node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")}
    frames = []
    for index in range(sequence.GetNumberOfDataNodes()):
        key = f"{sequence.GetID()} {index}"
        frames.append(known.get(key) or _newScan(volumeNode, sequence, index, key))
    return frames


def _newScan(
    volumeNode: slicer.vtkMRMLScalarVolumeNode, sequence: slicer.vtkMRMLSequenceNode, index: int, key: str
) -> slicer.vtkMRMLScalarVolumeNode:
    frame = sequence.GetNthDataNode(index)
    name = f"{volumeNode.GetName()} {sequence.GetIndexName()} {sequence.GetNthIndexValue(index)}".replace("  ", " ")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    matrix = vtk.vtkMatrix4x4()
    frame.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    node.SetAttribute(_FRAME, key)
    node.SetAndObserveImageData(frame.GetImageData())
    node.CreateDefaultDisplayNodes()
    return node
