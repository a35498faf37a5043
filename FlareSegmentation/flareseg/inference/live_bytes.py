"""Counting of memory with fake tensors: nothing of the size of a scan is allocated.

PyTorch's fake tensors have shapes but no data. On them the same operations run in the same order, and each storage is
counted from its first use until it is freed.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

MB = 1e6
_CONVOLUTIONS = (torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all storages that operations make while the mode is active.

    Args:
        copies: Whether a convolution needs copies of what goes in and out, as oneDNN on a CPU does for its own layout.

    Attributes:
        now: Bytes of the storages that are alive.
        peak: The most there were.
    """

    def __init__(self, copies: bool = False) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._copies = copies
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            self._count(tensor.untyped_storage())
        if self._copies and func in _CONVOLUTIONS:
            self.peak = max(self.peak, self.now + bytes_of(_tensors(args)) + bytes_of(_tensors(result)))
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        if id(storage) in self._known:
            return
        self._known.add(id(storage))
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, id(storage), storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


@functools.lru_cache(maxsize=256)
def pass_mb(make: Callable[[], nn.Module], size: tuple[int, int, int]) -> tuple[float, float]:
    """Memory in MB of one pass of a network in float32 without gradients, all included, and that of its logits.

    ``size``: of the input, (k, j, i).
    """
    with FakeTensorMode(), LiveBytes() as live, torch.no_grad():
        network = make().eval()
        live.peak = live.now
        logits = network(torch.zeros((1, 1, *size)))
        return live.peak / MB, bytes_of([logits]) / MB


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of the elements of some tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for each in values:
            yield from _tensors(each)
