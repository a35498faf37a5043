"""A call of the library changes nothing of the process it runs in; the command and the worker set what is theirs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks at glibc's allocator and Linux's marks"
)

# Where glibc's allocator takes a block from shows what it was told: below its threshold from the heap, else from a map
# of the block's own, which mallinfo counts as hblks.
LOOK = """
import ctypes, sys
from flareseg.core.own_process import freed_memory_kept, prepare

NAMES = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in NAMES.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]

def maps_of_its_own(size):
    before = libc.mallinfo2().hblks
    libc.malloc(size)
    return libc.mallinfo2().hblks - before
"""


def printed(code: str) -> list[str]:
    """The words that a fresh process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@on_linux
@pytest.mark.parametrize(("prepared", "expected"), [("", ["1", "1"]), ("prepare()", ["0", "1"])])
def test_the_allocator_keeps_freed_memory_only_in_a_process_of_our_own(prepared: str, expected: list[str]) -> None:
    """A block of 40 MB has a map of its own, which goes when it is freed, except in a segmentation of our process."""
    code = f"{LOOK}\n{prepared}\nwith freed_memory_kept():\n    print(maps_of_its_own(40_000_000))\n"
    assert printed(code + "print(maps_of_its_own(40_000_000))") == expected


@on_linux
def test_under_a_limit_freed_memory_goes_back_at_once() -> None:
    code = f"{LOOK}\nprepare(ram_limit_mb=900.0)\nwith freed_memory_kept():\n    print(maps_of_its_own(1_200_000))\n"
    assert printed(code) == ["1"]


@pytest.mark.parametrize(("prepared", "is_ours"), [("", "False"), ("prepare()", "True")])
def test_only_a_process_of_our_own_keeps_what_it_loads_out_of_the_search_for_garbage(
    prepared: str, is_ours: str
) -> None:
    code = f"""
import gc
from flareseg.core.own_process import loading, prepare
{prepared}
with loading():
    print(not gc.isenabled())
    kept = [[] for _ in range(10_000)]
print(gc.isenabled(), gc.get_freeze_count() >= 10_000)
"""
    assert printed(code) == [is_ours, "True", is_ours]


MARK = """
import sys
from pathlib import Path
import mmap
from flareseg.inference.cascade import Cascade
from flareseg.core.own_process import prepare
from flareseg.io.reading import read_volume

def mark():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

if {ours}:
    prepare()
cascade, volume = Cascade.load("cpu"), read_volume(Path({scan!r}))
with mmap.mmap(-1, 1_500_000_000) as block:
    for _ in range(1500):
        block.write(bytes(1_000_000))
before = mark()
from flareseg.inference.pipeline import segment_scan
from flareseg.core.run import Run
with Run() as run:
    report = segment_scan(cascade, lambda: volume, lambda found, geometry: None, run).report
print(before - mark(), report.memory.peak_ram_mb)
"""


@on_linux
def test_a_segmentation_by_the_library_leaves_the_kernels_mark_of_its_process(phantom_file: Path) -> None:
    """And tells its own peak, though the process has had a higher one before."""
    change, peak = printed(MARK.format(ours=False, scan=str(phantom_file)))
    assert change == "0"
    forgotten, exact = printed(MARK.format(ours=True, scan=str(phantom_file)))
    assert int(forgotten) > 500_000
    assert float(peak) == pytest.approx(float(exact), rel=0.25)  # an arena of the allocator more or less is 64 MB


@on_linux
@pytest.mark.parametrize(
    ("prepared", "chosen", "spins"),
    [
        ("", {}, None),
        ("prepare()", {}, "3000"),
        ("prepare()", {"GOMP_SPINCOUNT": "77"}, "77"),
        ("prepare()", {"OMP_WAIT_POLICY": "passive"}, "0"),
    ],
    ids=["not ours", "ours", "spins of the user's", "policy of the user's"],
)
def test_waiting_threads_sleep_soon_unless_the_user_has_said_how_they_wait(
    prepared: str, chosen: dict[str, str], spins: str | None
) -> None:
    """PyTorch's OpenMP says what it was told, when it is loaded."""
    code = f"from flareseg.core.own_process import prepare\n{prepared}\nimport torch"
    own = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**own, **chosen, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    said = re.search(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)
    assert said is not None, done.stderr
    assert said[1] == spins or (spins is None and int(said[1]) >= 300_000)
