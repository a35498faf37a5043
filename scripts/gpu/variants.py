"""Each optimisation that FLARESEG_GPU switches, alone and together: time, memory, and whether the labels stay.

``PREDICTED`` was written before any measurement. What is measured decides which switches become the default.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch
from job import DEVICE, END, FACTS, JOB, REHEARSE, end_by_facts, keep, seconds_of, stretched, tried

VARIABLE = "FLARESEG_GPU"
VARIANTS = (
    "",
    "staged",
    "graphs",
    "channels_last",
    "large_slabs",
    "staged,graphs",
    "staged,graphs,large_slabs",
    "staged,graphs,channels_last,large_slabs",
    "",  # whether anything else has changed meanwhile
)
PREDICTED = {  # ms saved at 512 x 512 x 160, of a trial that took 50 ms without borders, HU gate and clean-up
    "staged": "30: uploads 10 to 4 (84 MB pinned at 50 GB/s, filled by several threads), labels 26 to 2",
    "graphs": "5: of two networks of 4 to 5 each, most of which are launches; 60 MB more",
    "channels_last": "0 to 1; the ROI network's instance norm may copy to the other layout and back",
    "large_slabs": "1: a third of the launches; 100 MB more",
}
FRESH = """
import time; begun = time.perf_counter()
import sys; sys.argv[1:] = [{job!r}]
from job import volume
from flareseg.inference.cascade import Cascade
scan = volume("spl_abdomen")[0]
ready = time.perf_counter()
cascade = Cascade.load("{device}")
loaded = time.perf_counter()
cascade.segment(scan)
print("fresh", loaded - ready, time.perf_counter() - loaded)
"""


def variants() -> None:
    scan = stretched(80 if REHEARSE else 160)
    keep(predicted_ms=PREDICTED, rows=[])
    expected: np.ndarray | None = None
    for words in VARIANTS[:2] if REHEARSE else VARIANTS:
        with tried(words or "nothing"):
            row, labels = measured(words, scan)
            if not REHEARSE:  # the graphs of this variant are gone
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            expected = labels if expected is None else expected
            row["equal_percent"] = round(100 * float((labels == expected).mean()), 4)
            keep(rows=[*FACTS["rows"], row])
    table()
    for loading, words in (("LAZY", ""), ("LAZY", "staged"), ("LAZY", "graphs"), ("EAGER", "")):
        with tried(f"fresh process {loading} {words}"):
            keep(**{f"fresh process, {loading}, {words or 'none'}": fresh(loading, words)})
    end_by_facts()


def measured(words: str, scan: Any) -> tuple[dict[str, Any], np.ndarray]:
    """Median seconds of runs and their stages, GPU memory, and the labels."""
    from flareseg.core.run import Run
    from flareseg.inference.cascade import Cascade
    from flareseg.inference.recorded import RecordedNetwork

    os.environ[VARIABLE] = words
    cascade = Cascade.load(DEVICE)
    is_recorded = isinstance(cascade._engine.organs.network, RecordedNetwork)
    if is_recorded is not ("graphs" in words and not REHEARSE):
        raise AssertionError("a network was not recorded as a graph")
    runs: list[Run] = []
    labels: list[np.ndarray] = []

    def segment() -> None:
        with Run() as run:
            labels[:] = [cascade.segment(scan, run=run).labels]
        runs.append(run)

    times = seconds_of(segment, 1 if REHEARSE else 30, 4.0)
    stages = [{stage.name: stage.seconds for stage in run.clock.stages} for run in runs[1:]]
    row: dict[str, Any] = {"switches": words or "none", "ms": round(1000 * statistics.median(times), 1)}
    row["stages_ms"] = {name: round(1000 * statistics.median(each[name] for each in stages), 1) for name in stages[0]}
    facts = runs[-1].memory.facts()  # every run begins a peak of its own
    row["allocator_mb"] = round(facts.peak_gpu_allocated_mb or 0)
    row["device_mb"] = round(facts.peak_gpu_device_mb or 0)
    row["reserved_mb"] = 0 if REHEARSE else round(torch.cuda.max_memory_reserved() / 1e6)  # with the memory of graphs
    return row, labels[0]


def fresh(loading: str, switches: str) -> str:
    """Seconds to load the networks and of the first scan in a process of its own."""
    code = FRESH.format(job=json.dumps(JOB), device=DEVICE)
    surroundings = {**os.environ, VARIABLE: switches, "CUDA_MODULE_LOADING": loading}
    words = [sys.executable, "-c", code]
    left = max(1.0, END - time.monotonic())
    done = subprocess.run(words, env=surroundings, capture_output=True, text=True, timeout=left, check=True)
    load, segment = (float(word) for word in done.stdout.split()[-2:])
    told = f"networks {load:.2f} s, first scan {segment:.2f} s"
    print(f"fresh process, CUDA_MODULE_LOADING={loading}, {switches or 'none'}: {told}")
    return told


def table() -> None:
    """One line a variant, with what it saves against none."""
    rows = FACTS["rows"]
    print(f"{'switches':42} {'ms':>7} {'saved':>6} {'MB':>5} {'reserved':>8} {'labels %':>9}  stages, ms")
    for row in rows:
        stages = "  ".join(f"{name} {ms}" for name, ms in row["stages_ms"].items())
        saved = rows[0]["ms"] - row["ms"]
        memory = f"{row['allocator_mb']:5} {row['reserved_mb']:8}"
        numbers = f"{row['ms']:7.1f} {saved:6.1f} {memory} {row['equal_percent']:9.4f}"
        print(f"{row['switches']:42} {numbers}  {stages}")
    for switch, words in PREDICTED.items():
        print(f"predicted for {switch}: {words}")
