"""How much memory a run may take, or a sentence that says what would be needed."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from flareseg.errors import FlareError

# Fitted to the peaks of Cascade.segment on a CPU, 512x512 scans of 160 and 640 slices, above the loaded process with
# its scan, with memory returned at once; 10 MB are spare.
_NETWORK_MB = {2: 115.0, 4: 160.0}  # by the bytes of a number
_LABELS_MB_PER_VOXEL = 1e-6
_CLEAN_UP_MB, _CLEAN_UP_MB_PER_VOXEL = 65.0, 0.75e-6

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BELOW_BYTES, _RETURNED_FROM_BYTES = 1 << 30, 1_000_000
_LARGEST_OF_OLD_GLIBC = 1 << 25  # before 2.35 or so it takes no larger threshold; it grows to this by itself


@dataclass(frozen=True)
class Limits:
    """The most memory in MB (1e6 bytes) that may be used; None: no limit.

    ``ram``: of the whole process. ``gpu``: of what PyTorch holds on the GPU; the driver's own memory comes on top.
    """

    ram: float | None = None
    gpu: float | None = None

    @contextlib.contextmanager
    def observed(self) -> Iterator[None]:
        """Around a segmentation: what becomes of freed memory.

        Kept, it is used again at once; given back, each of its pages has to be fetched and cleared anew. In float32 on
        two cores a run took 2.5 s of processor time and 310 MB with all kept, 3.4 s and 165 MB with all given back.
        Under a limit it goes back. What is read and written outside is left alone.
        """
        _tell_malloc(_KEPT_BELOW_BYTES if self.ram is None else _RETURNED_FROM_BYTES)
        try:
            yield
        finally:
            _tell_malloc(_LARGEST_OF_OLD_GLIBC)

    def check_ram(self, voxels: int, used_mb: float, bytes_per_number: int) -> None:
        """Raise FlareError("memory") if a scan of so many voxels cannot be segmented within the limit.

        ``used_mb``: what the process uses with the scan in memory; ``bytes_per_number``: of the networks' format.
        """
        clean_up = _CLEAN_UP_MB + voxels * _CLEAN_UP_MB_PER_VOXEL
        needed = used_mb + voxels * _LABELS_MB_PER_VOXEL + max(_NETWORK_MB[bytes_per_number], clean_up)
        if self.ram is not None and needed > self.ram:
            raise FlareError(
                "memory",
                f"This scan needs about {needed:.0f} MB of memory; the limit is {self.ram:.0f} MB.",
                "Raise the limit, or give a scan with fewer or larger voxels.",
            )


def _tell_malloc(returned_from_bytes: int) -> None:
    """Have glibc's allocator give blocks back from this size on; those of other systems decide for themselves."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, returned_from_bytes) or mallopt(_M_MMAP_THRESHOLD, _LARGEST_OF_OLD_GLIBC)
        mallopt(_M_TRIM_THRESHOLD, 2 * returned_from_bytes - 1)  # twice the other, as in glibc itself
