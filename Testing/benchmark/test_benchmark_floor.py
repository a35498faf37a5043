"""The least time that a scan can take."""

from __future__ import annotations

import pytest
import torch
from flareseg.benchmark.floor import Floor
from flareseg.benchmark.speeds import gflop, tflops
from flareseg.inference.device import select_device
from flareseg.inference.networks.dense_vnet import DenseVNet


def test_the_floor_of_a_gpu_is_upload_and_arithmetic_and_download():
    floor = Floor(gflop=100, tflops=50, dtype="float16", upload=20, download=10)
    assert floor.transfer_seconds(80_000_000, 40_000_000) == pytest.approx(0.004 + 0.004)
    assert floor.seconds(80_000_000, 40_000_000) == pytest.approx(0.008 + 0.002)


def test_on_a_cpu_nothing_is_moved():
    assert Floor(gflop=100, tflops=0.5, dtype="bfloat16").seconds(80_000_000, 40_000_000) == pytest.approx(0.2)


def test_the_organ_network_has_the_operations_counted_for_the_paper_s_grid():
    assert gflop(DenseVNet(), (96, 128, 192)) == pytest.approx(2 * 23.976, abs=0.01)


def test_the_speed_of_multiplication_is_measured():
    assert 1e-4 < tflops(select_device("cpu"), torch.float32, 256) < 1000
