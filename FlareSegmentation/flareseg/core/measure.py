"""Measurement of a run: a clock for its stages, and its peak memory."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import psutil

from flareseg.core import own_process
from flareseg.core.free_memory import MB
from flareseg.core.report import MemoryFacts, StageTime

SAMPLE_SECONDS = 0.02


class StageClock:
    """Wall-clock seconds of named stages; a stage entered twice adds up."""

    def __init__(self, synchronise: Callable[[], None] = lambda: None) -> None:
        self.synchronise = synchronise
        self._seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.synchronise()
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - start

    @property
    def stages(self) -> list[StageTime]:
        return [StageTime(name, seconds) for name, seconds in self._seconds.items()]

    @property
    def total_seconds(self) -> float:
        return time.perf_counter() - self._start


class GpuMemory:
    """Memory of one CUDA device in MB: this process's tensors, and the whole device through NVML."""

    def __init__(self, index: int) -> None:
        import torch

        self._cuda, self._index = torch.cuda, index
        self._used = self._nvml_used() or self._driver_used
        self._cuda.reset_peak_memory_stats(index)

    @property
    def device_mb(self) -> float:
        return self._used() / MB

    @property
    def peak_allocated_mb(self) -> float:
        return self._cuda.max_memory_allocated(self._index) / MB

    def _nvml_used(self) -> Callable[[], int] | None:
        import pynvml

        try:
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{self._cuda.get_device_properties(self._index).uuid}")
        except pynvml.NVMLError:  # a slice of a GPU (MIG), or a driver without NVML
            return None
        return lambda: int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)

    def _driver_used(self) -> int:
        free, total = self._cuda.mem_get_info(self._index)
        return int(total - free)


class MemoryWatch:
    """Peak memory between entering and leaving it, sampled by a thread every SAMPLE_SECONDS.

    Linux's kernel keeps a mark of a process's highest resident memory. Where the run has raised it, it is the run's
    peak, and no peak is missed; in a process of our own it is reset first.
    """

    def __init__(self, gpu_memory: Callable[[int], GpuMemory] = GpuMemory) -> None:
        self._process, self._gpu_memory = psutil.Process(), gpu_memory
        self._gpu: GpuMemory | None = None
        self._peak_ram = self._peak_device = 0.0
        self._mark_before = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory watch", daemon=True)

    def __enter__(self) -> MemoryWatch:
        own_process.reset_peak()
        self._mark_before = _high_water_mark_mb()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def watch_gpu(self, index: int) -> None:
        """Watch a GPU from now on. Asked again, as for a second attempt, the peak remains that of all."""
        if self._gpu is None:
            self._gpu = self._gpu_memory(index)

    @property
    def ram_mb(self) -> float:
        """Resident memory of this process now."""
        return self._process.memory_info().rss / MB

    @property
    def gpu_mb(self) -> float | None:
        """Memory in use on the whole GPU now; None when none is watched."""
        return self._gpu.device_mb if self._gpu else None

    def facts(self) -> MemoryFacts:
        self._look()
        if self._gpu is None:
            return MemoryFacts(self._peak_ram)
        return MemoryFacts(self._peak_ram, self._gpu.peak_allocated_mb, self._peak_device)

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._look()

    def _look(self) -> None:
        mark = _high_water_mark_mb()
        ram = mark if mark > self._mark_before else self.ram_mb
        self._peak_ram = max(self._peak_ram, ram)
        self._peak_device = max(self._peak_device, self.gpu_mb or 0.0)


def _high_water_mark_mb() -> float:
    """The most resident memory that Linux saw this process have; 0 elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((float(line.split()[1]) * 1024 / MB for line in lines if line.startswith("VmHWM:")), 0.0)
