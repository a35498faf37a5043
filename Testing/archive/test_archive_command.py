"""flareseg archive as a user calls it: whole processes, the shipped networks, exit codes and sentences."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from flareseg.archive.table import read_table
from flareseg.core.volume import Volume
from flareseg.io.ledger import ResultLedger, file_key
from flareseg.io.writing import write_scan
from in_time import SECONDS, wait_for

AddStudy = Callable[[Path, int], Path]
COMMAND = [sys.executable, "-m", "flareseg", "archive"]


def archive(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS)


def test_an_archive_with_a_broken_scan_ends_with_one_and_says_so(
    add_study: AddStudy, small_phantom: Volume, tmp_path: Path
) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    add_study(source / "study" / "ct", 0)
    write_scan(source / "scan.nrrd", small_phantom)
    (source / "broken.nii.gz").write_bytes(b"not an image")
    (source / "damaged").mkdir()
    (source / "damaged" / "1.dcm").write_bytes((source / "study" / "ct" / "IM000.dcm").read_bytes()[:300])
    ended = archive(source, output, "--device", "cpu", "--workers", 1, "--format", "seg.nrrd")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "3 cases in the source, 0 of them done before. In the table: 2 done, 1 failed." in ended.stderr
    assert "1 file or folder of the source could not be read" in ended.stderr
    assert "distributed" not in ended.stderr  # nothing of Dask's own log
    table = read_table(output, ["name", "state", "labels", "liver_ml"]).set_index("name")
    assert table.loc["scan.nrrd"]["labels"] == "scan-organs.seg.nrrd"
    assert table["liver_ml"].dropna().between(1200, 1500).sum() == 2
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "Archive of 3 cases" in page
    assert "broken.nii.gz is damaged" in page
    said = archive("status", output).stdout
    assert [line.split()[:2] for line in said.splitlines()[:4]] == [
        ["not", "running"],
        ["done", "2"],
        ["failed", "1"],
        ["waiting", "0"],
    ]
    assert "bad_scan  1" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_run_that_is_interrupted_ends_its_processes_and_frees_the_folder(
    number: str, small_phantom: Volume, tmp_path: Path
) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    source.mkdir()
    for name in range(30):
        write_scan(source / f"{name}.nrrd", small_phantom)
    command = [*COMMAND, str(source), str(output), "--device", "cpu", "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        wait_for(lambda: list(ResultLedger(output).rows()))
        family = psutil.Process(process.pid).children(recursive=True)
        assert "running" in archive("status", output).stdout.splitlines()[0]
        os.killpg(process.pid, getattr(signal, number))  # as a terminal and batch systems do: to all of them
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Interrupted. The same command goes on from here.\n"
    assert not psutil.wait_procs(family, timeout=20)[1]
    ledger = ResultLedger(output)
    assert not ledger.is_locked
    waiting = [key for n in range(30) if ledger.row(key := file_key(f"{n}.nrrd")) is None]
    assert waiting
    assert {ledger.begin(key) for key in waiting} == {1}  # none is blamed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing", "out"], "File or folder not found: missing. Check the path."),
        (["source", "source"], "Source and output are the same folder. Give another folder for the results."),
        (["source", "out", "--format", "png"], "name.png has no known label map suffix."),
        (["source", "out", "--workers", "0"], "An archive needs one worker or more."),
        (["source", "out", "--workers", "9999"], "9999 workers need about 24998 GB"),
        (["source", "out", "--scheduler", "nonsense://x"], "No Dask scheduler answers at nonsense://x"),
        (["source", "out", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "Leave out --workers."),
        (["--device", "tpu", "--workers", "1", "source", "out"], 'Unknown device: "tpu".'),
        (["status", "source"], "source is not the output folder of an archive."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir()
    ended = archive(*arguments)
    assert ended.returncode == 2
    assert sentence in ended.stderr.replace("\n", " ")
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.rglob("*.tmp*"))
