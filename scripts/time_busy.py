#!/usr/bin/env python
"""Time a scan on an idle and on a busy computer, by how waiting threads wait: python scripts/time_busy.py [SCAN]

Without a scan: a phantom of 512 x 512 x 80 voxels. The computer is made busy by a process with as many threads as it
has cores. Each run is a warm one in a process of its own; the choices take turns, and the median counts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

REPEATS = 3
CHOICES: dict[str, dict[str, str]] = {
    "PyTorch's own": {},
    "3,000 spins (ours)": {"GOMP_SPINCOUNT": "3000"},
    "sleep at once": {"OMP_WAIT_POLICY": "passive"},
}
BUSY = "import torch; print(flush=True); a = torch.randn(2000, 2000)\nwhile True: a @ a"
ONE_RUN = """
import sys
from pathlib import Path
from flareseg.core.run import Run
from flareseg.inference.cascade import Cascade
from flareseg.io.reading import read_volume
from flareseg.phantom import make_phantom

volume = read_volume(Path(sys.argv[1])) if sys.argv[1:] else make_phantom(0, (80, 512, 512), (4.0, 0.75, 0.75)).volume
cascade = Cascade.load("cpu")
for _ in range(2):
    with Run() as run:
        cascade.segment(volume, run=run)
print(sum(stage.seconds for stage in run.clock.stages))
"""


@contextmanager
def busy() -> Iterator[None]:
    """Keep all cores busy with the products of matrices."""
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()  # it has begun
        yield
    finally:
        process.kill()
        process.communicate()


def medians(arguments: list[str]) -> dict[str, float]:
    """Seconds of a warm run, by choice."""
    others = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    found: dict[str, list[float]] = {name: [] for name in CHOICES}
    for _ in range(REPEATS):
        for name, choice in CHOICES.items():
            command = [sys.executable, "-c", ONE_RUN, *arguments]
            done = subprocess.run(command, env={**others, **choice}, capture_output=True, text=True, check=True)
            found[name].append(float(done.stdout))
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def main(arguments: list[str]) -> None:
    """Print a row for each choice: seconds, and the ratio to the first."""
    idle = medians(arguments)
    with busy():
        under_load = medians(arguments)
    print(f"{'threads wait by':22}{'idle':>18}{'busy':>18}")
    for name in CHOICES:
        cells = (f"{row[name]:.2f} s ({row[name] / next(iter(row.values())):.2f})" for row in (idle, under_load))
        print(f"{name:22}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main(sys.argv[1:])
