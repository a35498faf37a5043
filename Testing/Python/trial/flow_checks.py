"""A run from the first click to its end: what the panel says, and what it takes for a click."""

from __future__ import annotations

import itertools
import time
from typing import Any

import slicer
import vtk
from FlareSegmentationLib import settings
from FlareSegmentationLib.panel.consent import Consent
from panel_driver import MODULE, addScan, nodes, show, waitUntil

from .check import Check
from .pictures import WIDTHS, handleEvents, setPanelWidth

SLACK_PIXELS = 2


class FlowCheck(Check):
    def test_the_terms_of_the_weights_are_asked_once(self) -> None:
        before = settings.acceptedTerms()
        self.addCleanup(settings.setAcceptedTerms, before)
        settings.setAcceptedTerms("")
        asked: list[str] = []
        consent = Consent(lambda text: asked.append(text) is None)
        self.assertTrue(consent.isGiven())
        self.assertTrue(Consent(lambda text: self.fail("asked again")).isGiven())
        self.assertEqual(len(asked), 1)

    def test_a_double_click_starts_one_run_and_stops_none(self) -> None:
        self.panel.choose(addScan())
        self.panel.click()
        self.ui.applyButton.click()
        waitUntil(self.panel.isReady)
        self.assertEqual(len(nodes("vtkMRMLSegmentationNode")), 1, "the second click stopped the run")

    def test_a_cancelled_run_is_told_in_the_panel(self) -> None:
        self.panel.choose(addScan())
        self.panel.click()
        waitUntil(self.panel.isInTheMiddle)
        self.panel.click()
        waitUntil(self.panel.isReady)
        self.assertIn("cancel", self.texts().lower(), "no line of the panel says that the run was cancelled")
        self.assertIsNone(self.button("Try again"), "a run that the user stopped is offered for another try")

    def test_a_run_whose_scan_was_deleted_says_so(self) -> None:
        scan = addScan()
        self.panel.choose(scan)
        self.panel.click()
        waitUntil(self.panel.isInTheMiddle)
        slicer.mrmlScene.RemoveNode(scan)
        waitUntil(self.panel.isReady)
        self.assertIn("scan was deleted", self.texts())

    def test_progress_never_runs_backwards(self) -> None:
        seen: list[int] = []
        self.ui.progressBar.connect("valueChanged(int)", seen.append)
        self.panel.choose(addScan())
        self.panel.click()
        waitUntil(self.panel.isReady)
        run = seen[seen.index(0) + 1 :] if 0 in seen else seen
        back = [(first, second) for first, second in itertools.pairwise(run) if second < first]
        self.assertEqual(back, [], "percent before and after")
        self.assertGreater(len(run), 3)

    def test_a_failure_offers_another_try(self) -> None:
        before = slicer.app.temporaryPath
        self.addCleanup(setattr, slicer.app, "temporaryPath", before)
        self.panel.choose(addScan())
        slicer.app.temporaryPath = "/a folder that is not there"
        self.panel.click()
        waitUntil(self.panel.isReady)
        self.assertFalse(self.ui.failureLabel.isHidden(), "the panel says nothing of the failure")
        button = self.button("Try again", "Retry")
        self.assertIsNotNone(button, "no button offers another try")
        slicer.app.temporaryPath = before
        button.click()
        waitUntil(self.panel.isReady)
        self.assertEqual(len(nodes("vtkMRMLSegmentationNode")), 1)

    def test_only_the_chosen_organs_become_segments(self) -> None:
        scan = addScan()
        self.panel.choose(scan)
        self.ui.spleenCheckBox.click()
        segmentation = self.segment(scan).GetSegmentation()
        names = [segmentation.GetSegment(each).GetName() for each in segmentation.GetSegmentIDs()]
        self.assertEqual(names, ["Liver", "Kidneys", "Pancreas"])
        self.assertEqual(self.panel.column("organTable", 0), names)

    def test_a_result_can_be_saved_in_three_ways(self) -> None:
        entries = [action for action in self.ui.saveButton.menu().actions() if not action.isSeparator()]
        self.remark = "; ".join(action.text for action in entries)
        for way in ("Files", "DICOM", "table"):
            self.assertIn(way, self.remark, "a way to save the result is missing")

    def test_a_rotated_box_is_understood_or_can_be_reset(self) -> None:
        self.segment(addScan())
        self.ui.adjustRegionButton.click()
        self._rotate(self.ui.roiSelector.currentNode())
        self.panel.click()
        waitUntil(self.panel.isReady)
        if self.ui.failureLabel.isHidden():
            self.remark = "the box was understood"
            return
        button = self.button("rotation")
        self.assertIsNotNone(button, f"no button undoes the rotation; the panel says: {self.ui.failureLabel.text}")
        button.click()
        self.remark = button.text
        self.panel.click()
        waitUntil(self.panel.isReady)
        self.assertTrue(self.ui.failureLabel.isHidden(), self.ui.failureLabel.text)

    def test_the_total_is_what_the_user_waited_for(self) -> None:
        self.panel.choose(addScan())
        self.panel.pause()
        start = time.monotonic()
        self.panel.click()
        waitUntil(self.panel.isReady)
        waited = time.monotonic() - start
        said = self.ui.totalsLabel.text.split()
        self.assertEqual((said[0], said[2]), ("Total", "s"), "the first line does not begin with the total")
        self.remark = f"waited {waited:.2f} s, total {said[1]} s"
        self.assertAlmostEqual(float(said[1]), waited, delta=0.1 + 0.15 * waited)

    def test_the_panel_fits_350_428_and_600_pixels(self) -> None:
        self.segment(addScan())
        problems = []
        for width in WIDTHS:
            if setPanelWidth(width) is None:
                self.skipTest("this application has no dock for module panels")
            problems += [f"{width} px: {problem}" for problem in self._problems(width)]
        self.assertEqual(problems, [])

    def test_the_panel_does_not_widen_by_itself(self) -> None:
        if setPanelWidth(WIDTHS[0]) is None:
            self.skipTest("this application has no dock for module panels")
        width = slicer.util.findChildren(slicer.util.mainWindow(), name="PanelDockWidget")[0].width
        self.segment(addScan())
        show("Data")
        show(MODULE)
        handleEvents(0.5)
        after = slicer.util.findChildren(slicer.util.mainWindow(), name="PanelDockWidget")[0].width
        self.assertLessEqual(after, width + SLACK_PIXELS)

    def _rotate(self, box: Any) -> None:
        turned = vtk.vtkTransform()
        turned.Concatenate(box.GetObjectToNodeMatrix())
        turned.RotateZ(15)
        box.SetAndObserveObjectToNodeMatrix(turned.GetMatrix())

    def _problems(self, width: int) -> list[str]:
        """What is too wide, clipped or overlaps."""
        dock = slicer.util.findChildren(slicer.util.mainWindow(), name="PanelDockWidget")[0]
        problems = [] if dock.width <= width + SLACK_PIXELS else [f"the dock stays {dock.width} px wide"]
        for kind in ("QLabel", "QPushButton"):
            for widget in slicer.util.findChildren(self.ui.applyButton.parent(), className=kind):
                if widget.visible and widget.text and isClipped(widget):
                    problems.append(f'"{widget.text}" is clipped')
        table = self.ui.stageTable
        if table.verticalHeader().length() > table.viewport().height + SLACK_PIXELS:
            problems.append("the last stages are hidden")
        return problems


def isClipped(widget: Any) -> bool:
    """Whether the text needs more room than it has."""
    if getattr(widget, "wordWrap", False):
        return bool(widget.heightForWidth(widget.width) > widget.height + SLACK_PIXELS)
    metrics = widget.fontMetrics()
    lines = widget.text.split("\n")
    return bool(max(metrics.boundingRect(line).width() for line in lines) > widget.width + SLACK_PIXELS)
