"""What the checks of the trial share."""

from __future__ import annotations

from typing import Any

import numpy as np
import qt
import slicer
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes.edits import segmentId
from panel_driver import PanelTest, phantom

LEAST_DICE = 0.8
LIVER, KIDNEYS, SPLEEN, PANCREAS = (segmentId(organ) for organ in ORGANS)


class Check(PanelTest):
    """A test of the panel with a remark for the table of the trial, such as what it has measured."""

    remark = ""

    def needsViews(self) -> Any:
        """The layout manager; skips the check in an application without slice views."""
        layout = slicer.app.layoutManager()
        if layout is None or not slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self.skipTest("this application shows no slice views")
        return layout

    def texts(self) -> str:
        """All that labels of the panel say now, a line each."""
        labels = slicer.util.findChildren(self.ui.applyButton.parent(), className="QLabel")
        return "\n".join(label.text for label in labels if label.visible and label.text)

    def button(self, *words: str) -> Any:
        """The first visible button of the panel whose text has one of the words; None without."""
        buttons = slicer.util.findChildren(self.ui.applyButton.parent(), className="QPushButton")
        shown = [button for button in buttons if button.visible]
        return next((each for each in shown if any(word.lower() in each.text.lower() for word in words)), None)


def press(widget: Any, key: Any) -> None:
    """A key, as the keyboard sends it to a widget with the focus: to its shortcut for that key, else to itself."""
    sequence = qt.QKeySequence(key)
    for shortcut in slicer.util.findChildren(widget, className="QShortcut"):
        if shortcut.key.toString() == sequence.toString():
            qt.QApplication.sendEvent(shortcut, qt.QShortcutEvent(sequence, shortcut.id()))
            return
    for kind in (qt.QEvent.KeyPress, qt.QEvent.KeyRelease):
        qt.QApplication.sendEvent(widget, qt.QKeyEvent(kind, key, qt.Qt.NoModifier))


def dice(segmentation: Any, scan: Any) -> dict[str, float]:
    """Of each organ, on the grid of the scan, with the true organs of the phantom."""
    scores = {}
    for organ in ORGANS:
        found = voxels(segmentation, segmentId(organ), scan)
        true = phantom().labels == organ.label
        scores[organ.name] = round(float(2 * (found & true).sum() / (found.sum() + true.sum())), 2)
    return scores


def voxels(segmentation: Any, segment: str, scan: Any) -> np.ndarray:
    """Of a segment on the grid of the scan: bool (k, j, i). Raises AssertionError where there is no such segment."""
    if segmentation.GetSegmentation().GetSegment(segment) is None:
        raise AssertionError(f"there is no segment {segment}")
    array: np.ndarray = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, scan)
    return array > 0
