"""Memory limits are obeyed, and what the report says of memory is what the system saw."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flareseg.errors import FlareError
from flareseg.limits import _NETWORK_MB, Limits
from flareseg.phantom import make_phantom
from flareseg.volume import Volume
from flareseg.writing import write_scan

VOXELS = 512 * 512 * 160


def test_without_a_limit_nothing_is_refused() -> None:
    Limits().check_ram(VOXELS, used_mb=1e9, bytes_per_number=4)


def test_what_does_not_fit_is_refused_with_what_it_needs() -> None:
    with pytest.raises(FlareError, match=r"needs about \d+ MB of memory; the limit is 600 MB") as caught:
        Limits(ram=600).check_ram(VOXELS, used_mb=550, bytes_per_number=2)
    assert caught.value.kind == "memory"
    needed = float(caught.value.sentence.split()[4])
    Limits(ram=needed + 1).check_ram(VOXELS, used_mb=550, bytes_per_number=2)


def test_larger_scans_and_wider_numbers_need_more() -> None:
    limits = Limits(ram=800)
    limits.check_ram(VOXELS, used_mb=600, bytes_per_number=2)
    for voxels, width in ((4 * VOXELS, 2), (VOXELS, 4)):
        with pytest.raises(FlareError, match="needs about"):
            limits.check_ram(voxels, used_mb=600, bytes_per_number=width)


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
    _, _, refusal = segmented(large_scan, tmp_path, "--ram-limit", "300")
    needed = float(refusal.split("needs about ")[1].split()[0])
    limit = needed + _NETWORK_MB[4] - _NETWORK_MB[2]  # the next process may find the other number format faster
    code, peak, said = segmented(large_scan, tmp_path, "--ram-limit", str(limit))
    assert code == 0, said
    assert peak <= limit


@needs_wait4
def test_a_limit_that_cannot_be_kept_leaves_no_file(phantom_file: Path, tmp_path: Path) -> None:
    code, _, said = segmented(phantom_file, tmp_path, "--ram-limit", "50")
    assert code == 2
    assert "the limit is 50 MB" in said
    assert not list(tmp_path.iterdir())
