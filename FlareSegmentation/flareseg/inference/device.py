"""Selection of the compute device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import torch

from flareseg.core.errors import GpuUnavailableError
from flareseg.core.free_memory import MB, free_mb
from flareseg.inference.gpu_check import gpu_facts, trial_failure, why_unusable
from flareseg.inference.processor import processor_name

CHOICES = ("auto", "cuda", "cpu")
_CHOSEN = "Chosen by you."
_FASTEST = "The fastest available device."

_limited: set[torch.device] = set()  # GPUs of which this process has limited its memory


@dataclass(frozen=True)
class Device:
    """A device, and why it was selected.

    Attributes:
        device: The device for PyTorch.
        name: Its name for people.
        reason: Why it was selected.
        note: Why a GPU of this computer was not selected, as a warning; empty when there is nothing to say.
    """

    torch_device: torch.device
    name: str
    reason: str
    note: str = ""

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.torch_device.type != "cpu"

    @property
    def compute_capability(self) -> tuple[int, int]:
        """Compute capability of a CUDA GPU, for example (8, 6)."""
        return torch.cuda.get_device_capability(self.torch_device)

    @property
    def memory_mb(self) -> tuple[float, float]:
        """Free and total memory of the device in MB (for a CPU what this process may take, and the computer's)."""
        if self.is_gpu:
            free, total = torch.cuda.mem_get_info(self.torch_device)
            return free / MB, total / MB
        memory = psutil.virtual_memory()
        return min(memory.available / MB, free_mb()), memory.total / MB

    def allow_mb(self, megabytes: float | None) -> None:
        """Limit what PyTorch allocates on a GPU from now on; a request beyond it fails as if the GPU were full.

        The limit is one of the whole process. None lifts one that was set here.
        """
        if self.is_gpu and (megabytes is not None or self.torch_device in _limited):
            share = 1.0 if megabytes is None else min(1.0, megabytes / self.memory_mb[1])
            torch.cuda.set_per_process_memory_fraction(share, self.torch_device)
            _limited.add(self.torch_device)

    def synchronise(self) -> None:
        """Wait until the GPU has done what was asked of it, so that times can be measured."""
        if self.is_gpu:
            torch.cuda.synchronize(self.torch_device)

    def release_memory(self) -> None:
        """Give a GPU's memory that PyTorch holds without using it back to the driver."""
        if self.is_gpu:
            torch.cuda.empty_cache()

    @contextlib.contextmanager
    def reproducible(self) -> Iterator[None]:
        """Around a network: cuDNN takes algorithms that give the same bits each time, and float32 stays float32."""
        if not self.is_gpu:
            yield
            return
        cudnn = torch.backends.cudnn
        with cudnn.flags(enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False):
            yield


def select_device(choice: str) -> Device:
    """Select the device that runs the networks.

    Args:
        choice: "auto" (a usable GPU, else the CPU), "cuda" or "cpu".

    Returns:
        The device, with the reason for it.

    Raises:
        GpuUnavailableError: "cuda" was chosen and no GPU can be used, or the choice is unknown.
        GpuMemoryError: "cuda" was chosen and the free memory of the GPU does not suffice.
    """
    if choice not in CHOICES:
        raise GpuUnavailableError(f'Unknown device: "{choice}".', f"Choose one of {', '.join(CHOICES)}.")
    if choice == "cpu":
        return _cpu(_CHOSEN)
    facts = gpu_facts()
    problem = why_unusable(facts) or trial_failure()
    if problem is None:
        device = torch.device("cuda", torch.cuda.current_device())
        return Device(device, torch.cuda.get_device_name(device), _CHOSEN if choice == "cuda" else _FASTEST)
    if choice == "cuda":
        raise problem
    return _cpu(problem.message, problem.message if facts.usable or facts.cards else "")


def _cpu(reason: str, note: str = "") -> Device:
    threads = torch.get_num_threads()
    return Device(torch.device("cpu"), f"{processor_name()} ({threads} thread{'s' * (threads > 1)})", reason, note)
