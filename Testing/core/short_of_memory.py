"""A process that cuts its own memory short as each stage begins: python short_of_memory.py SCAN FOLDER

Prints a JSON object: for each stage the kind and message of the FlareError that ended the run.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import psutil
from flareseg.core.errors import FlareError
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade, Segmentation
from flareseg.inference.pipeline import segment_scan
from flareseg.io.reading import read_volume
from flareseg.io.writing import write_labels

STAGES = ("read", "find_abdomen", "crop", "segment", "put_back", "clean_up", "write")
LEFT_BYTES = 1_000_000


def limit(byte_count: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (byte_count, resource.RLIM_INFINITY))


class Shorten:
    """A run's progress that leaves next to no memory once a stage has begun."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def __call__(self, stage: str, fraction: float) -> None:
        if stage == self._stage and fraction < 1:
            limit(psutil.Process().memory_info().vms + LEFT_BYTES)
            self._stage = ""


def run(cascade: Cascade, scan: Path, labels: Path, short_at: str) -> None:
    def write(found: Segmentation, volume: Volume) -> None:
        write_labels(labels, found.labels, volume.geometry)

    with Run(Shorten(short_at)) as run:
        segment_scan(cascade, lambda: read_volume(scan), write, run)


def main() -> None:
    scan, folder = Path(sys.argv[1]), Path(sys.argv[2])
    cascade = Cascade.load("cpu")
    run(cascade, scan, folder / "whole.nii.gz", "")  # libraries have their threads and buffers from now on
    said = {}
    for stage in STAGES:
        try:
            run(cascade, scan, folder / f"{stage}.nii.gz", stage)
            said[stage] = ["done", ""]
        except FlareError as error:
            said[stage] = [error.kind, error.message]
        limit(resource.RLIM_INFINITY)
    run(cascade, scan, folder / "again.nii.gz", "")
    print(json.dumps(said))


if __name__ == "__main__":
    main()
