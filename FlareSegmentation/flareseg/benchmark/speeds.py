"""How fast a device is at what cannot be avoided: copies from and to it, and multiplications."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from flareseg.benchmark.floor import Floor
from flareseg.core.organs import CLASSES
from flareseg.inference.device import Device
from flareseg.inference.processor import has_bfloat16
from flareseg.inference.resample import Size
from flareseg.inference.weights import load_network

_TURNS = 7
_COPY_BYTES = 2**27
_MATRIX = {"cuda": 8192, "cpu": 2048}


def measured_floor(device: Device) -> Floor:
    """The floor of a device now, in its fastest type of numbers. Takes about a second."""
    kind = device.torch_device.type
    dtypes = [torch.float16] if kind == "cuda" else [torch.float32] + [torch.bfloat16] * has_bfloat16()
    speeds = {dtype: tflops(device, dtype, _MATRIX[kind]) for dtype in dtypes}
    dtype = max(speeds, key=lambda each: speeds[each])
    upload, download = _copies(device) if kind == "cuda" else (None, None)
    return Floor(networks_gflop(), speeds[dtype], str(dtype).removeprefix("torch."), upload, download)


def networks_gflop() -> float:
    """GFLOP of the two shipped networks on their grids."""
    stages = (load_network("abdomen", 2), load_network("organs", CLASSES))
    return sum(gflop(trained.network, trained.grid) for trained in stages)


def gflop(network: nn.Module, grid: Size) -> float:
    """GFLOP of one pass over a grid (k, j, i), counted on tensors without memory."""
    shadow = copy.deepcopy(network).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(1, 1, *grid, device="meta"))
    return counter.get_total_flops() / 1e9


def tflops(device: Device, dtype: torch.dtype, size: int) -> float:
    """Trillions of operations a second in the product of two square matrices."""
    a, b = (torch.randn(size, size).to(device.torch_device, dtype) for _ in range(2))
    out = a @ b
    return 2 * size**3 / _median_seconds(lambda: torch.mm(a, b, out=out), device) / 1e12


def _copies(device: Device) -> tuple[float, float]:
    """GB/s from pinned memory to the device and back."""
    host = torch.empty(_COPY_BYTES, dtype=torch.uint8).pin_memory()
    buffer = torch.empty(_COPY_BYTES, dtype=torch.uint8, device=device.torch_device)
    up = _median_seconds(lambda: buffer.copy_(host, non_blocking=True), device)
    down = _median_seconds(lambda: host.copy_(buffer, non_blocking=True), device)
    return _COPY_BYTES / 1e9 / up, _COPY_BYTES / 1e9 / down


def _median_seconds(work: Callable[[], object], device: Device) -> float:
    work()
    seconds = []
    for _ in range(_TURNS):
        device.synchronise()
        start = time.perf_counter()
        work()
        device.synchronise()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
