"""A scan on its way into the file that the worker maps: written by a thread, so that Slicer goes on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from flareseg.core.errors import Cancelled, ScanError
from slicer.i18n import tr as _

from ..background import Work

_SLAB_BYTES = 16_000_000  # after each slab the thread looks whether it is to stop


class HandOver:
    """Writes ``voxels`` (k, j, i) to ``path`` as .npy, slab by slab: the scan is not copied as a whole.

    The voxels belong to a node that a person may change meanwhile. ``isUnchanged`` tells, at the end, whether the
    file holds one state of them. A slab is a run of slices of about ``slabBytes``.
    """

    def __init__(
        self, path: str, voxels: np.ndarray, isUnchanged: Callable[[], bool], slabBytes: int = _SLAB_BYTES
    ) -> None:
        self._isUnchanged = isUnchanged
        self._stop = threading.Event()
        self._work = Work(partial(_write, path, voxels, slabBytes, self._stop))

    def isDone(self) -> bool:
        """Whether the file is written; waits for a moment. Raises OSError, and ScanError for changed voxels."""
        if not self._work.isDone():
            return False
        self._work.result()
        if not self._isUnchanged():
            raise ScanError(_("The scan was changed while it was handed to the engine."), _("Segment it again."))
        return True

    def stop(self) -> None:
        """Give up; ``isDone`` then raises Cancelled, soon."""
        self._stop.set()

    def end(self) -> None:
        """Give up and wait until the file is closed."""
        self.stop()
        self._work.wait()


def _write(path: str, voxels: np.ndarray, slabBytes: int, stop: threading.Event) -> None:
    step = max(1, slabBytes // max(1, voxels[:1].nbytes))
    header = {"descr": np.lib.format.dtype_to_descr(voxels.dtype), "fortran_order": False, "shape": voxels.shape}
    with Path(path).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(voxels), step):
            if stop.is_set():
                raise Cancelled()
            file.write(np.ascontiguousarray(voxels[start : start + step]).data)
