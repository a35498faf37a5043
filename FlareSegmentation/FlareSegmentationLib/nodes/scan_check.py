"""The look at every voxel of the chosen scan, in a thread: Slicer goes on meanwhile."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import qt
import slicer
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume, checked

from ..background import Work
from ..signals import Signal

_LOOK_MS = 10  # between two looks whether the thread has ended


class ScanCheck:
    """Looks at the voxels of one scan at a time, and once, not each time the panel is shown.

    ``passed`` gives the scan with the warnings about its voxels, ``refused`` the reason why it cannot be segmented.
    """

    def __init__(self) -> None:
        self.passed: Signal[Volume] = Signal()
        self.refused: Signal[FlareError] = Signal()
        self._volume: Volume | None = None  # that is looked at, until its end is told
        self._seen: tuple[int, Geometry] | None = None  # VTK counts changes of all objects together
        self._look: Work[list[str]] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(_LOOK_MS)
        self._timer.connect("timeout()", self._tellIfDone)

    def start(self, volumeNode: slicer.vtkMRMLScalarVolumeNode, volume: Volume) -> None:
        """Look at this scan, no longer at another one; one that was the last to be looked at is told of at once.

        Args:
            volumeNode: Tells whether its voxels have changed since the last look.
            volume: What ``volumeOf`` gives for the node.
        """
        self.stop()
        self._volume = volume
        seen = (volumeNode.GetImageData().GetPointData().GetScalars().GetMTime(), volume.geometry)
        if seen == self._seen:
            self._tellIfDone()
        else:
            self._seen, self._look = seen, Work(partial(_warnings, volume))
        if self._volume is not None:
            self._timer.start()

    def stop(self) -> None:
        """Tell nothing more of the scan."""
        self._timer.stop()
        self._volume = None

    def _tellIfDone(self) -> None:
        volume, look = self._volume, self._look
        if volume is None or look is None or not look.isDone():
            return
        self.stop()
        try:
            warnings = look.result()
        except FlareError as error:
            self.refused.emit(error.with_traceback(None))  # which would hold the voxels of the scan
        else:
            self.passed.emit(replace(volume, warnings=volume.warnings + warnings))


def _warnings(volume: Volume) -> list[str]:
    """Return the warnings about its voxels and grid. Raises ScanError as ``checked`` does."""
    return checked(replace(volume, warnings=[])).warnings
