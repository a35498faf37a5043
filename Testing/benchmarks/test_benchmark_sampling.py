"""A slow network runs a few times; those passes stand for all of them."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from benchmarks.sampling import MOST_PASSES, SampledNetwork


def test_the_network_runs_a_few_times_and_then_repeats_its_last_answer():
    torch.manual_seed(0)
    convolution = nn.Conv3d(1, 2, 3, padding=1)
    network = SampledNetwork(convolution)
    scans = torch.randn(MOST_PASSES + 2, 1, 1, 8, 8, 8)
    with torch.inference_mode():
        answers = [network(scan) for scan in scans]
        last_real = convolution(scans[MOST_PASSES - 1])
    assert (network.passes, len(network.run)) == (MOST_PASSES + 2, MOST_PASSES)
    assert torch.equal(answers[-1], last_real)
    assert not torch.equal(answers[0], answers[1])


def test_passes_left_out_cost_the_median_of_those_run_less_the_repeating():
    network = SampledNetwork(nn.Conv3d(1, 8, 3))
    start = time.perf_counter()
    for _ in range(20):
        network(torch.zeros(1, 1, 32, 32, 32))
    run = [wall for wall, _ in network.run]
    whole = 20 * statistics.median(run) - sum(run)
    repeating = time.perf_counter() - start - sum(run)
    assert whole - repeating <= network.left_out[0] <= whole


def test_a_scan_whose_passes_were_all_run_misses_nothing():
    network = SampledNetwork(nn.Identity())
    network(torch.zeros(1))
    assert network.left_out == (0.0, 0.0)


def test_an_answer_may_be_worked_on_in_place_without_changing_the_next():
    network = SampledNetwork(nn.Identity())
    for _ in range(MOST_PASSES + 1):
        network(torch.ones(1, 1, 2, 2, 2)).zero_()
    assert network(torch.ones(1, 1, 2, 2, 2)).sum() == 8


def test_a_new_scan_is_measured_anew():
    network = SampledNetwork(nn.Identity())
    for _ in range(MOST_PASSES + 1):
        network(torch.zeros(1))
    network.begin()
    assert (network.passes, network.run) == (0, [])
    assert network(torch.full((1,), 3.0)) == 3
