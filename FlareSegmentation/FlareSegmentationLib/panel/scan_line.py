"""The lines about the chosen scan: its size, warnings, and whether it can be segmented."""

from __future__ import annotations

import slicer
from flareseg.core.errors import FlareError

from ..nodes.scan_check import ScanCheck
from ..nodes.volumes import volumeOf
from .panel import Panel


class ScanLine:
    """Shows a scan at once, and its warnings when its voxels have been looked at; until then it cannot be segmented."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._check = ScanCheck()
        self._check.passed.connect(panel.showScan)
        self._check.refused.connect(self._onRefused)

    def show(self, volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """None: no scan is chosen."""
        self._check.stop()
        if volumeNode is None:
            self._panel.showNoScan()
            return
        try:
            volume = volumeOf(volumeNode)
        except FlareError as error:
            self._onRefused(error)
            return
        self._panel.showUnchecked(volume)
        self._check.start(volumeNode, volume)

    def close(self) -> None:
        """Show nothing more."""
        self._check.stop()

    def _onRefused(self, error: FlareError) -> None:
        self._panel.showNoScan(str(error))
