"""Functions that operate the panel in the tests of this folder: choose, click, wait, read."""

import functools
import os
import sys
import time
import traceback
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from flareseg.phantom import Phantom, make_phantom
from FlareSegmentationLib.jobs.dependencies import Dependencies

MODULE = "FlareSegmentation"
LIMIT_SECONDS = float(os.environ.get("FLARESEG_TEST_LIMIT_SECONDS", "120"))  # for a computer that is slower
LOOK_MS = 10  # between two looks at whether what is waited for has come
CPU = 2  # row of the device's combo box
MIDDLE_PERCENT = 13  # of the progress bar: the networks and the scan are loaded, the stages that take long have begun


@functools.cache
def phantom() -> Phantom:
    """A whole abdomen on a grid that a CPU segments in seconds."""
    return make_phantom(shape=(80, 128, 128), spacing=(4.0, 3.0, 3.0))


def addScan(name: str = "Phantom") -> Any:
    """The phantom as a volume node."""
    volume = phantom().volume
    return slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), name)


def nodes(className: str) -> list[Any]:
    return list(slicer.util.getNodesByClass(className))


def waitUntil(condition: Callable[[], object], seconds: float | None = None) -> None:
    """Slicer handles its events until the condition holds. Raises AssertionError when it does not in time."""
    seconds = LIMIT_SECONDS if seconds is None else seconds
    loop, timer, deadline = qt.QEventLoop(), qt.QTimer(), time.monotonic() + seconds
    timer.connect("timeout()", loop.quit)
    timer.start(LOOK_MS)
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s")
        loop.exec_()


def show(moduleName: str) -> None:
    """Choose a module in the tool bar; without a main window the panel is told what the tool bar would tell it."""
    if slicer.util.mainWindow() is not None:
        slicer.util.selectModule(moduleName)
        return
    panel = slicer.util.getModule(MODULE).widgetRepresentation()
    if panel.isEntered is not (moduleName == MODULE):
        panel.exit() if panel.isEntered else panel.enter()


class Panel:
    """``ui`` holds the panel's widgets by their names in the .ui file."""

    def __init__(self) -> None:
        show(MODULE)
        self._widget = slicer.util.getModuleWidget(MODULE)
        self.ui = self._widget.ui
        self._idleText = self.ui.applyButton.text

    def choose(self, volumeNode: Any) -> None:
        """This scan, on the CPU, which every computer has."""
        self.ui.scanSelector.setCurrentNode(volumeNode)
        self.ui.deviceComboBox.currentIndex = CPU
        waitUntil(lambda: self.ui.applyButton.enabled)

    def click(self) -> None:
        """Segment organs, or Cancel."""
        self.pause()
        self.ui.applyButton.click()

    def pause(self) -> None:
        """Until a click is not taken for the second one of a double click any more."""
        waitUntil(lambda: self._widget.panel.takesClicks)

    def isReady(self) -> bool:
        return bool(self.ui.applyButton.text == self._idleText)

    def isInTheMiddle(self) -> bool:
        return bool(self.ui.progressBar.value > MIDDLE_PERCENT)

    def result(self) -> Any:
        return self.ui.resultSelector.currentNode()

    def column(self, table: str, index: int) -> list[str]:
        """The texts of a column of a table; ``table``: its name."""
        widget = getattr(self.ui, table)
        return [widget.item(row, index).text() for row in range(widget.rowCount)]

    def close(self) -> None:
        """End the engine."""
        self._widget.logic.close()


class PanelTest(unittest.TestCase):
    """An empty scene and the open panel for each test, in the one application. Afterwards nothing may be left of it.

    An exception in what Qt or VTK calls is only printed there; here it fails the test.
    """

    panel: Panel

    def setUp(self) -> None:
        if not Dependencies().areThere():
            self.skipTest("PyTorch or another package of the engine is not installed in this Slicer")
        slicer.mrmlScene.Clear()
        self._watchExceptions()
        self._watchFolders()
        self.panel = Panel()
        self.ui = self.panel.ui

    def tearDown(self) -> None:
        show(MODULE)
        slicer.mrmlScene.Clear()  # which stops a run that a failed test has left
        waitUntil(self.panel.isReady)

    @classmethod
    def tearDownClass(cls) -> None:
        if Dependencies().areThere():
            Panel().close()

    def segment(self, volumeNode: Any) -> Any:
        """Click and wait; gives the segmentation node that is chosen then."""
        self.panel.choose(volumeNode)
        self.panel.click()
        waitUntil(self.panel.isReady)
        self.assertTrue(self.ui.failureLabel.isHidden(), self.ui.failureLabel.text)
        self.assertIsNotNone(self.panel.result(), "the run gave no result")
        return self.panel.result()

    def _watchExceptions(self) -> None:
        seen: list[str] = []
        before = sys.excepthook
        sys.excepthook = lambda *error: seen.append("".join(traceback.format_exception(*error)))

        def check() -> None:
            sys.excepthook = before
            self.assertFalse(seen, "\n".join(seen))

        self.addCleanup(check)

    def _watchFolders(self) -> None:
        def jobs() -> set[Path]:
            return set(Path(slicer.app.temporaryPath).glob("flareseg-*"))

        before = jobs()
        self.addCleanup(lambda: self.assertEqual(jobs() - before, set(), "a temporary folder was left behind"))
