"""Which device runs the networks, and in which number format."""

from __future__ import annotations

import copy
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn

from flareseg.errors import FlareError
from flareseg.measure import MB

CHOICES = ("auto", "cuda", "cpu")
_CHOSEN = "Chosen by you."
_FASTEST = "The fastest device here."
NEEDED_GPU_MB = 400.0  # networks and slabs 250 MB, libraries; the CUDA context is there by then
_GLANCE_SIZE = (1, 16, 4, 16, 16)
_EMULATED = 4.0  # times slower than float32; emulated bfloat16 is 12 to 25 times slower, a processor's own never twice
_PROBE_SIZE = (32, 64, 64)
_PROBE_TURNS = 4
_CLEARLY_FASTER = 1.3
_TOLERANCE = 0.05  # relative error of a half-precision probe; bfloat16 stays near 0.01


@dataclass(frozen=True)
class Chosen:
    """A device, its name for people, why it was taken, and why a GPU that is there was not (a warning)."""

    device: torch.device
    name: str
    reason: str
    note: str = ""

    @property
    def memory_mb(self) -> tuple[float, float]:
        """Free and total memory of the device in MB (of the computer, for a CPU)."""
        if self.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.device)
            return free / MB, total / MB
        memory = psutil.virtual_memory()
        return memory.available / MB, memory.total / MB

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


def fastest_dtype(network: nn.Module, chosen: Chosen) -> torch.dtype:
    """The fastest number format that gives the same scores, by trying the network on a small probe.

    A format counts as correct when its relative error to float32 stays below 5 %. The formats take
    turns, so that another program's burst of work does not decide, and half the memory is worth some
    time: float32 is taken only where it is clearly faster, as on processors that emulate bfloat16.
    """
    formats = native_formats(chosen)
    if len(formats) == 1:
        return formats[0]
    probe = torch.randn((1, 1, *_PROBE_SIZE), generator=torch.Generator().manual_seed(0)).to(chosen.device)
    trials = {dtype: copy.deepcopy(network).to(chosen.device, dtype) for dtype in formats}
    with torch.inference_mode():
        scores = {dtype: trial(probe.to(dtype)).float() for dtype, trial in trials.items()}  # warms up, too
        correct = [dtype for dtype in formats if _close(scores[dtype], scores[torch.float32])]
        seconds = {dtype: float("inf") for dtype in correct}
        for dtype in correct * _PROBE_TURNS:
            seconds[dtype] = min(seconds[dtype], _seconds(trials[dtype], probe.to(dtype), chosen.synchronise))
    handicap = {torch.float32: _CLEARLY_FASTER}
    return min(correct, key=lambda dtype: seconds[dtype] * handicap.get(dtype, 1.0))


def native_formats(chosen: Chosen) -> list[torch.dtype]:
    """The number formats that a device computes in by itself, float32 first."""
    if chosen.device.type == "cpu":
        return [torch.float32] + [torch.bfloat16] * _cpu_has_bfloat16(chosen)
    native_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return [torch.float32, torch.float16] + [torch.bfloat16] * native_bfloat16


def _cpu_has_bfloat16(chosen: Chosen) -> bool:
    """By a glance at one small convolution: where bfloat16 is emulated, a whole network takes half a minute."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        channels = _GLANCE_SIZE[1]
        layer = nn.Conv3d(channels, channels, 3, padding=1).to(dtype)
        x = torch.ones(_GLANCE_SIZE, dtype=dtype)
        with torch.inference_mode():
            seconds[dtype] = min(_seconds(layer, x, chosen.synchronise) for _ in range(3))
    return seconds[torch.bfloat16] < _EMULATED * seconds[torch.float32]


def _seconds(network: nn.Module, probe: Tensor, synchronise: Callable[[], None]) -> float:
    synchronise()
    start = time.perf_counter()
    network(probe)
    synchronise()
    return time.perf_counter() - start


def _close(scores: Tensor, exact: Tensor) -> bool:
    error = torch.linalg.vector_norm(scores - exact) / torch.linalg.vector_norm(exact)
    return bool(error < _TOLERANCE)  # false for NaN too


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
