"""Speed and memory of the cascade on this machine: python Testing/bench/engine.py

A 512x512x160 phantom, warm, array to labels; then the same anatomy on 80, 320 and 640 slices, each
in a process of its own so that its memory is its own. Numbers are printed, never asserted: machines
are shared, and only ratios within one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from flareseg.cascade import Cascade
from flareseg.geometry import Geometry
from flareseg.phantom import make_phantom
from flareseg.report import STAGES
from flareseg.run import Run
from flareseg.volume import Volume

SLICES = (80, 160, 320, 640)
EXTENT_MM = 360.0
TURNS = 5


def measure(scan: Path, device: str) -> dict[str, object]:
    """Median seconds of each stage over TURNS warm runs, and peaks above scan and labels in MB."""
    voxels = np.load(scan)
    spacing = (EXTENT_MM / len(voxels), 0.75, 0.75)
    volume = Volume(voxels, Geometry(voxels.shape, spacing, ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0)))
    cascade = Cascade.load(device)
    cascade.segment(volume)
    stages: dict[str, list[float]] = {}
    totals, ram, gpu = [], [], []
    for _ in range(TURNS):
        with Run() as run:
            cascade.segment(volume, run=run)
            totals.append(run.clock.total_seconds)
        for stage in run.clock.stages:
            stages.setdefault(stage.name, []).append(stage.seconds)
        memory = run.memory.facts()
        ram.append(memory.peak_ram_mb)
        gpu.append(memory.peak_gpu_allocated_mb)
    return {
        "device": f"{cascade.device.name}, {cascade.device.dtype}",
        "slices": len(voxels),
        "seconds": statistics.median(totals),
        "stages": {name: statistics.median(seconds) for name, seconds in stages.items()},
        "ram_above_mb": max(ram) - voxels.nbytes / 1e6 - voxels.size / 1e6,
        "gpu_mb": gpu[-1],
    }


def in_its_own_process(scan: Path, device: str) -> dict[str, object]:
    command = [sys.executable, __file__, "--scan", str(scan), "--device", device]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def with_slices(voxels: np.ndarray, slices: int) -> np.ndarray:
    return voxels[np.arange(slices) * len(voxels) // slices]


def compare(device: str) -> None:
    print("making a 512x512x160 phantom ...", flush=True)
    voxels = make_phantom(shape=(160, 512, 512), spacing=(EXTENT_MM / 160, 0.75, 0.75)).volume.voxels
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for slices in SLICES:
            np.save(Path(folder) / "scan.npy", with_slices(voxels, slices))
            rows.append(in_its_own_process(Path(folder) / "scan.npy", device))
    base = next(row for row in rows if row["slices"] == 160)
    print(f"{base['device']}; median of {TURNS} warm runs, array to labels\n")
    print(f"{'slices':>8} {'seconds':>8} {'ratio':>6} {'RAM above scan and labels':>26} {'GPU allocator':>14}")
    for row in rows:
        gpu = f"{row['gpu_mb']:.0f} MB" if row["gpu_mb"] else "no GPU"
        ratio = row["seconds"] / base["seconds"]
        print(f"{row['slices']:>8} {row['seconds']:>8.3f} {ratio:>6.2f} {row['ram_above_mb']:>23.0f} MB {gpu:>14}")
    print("\nstages at 160 slices")
    for name, seconds in base["stages"].items():
        print(f"{STAGES[name]:>16} {seconds:8.3f} s {seconds / base['seconds']:6.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "cpu"))
    parser.add_argument("--scan", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.scan:
        print(json.dumps(measure(options.scan, options.device)))
    else:
        compare(options.device)


if __name__ == "__main__":
    main()
