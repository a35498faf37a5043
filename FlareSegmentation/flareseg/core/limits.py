"""Limits on the memory of a run, checked before each step that needs memory."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flareseg.core.estimate import ENGINE_MB, segmenting_mb
from flareseg.core.free_memory import MB, are_addresses_limited, bounds
from flareseg.core.shortage import check_room

CheckSize = Callable[[int, float, float], None]  # voxels, MB of the scan, MB while it is read; may raise

_USUAL_STACK = 8 << 20  # bytes
_SMALL_MB = 250.0  # of addresses, besides the libraries' files, for small arrays
_LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch", "cc3d")


@dataclass(frozen=True)
class Limits:
    """The most memory that may be used, in MB (1e6 bytes). None: no limit but those of the system.

    Attributes:
        ram: Memory of the whole process.
        gpu: Memory that PyTorch may allocate on the GPU; that of the driver comes on top.
    """

    ram: float | None = None
    gpu: float | None = None

    def check_engine(self) -> None:
        """Raise InsufficientMemoryError if PyTorch and the networks have no room; call before PyTorch is imported."""
        if "torch" not in sys.modules:
            addresses = ENGINE_MB + _libraries_mb() + _stacks_mb() if are_addresses_limited() else None
            check_room("Loading the engine", ENGINE_MB, bounds(self.ram), addresses)

    def check_file(self, voxels: int, scan_mb: float, reading_mb: float) -> None:
        """Raise InsufficientMemoryError if a scan cannot be read and segmented; call before it is read.

        ``scan_mb``: of its voxels in memory; ``reading_mb``: the peak while it is read.
        """
        check_room("This scan", max(reading_mb, scan_mb + segmenting_mb(voxels)), bounds(self.ram))

    def check_scan(self, voxels: int, bytes_per_number: int) -> None:
        """Raise InsufficientMemoryError if a scan of so many voxels, in memory by now, cannot be segmented.

        ``bytes_per_number``: of the networks' format.
        """
        check_room("This scan", segmenting_mb(voxels, bytes_per_number), bounds(self.ram))


def check_reading(voxels: int, scan_mb: float, reading_mb: float) -> None:
    """Like Limits.check_file for a scan, or a label map, that is only read."""
    check_room("Reading this file", reading_mb, bounds())


def check_libraries() -> None:
    """Raise InsufficientMemoryError if numpy, scipy and SimpleITK have no room; call before they are imported.

    OpenBLAS may try for ever to get its memory, and C++ libraries may end the process.
    """
    if are_addresses_limited():
        check_room("This command", _SMALL_MB + _libraries_mb(("numpy", "scipy", "SimpleITK")), bounds())


def _libraries_mb(names: tuple[str, ...] = _LIBRARIES) -> float:
    """Size of the files that are mapped when the libraries are loaded."""
    files = (file for name in names for folder in _folders(name) for file in folder.rglob("*.so*"))
    return sum(file.stat().st_size for file in files if not file.is_symlink()) / MB


def _folders(library: str) -> list[Path]:
    """Where a library's own files and those that came with it lie."""
    found = importlib.util.find_spec(library)
    places = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    return [*places, *(place.with_name(f"{place.name}.libs") for place in places)]


def _stacks_mb() -> float:
    """Memory of the stacks of the threads that PyTorch computes with."""
    import resource

    stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return len(os.sched_getaffinity(0)) * (_USUAL_STACK if stack == resource.RLIM_INFINITY else stack) / MB
