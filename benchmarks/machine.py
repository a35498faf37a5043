"""Facts of this computer, and the lower bound of the time for a scan on it."""

from __future__ import annotations

import copy
import platform
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil
import torch
from flareseg.core.errors import GpuUnavailableError
from flareseg.core.organs import CLASSES
from flareseg.inference.device import Device, select_device
from flareseg.inference.processor import has_bfloat16
from flareseg.inference.resample import Size
from flareseg.inference.weights import load_network
from torch import nn
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.floor import Floor

PACKAGES = ("flareseg", "torch", "numpy", "scipy", "SimpleITK", "nnunetv2", "dynamic-network-architectures")
_HOLD_SECONDS = 1.0  # ten samples from outside
_COPY_BYTES = 2**27
_MATRIX = {"cuda": 8192, "cpu": 2048}


def facts(device: str) -> dict[str, Any]:
    """Processor, memory, system, versions, the GPU if "auto" or "cuda" finds one, and the floor of each device.

    Raises GpuUnavailableError when "cuda" is asked for and cannot be used.
    """
    selected = select_device(device)
    gpu = selected.torch_device.type == "cuda"
    devices = ["cuda", "cpu"] if gpu and device == "auto" else [selected.torch_device.type]
    return {
        "processor": select_device("cpu").name,
        "cores": psutil.cpu_count(logical=False),
        "threads": psutil.cpu_count(),
        "ram_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "gpu": _gpu(selected.torch_device) if gpu else None,
        "no_gpu": "" if gpu else selected.note or "no GPU",
        "floors": {kind: asdict(measured_floor(select_device(kind))) for kind in devices},
    }


def hold_context() -> None:
    """Make a CUDA context with one tensor in it and hold it long enough to be seen from outside."""
    torch.ones(1, device="cuda")
    torch.cuda.synchronize()
    time.sleep(_HOLD_SECONDS)


def _gpu(device: torch.device) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "uuid": f"GPU-{properties.uuid}",
        "memory_mib": properties.total_memory / 2**20,
        "cuda": torch.version.cuda,
        "driver": _driver(),
    }


def _driver() -> str:
    import pynvml

    try:
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError as error:
        raise GpuUnavailableError(f"The NVIDIA driver does not answer ({error}).", "Choose the CPU.") from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def measured_floor(selected: Device) -> Floor:
    """The floor of a device now, in its fastest number format. Takes seconds."""
    kind = selected.torch_device.type
    dtypes = [torch.float16] if kind == "cuda" else [torch.float32] + [torch.bfloat16] * has_bfloat16()
    speeds = {dtype: _tflops(selected.torch_device, dtype, _MATRIX[kind]) for dtype in dtypes}
    dtype = max(speeds, key=lambda each: speeds[each])
    upload, download = _copies(selected.torch_device) if kind == "cuda" else (None, None)
    stages = (load_network("abdomen", 2), load_network("organs", CLASSES))
    operations = sum(gflop(trained.network, trained.grid) for trained in stages)
    return Floor(operations, speeds[dtype], str(dtype).removeprefix("torch."), upload, download)


def gflop(network: nn.Module, grid: Size) -> float:
    """GFLOP of one pass over a grid (k, j, i), counted on tensors without memory."""
    shadow = copy.deepcopy(network).to("meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(1, 1, *grid, device="meta"))
    return counter.get_total_flops() / 1e9


def _tflops(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """Trillions of operations a second in the product of two square matrices."""
    a, b = (torch.randn(size, size).to(device, dtype) for _ in range(2))
    return 2 * size**3 / _median_seconds("torch.mm(a, b, out=out)", a=a, b=b, out=a @ b) / 1e12


def _copies(device: torch.device) -> tuple[float, float]:
    """GB/s from pinned memory to a GPU and back."""
    host = torch.empty(_COPY_BYTES, dtype=torch.uint8).pin_memory()
    there = torch.empty(_COPY_BYTES, dtype=torch.uint8, device=device)
    up = _median_seconds("there.copy_(host, non_blocking=True)", there=there, host=host)
    down = _median_seconds("host.copy_(there, non_blocking=True)", there=there, host=host)
    return _COPY_BYTES / 1e9 / up, _COPY_BYTES / 1e9 / down


def _median_seconds(statement: str, **names: torch.Tensor) -> float:
    timer = Timer(statement, globals={"torch": torch, **names}, num_threads=torch.get_num_threads())
    return float(timer.blocked_autorange(min_run_time=0.5).median)
