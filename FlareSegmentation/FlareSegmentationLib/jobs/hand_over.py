"""A scan on its way into the file that the worker maps: written by a thread, so that Slicer goes on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
from flareseg.core.errors import Cancelled, ScanError
from slicer.i18n import tr as _

from ..garbage import PAUSE

_SLAB_BYTES = 16_000_000  # after each slab the thread looks whether it is to stop
_LOOK_SECONDS = 0.005


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
        pool = ThreadPoolExecutor(1, thread_name_prefix="hand over")
        PAUSE.begin()
        self._future: Future[None] = pool.submit(_write, path, voxels, slabBytes, self._stop)
        self._future.add_done_callback(lambda _future: PAUSE.end())
        pool.shutdown(wait=False)  # the thread ends with its work

    def isDone(self) -> bool:
        """Whether the file is written. Raises OSError, and ScanError for voxels that were changed.

        Waits for a moment: a thread runs only while the main thread is in Python and waits, because Slicer's event
        loop keeps the interpreter to itself.
        """
        wait([self._future], timeout=_LOOK_SECONDS)
        if not self._future.done():
            return False
        self._future.result()
        if not self._isUnchanged():
            raise ScanError(_("The scan was changed while it was handed to the engine."), _("Segment it again."))
        return True

    def stop(self) -> None:
        """Give up; ``isDone`` then raises Cancelled, soon."""
        self._stop.set()

    def end(self) -> None:
        """Give up and wait until the file is closed."""
        self.stop()
        wait([self._future])


def _write(path: str, voxels: np.ndarray, slabBytes: int, stop: threading.Event) -> None:
    step = max(1, slabBytes // max(1, voxels[:1].nbytes))
    header = {"descr": np.lib.format.dtype_to_descr(voxels.dtype), "fortran_order": False, "shape": voxels.shape}
    with Path(path).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(voxels), step):
            if stop.is_set():
                raise Cancelled()
            file.write(np.ascontiguousarray(voxels[start : start + step]).data)
