"""A slow network runs a few times; the others are told from those."""

from __future__ import annotations

import pytest
import torch
from flareseg.benchmark.sampling import ENOUGH_PASSES, SampledNetwork, Sampling
from torch import nn


def test_passes_left_out_cost_the_median_of_those_run_less_the_repeating():
    sampling = Sampling()
    sampling.passes, sampling.seconds, sampling.cpu_seconds = 60, [9.0, 10.0, 14.0], [18.0, 19.0, 20.0]
    sampling.repeat_seconds = 0.5
    assert sampling.missing_seconds == pytest.approx(57 * 10 - 0.5)
    assert sampling.missing_cpu_seconds == pytest.approx(57 * 19)


def test_a_scan_whose_passes_were_all_run_misses_nothing():
    sampling = Sampling()
    sampling.passes, sampling.seconds = 2, [1.0, 1.0]
    assert sampling.missing_seconds == 0


def test_the_network_runs_a_few_times_and_then_repeats_its_last_answer():
    torch.manual_seed(0)
    sampling = Sampling()
    network = SampledNetwork(nn.Conv3d(1, 2, 3, padding=1), sampling)
    scans = torch.randn(ENOUGH_PASSES + 2, 1, 1, 8, 8, 8)
    with torch.inference_mode():
        answers = [network(scan) for scan in scans]
        last_real = network.network(scans[ENOUGH_PASSES - 1])
    assert (sampling.passes, len(sampling.seconds)) == (ENOUGH_PASSES + 2, ENOUGH_PASSES)
    assert torch.equal(answers[-1], last_real)
    assert not torch.equal(answers[0], answers[1])


def test_an_answer_may_be_worked_on_in_place_without_changing_the_next():
    sampling = Sampling()
    network = SampledNetwork(nn.Identity(), sampling)
    for _ in range(ENOUGH_PASSES):
        network(torch.ones(1, 1, 2, 2, 2))
    network(torch.ones(1, 1, 2, 2, 2)).zero_()
    assert network(torch.ones(1, 1, 2, 2, 2)).sum() == 8


def test_a_new_scan_is_measured_anew():
    sampling = Sampling()
    sampling.passes, sampling.seconds = 60, [20.0]
    assert sampling.enough
    sampling.begin()
    assert not sampling.enough
    assert sampling.missing_seconds == 0
