"""A method loaded on a device, as the child process drives it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from flareseg.core.measure import StageClock

from benchmarks.methods import OURS
from benchmarks.sampling import SampledNetwork


class Subject(ABC):
    """One loaded method; reads and writes with the engine's own code unless it has its own.

    Attributes:
        dtype: Number format of its networks.
        sampled: Its network where only some passes are run, else None.
    """

    dtype: str
    sampled: SampledNetwork | None = None

    def read(self, scan: Path) -> Any:
        """The scan in a .nii.gz file; its voxels are ``voxels``."""
        from flareseg.io.reading import read_volume

        return read_volume(scan)

    @abstractmethod
    def segment(self, image: Any, clock: StageClock) -> np.ndarray:
        """Labels (k, j, i) of what ``read`` gave, with the method's stages timed."""

    def write(self, path: Path, labels: np.ndarray, image: Any) -> None:
        """Write labels as .nii.gz."""
        from flareseg.io.writing import write_labels

        write_labels(path, labels, image.geometry)


def load(method: str, device: str) -> Subject:
    """Load a method of METHODS on "cpu" or "cuda"; imports no more than it needs."""
    if method == OURS:
        from benchmarks.ours import Ours

        return Ours(device)
    if method == "plain":
        from benchmarks.plain import WholeScanUNet

        return WholeScanUNet(device)
    from benchmarks import peers

    return peers.load(method, device)
