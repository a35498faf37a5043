"""One training step and one pass, measured in a process of their own: python -m benchmarks.memory.step NUMBER K,J,I"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from flareseg.core import own_process
from flareseg.core.errors import DataError
from flareseg.inference.resample import Size

_WARM: Size = (16, 32, 32)


@dataclass(frozen=True)
class Measured:
    """``step_mb``, ``pass_mb``: peaks above the loaded process (CPU: resident memory; CUDA: allocator).

    ``counted_mb``: of the step. Times in s.
    """

    step_mb: float
    counted_mb: float
    step_seconds: float
    pass_mb: float
    pass_seconds: float


def measure(number: int, grid: Size, device: str) -> Measured:
    """Measure method ``number`` on a grid. Freed blocks go back at once, so that the peak is what is needed.

    Raises DataError where the process fails, as when memory runs out.
    """
    command = [sys.executable, "-m", "benchmarks.memory.step", str(number), ",".join(map(str, grid)), device]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise DataError(f"A step could not be measured: {reason}", "Give --count to count only, or another --device.")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    own_process.prepare()
    import torch
    from flareseg.core.measure import MemoryWatch
    from flareseg.training.batches import TrainingBatch
    from flareseg.training.losses import OrganLoss
    from flareseg.training.memory import count_step
    from flareseg.training.sample import Stage
    from flareseg.training.saved_tensors import saving
    from flareseg.training.start import new_network
    from flareseg.training.step import forward, layout_on

    from benchmarks.memory.methods import METHODS

    k, j, i = map(int, sys.argv[2].split(","))
    grid: Size = (k, j, i)
    device, on_gpu = torch.device(sys.argv[3]), sys.argv[3] == "cuda"
    settings = METHODS[int(sys.argv[1])].settings(grid)
    network, loss = new_network(Stage.FULL_SIZE, settings), OrganLoss(settings.loss)
    network.to(device, memory_format=layout_on(device))  # type: ignore[call-overload]

    def watched(work: Callable[[], object]) -> tuple[float, float]:
        """Peak in MB above what there was, and seconds."""
        with MemoryWatch() as memory:
            before = memory.ram_mb
            if on_gpu:
                before = torch.cuda.memory_allocated() / 1e6
                memory.watch_gpu(device.index or 0)
            begun = time.perf_counter()
            work()
            if on_gpu:
                torch.cuda.synchronize()
            seconds = time.perf_counter() - begun
        facts = memory.facts()
        peak = facts.peak_ram_mb if facts.peak_gpu_allocated_mb is None else facts.peak_gpu_allocated_mb
        return peak - before, seconds

    def step(grid: Size) -> None:
        labels = torch.zeros((1, 1, *grid), dtype=torch.uint8, device=device)
        batch = TrainingBatch(torch.randn((1, 1, *grid), device=device), labels)
        with saving(settings.memory.saved, device):
            found = forward(network.train(), loss, batch, settings.memory)[1]
        found.backward()

    def pass_() -> None:
        with torch.no_grad():
            network.eval()(torch.zeros((1, 1, *grid), device=device).contiguous(memory_format=layout_on(device)))

    counted = count_step(Stage.FULL_SIZE, settings, device="cuda" if on_gpu else "cpu")
    step(_WARM)  # so that libraries have what they keep
    step_mb, step_seconds = watched(lambda: step(grid))
    pass_mb, pass_seconds = watched(pass_)
    found = Measured(step_mb, counted.peak_mb - counted.fixed_mb, step_seconds, pass_mb, pass_seconds)
    print(json.dumps(asdict(found)))  # noqa: T201


if __name__ == "__main__":
    main()
