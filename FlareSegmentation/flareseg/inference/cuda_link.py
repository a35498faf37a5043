"""Copies between pinned memory and a CUDA GPU on a stream of their own, beside the work of the current stream."""

from __future__ import annotations

import torch
from torch import Tensor


class CudaLink:
    """The link of ``flareseg.inference.transfer.Staged`` to a CUDA GPU.

    Memory is PyTorch's: it gives neither a pinned buffer nor a tensor to another use before the copies from it have
    ended, as long as each stream that uses a tensor is recorded.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._copies = torch.cuda.Stream(device)

    def pinned(self, numbers: int, dtype: torch.dtype) -> Tensor:
        """Return pinned memory for so many numbers, (numbers)."""
        return torch.empty(numbers, dtype=dtype, pin_memory=True)

    def send(self, host: Tensor) -> tuple[Tensor, torch.cuda.Event]:
        """Begin to copy pinned memory to the GPU. Returns the tensor there and the event."""
        with torch.cuda.stream(self._copies):
            tensor = host.to(self._device, non_blocking=True)
            return tensor, self._copies.record_event()

    def arrive(self, tensor: Tensor, event: torch.cuda.Event) -> None:
        """Make the work on ``tensor`` that is begun from now on wait for the event of its copy."""
        work = torch.cuda.current_stream(self._device)
        work.wait_event(event)
        tensor.record_stream(work)

    def fetch(self, tensor: Tensor, host: Tensor) -> torch.cuda.Event:
        """Begin to copy a tensor to pinned memory as soon as it is computed. Returns the event."""
        self._copies.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._copies):
            host.copy_(tensor, non_blocking=True)
            tensor.record_stream(self._copies)
            return self._copies.record_event()

    def finish(self, event: torch.cuda.Event) -> None:
        """Wait until the copy has ended."""
        event.synchronize()
