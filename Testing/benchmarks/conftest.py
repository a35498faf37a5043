"""Results made by hand, and one small benchmark that is really run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import Results
from benchmarks.row import Row

ROOT = Path(__file__).resolve().parents[2]
FLOOR = {"gflop": 70.0, "tflops": 0.35, "dtype": "bfloat16", "upload": None, "download": None}
CPU_MACHINE = {
    "processor": "Some CPU (2 threads)",
    "python": "3.11.0",
    "versions": {"flareseg": "1.0", "nnunetv2": ""},
    "gpu": None,
    "floors": {"cpu": FLOOR},
}


@dataclass(frozen=True)
class Run:
    """A call of the command that has ended."""

    exit_code: int
    stdout: str
    stderr: str
    out: Path
    temporary: Path

    @property
    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "results.json").read_text(encoding="utf-8"))
        return found

    def row(self, protocol: str) -> dict[str, Any]:
        (found,) = [row for row in self.results["rows"] if row["protocol"] == protocol]
        return found


def run_benchmark(folder: Path, *arguments: str) -> Run:
    """``python -m benchmarks``, with a temporary folder of its own."""
    temporary = folder / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "benchmarks", str(folder / "out"), "--device", "cpu", *arguments]
    environment = {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return Run(done.returncode, done.stdout, done.stderr, folder / "out", temporary)


@pytest.fixture(scope="session")
def small_run(phantom_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Ours by both protocols on a phantom of 24 slices."""
    arguments = ["--method", "ours", "--slices", "24", "--scan", str(phantom_file), "--repeats", "2", "--minutes", "4"]
    return run_benchmark(tmp_path_factory.mktemp("benchmark"), *arguments)


@pytest.fixture
def results() -> Results:
    """Ours and two peers on the CPU at two sizes; one peer extrapolated, one failed."""
    rows = []
    for slices in (80, 160):
        stages = {"start": 0.1, "segment": 0.4}
        peer = {"seconds": 500.0, "cpu_seconds": 900.0, "ram_above_mb": 3000.0, "stages": {"network": 480.0}}
        rows += [
            Row("flare21", "ours", "cpu", slices, seconds=5.0, cpu_seconds=8.0, ram_mb=900.0, stages=stages),
            Row(
                *("warm", "ours", "cpu", slices),
                seconds=slices / 160,
                cpu_seconds=2.0,
                ram_above_mb=600.0,
                stages={"segment": 0.4},
            ),
            Row("warm", "nnunet", "cpu", slices, passes=60, passes_run=2, **peer),
            Row("warm", "totalseg-fast", "cpu", slices, problem="nnunetv2 is not installed"),
        ]
    return Results(CPU_MACHINE, "a made-up CT", rows, 3.0)
