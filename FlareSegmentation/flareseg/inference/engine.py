"""The two networks on one device in one precision, and the input that they are given."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from flareseg.core.geometry import Geometry
from flareseg.core.report import DeviceFacts
from flareseg.core.run import Run
from flareseg.inference.cuda_link import CudaLink
from flareseg.inference.device import Device
from flareseg.inference.gpu_switches import SLAB_MB as LARGE_SLAB_MB
from flareseg.inference.gpu_switches import GpuSwitches
from flareseg.inference.low_scans import continued, slices_shown, without_continuation
from flareseg.inference.networks.folding import folded
from flareseg.inference.networks.memory_efficient_fcn import MemoryEfficientFCN
from flareseg.inference.precision import Precision
from flareseg.inference.recorded import recorded
from flareseg.inference.resample import SLAB_MB, Box, Slabs, resample_to_grid
from flareseg.inference.transfer import Pageable, Staged, Transfer
from flareseg.inference.weights import TrainedNetwork


@dataclass(frozen=True)
class Engine:
    """The networks on one device in one precision.

    Attributes:
        device: The device.
        precision: Precision and memory layout of the networks.
        abdomen: The ROI network.
        organs: The organ network.
        whole: Whether the organ network takes the scan, not only the ROI.
        slabs: Size of slabs, and how they are copied to the device.
    """

    device: Device
    precision: Precision
    abdomen: TrainedNetwork
    organs: TrainedNetwork
    whole: bool = False
    slabs: Slabs = field(default_factory=Slabs)

    @classmethod
    def of(
        cls,
        device: Device,
        precision: Precision,
        abdomen: TrainedNetwork,
        organs: TrainedNetwork,
        whole: bool = False,
    ) -> Engine:
        """Copy trained networks to a device, their batch norm folded into the convolutions."""
        switches = GpuSwitches.of_environment() if device.is_gpu else GpuSwitches()

        def on_device(trained: TrainedNetwork) -> TrainedNetwork:
            network = precision.network(folded(trained.network), device.torch_device)
            if switches.graphs and trained.factor is None:  # one shape of input
                example = precision.tensor(torch.zeros(1, 1, *trained.grid, device=device.torch_device))
                with device.reproducible():
                    network = recorded(network, example)
            return replace(trained, network=network)

        transfer: Transfer = Staged(CudaLink(device.torch_device)) if switches.staged else Pageable()
        slabs = Slabs(LARGE_SLAB_MB if switches.large_slabs else SLAB_MB, transfer=transfer)
        return cls(device, precision, on_device(abdomen), on_device(organs), whole, slabs)

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
        slices, rows, columns = trained.grid_of(box.size)
        if trained.factor is None:
            slices = slices_shown(box.size[0] * geometry.spacing[0], slices)
        return resample_to_grid(voxels, box, (slices, rows, columns), self.device.torch_device, slabs)

    def logits(self, trained: TrainedNetwork, grid: Tensor, run: Run) -> Tensor:
        """Run a network on what ``resampled`` returned, and return its logits, float32 (classes, k, j, i)."""
        slices = len(grid) if trained.factor else trained.grid[0]
        x = self.precision.tensor(normalised(continued(grid, slices))[None, None])
        with _with_progress(trained.network, x, run), self.device.reproducible():
            return without_continuation(trained.network(x)[0].float(), len(grid), slices)


def normalised(hu: Tensor) -> Tensor:
    """Scale HU to the networks' input: the soft-tissue window of -200 to 300 HU to -1 to 1."""
    return (hu.clamp(-200, 300) - 50) / 250


@contextlib.contextmanager
def _with_progress(network: nn.Module, x: Tensor, run: Run) -> Iterator[None]:
    """Advance the run at each convolution of a pass, so that a long one can be watched and cancelled.

    A network that comes to the same convolutions several times says how often.
    """
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv3d, nn.ConvTranspose3d))]
    repeating = next((m for m in network.modules() if isinstance(m, MemoryEfficientFCN)), None)
    expected = repeating.convolutions(x) if repeating else len(layers)
    begun = itertools.count()

    def advance(layer: nn.Module, inputs: object) -> None:
        run.advance(next(begun) / expected)

    hooks = [layer.register_forward_pre_hook(advance) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
