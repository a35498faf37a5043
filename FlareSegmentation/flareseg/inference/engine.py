"""The two networks on one device in one precision, and the input that they are given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor, nn

from flareseg.core.report import DeviceFacts
from flareseg.core.run import Run
from flareseg.inference.device import Device
from flareseg.inference.networks.folding import folded
from flareseg.inference.precision import Precision
from flareseg.inference.weights import TrainedNetwork


@dataclass(frozen=True)
class Engine:
    """The networks on one device in one precision; without a ROI network the scan is segmented as a whole."""

    device: Device
    precision: Precision
    abdomen: TrainedNetwork | None
    organs: TrainedNetwork

    @classmethod
    def of(cls, device: Device, precision: Precision, abdomen: TrainedNetwork | None, organs: TrainedNetwork) -> Engine:
        """Copy trained networks to a device, their batch norm folded into the convolutions."""

        def on_device(trained: TrainedNetwork) -> TrainedNetwork:
            return replace(trained, network=precision.network(folded(trained.network), device.torch_device))

        return cls(device, precision, abdomen and on_device(abdomen), on_device(organs))

    @property
    def facts(self) -> DeviceFacts:
        """The device and the precision, for the report."""
        return DeviceFacts(self.device.torch_device.type, self.device.name, self.precision.name)

    def logits(self, network: nn.Module, grid: Tensor, run: Run) -> Tensor:
        """Run a network on a grid (k, j, i) in HU and return its logits, float32 (classes, k, j, i)."""
        x = self.precision.tensor(normalised(grid)[None, None])
        with _with_progress(network, run), self.device.reproducible():
            return network(x)[0].float()


def normalised(hu: Tensor) -> Tensor:
    """Scale HU to the networks' input: the soft-tissue window of -200 to 300 HU to -1 to 1."""
    return (hu.clamp(-200, 300) - 50) / 250


@contextlib.contextmanager
def _with_progress(network: nn.Module, run: Run) -> Iterator[None]:
    """Advance the run at each convolution, so that a long pass can be watched and cancelled.

    A network that works slab by slab comes to the same convolutions again: each counts once.
    """
    layers = [m for m in network.modules() if isinstance(m, (nn.Conv3d, nn.ConvTranspose3d))]
    begun: set[nn.Module] = set()

    def advance(layer: nn.Module, inputs: object) -> None:
        run.advance(len(begun) / len(layers))
        begun.add(layer)

    hooks = [layer.register_forward_pre_hook(advance) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
