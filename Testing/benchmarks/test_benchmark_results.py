"""Rows from the account of a child process and the measurements from outside."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.job import Account
from benchmarks.results import Results, row_of, warm_of_cold
from benchmarks.row import Row
from benchmarks.watch import Watched

OURS = Row("flare21", "ours", "cpu", 160)
PEER = Row(
    *("flare21", "nnunet", "cpu", 160),
    seconds=610.0,
    cpu_seconds=1055.0,
    stages={"load": 5.0, "read": 1.0, "preprocess": 4.0, "network": 600.0, "postprocess": 6.0, "write": 1.0},
    passes=60,
    passes_run=2,
)


def test_a_cold_row_counts_from_the_start_of_the_process_to_its_end():
    watched = Watched(seconds=7.0, started=100.0, ended=107.0, ram_mb=900.0, cpu_seconds=11.0)
    stages = {"load": 3.0, "read": 1.0, "write": 0.5}
    row = row_of(Account(replace(OURS, stages=stages), entered=100.2, ended=106.5), watched)
    assert (row.seconds, row.cpu_seconds, row.ram_mb) == (7.0, 11.0, 900.0)
    assert row.stages == pytest.approx({"start": 0.2, "load": 3.0, "read": 1.0, "write": 0.5, "exit": 0.5})
    assert not row.extrapolated


def test_passes_left_out_are_added_to_the_time_seen_from_outside():
    watched = Watched(seconds=40.0, ended=40.0, cpu_seconds=70.0, ram_mb=3000.0)
    row = row_of(Account(PEER, ended=40.0, given_mb=200.0, left_out=(580.0, 1000.0)), watched)
    assert (row.seconds, row.cpu_seconds, row.stages["network"]) == (620.0, 1070.0, 600.0)
    assert row.ram_above_mb == 2800.0
    assert row.extrapolated


def test_a_sampled_method_s_warm_row_is_the_inner_part_of_its_cold_one():
    row = warm_of_cold(Account(PEER, given_mb=200.0), Watched(ram_mb=3000.0))
    assert (row.protocol, row.seconds, row.cpu_seconds, row.ram_above_mb) == ("warm", 610.0, 1055.0, 2800.0)
    assert set(row.stages) == {"preprocess", "network", "postprocess"}
    assert row.extrapolated


def test_a_warm_row_is_what_the_child_told():
    told = Row("warm", "ours", "cpu", 160, seconds=1.1, cpu_seconds=2.0, runs=3, ram_above_mb=700.0)
    assert row_of(Account(told), Watched(seconds=12.0, ram_mb=950.0, others=0.2)) == replace(told, others=0.2)


def test_the_gpu_s_level_is_counted_as_flare21_does_and_above_a_bare_context():
    levels = [600.0] * 10 + [760.0] * 60 + [900.0]  # 900 in less than 2 % of the samples
    watched = Watched(seconds=7.1, ended=7.1, gpu_mib=levels)
    row = row_of(Account(replace(OURS, device="cuda"), ended=7.0), watched, context=[640.0] * 10)
    assert (row.gpu_mib, row.gpu_highest_mib, row.gpu_above_context_mib) == (760.0, 900.0, 120.0)
    assert row.gpu_area == pytest.approx(sum(levels) / 10)


def test_a_row_on_the_cpu_tells_nothing_of_the_gpu_beside_it():
    row = row_of(Account(OURS), Watched(gpu_mib=[600.0] * 10), context=[500.0])
    assert row.gpu_mib is row.gpu_area is row.gpu_above_context_mib is None


def test_a_failed_job_is_a_row_with_its_reason():
    row = row_of(Account(replace(OURS, problem="out of memory")), Watched(seconds=3.0))
    assert (row.seconds, row.problem) == (None, "out of memory")


def test_the_file_holds_the_rows_and_the_version_of_its_schema(results: Results):
    found = json.loads(results.dumps())
    assert found["schema_version"] == 2
    assert [Row(**row) for row in found["rows"]] == results.rows


def test_single_figures_are_told_for_160_slices_or_the_closest(results: Results):
    assert results.base_slices == 160
    results.rows = [row for row in results.rows if row.slices == 80]
    assert results.base_slices == 80
