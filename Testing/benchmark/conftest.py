"""Results made by hand, and one small benchmark that is really run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmark_observer import Silence
from flareseg.benchmark.results import Results, Row
from flareseg.benchmark.run import Benchmark, Plan

FLOOR = {"gflop": 70.0, "tflops": 0.35, "dtype": "bfloat16", "upload": None, "download": None}
CPU_MACHINE = {
    "processor": "Some CPU (2 threads)",
    "python": "3.11.0",
    "versions": {"flareseg": "1.0", "nnunetv2": ""},
    "gpu": None,
    "floors": {"cpu": FLOOR},
}


@pytest.fixture(scope="session")
def small_run(phantom_file: Path) -> Results:
    """Ours by both protocols on a phantom of 48 slices of 96x96 voxels."""
    plan = Plan(("flare21", "warm"), ("ours",), (48,), "cpu", phantom_file, repeats=2, minutes=4, in_plane=96)
    return Benchmark(plan, Silence()).run()


@pytest.fixture(autouse=True, scope="session")
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary folder of these tests' own, to see what is left in it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("tempdir")
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture
def results() -> Results:
    """Ours and two peers on the CPU at two sizes; one peer extrapolated, one failed."""
    rows = []
    for slices in (80, 160):
        rows += [
            Row(
                "flare21",
                "ours",
                "cpu",
                slices,
                seconds=5.0,
                cpu_seconds=8.0,
                ram_mb=900.0,
                stages={"start": 0.1, "segment": 0.4},
            ),
            Row(
                "warm",
                "ours",
                "cpu",
                slices,
                seconds=slices / 160,
                cpu_seconds=2.0,
                ram_above_mb=600.0,
                runs=5,
                stages={"segment": 0.4},
            ),
            Row(
                "warm",
                "nnunet",
                "cpu",
                slices,
                seconds=500.0,
                cpu_seconds=900.0,
                ram_above_mb=3000.0,
                stages={"network": 480.0},
                passes=60,
                passes_run=2,
            ),
            Row("warm", "totalseg", "cpu", slices, problem="nnunetv2 is not installed"),
        ]
    return Results(CPU_MACHINE, "a made-up CT", 512, rows, 3.0)
