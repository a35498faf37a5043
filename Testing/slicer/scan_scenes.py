"""Scenes of several small scans, and what the views show of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from conftest import segmentations, wait_until
from flareseg.core.organs import ORGANS
from flareseg.core.report import Report
from FlareSegmentationLib.nodes.results import newSegmentationNode, writeResult

FINE, ENDLESS = -100, -2  # first voxel; see workers/script.py


def add(name: str, shift: float = 0.0, first: int = FINE) -> Any:
    """A scan whose middle lies ``shift`` mm to the right, in front and above."""
    voxels = np.random.default_rng(0).integers(-1000, 200, (20, 30, 30)).astype(np.int16)
    voxels[0, 0, 0] = first
    ijkToRas = np.diag([4.0, 4.0, 4.0, 1.0])
    ijkToRas[:3, 3] = shift
    return slicer.util.addVolumeFromArray(voxels, ijkToRas, name)


def backgrounds() -> list[Any]:
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return [slicer.mrmlScene.GetNodeByID(view.GetBackgroundVolumeID() or "") for view in views]


def is_visible(node: Any) -> bool:
    return bool(node.GetDisplayNode().GetVisibility())


def visible() -> list[str]:
    return [node.GetName() for node in segmentations() if is_visible(node)]


def choose(panel: Any, scan: Any) -> None:
    """In the selector; the panel has looked at its voxels when this returns."""
    panel.ui.scanSelector.setCurrentNode(scan)
    wait_until(lambda: panel.ui.applyButton.enabled)


def settle() -> None:
    """The result selector follows the scan selector a turn of the event loop later."""
    for _ in range(3):
        slicer.app.processEvents()


def two_with_results(panel: Any, report: Report) -> list[Any]:
    """Scans A and B, each with the result of an earlier run; B is chosen."""
    scans = [add("A"), add("B", 500.0)]
    labels = np.zeros((20, 30, 30), np.uint8)
    for organ in ORGANS:
        labels[5:15, 5 * organ.label : 5 * organ.label + 4, 5:25] = organ.label
    for scan in scans:
        writeResult(newSegmentationNode(scan), scan, labels, report)
        choose(panel, scan)
        settle()
    return scans
