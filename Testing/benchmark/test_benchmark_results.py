"""From what was seen and told to a row; rows to JSON and back."""

from __future__ import annotations

import pytest
from flareseg.benchmark.job import Account, Job
from flareseg.benchmark.results import Results, in_order, mirrored, row_of, warm_of
from flareseg.benchmark.watch import Watched
from flareseg.evaluation.resources import MIB


def test_a_cold_row_counts_from_the_start_of_the_process_to_its_end():
    watched = Watched(seconds=7.0, started=100.0, ended=107.0, ram_mb=900.0, cpu_seconds=11.0)
    account = Account(entered=100.2, ended=106.5, stages={"load": 3.0, "read": 1.0, "write": 0.5})
    row = row_of(Job("flare21", "cpu", "ours"), 160, watched, account)
    assert (row.seconds, row.cpu_seconds, row.ram_mb) == (7.0, 11.0, 900.0)
    assert row.stages == pytest.approx({"start": 0.2, "load": 3.0, "read": 1.0, "write": 0.5, "exit": 0.5})
    assert row.extrapolated == ""


def test_passes_left_out_are_added_to_time_and_to_the_network_s_stage_and_said():
    watched = Watched(seconds=40.0, started=0.0, ended=40.0, cpu_seconds=70.0)
    account = Account(0.0, 40.0, stages={"network": 20.0}, passes=60, passes_run=2)
    account.missing_seconds, account.missing_cpu_seconds = 580.0, 1000.0
    row = row_of(Job("flare21", "cpu", "nnunet"), 160, watched, account)
    assert (row.seconds, row.cpu_seconds, row.stages["network"]) == (620.0, 1070.0, 600.0)
    assert row.extrapolated == "extrapolated from 2 of 60 network passes"


def test_mirroring_is_seven_more_passes_a_patch():
    watched = Watched(seconds=40.0, ended=40.0, cpu_seconds=70.0)
    account = Account(0.0, 40.0, stages={"network": 25.0}, passes=60, passes_run=2, pass_seconds=10.0)
    account.pass_cpu_seconds, account.missing_seconds, account.missing_cpu_seconds = 18.0, 580.0, 1044.0
    plain = row_of(Job("flare21", "cpu", "nnunet"), 160, watched, account)
    row = mirrored(plain, "nnunet-mirror")
    assert row.seconds == pytest.approx(40 + 580 + 7 * 60 * 10)
    assert row.cpu_seconds == pytest.approx(70 + 1044 + 7 * 60 * 18)
    assert row.stages["network"] == pytest.approx(25 + 580 + 7 * 60 * 10)
    assert row.extrapolated == "extrapolated from 2 of 480 network passes"


def test_a_sampled_method_s_warm_row_is_the_inner_part_of_its_cold_one():
    watched = Watched(seconds=40.0, ended=40.0, cpu_seconds=70.0, ram_mb=3000.0)
    stages = {"load": 5.0, "read": 1.0, "preprocess": 4.0, "network": 20.0, "postprocess": 6.0, "write": 1.0}
    account = Account(0.0, 40.0, stages=stages, cpu_seconds=[55.0], given_mb=200.0, passes=60, passes_run=2)
    account.missing_seconds, account.missing_cpu_seconds = 580.0, 1000.0
    row = warm_of(row_of(Job("flare21", "cpu", "nnunet"), 160, watched, account))
    assert (row.protocol, row.seconds, row.cpu_seconds, row.ram_above_mb) == ("warm", 610.0, 1055.0, 2800.0)
    assert set(row.stages) == {"preprocess", "network", "postprocess"}
    assert row.extrapolated


def test_a_warm_row_is_the_median_of_its_runs():
    account = Account(0.0, seconds=[1.1, 0.9, 5.0], cpu_seconds=[2.0, 1.8, 2.2], ram_mb=900.0, given_mb=200.0)
    row = row_of(Job("warm", "cpu", "ours"), 160, Watched(seconds=12.0), account)
    assert (row.seconds, row.cpu_seconds, row.runs, row.ram_above_mb) == (1.1, 2.0, 3, 700.0)


def test_the_gpu_s_level_is_counted_as_flare21_does_and_above_a_bare_context():
    levels = [600.0] * 10 + [760.0] * 60 + [900.0]  # 900 in less than 2 % of the samples
    watched = Watched(seconds=7.1, ended=7.1, gpu_mib=levels)
    account = Account(0.0, 7.0, reported_gpu_mb=890 * MIB)
    row = row_of(Job("flare21", "cuda", "ours"), 160, watched, account, context=[640.0] * 10)
    assert (row.gpu_mib, row.gpu_highest_mib, row.gpu_above_context_mib) == (760.0, 900.0, 120.0)
    assert row.gpu_area == pytest.approx(sum(levels) / 10)
    assert row.reported_gpu_mib == pytest.approx(890)


def test_a_row_on_the_cpu_tells_nothing_of_the_gpu_beside_it():
    row = row_of(Job("flare21", "cpu", "ours"), 160, Watched(gpu_mib=[600.0] * 10), Account(0.0), context=[500.0])
    assert row.gpu_mib is row.gpu_area is row.gpu_above_context_mib is None


def test_a_failed_job_is_a_row_with_its_reason():
    row = row_of(Job("warm", "cuda", "nnunet"), 160, Watched(seconds=3.0), Account(0.0, problem="out of memory"))
    assert (row.seconds, row.problem) == (None, "out of memory")


def test_stages_stand_in_the_order_in_which_they_happen():
    stages = {"exit": 1.0, "of another version": 1.0, "write": 1.0, "read": 1.0, "start": 1.0}
    assert list(in_order(stages)) == ["start", "read", "write", "exit", "of another version"]


def test_results_survive_a_file(results: Results):
    assert Results.loads(results.dumps()) == results


def test_results_of_another_schema_are_refused(results: Results):
    with pytest.raises(ValueError, match="schema version"):
        Results.loads(results.dumps().replace('"schema_version": 1', '"schema_version": 99'))


def test_single_figures_are_told_for_160_slices_or_the_closest(results: Results):
    assert results.base_slices == 160
    results.rows = [row for row in results.rows if row.slices == 80]
    assert results.base_slices == 80
