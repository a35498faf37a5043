"""Manual correction of a result in the Segment Editor."""

from __future__ import annotations

import slicer
from flareseg.core.organs import Organ

from ..nodes.edits import segmentId

_EDITOR = "SegmentEditor"  # the module, and the tag of its one parameter node


def openEditor(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLScalarVolumeNode | None,
    organ: Organ | None,
) -> None:
    """Show the Segment Editor on this result, with ``organ`` selected.

    Painting stays outside the other visible segments and overwrites none: to move a border into a
    neighbour, a person erases there first or hides the neighbour.
    """
    node = _editorNode()
    node.SetAndObserveSegmentationNode(segmentationNode)
    node.SetAndObserveSourceVolumeNode(volumeNode)
    slicer.util.selectModule(_EDITOR)
    if organ is not None:  # after the editor has come up, which selects the first segment
        node.SetSelectedSegmentID(segmentId(organ))
    node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedOutsideVisibleSegments)
    node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)


def _editorNode() -> slicer.vtkMRMLSegmentEditorNode:
    """The editor's own parameter node; made as the editor makes it when it has not been opened yet."""
    node = slicer.mrmlScene.GetSingletonNode(_EDITOR, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        node.UnRegister(None)
        node.SetSingletonTag(_EDITOR)
        node = slicer.mrmlScene.AddNode(node)
    return node
