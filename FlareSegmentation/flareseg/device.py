"""Which device runs the networks."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import nn

from flareseg.errors import FlareError
from flareseg.free_memory import MB, free_mb

CHOICES = ("auto", "cuda", "cpu")
_CHOSEN = "Chosen by you."
_FASTEST = "The fastest device here."
NEEDED_GPU_MB = 400.0  # networks and slabs 250 MB, libraries; the CUDA context is there by then


@dataclass(frozen=True)
class Chosen:
    """A device, its name for people, why it was taken, and why a GPU that is there was not (a warning)."""

    device: torch.device
    name: str
    reason: str
    note: str = ""

    @property
    def memory_mb(self) -> tuple[float, float]:
        """Free and total memory of the device in MB (for a CPU what this process may take, and the computer's)."""
        if self.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.device)
            return free / MB, total / MB
        memory = psutil.virtual_memory()
        return min(memory.available / MB, free_mb()), memory.total / MB

    def allow_mb(self, megabytes: float) -> None:
        """Let PyTorch hold no more on a GPU from now on: beyond it, the GPU's memory counts as run out."""
        if self.device.type == "cuda":
            torch.cuda.set_per_process_memory_fraction(min(1.0, megabytes / self.memory_mb[1]), self.device)

    def synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def choose(choice: str) -> Chosen:
    """The device for "auto" (a usable GPU, else the CPU), "cuda" or "cpu".

    Raises FlareError("no_gpu") when a GPU is asked for and none can be used.
    """
    if choice not in CHOICES:
        raise FlareError("no_gpu", f'There is no device "{choice}".', f"Choose one of {', '.join(CHOICES)}.")
    if choice == "cpu":
        return _cpu(_CHOSEN)
    problem = _gpu_problem()
    if not problem:
        device = torch.device("cuda", torch.cuda.current_device())
        return Chosen(device, torch.cuda.get_device_name(device), _CHOSEN if choice == "cuda" else _FASTEST)
    if choice == "cuda":
        raise FlareError("no_gpu", problem, "Choose the CPU or automatic, or install PyTorch with CUDA.")
    return _cpu(problem, problem if torch.cuda.is_available() else "")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a GPU's memory ran out; cuDNN and cuBLAS say so in words only."""
    return isinstance(error, torch.OutOfMemoryError) or "ALLOC_FAILED" in str(error)


def _gpu_problem() -> str:
    """Why no GPU can be used; empty when one can."""
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA GPU on this computer."
    try:
        free = torch.cuda.mem_get_info()[0] / MB
        if free < NEEDED_GPU_MB:
            return f"The GPU has only {free:.0f} MB of free memory; {NEEDED_GPU_MB:.0f} MB are needed."
        nn.functional.conv3d(torch.ones(1, 1, 4, 4, 4, device="cuda"), torch.ones(1, 1, 3, 3, 3, device="cuda"))
        torch.cuda.synchronize()
    except RuntimeError as error:  # a GPU that this PyTorch was not built for, or a broken driver
        return f"The GPU does not work with the installed PyTorch ({str(error).splitlines()[0]})."
    return ""


def _cpu(reason: str, note: str = "") -> Chosen:
    return Chosen(torch.device("cpu"), f"{_processor()} ({torch.get_num_threads()} threads)", reason, note)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
