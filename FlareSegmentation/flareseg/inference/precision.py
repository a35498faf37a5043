"""Selection of the precision and memory layout of the networks by a table, never by measuring.

Therefore the same scan on the same computer gives the same labels, whatever else the computer is doing.

===============================================  =========
device                                           precision
===============================================  =========
CUDA, compute capability 7.0 (Volta) and later   float16
CUDA, earlier                                    float32
CPU with AMX or AVX-512 BF16                     bfloat16
any other CPU                                    float32
===============================================  =========

On a CPU with oneDNN voxels keep their channels side by side (channels last), which is faster in each of them.
"""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from flareseg.core.errors import ConfigError
from flareseg.inference.device import Device
from flareseg.inference.gpu_switches import GpuSwitches
from flareseg.inference.networks.channels_last import channels_last, in_channels_last, runs_channels_last
from flareseg.inference.processor import has_bfloat16

AUTO = "auto"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
CHOICES = (AUTO, *DTYPES)
VARIABLE = "FLARESEG_PRECISION"  # of the environment, in place of "auto"

_TENSOR_CORES = (7, 0)  # compute capability; earlier GPUs gain nothing from float16, or lose


@dataclass(frozen=True)
class Precision:
    """Precision and memory layout of a network.

    Attributes:
        dtype: Type of weights and activations.
        channels_last: Whether the channels of a voxel are adjacent in memory.
    """

    dtype: torch.dtype
    channels_last: bool = False

    @property
    def name(self) -> str:
        """Name of the precision, for example "float16"."""
        return str(self.dtype).removeprefix("torch.")

    def network(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Return a copy of a network, in evaluation mode, on a device in this precision."""
        network = copy.deepcopy(network).eval().requires_grad_(False).to(device, self.dtype)
        if not self.channels_last:
            return network
        if device.type == "cpu":
            return channels_last(network)
        return cast(Any, network).to(memory_format=torch.channels_last_3d)  # cuDNN knows the layout by itself

    def tensor(self, x: Tensor) -> Tensor:
        """Return an input of a network, (batch, channels, k, j, i), in this precision."""
        x = x.to(self.dtype)
        return in_channels_last(x) if self.channels_last else x


def select_precision(device: Device, choice: str = AUTO) -> Precision:
    """Select the precision for a device.

    Args:
        device: The device.
        choice: One of CHOICES. "auto" takes that of the environment variable FLARESEG_PRECISION, else that of the
            table above. A precision that the processor has no instructions for is emulated: correct, but slow.

    Returns:
        The precision and the memory layout.

    Raises:
        ConfigError: ``choice`` or the environment variable is not one of CHOICES, or FLARESEG_GPU names no switch.
    """
    switches = GpuSwitches.of_environment()  # an unknown one is refused on a CPU, too
    name = checked_choice(choice)
    if name == AUTO:
        name = checked_choice(os.environ.get(VARIABLE) or AUTO, f" in {VARIABLE}")
    dtype = _dtype_of_table(device) if name == AUTO else DTYPES[name]
    is_last = switches.channels_last if device.is_gpu else runs_channels_last(dtype)
    return Precision(dtype, is_last)


def emulation(device: Device, precision: Precision) -> list[str]:
    """Return a warning if the processor has no instructions for the precision, else an empty list."""
    if device.is_gpu or runs_channels_last(precision.dtype) or not runs_channels_last(torch.float32):
        return []
    return [
        f"This processor has no instructions for {precision.name} and takes many times longer in it; "
        "float32 gives the same organs."
    ]


def checked_choice(choice: str, where: str = "") -> str:
    """Return ``choice`` in lower case. Raises ConfigError unless it is one of CHOICES."""
    if choice.lower() not in CHOICES:
        raise ConfigError(f'Unknown precision{where}: "{choice}".', f"Use one of {', '.join(CHOICES)}.")
    return choice.lower()


def _dtype_of_table(device: Device) -> torch.dtype:
    if device.torch_device.type == "cpu":
        return torch.bfloat16 if has_bfloat16() else torch.float32
    return torch.float16 if device.compute_capability >= _TENSOR_CORES else torch.float32
