"""Estimate of the seconds and memory that a scan needs, from a model fitted to measurements.

For a CPU fitted with python -m benchmarks on 512x512 scans of 80 to 1000 slices (two server cores in
float32). For a GPU not measured yet: 53 ms of an early trial of 160 slices on an H200, and 0.12 s of one CPU core for
what stays on the host (docs/benchmark.md). Machines differ in speed, so a caller that has seen runs on this one passes
how much slower they were than the model (``slowness``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flareseg.core.geometry import Geometry
    from flareseg.core.report import Report

# seconds = fixed + per megavoxel of the scan; on a CPU 0.0035 a megavoxel are for guided borders and HU gate, which
# take 0.28 s of one core, or half of it on two, for 42 megavoxels
_SECONDS = {"cpu": (1.15, 0.0138), "cuda": (0.05, 0.0029)}
_RAM_MB = {"cpu": 650.0, "cuda": 1500.0}  # the process with its networks, above scan and labels
ENGINE_MB = 240.0  # of a process with its networks loaded, the files of libraries aside
_GPU_MB = 250.0  # allocator; the CUDA context of the process comes on top
_GPU_CONTEXT_MB = 650.0

# Fitted to the peaks of Cascade.segment on a CPU, 512x512 scans of 160 and 640 slices, above the loaded process with
# its scan, with memory returned at once; 10 MB are spare.
_NETWORK_MB = {2: 115.0, 4: 160.0}  # by the bytes of a number
_LABELS_MB_PER_VOXEL = 1e-6
_CLEAN_UP_MB, _CLEAN_UP_MB_PER_VOXEL = 65.0, 0.75e-6


@dataclass(frozen=True)
class Cost:
    """Expected seconds from voxels to labels in a warm worker, and peak memory in MB.

    ``least_ram_mb``: what has to be there; with less than ``ram_mb`` freed memory goes back at once, which takes time.
    """

    seconds: float
    ram_mb: float
    gpu_mb: float
    least_ram_mb: float


def estimate(geometry: Geometry, bytes_per_voxel: int, device_kind: str, slowness: float = 1.0) -> Cost:
    """The cost of a scan on "cpu" or "cuda"."""
    voxels = float(geometry.shape[0]) * geometry.shape[1] * geometry.shape[2] / 1e6
    fixed, per_megavoxel = _SECONDS[device_kind]
    seconds = (fixed + per_megavoxel * voxels) * slowness
    ram = _RAM_MB[device_kind] + voxels * (bytes_per_voxel + 1)
    least = ENGINE_MB + voxels * bytes_per_voxel + segmenting_mb(round(voxels * 1e6))
    return Cost(seconds, ram, _GPU_MB + _GPU_CONTEXT_MB if device_kind == "cuda" else 0.0, least)


def segmenting_mb(voxels: int, bytes_per_number: int = min(_NETWORK_MB)) -> float:
    """The least memory that a segmentation takes at its peak, above a process with networks and scan.

    ``bytes_per_number``: of the networks' format.
    """
    clean_up = _CLEAN_UP_MB + voxels * _CLEAN_UP_MB_PER_VOXEL
    return voxels * _LABELS_MB_PER_VOXEL + max(_NETWORK_MB[bytes_per_number], clean_up)


def slowness(report: Report) -> float:
    """How many times longer a finished run took than the model says, loading the networks aside."""
    loading = sum(stage.seconds for stage in report.stages if stage.name == "load")
    k, j, i = report.scan.shape
    fixed, per_megavoxel = _SECONDS[report.device.kind]
    return (report.total_seconds - loading) / (fixed + per_megavoxel * k * j * i / 1e6)
