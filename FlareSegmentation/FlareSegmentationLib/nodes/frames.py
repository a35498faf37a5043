"""The frames of a sequence as separate volume nodes."""

from __future__ import annotations

import slicer
import vtk

# On a scan made here: its sequence, as a reference that follows when a scene is loaded into another, and
# the number of its frame.
_SEQUENCE, _FRAME = "FlareSegmentation.Sequence", "FlareSegmentation.Frame"


def sequenceOf(volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> slicer.vtkMRMLSequenceNode | None:
    """The sequence of two frames or more whose present frame the node shows; None for an ordinary scan."""
    if volumeNode is None:
        return None
    for browser in slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        sequence = browser.GetSequenceNode(volumeNode)
        if sequence is not None and sequence.GetNumberOfDataNodes() > 1:
            return sequence
    return None


def frameSequence(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLSequenceNode | None:
    """The sequence that ``addFrames`` made the scan of; None for any other scan."""
    return volumeNode.GetNodeReference(_SEQUENCE)


def addFrames(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> list[slicer.vtkMRMLScalarVolumeNode]:
    """A scan for each frame of the node's sequence, in its order; those made earlier are found again.

    A new scan shares the voxels of its frame, so that no memory is spent twice.
    """
    sequence = sequenceOf(volumeNode)
    if sequence is None:
        return []
    scans = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    known = {node.GetAttribute(_FRAME): node for node in scans if node.GetNodeReference(_SEQUENCE) is sequence}
    indices = range(sequence.GetNumberOfDataNodes())
    return [known.get(str(index)) or _newScan(volumeNode, sequence, index) for index in indices]


def _newScan(
    volumeNode: slicer.vtkMRMLScalarVolumeNode, sequence: slicer.vtkMRMLSequenceNode, index: int
) -> slicer.vtkMRMLScalarVolumeNode:
    frame = sequence.GetNthDataNode(index)
    name = f"{volumeNode.GetName()} {sequence.GetIndexName()} {sequence.GetNthIndexValue(index)}".replace("  ", " ")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    matrix = vtk.vtkMatrix4x4()
    frame.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(matrix)
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    node.SetNodeReferenceID(_SEQUENCE, sequence.GetID())
    node.SetAttribute(_FRAME, str(index))
    node.SetAndObserveImageData(frame.GetImageData())
    node.CreateDefaultDisplayNodes()
    return node
