"""The longest stall of the main thread, in what a user does most, on a scan of 512 x 512 x 300 voxels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import slicer
from FlareSegmentationLib.jobs.phantom import loadSyntheticCt
from panel_driver import MODULE, phantom, show, waitUntil

from .check import Check
from .stalls import Stalls

AIMS_MS = {"click": 30, "import": 100, "again": 150, "enter": 30, "sample data": 100}
SLICES = 300
FINER = 4  # than the phantom, along each axis


class SpeedCheck(Check):
    def test_a_click_does_not_stall(self) -> None:
        self.panel.choose(largeScan())
        self._measure("click", lambda: (self.panel.click(), waitUntil(self.panel.isInTheMiddle)))
        self.panel.click()
        waitUntil(self.panel.isReady)

    def test_the_result_comes_in_without_a_stall(self) -> None:
        self.panel.choose(largeScan())
        self.panel.click()
        waitUntil(self.panel.isInTheMiddle)
        self._measure("import", lambda: waitUntil(self.panel.isReady))
        self.assertTrue(self.ui.failureLabel.isHidden(), self.ui.failureLabel.text)

    def test_another_run_does_not_stall_while_3d_is_shown(self) -> None:
        scan = largeScan()
        self.segment(scan)
        self.ui.show3DButton.click()
        self._measure("again", lambda: self.segment(scan))

    def test_entering_the_panel_does_not_stall(self) -> None:
        self.segment(largeScan())
        show("Data")
        self._measure("enter", lambda: show(MODULE))

    def test_sample_data_do_not_stall(self) -> None:
        def load() -> None:
            loadSyntheticCt()
            waitUntil(lambda: slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"))

        self._measure("sample data", load)

    def _measure(self, what: str, act: Callable[[], object]) -> None:
        with Stalls() as stalls:
            act()
        self.remark = f"{stalls.longestMs:.0f} ms, aim {AIMS_MS[what]} ms"
        self.assertLessEqual(stalls.longestMs, AIMS_MS[what], "the main thread stalled, in ms")


def largeScan() -> Any:
    """The phantom on a fine grid."""
    volume = phantom().volume
    fine = volume.voxels
    for axis in range(3):
        fine = np.repeat(fine, FINER, axis)
    ijkToRas = volume.geometry.ijk_to_ras() @ np.diag([1 / FINER, 1 / FINER, 1 / FINER, 1.0])
    return slicer.util.addVolumeFromArray(np.ascontiguousarray(fine[:SLICES]), ijkToRas, "Large")
