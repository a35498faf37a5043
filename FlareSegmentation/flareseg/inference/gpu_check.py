"""Diagnosis of a GPU that cannot be used, as a message with a hint."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import nn

from flareseg.core.errors import FlareError, GpuMemoryError, GpuUnavailableError
from flareseg.core.free_memory import MB

NEEDED_GPU_MB = 400.0  # networks and slabs 250 MB, libraries; the CUDA context is there by then
_CPU = "choose the CPU"


@dataclass(frozen=True)
class GpuFacts:
    """What PyTorch and the NVIDIA driver say about CUDA GPUs.

    ``built_for``: the CUDA version of this PyTorch ("12.6"), None for one without CUDA. ``usable``: PyTorch can use
    a GPU. ``cards``: names of the NVIDIA GPUs that the driver knows. ``driver_cuda``: the newest CUDA version that
    the driver supports, (12, 4) for 12.4. ``said``: PyTorch's own warning.
    """

    built_for: str | None
    usable: bool
    cards: tuple[str, ...] = ()
    driver_cuda: tuple[int, int] | None = None
    said: str = ""


def gpu_facts() -> GpuFacts:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()  # warns where CUDA cannot start, and the reason is in the warning alone
    said = str(caught[-1].message).splitlines()[0] if caught else ""
    if usable:
        return GpuFacts(torch.version.cuda, True)
    cards, driver_cuda = _what_the_driver_knows()
    return GpuFacts(torch.version.cuda, False, cards, driver_cuda, said)


def why_unusable(facts: GpuFacts) -> FlareError | None:
    """Return why PyTorch can use no GPU; None when it can."""
    if facts.usable:
        return None
    if not facts.cards:
        return _no_gpu("PyTorch finds no CUDA GPU on this computer.", _CPU)
    card = facts.cards[0]
    if facts.built_for is None:
        return _no_gpu(
            f"The installed PyTorch is built without CUDA and cannot use the {card} of this computer.",
            f"Install PyTorch with CUDA (in Slicer: the PyTorch extension), or {_CPU}",
        )
    if facts.driver_cuda and facts.driver_cuda[0] < int(facts.built_for.split(".")[0]):
        newest = ".".join(str(number) for number in facts.driver_cuda)
        return _no_gpu(
            f"The driver of the {card} is too old: it supports CUDA {newest}, PyTorch needs {facts.built_for}.",
            f"Update the NVIDIA driver, install PyTorch for an older CUDA, or {_CPU}",
        )
    reason = f" ({facts.said})" if facts.said else ""
    return _no_gpu(
        f"PyTorch cannot use the {card} of this computer{reason}.",
        f"Check CUDA_VISIBLE_DEVICES and the NVIDIA driver, or {_CPU}",
    )


def trial_failure() -> FlareError | None:
    """Why PyTorch's current GPU does not run a small convolution; None when it does."""
    try:
        free = torch.cuda.mem_get_info()[0] / MB
        if free < NEEDED_GPU_MB:
            return too_full(f"The GPU has only {free:.0f} MB of free memory; {NEEDED_GPU_MB:.0f} MB are needed.")
        nn.functional.conv3d(torch.ones(1, 1, 4, 4, 4, device="cuda"), torch.ones(1, 1, 3, 3, 3, device="cuda"))
        torch.cuda.synchronize()
    except RuntimeError as error:
        return gpu_failure(error)
    return None


def gpu_failure(error: RuntimeError) -> FlareError:
    """Return the error to raise for an error of CUDA or its libraries."""
    said = str(error).splitlines()[0]
    if is_out_of_memory(error):
        return too_full("The memory of the GPU ran out.")
    if "busy or unavailable" in said:
        return _no_gpu(
            "The GPU is reserved by another program (its compute mode is exclusive).",
            f"Wait for the other program, or {_CPU}",
        )
    if "no kernel image" in said:
        return _no_gpu(
            "The installed PyTorch was not built for this GPU, which is too old or too new for it.",
            f"Install a PyTorch that supports the GPU, or {_CPU}",
        )
    return _no_gpu(f"The GPU failed ({said}).", f"Restart the program, check the NVIDIA driver, or {_CPU}")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether a GPU's memory is exhausted; cuDNN, cuBLAS and the driver report it only in the text.

    cuDNN finds no engine for a convolution where none of them gets its working memory.
    """
    words = ("ALLOC_FAILED", "ALLOCATION_FAILED", "CUDA error: out of memory", "unable to find an engine")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(word in str(error) for word in words)


def is_gpu_error(error: RuntimeError) -> bool:
    """Whether an error comes from CUDA or one of its libraries, rather than from a mistake in our own code."""
    return str(error).startswith(("CUDA", "cuDNN", "CUBLAS", "cuBLAS", "NVRTC"))


def too_full(message: str) -> GpuMemoryError:
    return GpuMemoryError(message, f"Close other programs that use the GPU, or {_CPU}.")


def _no_gpu(message: str, hint: str) -> GpuUnavailableError:
    return GpuUnavailableError(message, f"{hint[0].upper()}{hint[1:]}.")


def _what_the_driver_knows() -> tuple[tuple[str, ...], tuple[int, int] | None]:
    """Names of the NVIDIA GPUs and the newest CUDA version of the driver; nothing without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        names = tuple(str(pynvml.nvmlDeviceGetName(handle)) for handle in handles)
        version = int(pynvml.nvmlSystemGetCudaDriverVersion())
    except pynvml.NVMLError:
        return (), None
    return names, (version // 1000, version % 1000 // 10)
