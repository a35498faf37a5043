"""Settings of a process that belongs to this program alone: allocator, threads, garbage collection, peak memory.

In any other process these functions do nothing.

The command line and the worker call ``prepare`` once, before the heavy imports.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flareseg.core.free_memory import are_addresses_limited, free_mb

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_KEPT_BELOW_BYTES, _RETURNED_FROM_BYTES = 1 << 30, 1_000_000
_LARGEST_OF_OLD_GLIBC = 1 << 25  # before 2.35 or so it takes no larger threshold; it grows to this by itself
_AMPLE_MB = 2000.0
_SPINS = "3000"  # of a waiting thread before it sleeps; by default 300,000


@dataclass
class _Policy:
    """Whether the process is our own, and whether it may keep freed memory for later."""

    is_ours: bool = False
    keeps: bool = False


_policy = _Policy()


def prepare(ram_limit_mb: float | None = None) -> None:
    """Take this process as our own: a segmentation, a training, an export.

    Waiting threads sleep soon; freed memory goes back at once where there is little of it, or a limit.
    """
    _policy.is_ours = True
    _sleep_when_waiting()
    _policy.keeps = ram_limit_mb is None and free_mb() > _AMPLE_MB
    if not _policy.keeps:
        _give_back_from(_RETURNED_FROM_BYTES)
    if are_addresses_limited():
        _map_little()


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Around a segmentation: freed memory stays with the process, to be used again at once.

    Each page that was given back has to be fetched and cleared anew. In float32 on two cores a run took 2.5 s of
    processor time and 310 MB with all kept, 3.4 s and 165 MB with all given back. What is read and written outside is
    left alone.
    """
    if not _policy.keeps:
        yield
        return
    _give_back_from(_KEPT_BELOW_BYTES)
    try:
        yield
    finally:
        _give_back_from(_LARGEST_OF_OLD_GLIBC)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Around imports and networks that stay to the end of the process: they are not searched for garbage.

    Searching them while they are made and again when the process ends takes 0.4 s of its 1.3 s of processor time.
    """
    if not _policy.is_ours:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def reset_peak() -> None:
    """Have Linux forget the highest resident memory of the process so far, where it allows that."""
    if _policy.is_ours:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")


def _sleep_when_waiting() -> None:
    """Have PyTorch's threads sleep soon when they wait for one another, unless the user has said how they wait.

    On a busy computer a thread that spins keeps the one that it waits for from the core: with two threads, beside a
    program that uses two cores, a scan took 11.6 s, with these few spins 1.4 s (``python scripts/time_busy.py``). The
    variable is of GNU's OpenMP, which PyTorch has on Linux; it is read when PyTorch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def _give_back_from(size: int) -> None:
    """Have freed blocks of this many bytes or more go back to the system."""
    if not _mallopt(_M_MMAP_THRESHOLD, size):
        _mallopt(_M_MMAP_THRESHOLD, _LARGEST_OF_OLD_GLIBC)
    _mallopt(_M_TRIM_THRESHOLD, 2 * size - 1)  # twice the other, as in glibc itself


def _map_little() -> None:
    """Reserve no addresses ahead: for each thread glibc takes 64 MB, and OpenBLAS (of numpy, not yet loaded) 32 MB."""
    _mallopt(_M_ARENA_MAX, 1)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _mallopt(parameter: int, value: int) -> bool:
    """Whether glibc's allocator took the value; those of other systems decide for themselves."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    return mallopt is not None and bool(mallopt(parameter, value))
