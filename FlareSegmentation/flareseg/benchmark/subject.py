"""A method loaded on a device, as the child process drives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from flareseg.benchmark.sampling import Sampling
from flareseg.core.measure import MB, StageClock


class Subject(Protocol):
    """``dtype``: the networks' number format. ``sampling``: network passes left out, None when all are run."""

    dtype: str
    sampling: Sampling | None

    def read(self, scan: Path) -> Any:
        """The scan in a .nii.gz file, as the method itself reads it."""

    def segment(self, image: Any, clock: StageClock) -> np.ndarray:
        """Labels (k, j, i) of what ``read`` gave, with the method's stages timed."""

    def write(self, path: Path, labels: np.ndarray, image: Any) -> None:
        """The labels as .nii.gz, as the method itself writes them."""


def megabytes(image: Any, labels: np.ndarray) -> float:
    """The scan as the method holds it (ours as ``voxels``, nnU-Net as ``data``) and its labels, in MB of 1e6 bytes."""
    voxels = image.voxels if hasattr(image, "voxels") else image.data
    return float(voxels.nbytes + labels.nbytes) / MB


def load(method: str, device: str) -> Subject:
    """A method of the catalogue on "cpu" or "cuda"; imports no more than it needs."""
    if method == "ours":
        from flareseg.benchmark.ours import Ours

        return Ours(device)
    if method == "plain":
        from flareseg.benchmark.plain import PlainUNet

        return PlainUNet(device)
    from flareseg.benchmark import peers

    return peers.load(method, device)
