"""One training step and one pass, measured in a process of their own: python -m benchmarks.memory.step NUMBER K,J,I"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from flareseg.core import own_process
from flareseg.inference.resample import Size

_WARM: Size = (16, 32, 32)


@dataclass(frozen=True)
class Measured:
    """``step_mb``: peak of the step above the loaded process (CPU: resident memory; CUDA: allocator). Times in s."""

    step_mb: float
    counted_mb: float
    step_seconds: float
    pass_seconds: float


def measure(number: int, grid: Size, device: str) -> Measured:
    """Measure method ``number`` on a grid. Freed blocks go back at once, so that the peak is what is needed."""
    command = [sys.executable, "-m", "benchmarks.memory.step", str(number), ",".join(map(str, grid)), device]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    own_process.prepare()
    import torch
    from flareseg.core.measure import MemoryWatch
    from flareseg.training.batches import TrainingBatch
    from flareseg.training.losses import OrganLoss
    from flareseg.training.memory import count_step
    from flareseg.training.sample import Stage
    from flareseg.training.start import new_network
    from flareseg.training.step import forward

    from benchmarks.memory.methods import METHODS

    k, j, i = map(int, sys.argv[2].split(","))
    grid: Size = (k, j, i)
    device = torch.device(sys.argv[3])
    settings = METHODS[int(sys.argv[1])].settings(grid)
    network, loss = new_network(Stage.FULL_SIZE, settings).to(device), OrganLoss(settings.loss)

    def step(grid: Size) -> float:
        labels = torch.zeros((1, 1, *grid), dtype=torch.uint8, device=device)
        batch = TrainingBatch(torch.randn((1, 1, *grid), device=device), labels)
        begun = time.perf_counter()
        forward(network.train(), loss, batch, settings.memory)[1].backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    counted = count_step(Stage.FULL_SIZE, settings, device="cuda" if device.type == "cuda" else "cpu")
    step(_WARM)  # so that libraries have what they keep
    with MemoryWatch() as memory:
        before = memory.ram_mb
        if device.type == "cuda":
            before = torch.cuda.memory_allocated() / 1e6
            memory.watch_gpu(device.index or 0)
        step_seconds = step(grid)
    facts = memory.facts()
    peak = facts.peak_ram_mb if facts.peak_gpu_allocated_mb is None else facts.peak_gpu_allocated_mb
    begun = time.perf_counter()
    with torch.no_grad():
        network.eval()(torch.zeros((1, 1, *grid), device=device))
    pass_seconds = time.perf_counter() - begun
    print(json.dumps(asdict(Measured(peak - before, counted.peak_mb - counted.fixed_mb, step_seconds, pass_seconds))))  # noqa: T201


if __name__ == "__main__":
    main()
