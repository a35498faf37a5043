"""What this computer is, and the least time that it needs for a scan."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil
import torch

from flareseg.benchmark.speeds import measured_floor
from flareseg.core.errors import FlareError
from flareseg.inference.device import select_device

PACKAGES = ("flareseg", "torch", "numpy", "scipy", "SimpleITK", "nnunetv2", "dynamic-network-architectures")
_HOLD_SECONDS = 1.0  # ten samples from outside


def facts(device: str) -> dict[str, Any]:
    """Processor, memory, system, versions, the GPU if "auto" or "cuda" finds one, and the floor of each device.

    Raises FlareError("no_gpu") when "cuda" is asked for and cannot be used.
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
        raise FlareError("no_gpu", f"The NVIDIA driver does not answer ({error}).", "Choose the CPU.") from error


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
