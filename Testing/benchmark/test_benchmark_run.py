"""The whole of it, small: real processes, real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmark_observer import Silence
from flareseg.benchmark.results import Results
from flareseg.benchmark.run import Benchmark, Plan
from flareseg.core.errors import FlareError
from flareseg.core.volume import Volume
from flareseg.io.writing import write_scan
from flareseg.phantom import Phantom


def test_both_protocols_give_figures(small_run: Results):
    cold, warm = small_run.of("flare21")[0], small_run.of("warm")[0]
    assert cold.problem == warm.problem == ""
    assert cold.seconds > warm.seconds > 0
    assert warm.runs == 2
    assert cold.ram_mb > 100 and warm.ram_above_mb > 100
    assert cold.dtype == warm.dtype != ""


def test_the_stages_of_a_fresh_process_account_for_its_time(small_run: Results):
    row = small_run.of("flare21")[0]
    assert {"start", "load", "read", "find_abdomen", "segment", "write", "exit"} <= set(row.stages)
    assert all(seconds >= 0 for seconds in row.stages.values())
    assert sum(row.stages.values()) == pytest.approx(row.seconds, rel=0.05, abs=0.2)


def test_the_report_s_peak_memory_is_what_is_seen_from_outside(small_run: Results):
    row = small_run.of("flare21")[0]
    assert row.reported_ram_mb == pytest.approx(row.ram_mb, rel=0.1)


def test_the_machine_and_its_floor_are_told(small_run: Results):
    assert small_run.machine["versions"]["torch"]
    assert small_run.floor_seconds("cpu", 160) > 0
    assert small_run.floor_seconds("cuda", 160) is None


def test_nothing_stays_in_the_temporary_folder(small_run: Results, own_temporary_folder: Path):
    assert small_run.rows
    assert list(own_temporary_folder.iterdir()) == []


def test_a_method_that_fails_is_a_row_with_its_reason(phantom: Phantom, tmp_path: Path):
    noise = np.random.default_rng(0).normal(-1000, 20, phantom.volume.voxels.shape).astype(np.int16)
    noise[0, 0, :100] = 400  # not constant, yet no patient there
    write_scan(tmp_path / "air.nii.gz", Volume(noise, phantom.volume.geometry))
    plan = Plan(("flare21",), ("ours",), (48,), "cpu", tmp_path / "air.nii.gz", minutes=2, in_plane=96)
    row = Benchmark(plan, Silence()).run().rows[0]
    assert row.seconds is None
    assert "in this scan" in row.problem


def test_a_gpu_that_is_asked_for_and_not_there_ends_the_benchmark(phantom_file: Path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this computer has a GPU")
    with pytest.raises(FlareError, match="finds no CUDA GPU"):
        Benchmark(Plan(device="cuda", scan=phantom_file), Silence()).run()


def test_the_cheapest_jobs_come_first_and_the_cpu_is_for_ours_where_a_gpu_is():
    plan = Plan(("warm",), ("nnunet", "ours"), (1000, 80))
    jobs = [(job.method, job.device, slices) for job, slices in plan.jobs(["cuda", "cpu"])]
    assert jobs == [
        ("ours", "cuda", 80),
        ("ours", "cpu", 80),
        ("ours", "cuda", 1000),
        ("ours", "cpu", 1000),
        ("nnunet", "cuda", 80),
        ("nnunet", "cuda", 1000),
    ]
