"""Copies of slabs to the device, and of labels back.

``Pageable`` makes one copy after the other and waits for each. ``Staged`` is for GPUs: it copies through pinned memory,
each slab while the one before is worked on.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

Download = Callable[[Tensor, np.ndarray], None]

_STAGES = 2  # pinned buffers in each direction: one is filled or emptied while the other is copied
_TORCH_READS = {np.dtype(t) for t in ("int8", "uint8", "int16", "int32", "float32", "float64")}


class Transfer(Protocol):
    """A way to copy arrays to a device and tensors back."""

    def uploads(self, arrays: Iterable[np.ndarray], device: torch.device) -> Iterator[Tensor]:
        """Yield each array, of any number type, as a float32 tensor on the device that the caller may change."""

    def downloads(self) -> AbstractContextManager[Download]:
        """Return a context that gives ``download(tensor, out)``; every ``out`` is filled at its end."""


class Pageable:
    """One copy after the other, from and to ordinary memory."""

    def uploads(self, arrays: Iterable[np.ndarray], device: torch.device) -> Iterator[Tensor]:
        """Yield each array as a tensor; see Transfer."""
        return (upload(array, device) for array in arrays)

    def downloads(self) -> AbstractContextManager[Download]:
        """Return a context of downloads that are done when they return; see Transfer."""
        return contextlib.nullcontext(lambda tensor, out: np.copyto(out, tensor.cpu().numpy()))


class Link(Protocol):
    """Copies between pinned memory and a device that go on in the background, each up to an event."""

    def pinned(self, numbers: int, dtype: torch.dtype) -> Tensor:
        """Return pinned memory for so many numbers, (numbers)."""

    def send(self, host: Tensor) -> tuple[Tensor, Any]:
        """Begin to copy pinned memory to the device. Returns the tensor there and the event."""

    def arrive(self, tensor: Tensor, event: Any) -> None:
        """Make the work on ``tensor`` that is begun from now on wait for the event of its copy."""

    def fetch(self, tensor: Tensor, host: Tensor) -> Any:
        """Begin to copy a tensor to pinned memory as soon as it is computed. Returns the event."""

    def finish(self, event: Any) -> None:
        """Wait until the copy has ended."""


class Staged:
    """Through pinned memory: a slab is copied while the one before is worked on, labels while the next are computed."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def uploads(self, arrays: Iterable[np.ndarray], device: torch.device) -> Iterator[Tensor]:
        """Yield each array as a tensor, after the copy of the next has begun; see Transfer."""
        stages = [_Stage(self._link) for _ in range(_STAGES)]
        sent = None
        for array, stage in zip(arrays, itertools.cycle(stages)):
            following = stage.send(array)
            if sent:
                yield sent()
            sent = following
        if sent:
            yield sent()

    @contextlib.contextmanager
    def downloads(self) -> Iterator[Download]:
        """Return a context of downloads that end in the background; see Transfer."""
        begun: deque[Callable[[], None]] = deque()

        def download(tensor: Tensor, out: np.ndarray) -> None:
            if len(begun) == _STAGES:
                begun.popleft()()
            begun.append(self._fetched(tensor, out))

        yield download
        while begun:
            begun.popleft()()

    def _fetched(self, tensor: Tensor, out: np.ndarray) -> Callable[[], None]:
        """Begin a copy; the function returned waits for it and fills ``out``."""
        straight, flips = _unflipped(out)
        computed = _flipped(tensor, flips).flatten()
        host = self._link.pinned(computed.numel(), computed.dtype)
        event = self._link.fetch(computed, host)

        def fill() -> None:
            self._link.finish(event)
            torch.from_numpy(straight).copy_(host.view(out.shape))

        return fill


class _Stage:
    """A pinned buffer, and the event of the last copy from it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._event: Any = None
        self._buffer: Tensor | None = None

    def send(self, array: np.ndarray) -> Callable[[], Tensor]:
        """Begin a copy. The function returned gives the tensor; work on it waits for the copy."""
        straight, flips = _unflipped(array.astype(_torch_type(array), copy=False))
        host = self._filled(straight)
        tensor, event = self._link.send(host)
        self._event = event

        def arrived() -> Tensor:
            self._link.arrive(tensor, event)
            return _flipped(tensor.view(straight.shape), flips).float()

        return arrived

    def _filled(self, array: np.ndarray) -> Tensor:
        """The numbers of an array in the buffer, as soon as the last copy from it has ended."""
        if self._event is not None:
            self._link.finish(self._event)
        if self._buffer is None or self._buffer.numel() < array.size:
            self._buffer = self._link.pinned(array.size, torch.from_numpy(np.empty(0, array.dtype)).dtype)
        host = self._buffer[: array.size]
        if array.flags.writeable:
            host.view(array.shape).copy_(torch.from_numpy(array))  # on several threads, unlike numpy
        else:  # a map of a file, which torch does not take
            np.copyto(host.view(array.shape).numpy(), array)
        return host


def upload(array: np.ndarray, device: torch.device) -> Tensor:
    """Copy an array of any number type to the device as a float32 tensor that the caller may change."""
    native = np.ascontiguousarray(array, _torch_type(array))
    # torch takes neither a read-only map of a file nor the negative stride that numpy leaves to a single slice
    if not native.flags.writeable or min(native.strides) < 0:
        if device.type == "cpu":
            return torch.from_numpy(native.astype(np.float32, order="C"))  # in one go; to a GPU the smaller type goes
        native = native.copy()
    tensor = torch.from_numpy(native)
    # float() copies every type but float32, which must not be changed in place
    return tensor.to(device).to(torch.float32, copy=True)


def _torch_type(array: np.ndarray) -> np.dtype:
    """The number type of an array in this computer's byte order if torch reads it, else float32."""
    native = array.dtype.newbyteorder("=")
    return native if native in _TORCH_READS else np.dtype(np.float32)


def _flipped(tensor: Tensor, axes: list[int]) -> Tensor:
    return tensor.flip(axes) if axes else tensor  # flip() copies in any case


def _unflipped(array: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """A view whose strides are all positive, and the axes that are reversed in it."""
    flips = [axis for axis, stride in enumerate(array.strides) if stride < 0]
    return np.flip(array, tuple(flips)), flips
