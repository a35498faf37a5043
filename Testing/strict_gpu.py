"""A stand-in for a CUDA GPU on computers without one, which computes on the CPU and refuses what CUDA refuses.

Inside ``strict_gpu()`` tensors can be made on or moved to ``GPU``. Such a tensor has no numpy array, does not mix with
CPU tensors, and is not filled by a CPU generator; each of these raises, as it does on a real GPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from flareseg.inference.device import Device
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

GPU = torch.device("lazy", 0)  # a type that every build of PyTorch knows and none computes on, unlike "cuda"
_MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class GpuTensor(torch.Tensor):
    """Says that it is on ``GPU``, and keeps its numbers in the CPU tensor ``held``."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> GpuTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=GPU,
            requires_grad=held.requires_grad,
        )
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"GpuTensor({self.held!r})"

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {GPU} device type tensor to numpy. Use Tensor.cpu() first.")

    def __array__(self, *_: Any) -> Any:
        return self.numpy()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = kwargs.get("device")
        on_gpu = torch.device(device).type == GPU.type if device is not None else None
        _refuse_mixture(func, args, kwargs)
        held = {key: value for key, value in tree_map(_held, kwargs).items() if key != "device"}
        if device is not None:
            held["device"] = torch.device("cpu")
        out = func(*tree_map(_held, args), **held)
        if on_gpu is False:
            return out
        out = tree_map(lambda x: GpuTensor(x) if isinstance(x, torch.Tensor) else x, out)
        if func in _MOVES[:1] or not any(isinstance(x, GpuTensor) for x in tree_flatten((args, kwargs))[0]):
            return out
        return return_and_correct_aliasing(func, args, kwargs, out)


class _Mode(TorchDispatchMode):
    """Lets tensors be made on ``GPU``; everything else goes on as without it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = kwargs.get("device")
        on_gpu = device is not None and torch.device(device).type == GPU.type
        if on_gpu or any(isinstance(x, GpuTensor) for x in tree_flatten((args, kwargs))[0]):
            return GpuTensor.__torch_dispatch__(func, types, args, kwargs)
        return func(*args, **kwargs)


@contextlib.contextmanager
def strict_gpu() -> Iterator[None]:
    """Inside, the stand-in exists."""
    with _Mode():
        yield


class Moves(TorchDispatchMode):
    """Counts the tensors that go from the stand-in to main memory, and the other way.

    Attributes:
        from_gpu: Those to main memory.
        to_gpu: Those to the stand-in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.from_gpu = self.to_gpu = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _MOVES:
            before = args[0 if func is _MOVES[0] else 1].device  # copy_ takes what is written to first
            self.from_gpu += (before.type, result.device.type) == (GPU.type, "cpu")
            self.to_gpu += (before.type, result.device.type) == ("cpu", GPU.type)
        return result


def _held(x: Any) -> Any:
    return x.held if isinstance(x, GpuTensor) else x


def _refuse_mixture(func: Any, args: Any, kwargs: dict[str, Any]) -> None:
    flat = tree_flatten((args, kwargs))[0]
    generators = [x for x in flat if isinstance(x, torch.Generator)]
    if generators:
        raise RuntimeError(f"Expected a '{GPU.type}' device type for generator but found '{generators[0].device}'")
    tensors = [x for x in flat if isinstance(x, torch.Tensor)]
    on_cpu = [x for x in tensors if not isinstance(x, GpuTensor) and x.dim() > 0]
    if on_cpu and len(on_cpu) < len(tensors) and func not in _MOVES:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found {GPU} and cpu in {func}")


@dataclass(frozen=True)
class StrictGpu(Device):
    """``flareseg.inference.device.Device`` for the stand-in.

    ``released`` counts calls of ``release_memory``. Each of ``failures`` is raised once, at the end of a pass through a
    network, where a GPU reports what failed in it.
    """

    torch_device: torch.device = GPU
    name: str = "Strict GPU"
    reason: str = "Chosen by you."
    capability: tuple[int, int] = (8, 6)
    released: list[int] = field(default_factory=list)
    allowed_mb: list[float | None] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    @property
    def compute_capability(self) -> tuple[int, int]:
        return self.capability

    @property
    def memory_mb(self) -> tuple[float, float]:
        return 7000.0, 8000.0

    def allow_mb(self, megabytes: float | None) -> None:
        self.allowed_mb.append(megabytes)

    def synchronise(self) -> None:
        pass

    def release_memory(self) -> None:
        self.released.append(1)

    @contextlib.contextmanager
    def reproducible(self) -> Iterator[None]:
        yield
        if self.failures:
            raise self.failures.pop(0)


def out_of_memory() -> Exception:
    """What PyTorch raises when the memory of a GPU has run out."""
    return torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 54.00 MiB")
