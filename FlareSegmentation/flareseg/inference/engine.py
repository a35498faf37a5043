"""The two networks on one device in one precision, and the input that they are given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor, nn

from flareseg.core.geometry import Geometry
from flareseg.core.report import DeviceFacts
from flareseg.core.run import Run
from flareseg.inference.device import Device
from flareseg.inference.low_scans import continued, slices_shown, without_continuation
from flareseg.inference.networks.folding import folded
from flareseg.inference.precision import Precision
from flareseg.inference.resample import Box, Slabs, resample_to_grid
from flareseg.inference.weights import TrainedNetwork


@dataclass(frozen=True)
class Engine:
    """The two networks on one device in one precision."""

    device: Device
    precision: Precision
    abdomen: TrainedNetwork
    organs: TrainedNetwork

    @classmethod
    def of(cls, device: Device, precision: Precision, abdomen: TrainedNetwork, organs: TrainedNetwork) -> Engine:
        """Copy trained networks to a device, their batch norm folded into the convolutions."""
        on_device = [
            replace(trained, network=precision.network(folded(trained.network), device.torch_device))
            for trained in (abdomen, organs)
        ]
        return cls(device, precision, *on_device)

    @property
    def facts(self) -> DeviceFacts:
        """The device and the precision, for the report."""
        return DeviceFacts(self.device.torch_device.type, self.device.name, self.precision.name)

    def resampled(
        self, trained: TrainedNetwork, voxels: np.ndarray, box: Box, geometry: Geometry, slabs: Slabs
    ) -> Tensor:
        """Resample a box of the scan to the grid of a network, or to fewer slices if it is low (``low_scans``).

        Args:
            trained: The network.
            voxels: The scan in HU, (k, j, i) in canonical orientation.
            box: The box.
            geometry: The grid of the scan.
            slabs: How the scan is read.

        Returns:
            HU, float32 (k, j, i) on the device.
        """
        slices, rows, columns = trained.grid
        slices = slices_shown(box.size[0] * geometry.spacing[0], slices)
        return resample_to_grid(voxels, box, (slices, rows, columns), self.device.torch_device, slabs)

    def logits(self, trained: TrainedNetwork, grid: Tensor, run: Run) -> Tensor:
        """Run a network on what ``resampled`` returned, and return its logits, float32 (classes, k, j, i)."""
        x = self.precision.tensor(normalised(continued(grid, trained.grid[0]))[None, None])
        with _with_progress(trained.network, run), self.device.reproducible():
            return without_continuation(trained.network(x)[0], len(grid)).float()


def normalised(hu: Tensor) -> Tensor:
    """Scale HU to the networks' input: the soft-tissue window of -200 to 300 HU to -1 to 1."""
    return (hu.clamp(-200, 300) - 50) / 250


@contextlib.contextmanager
def _with_progress(network: nn.Module, run: Run) -> Iterator[None]:
    """Advance the run at each convolution, so that a long pass can be watched and cancelled."""
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv3d, nn.ConvTranspose3d))]
    done = iter(range(len(layers) + 1))
    hooks = [m.register_forward_pre_hook(lambda *_: run.advance(next(done) / len(layers))) for m in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
