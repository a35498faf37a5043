"""The job file of a step of run.py, its results file, and functions that several steps share."""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

JOB: dict[str, Any] = json.loads(sys.argv[1])
KIT, OUT, WORK = (Path(JOB[name]) for name in ("kit", "out", "work"))
REHEARSE, STAGE = bool(JOB["rehearse"]), str(JOB["stage"])
CPU = "cpu"
DEVICE = CPU if REHEARSE else "cuda"
END = float(JOB["end"])  # as time.monotonic tells it
FACTS: dict[str, Any] = {}


def keep(**facts: Any) -> None:
    """Add facts to the step's results, on disk at once."""
    FACTS.update(facts)
    beside = WORK / f"{JOB['step']}.part"
    beside.write_text(json.dumps(FACTS))
    beside.replace(WORK / f"{JOB['step']}.json")


@contextlib.contextmanager
def tried(what: str) -> Any:
    """A part whose failure must not lose the rest of its step."""
    try:
        yield
    except Exception as error:
        keep(**{f"{what} failed": repr(error)[:500]})
        print(f"{what} FAILED: {error!r}")
        if not REHEARSE and isinstance(error, torch.OutOfMemoryError):
            torch.cuda.empty_cache()


def synchronise() -> None:
    if not REHEARSE:
        torch.cuda.synchronize()


def seconds_of(work: Any, most: int, limit: float = 8.0) -> list[float]:
    """Wall-clock seconds of runs with the device synchronised, one warm-up aside; no more than fit into ``limit``."""
    work()
    times: list[float] = []
    begun = time.monotonic()
    while len(times) < most and (not times or time.monotonic() - begun < limit) and time.monotonic() < END:
        synchronise()
        start = time.perf_counter()
        work()
        synchronise()
        times.append(time.perf_counter() - start)
    return times


def end_by_facts() -> None:
    """End the step, with an exit code that says whether one of its parts failed."""
    sys.exit(any(fact.endswith(" failed") for fact in FACTS))


def ms(times: list[float]) -> float:
    return round(1000 * statistics.median(times), 2) if times else float("nan")


def volume(case: str) -> tuple[Any, np.ndarray]:
    """A CT of the kit as the project's Volume, and its labels."""
    from flareseg.core.geometry import Geometry
    from flareseg.core.volume import Volume

    with np.load(KIT / "ct" / f"{case}.npz", allow_pickle=False) as file:
        voxels, labels, matrix = file["voxels"], file["labels"], file["ijk_to_ras"]
    return Volume(voxels, Geometry.from_ijk_to_ras(matrix, voxels.shape), case), labels


def stretched(slices: int) -> Any:
    """The SPL scan by repetition on 512 x 512 x ``slices``."""
    from flareseg.core.volume import Volume

    scan, _ = volume("spl_abdomen")
    old, shape = scan.geometry, (slices, 512, 512)
    k, j, i = (np.arange(n) * before // n for n, before in zip(shape, old.shape))
    spacing = tuple(mm * before / n for mm, before, n in zip(old.spacing, old.shape, shape))
    return Volume(scan.voxels[np.ix_(k, j, i)], replace(old, shape=shape, spacing=spacing))


def dice_of(cascade: Any, case: str) -> list[float]:
    from flareseg.evaluation.overlap import dice_per_organ

    scan, ground_truth = volume(case)
    return [round(float(score), 4) for score in dice_per_organ(cascade.segment(scan).labels, ground_truth).values()]


def cases() -> list[str]:
    return sorted(file.stem for file in (KIT / "ct").glob("*.npz"))
