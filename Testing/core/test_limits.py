"""Memory limits are obeyed, and what the report says of memory is what the system saw."""

from __future__ import annotations

import gzip
import json
import re
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from flareseg.core.errors import FlareError
from flareseg.core.limits import Limits
from flareseg.core.volume import Volume
from flareseg.io.reading import read_volume
from flareseg.io.writing import write_scan
from flareseg.phantom import make_phantom

VOXELS = 512 * 512 * 160
_SPARE_MB = 60.0  # the networks may run in numbers of four bytes; what is told before reading is the least


def held_mb() -> float:
    return psutil.Process().memory_info().rss / 1e6


def test_without_a_limit_a_scan_is_refused_only_for_what_the_computer_lacks() -> None:
    Limits().check_scan(VOXELS, bytes_per_number=4)
    with pytest.raises(FlareError, match=r"This scan needs about \d{8} MB of memory; \d+ MB are free"):
        Limits().check_scan(10**13, bytes_per_number=4)


def test_what_does_not_fit_is_refused_with_what_it_needs() -> None:
    """42 MB of labels, and 115 MB for the networks in a format of two bytes."""
    with pytest.raises(FlareError, match=r"This scan needs about 157 MB of memory; \d+ MB are free within") as caught:
        Limits(ram=held_mb() + 100).check_scan(VOXELS, bytes_per_number=2)
    assert caught.value.kind == "memory"
    assert caught.value.hint.startswith("Raise the RAM limit by at least ")
    Limits(ram=held_mb() + 200).check_scan(VOXELS, bytes_per_number=2)


def test_larger_scans_and_wider_numbers_need_more() -> None:
    limits = Limits(ram=held_mb() + 180)
    limits.check_scan(VOXELS, bytes_per_number=2)
    for voxels, width in ((4 * VOXELS, 2), (VOXELS, 4)):
        with pytest.raises(FlareError, match="needs about"):
            limits.check_scan(voxels, bytes_per_number=width)


def test_a_file_is_refused_before_it_is_read() -> None:
    """Its voxels of 84 MB, read through twice as much, come on top of the segmentation."""
    with pytest.raises(FlareError, match="This scan needs about 241 MB of memory"):
        Limits(ram=held_mb() + 200).check_file(VOXELS, scan_mb=84, reading_mb=168)
    with pytest.raises(FlareError, match="This scan needs about 900 MB of memory"):
        Limits(ram=held_mb() + 200).check_file(VOXELS, scan_mb=84, reading_mb=900)
    Limits(ram=held_mb() + 300).check_file(VOXELS, scan_mb=84, reading_mb=168)


def test_the_reader_tells_the_size_of_a_scan_before_it_reads_it(
    phantom_file: Path, phantom_dicom: Path, tmp_path: Path
) -> None:
    """80 x 128 x 128 voxels of two bytes."""
    seen = []

    def refuse(*size: float) -> None:
        seen.append(size)
        raise FlareError("memory", "No room.")

    scaled = tmp_path / "scaled.nii"
    content = bytearray(gzip.decompress(phantom_file.read_bytes()))
    struct.pack_into("<2f", content, 112, 0.5, 0.0)  # scl_slope and scl_inter: such values become float32
    scaled.write_bytes(content)
    for path in (phantom_file, phantom_dicom, scaled):
        with pytest.raises(FlareError, match="No room"):
            read_volume(path, refuse)
    expected = [(1310720, 2.62144, 2.62144), (1310720, 2.62144, 2.62144), (1310720, 5.24288, 7.86432)]
    assert [pytest.approx(size) for size in seen] == expected


def test_the_engine_is_not_loaded_where_it_has_no_room() -> None:
    """A process that has PyTorch by now is not asked any more."""
    code = """
import sys
from flareseg.core.errors import FlareError
from flareseg.core.limits import Limits
try:
    Limits(ram=100.0).check_engine()
except FlareError as error:
    print(error.kind, error.message)
assert "torch" not in sys.modules and "numpy" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch(
        r"memory Loading the engine needs about 240 MB of memory; \d\d MB are free within the RAM limit.\n", done.stdout
    )
    Limits(ram=100.0).check_engine()


@pytest.fixture(scope="module")
def large_scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom of 512x512x160 voxels, each of a smaller one's repeated."""
    small = make_phantom(shape=(80, 128, 128), spacing=(4.0, 3.0, 3.0)).volume
    voxels = small.voxels.repeat(2, 0).repeat(4, 1).repeat(4, 2)
    k, j, i = small.geometry.spacing
    geometry = replace(small.geometry, shape=voxels.shape, spacing=(k / 2, j / 4, i / 4))
    path = tmp_path_factory.mktemp("large") / "ct.nii"
    write_scan(path, Volume(np.ascontiguousarray(voxels), geometry))
    return path


# A process starts with the peak of the one that made it, so a small one stands between the tests and the engine.
WATCH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024 / 1e6)
"""


def segmented(scan: Path, folder: Path, *options: str) -> tuple[int, float, str]:
    """Exit code, the kernel's peak of the process in MB, and stderr."""
    command = [sys.executable, "-m", "flareseg", "segment", str(scan), "-o", str(folder / "organs.nii.gz")]
    command += ["--device", "cpu", "--report", str(folder / "report.json"), *options]
    watched = [sys.executable, "-S", "-c", WATCH, *command]
    done = subprocess.run(watched, capture_output=True, text=True, encoding="utf-8", timeout=200, check=True)
    code, peak = done.stdout.split()
    return int(code), float(peak), done.stderr


needs_wait4 = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from Linux's kernel")


@needs_wait4
def test_the_report_tells_the_peak_that_the_system_saw(large_scan: Path, tmp_path: Path) -> None:
    code, peak, said = segmented(large_scan, tmp_path)
    assert code == 0, said
    reported = json.loads((tmp_path / "report.json").read_text())["memory"]["peak_ram_mb"]
    assert reported == pytest.approx(peak, rel=0.1)


@needs_wait4
def test_with_what_it_says_it_needs_a_scan_is_segmented_within_the_limit(large_scan: Path, tmp_path: Path) -> None:
    _, _, refusal = segmented(large_scan, tmp_path, "--ram-limit", "450")
    lacking = float(refusal.split("RAM limit by at least ")[1].split()[0])
    limit = 450 + lacking + _SPARE_MB
    code, peak, said = segmented(large_scan, tmp_path, "--ram-limit", str(limit))
    assert code == 0, said
    assert peak <= limit


@needs_wait4
def test_a_limit_that_cannot_be_kept_leaves_no_file(phantom_file: Path, tmp_path: Path) -> None:
    code, _, said = segmented(phantom_file, tmp_path, "--ram-limit", "50")
    assert code == 2
    assert "Loading the engine needs about 240 MB of memory" in said
    assert not list(tmp_path.iterdir())
