"""python -m benchmarks, as a person calls it: real processes, real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import ROOT, Run, run_benchmark
from flareseg.core.volume import Volume
from flareseg.io.writing import write_scan
from flareseg.phantom import Phantom
from typer.testing import CliRunner

from benchmarks.__main__ import app


def test_one_run_leaves_the_figures_the_tables_and_both_plots(small_run: Run):
    assert small_run.exit_code == 0, small_run.stderr
    assert {path.name for path in small_run.out.iterdir()} == {"results.json", "results.md", "time.png", "memory.png"}
    assert (small_run.out / "results.md").read_text(encoding="utf-8").startswith(small_run.stdout.rstrip())


def test_both_protocols_give_figures(small_run: Run):
    cold, warm = small_run.row("flare21"), small_run.row("warm")
    assert cold["problem"] == warm["problem"] == ""
    assert cold["seconds"] > 0 and warm["seconds"] > 0
    assert warm["runs"] == 2
    assert cold["ram_mb"] > 100 and warm["ram_above_mb"] > 100
    assert cold["dtype"] == warm["dtype"] != ""


def test_the_stages_of_a_fresh_process_account_for_its_time(small_run: Run):
    row = small_run.row("flare21")
    assert {"start", "load", "read", "find_abdomen", "segment", "write", "exit"} <= set(row["stages"])
    assert all(seconds >= 0 for seconds in row["stages"].values())
    assert sum(row["stages"].values()) == pytest.approx(row["seconds"], rel=0.05, abs=0.2)


def test_the_report_s_peak_memory_is_what_is_seen_from_outside(small_run: Run):
    row = small_run.row("flare21")
    assert row["reported_ram_mb"] == pytest.approx(row["ram_mb"], rel=0.1)


def test_the_machine_and_its_floor_are_told(small_run: Run):
    machine = small_run.results["machine"]
    assert machine["versions"]["torch"]
    assert 0.001 < machine["floors"]["cpu"]["tflops"] < 1000
    assert machine["floors"]["cpu"]["gflop"] == pytest.approx(73, abs=1)


def test_nothing_stays_in_the_temporary_folder(small_run: Run):
    assert list(small_run.temporary.iterdir()) == []


def test_what_there_is_no_time_for_is_said_and_the_files_are_written(phantom_file: Path, tmp_path: Path):
    methods = ["--method", "ours", "--method", "plain", "--protocol", "warm", "--slices", "8", "--slices", "16"]
    done = run_benchmark(tmp_path, *methods, "--scan", str(phantom_file), "--minutes", "0.001")
    assert done.exit_code == 0, done.stderr
    problems = [row["problem"] for row in done.results["rows"]]
    assert problems == ["skipped: about 5 s needed, 0 s left (--minutes gives more)"] * 4
    assert "[4/4] Plain 3D U-Net, 16 slices, warm, CPU: skipped" in done.stderr


def test_a_method_that_fails_is_a_row_with_its_reason(phantom: Phantom, tmp_path: Path):
    noise = np.random.default_rng(0).normal(-1000, 20, phantom.volume.voxels.shape).astype(np.int16)
    noise[0, 0, :100] = 400  # not constant, yet no patient there
    write_scan(tmp_path / "air.nii.gz", Volume(noise, phantom.volume.geometry))
    arguments = ["--method", "ours", "--protocol", "flare21", "--slices", "8", "--scan", str(tmp_path / "air.nii.gz")]
    row = run_benchmark(tmp_path, *arguments).row("flare21")
    assert row["seconds"] is None
    assert "in this scan" in row["problem"]


def test_a_gpu_that_is_asked_for_and_not_there_ends_the_benchmark(phantom_file: Path, tmp_path: Path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this computer has a GPU")
    done = run_benchmark(tmp_path, "--scan", str(phantom_file), "--device", "cuda")
    assert done.exit_code == 2
    assert "finds no CUDA GPU" in done.stderr
    assert not done.out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "magic"], "'magic' is not one of ours, plain, totalseg-fastest, totalseg-fast, nnunet"),
        (["--protocol", "hot"], "'hot' is not one of flare21, warm"),
        (["--slices", "many"], "Invalid value for '--slices'"),
        (["--slices", "2"], "Invalid value for '--slices'"),
        (["--scan", "nowhere.nii.gz"], "File or folder not found: nowhere.nii.gz"),
    ],
)
def test_a_wrong_option_is_a_message_and_leaves_nothing(tmp_path: Path, arguments: list[str], message: str):
    done = CliRunner().invoke(app, [str(tmp_path / "out"), *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path: Path):
    (tmp_path / "out").touch()
    done = CliRunner().invoke(app, [str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "out is a file, not a folder." in " ".join(done.output.split())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_no_process_and_no_folder(phantom_file: Path, tmp_path: Path, number: int):
    private = tmp_path / "tmp"
    private.mkdir()
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        str(tmp_path / "out"),
        "--scan",
        str(phantom_file),
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "TMPDIR": str(private)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    while not (children := psutil.Process(process.pid).children()):
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert psutil.wait_procs(children, timeout=30)[1] == []
    assert list(private.iterdir()) == []
    assert not (tmp_path / "out").exists()
