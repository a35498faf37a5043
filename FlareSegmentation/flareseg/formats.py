"""In which number format and memory layout a network runs: chosen by measurement."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flareseg.device import Chosen
from flareseg.networks.channels_last import channels_last, in_channels_last

_PROBE_SIZE = (32, 64, 64)
_PROBE_TURNS = 4
_CLEARLY_FASTER = 1.3
_TOLERANCE = 0.05  # relative error of a half-precision probe; bfloat16 stays near 0.01


@dataclass(frozen=True)
class Format:
    """The type of a network's numbers, and whether a voxel's channels lie side by side in memory."""

    dtype: torch.dtype
    channels_last: bool = False

    @property
    def name(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def network(self, network: nn.Module, device: torch.device) -> nn.Module:
        """A copy of a network, in evaluation mode, on a device in this format."""
        network = copy.deepcopy(network).eval().requires_grad_(False).to(device, self.dtype)
        return channels_last(network) if self.channels_last else network

    def tensor(self, x: Tensor) -> Tensor:
        """An input of a network (batch, channels, k, j, i) in this format."""
        x = x.to(self.dtype)
        return in_channels_last(x) if self.channels_last else x


def fastest_format(network: nn.Module, chosen: Chosen) -> Format:
    """The fastest format that gives the same scores, by trying the network on a small probe.

    A format counts as correct when its relative error to float32 stays below 5 %. The formats take
    turns, so that another program's burst of work does not decide, and half the memory is worth some
    time: float32 is taken only where it is clearly faster.
    """
    formats = _formats(chosen)
    if len(formats) == 1:
        return formats[0]
    probe = torch.randn((1, 1, *_PROBE_SIZE), generator=torch.Generator().manual_seed(0)).to(chosen.device)
    networks = {each: each.network(network, chosen.device) for each in formats}
    probes = {each: each.tensor(probe) for each in formats}
    with torch.inference_mode():
        scores = {each: networks[each](probes[each]).float() for each in formats}  # warms up, too
        correct = [each for each in formats if _close(scores[each], scores[formats[0]])]
        seconds = {each: float("inf") for each in correct}
        for each in correct * _PROBE_TURNS:
            seconds[each] = min(seconds[each], _seconds(networks[each], probes[each], chosen.synchronise))
    return min(correct, key=lambda each: seconds[each] * (_CLEARLY_FASTER if each.dtype is torch.float32 else 1.0))


def native_dtypes(chosen: Chosen) -> list[torch.dtype]:
    """The types of numbers that a device computes in by itself, float32 first."""
    if chosen.device.type == "cpu":
        return [torch.float32] + [torch.bfloat16] * _cpu_has_bfloat16()
    native_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return [torch.float32, torch.float16] + [torch.bfloat16] * native_bfloat16


def _formats(chosen: Chosen) -> list[Format]:
    """What is worth trying on a device, float32 first.

    On a CPU float32 is always faster with channels last; for bfloat16 it depends on the processor.
    """
    dtypes = native_dtypes(chosen)
    if chosen.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return [Format(dtype) for dtype in dtypes]
    half = [Format(dtype, last) for dtype in dtypes[1:] for last in (False, True)]
    return [Format(torch.float32, channels_last=True), *half]


def _cpu_has_bfloat16() -> bool:
    """Whether oneDNN has bfloat16 here. Where it has not, PyTorch emulates it: 25 times slower than float32."""
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is not None and bool(supported())


def _seconds(network: nn.Module, probe: Tensor, synchronise: Callable[[], None]) -> float:
    synchronise()
    start = time.perf_counter()
    network(probe)
    synchronise()
    return time.perf_counter() - start


def _close(scores: Tensor, exact: Tensor) -> bool:
    error = torch.linalg.vector_norm(scores - exact) / torch.linalg.vector_norm(exact)
    return bool(error < _TOLERANCE)  # false for NaN too
