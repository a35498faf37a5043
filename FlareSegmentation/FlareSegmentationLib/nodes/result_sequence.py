"""The results of all frames of a sequence as a sequence of their own, played together with that of the scan."""

from __future__ import annotations

from collections.abc import Sequence

import slicer

from .edits import editedOrgans
from .frames import addFrames, frameSequence
from .results import newSegmentationNode
from .visibility import forgetHidden, resultToShow

_RESULTS = "FlareSegmentation.Results"  # from the sequence of a scan to that of its results


def addResultSequences(
    volumeNodes: Sequence[slicer.vtkMRMLScalarVolumeNode],
) -> list[slicer.vtkMRMLSegmentationNode]:
    """Of each sequence that some of the scans are frames of, once all of its frames have a result.

    Returns the segmentation nodes that show the present frame; a second call updates them. With a frame
    missing there would not make a sequence: Slicer would show the organs of the frame before in its place.
    """
    sequences = {frameSequence(node) for node in volumeNodes} - {None}
    return [node for node in map(_resultsShown, sequences) if node is not None]


def _resultsShown(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSegmentationNode | None:
    browser = _browserOf(sequence)
    scan = browser.GetProxyNode(sequence) if browser else None
    if browser is None or scan is None:
        return None
    found = [resultToShow(frame) for frame in addFrames(scan)]
    results = [node for node in found if node is not None]
    if len(results) < sequence.GetNumberOfDataNodes():
        return None
    shown = _synchronized(browser, sequence, scan)
    _store(results, browser.GetSequenceNode(shown), sequence)
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    return shown


def _browserOf(sequence: slicer.vtkMRMLSequenceNode) -> slicer.vtkMRMLSequenceBrowserNode | None:
    browsers = slicer.util.getNodesByClass("vtkMRMLSequenceBrowserNode")
    return next((browser for browser in browsers if browser.IsSynchronizedSequenceNode(sequence, True)), None)


def _synchronized(
    browser: slicer.vtkMRMLSequenceBrowserNode,
    sequence: slicer.vtkMRMLSequenceNode,
    scan: slicer.vtkMRMLScalarVolumeNode,
) -> slicer.vtkMRMLSegmentationNode:
    """The segmentation node that follows the browser, new or again."""
    results = sequence.GetNodeReference(_RESULTS)
    shown = browser.GetProxyNode(results) if results else None
    if shown is not None:
        return shown
    shown = newSegmentationNode(scan)
    shown.SetReferenceImageGeometryParameterFromVolumeNode(scan)
    shown.SetAndObserveTransformNodeID(scan.GetTransformNodeID())
    shown.CreateDefaultDisplayNodes()
    results = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", shown.GetName())
    results.SetIndexName(sequence.GetIndexName())
    results.SetIndexUnit(sequence.GetIndexUnit())
    results.SetIndexType(sequence.GetIndexType())
    sequence.SetNodeReferenceID(_RESULTS, results.GetID())
    browser.AddProxyNode(shown, results, False)  # which synchronizes the sequence, too
    browser.SetOverwriteProxyName(results, False)
    browser.SetSaveChanges(results, True)  # what is edited in one frame stays with it
    return shown


def _store(
    found: Sequence[slicer.vtkMRMLSegmentationNode],
    results: slicer.vtkMRMLSequenceNode,
    sequence: slicer.vtkMRMLSequenceNode,
) -> None:
    """Store the results of the frames, except where the one in the sequence was edited by hand."""
    for index, node in enumerate(found):
        value = sequence.GetNthIndexValue(index)
        if not editedOrgans(results.GetDataNodeAtValue(value)):
            forgetHidden(results.SetDataNodeAtValue(node, value))
