"""Whole scans in one pass: one network, no region of interest and no crop.

The idea is that of Wang, Oda and Mori (arXiv 2003.10690): see networks/memory_efficient_fcn.py. Everything around the
network is the cascade's. The ROI network chooses no region, but scans in which it sees no abdomen are refused.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import torch

from flareseg.core.errors import GpuMemoryError, InsufficientMemoryError, JobError, WeightsError
from flareseg.core.estimate import segmenting_mb
from flareseg.core.free_memory import bounds
from flareseg.core.geometry import Orientation
from flareseg.core.limits import Limits
from flareseg.core.organs import CLASSES
from flareseg.core.volume import Volume
from flareseg.inference.device import Device
from flareseg.inference.engine import Engine
from flareseg.inference.manifest import read_manifest
from flareseg.inference.options import SegmentationOptions
from flareseg.inference.own_grid import largest_factor
from flareseg.inference.resample import Size
from flareseg.inference.roi import box_of_bounds
from flareseg.inference.weights import TrainedNetwork, load_network

STAGE = "full_size"  # of the manifest
_GRID_BYTES = 12  # a voxel of the network's grid: the scan resampled, and its window of HU while the input is made
_COPIES = 4.0  # of the logits in float32 while they become labels and confidence


class Networks(str, Enum):
    """Which networks segment: the cascade's two, or one that takes the whole scan in one pass."""

    CASCADE = "cascade"
    FULL_SIZE = "full-size"

    @classmethod
    def of(cls, choice: str) -> Networks:
        """Return the member for a name. Raises JobError for an unknown name."""
        try:
            return cls(choice)
        except ValueError:
            raise JobError(f'Unknown network: "{choice}".', f"Use one of {', '.join(n.value for n in cls)}.") from None


def load_networks(choice: Networks, weights: Path | None) -> tuple[TrainedNetwork, TrainedNetwork]:
    """Load the ROI network, for whole scans that of this package, and the organ network. Raises WeightsError."""
    if weights is not None:
        _require_kind(choice, weights)
    if choice is Networks.CASCADE:
        return load_network("abdomen", 2, weights), load_network("organs", CLASSES, weights)
    if weights is None:
        raise WeightsError(
            "No weights for the whole scan in one pass come with FlareSegmentation.",
            "Train some (docs/full-size.md) and give their folder: --weights FOLDER, or Weights in the panel.",
        )
    return load_network("abdomen", 2), load_network(STAGE, CLASSES, weights)


def _require_kind(choice: Networks, folder: Path) -> None:
    """Raise WeightsError where a folder holds the weights of the other choice alone."""
    there = read_manifest(folder)["weights"]
    if choice is Networks.CASCADE and STAGE in there and not {"abdomen", "organs"} <= set(there):
        raise WeightsError(
            f"The weights in {folder} are for the whole scan in one pass.",
            "Choose that, too: --network full-size, or Networks in the panel.",
        )
    if choice is Networks.FULL_SIZE and "organs" in there and STAGE not in there:
        raise WeightsError(
            f"The weights in {folder} are for the two networks, not for the whole scan in one pass.",
            "Leave out --network full-size (in the panel take the other Networks), or give weights that fit.",
        )


def require_room(engine: Engine, volume: Volume, options: SegmentationOptions, limits: Limits) -> None:
    """Refuse a scan that is too large for one pass, with what it needs and the largest factor that would fit.

    The cascade takes every scan. Raises InsufficientMemoryError, GpuMemoryError or, for a region that is not a box,
    RoiError.
    """
    if not engine.whole:
        return
    geometry = Orientation.of(volume.geometry).geometry(volume.geometry)
    shape = box_of_bounds(options.roi, geometry).size if options.roi else geometry.shape
    free_mb, where = _free(engine.device, limits)
    if (needed := _needed_mb(engine, shape)) <= free_mb:
        return
    error = GpuMemoryError if engine.device.is_gpu else InsufficientMemoryError
    free = f"{max(0.0, free_mb):.0f} MB are free{where}"
    raise error(
        f"The whole scan in one pass needs about {needed:.0f} MB of memory; {free}.",
        f"{_advice(engine, shape, free_mb)} use the cascade, which needs little memory.",
    )


def _advice(engine: Engine, shape: Size, free_mb: float) -> str:
    """What would fit, as the beginning of a sentence. A network with a fixed grid takes as much of every scan."""
    if engine.organs.factor is None:
        return f"The network takes every scan on {' x '.join(map(str, engine.organs.grid))} voxels:"
    factor = largest_factor(lambda n: _needed_mb(engine, _times(shape, n)) <= free_mb)
    if factor is None:
        return "No factor would fit: give a small region (ROI), or"
    return f"The largest factor that would fit is {factor:.2f}: resample the scan, give a region (ROI), or"


def _free(device: Device, limits: Limits) -> tuple[float, str]:
    """Free memory in MB, and what bounds it as part of a message."""
    if device.is_gpu:
        device.release_memory()  # of an earlier scan
        free = device.memory_mb[0]
        return (
            (free, " on the GPU") if limits.gpu is None or free < limits.gpu else (limits.gpu, " within the GPU limit")
        )
    found = bounds(limits.ram)
    return (found[0].free_mb, found[0].where) if found else (float("inf"), "")


def _needed_mb(engine: Engine, shape: Size) -> float:
    """Of the pass, or of what comes after it, whichever is more; on a CPU with the label map."""
    from flareseg.inference.live_bytes import pass_mb  # it imports much of PyTorch, and only whole scans need it

    size = engine.organs.grid_of(shape)
    network, logits = pass_mb(engine.organs.make, size)
    network *= engine.precision.dtype.itemsize / torch.float32.itemsize
    rest = 0.0 if engine.device.is_gpu else segmenting_mb(shape[0] * shape[1] * shape[2])
    return size[0] * size[1] * size[2] * _GRID_BYTES / 1e6 + max(network, _COPIES * logits) + rest


def _times(shape: Size, factor: float) -> Size:
    k, j, i = (max(1, round(n * factor)) for n in shape)
    return (k, j, i)
