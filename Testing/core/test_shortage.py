"""Memory that runs out is told in one message, whichever library noticed it, and nothing else is taken for it."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.core.free_memory import Bound
from flareseg.core.shortage import check_room, ran_out, shortage_said

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are set as Linux has them")
SAYS_SO = re.compile(
    r"(needs about \d+ MB of memory; \d+ MB are free|needs more memory than the \d+ MB that were free)"
    r"( within the limit of the process \(ulimit -v\))?\."
)
TOO_LARGE = 1 << 46  # bytes; more than any computer can map


def from_numpy() -> None:
    np.zeros(TOO_LARGE, np.uint8)


def from_torch() -> None:
    torch.empty(TOO_LARGE, dtype=torch.uint8)


def from_python() -> None:
    bytearray(TOO_LARGE)


def from_itk() -> None:
    import SimpleITK as sitk

    sitk.Image([1 << 16, 1 << 16, 1 << 14], sitk.sitkUInt8)


@pytest.mark.parametrize("ask", [from_python, from_numpy, from_torch, from_itk])
def test_a_library_that_really_got_no_memory_is_understood(ask) -> None:
    with pytest.raises(FlareError, match="This scan needs more memory than") as caught, shortage_said("This scan"):
        ask()
    assert caught.value.kind == "memory"
    assert caught.value.hint


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("could not create a primitive"),
        RuntimeError("Exception thrown in SimpleITK ImageFileReader_Execute: std::bad_alloc"),
        RuntimeError("bad allocation"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_forms_of_running_out(error: Exception) -> None:
    assert ran_out(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("could not create a primitive descriptor for a convolution forward propagation primitive"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        OSError(errno.ENOSPC, "No space left on device"),
        ImportError("libgomp.so.1: cannot allocate memory in static TLS block"),
        RuntimeError("can't start new thread"),
    ],
)
def test_what_is_something_else_stays_what_it_is(error: Exception) -> None:
    """Threads may run out, too; with gigabytes free it is not for memory."""
    with pytest.raises(type(error)) as caught, shortage_said("This scan"):
        raise error
    assert caught.value is error


def test_a_failure_that_is_said_already_is_left_alone() -> None:
    said = FlareError("bad_scan", "The scan is empty.")
    with pytest.raises(FlareError) as caught, shortage_said("This scan"):
        raise said
    assert caught.value is said


def test_a_need_beyond_a_bound_says_what_is_needed_what_there_is_and_what_to_do() -> None:
    found = [Bound(600.0, " within the container's limit", "Raise the container's limit"), Bound(5000.0, "", "-")]
    with pytest.raises(FlareError) as caught:
        check_room("This scan", 900.0, found)
    assert caught.value.kind == "memory"
    assert (
        caught.value.message == "This scan needs about 900 MB of memory; 600 MB are free within the container's limit."
    )
    assert caught.value.hint == "Raise the container's limit by at least 300 MB."
    check_room("This scan", 599.0, found)


def test_address_space_has_a_need_of_its_own() -> None:
    addresses = Bound(600.0, "", "Raise that limit", of_addresses=True)
    with pytest.raises(FlareError, match="needs about 700 MB"):
        check_room("Loading the engine", 400.0, [addresses], addresses_mb=700.0)
    check_room("Loading the engine", 400.0, [Bound(600.0, "", "")], addresses_mb=700.0)


@on_linux
def test_every_stage_says_so_and_the_process_goes_on(phantom_file: Path, tmp_path: Path) -> None:
    """Memory is cut short as each stage begins; glibc is told to keep nothing, so that each needs fresh memory."""
    script = Path(__file__).with_name("short_of_memory.py")
    keep_nothing = {f"MALLOC_{name}_": "65536" for name in ("MMAP_THRESHOLD", "TRIM_THRESHOLD")}
    done = subprocess.run(
        [sys.executable, str(script), str(phantom_file), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, **keep_nothing, "MALLOC_ARENA_MAX": "1"},
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert list(said) == ["read", "find_abdomen", "crop", "segment", "put_back", "clean_up", "write"]
    for kind, message in said.values():
        assert kind == "memory"
        assert SAYS_SO.search(message)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.nii.gz", "whole.nii.gz"]
    assert (tmp_path / "again.nii.gz").read_bytes() == (tmp_path / "whole.nii.gz").read_bytes()


COMMAND = """
import resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from flareseg.cli.app import app
code = app(["segment", *sys.argv[2:]], standalone_mode=False)
status = open("/proc/self/status").read()
print(code, int(status.split("VmPeak:")[1].split()[0]) * 1024)
raise SystemExit(code)
"""


def limited(byte_count: int, scan: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """``flareseg segment`` under ``ulimit -v``, writing into ``folder``."""
    command = [sys.executable, "-c", COMMAND, str(byte_count), str(scan), "-o", str(folder / "organs.nii.gz")]
    command += ["--device", "cpu", "--preview", str(folder / "organs.png"), "--report", str(folder / "report.json")]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


@on_linux
def test_under_ulimit_a_run_succeeds_or_says_what_it_needs(phantom_file: Path, tmp_path: Path) -> None:
    enough = limited(1 << 40, phantom_file, tmp_path / "enough")
    assert enough.returncode == 0, enough.stderr
    peak = int(enough.stdout.split()[1])
    codes = []
    for percent in (8, 50, 85, 94, 120):
        folder = tmp_path / str(percent)
        done = limited(peak * percent // 100, phantom_file, folder)
        codes.append(done.returncode)
        assert "Traceback" not in done.stderr
        if done.returncode:
            assert SAYS_SO.search(done.stderr), done.stderr
            assert not folder.exists() or not list(folder.iterdir())
    assert codes[:2] == [2, 2]
    assert set(codes) <= {0, 2}
    assert codes[-1] == 0


@on_linux
@pytest.mark.parametrize("kilobytes", [150_000, 400_000])
@pytest.mark.parametrize("command", ["evaluate here there -o out", "rank a=here b=there", "phantom out", "info"])
def test_other_commands_under_ulimit_say_what_they_need(command: str, kilobytes: int, tmp_path: Path) -> None:
    """A library without room for its own files and buffers would end, or try for ever."""
    limited = f'ulimit -v {kilobytes}; exec "{sys.executable}" -m flareseg {command}'
    done = subprocess.run(["sh", "-c", limited], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert SAYS_SO.search(done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
