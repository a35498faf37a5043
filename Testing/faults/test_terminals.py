"""Terminals of every encoding, full and closed streams, and names of files that no terminal can show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import SimpleITK as sitk
from flareseg.cli.console import BAD_INPUT, DONE
from images import ct_like, write_image


def run(
    arguments: Sequence[str | bytes | Path], redirect: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """``flareseg`` through a shell that redirects its streams."""
    command = [*("bash", "-c", f'exec "$@" {redirect}', "bash"), sys.executable, "-m", "flareseg", *arguments]
    return subprocess.run(command, capture_output=True, timeout=240, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_table_is_printed_in_any_encoding(encoding: str, phantom_file: Path, tmp_path: Path) -> None:
    arguments = ("segment", phantom_file, "-o", tmp_path / "o.nii.gz", "--table", "--device", "cpu")
    done = run(arguments, PYTHONIOENCODING=encoding, LANG="C")
    assert done.returncode == DONE, done.stderr
    table = done.stdout.decode(encoding)
    shown = {"ascii": ("# Liver", "+/-"), "cp1252": ("# Liver", "±")}[encoding]
    assert all(part in table for part in shown)
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["info", "--device", "cpu"]], ids=lambda a: a[0])
def test_a_full_stdout_ends_in_a_message(arguments: list[str]) -> None:
    done = run(arguments, ">/dev/full")
    assert done.returncode == BAD_INPUT
    assert done.stderr.decode().splitlines() == [
        "Standard output cannot be written: No space left on device. Free some space, or print to another place."
    ]


def test_a_full_stdout_does_not_cost_the_result(phantom_file: Path, tmp_path: Path) -> None:
    done = run(("segment", phantom_file, "-o", tmp_path / "o.nii.gz", "--table"), ">/dev/full")
    assert done.returncode == BAD_INPUT
    assert b"Standard output cannot be written" in done.stderr
    assert b"Traceback" not in done.stderr
    assert sitk.ReadImage(str(tmp_path / "o.nii.gz")).GetSize() == (128, 128, 80)


def test_closed_streams_do_not_cost_the_result(phantom_file: Path, tmp_path: Path) -> None:
    """Nor does a file that is opened later take their numbers, and what is printed with it."""
    done = run(("segment", phantom_file, "-o", tmp_path / "o.nii.gz", "--table"), "<&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (DONE, b"", b"")
    assert sitk.ReadImage(str(tmp_path / "o.nii.gz")).GetSize() == (128, 128, 80)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names but UTF-8")
def test_names_that_are_not_utf_8_are_read_written_and_told(phantom_file: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/Gr\xf6\xdfe"
    os.mkdir(folder)  # noqa: PTH102
    os.symlink(phantom_file, folder + b"/b\xe4uche.nii.gz")  # noqa: PTH211
    scan, report, preview = (folder + name for name in (b"/b\xe4uche.nii.gz", b"/r.json", b"/p.png"))
    done = run(("segment", scan, "-o", folder, "--report", report, "--preview", preview, "--table"))
    assert done.returncode == DONE, done.stderr
    assert sorted(os.listdir(folder)) == [  # noqa: PTH208
        *(b"b\xe4uche-organs.nii.gz", b"b\xe4uche.nii.gz", b"p.png", b"r.json"),
    ]
    assert b"b?uche" in done.stdout


def test_line_breaks_and_escape_sequences_in_a_name_stay_in_one_line(tmp_path: Path) -> None:
    scan = write_image(tmp_path / "a\n\x1b[31mb.nrrd", ct_like((64, 64)))
    done = run(("segment", scan, "-o", tmp_path / "o.nii.gz"))
    assert done.returncode == BAD_INPUT
    (line,) = done.stderr.decode().splitlines()
    assert "a??[31mb.nrrd is a 2D image." in line
