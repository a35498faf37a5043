#!/usr/bin/env python
"""Time what guided borders and the HU gate add to a run: python scripts/time_borders.py [SCAN]

Without a scan: a phantom of 512 x 512 x 160 voxels. The choices take turns; of each stage the fastest run counts, since
other programs only slow it down.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
from flareseg.inference.options import Borders, SegmentationOptions
from flareseg.io.reading import read_volume
from flareseg.phantom import make_phantom

REPEATS = 3
CHOICES = {
    "plain, no gate": SegmentationOptions(borders=Borders.PLAIN, hu_gate=False),
    "guided borders": SegmentationOptions(borders=Borders.GUIDED, hu_gate=False),
    "HU gate": SegmentationOptions(borders=Borders.PLAIN, hu_gate=True),
    "both": SegmentationOptions(),
}
SHOWN = ("put_back", "clean_up", "total")


def fastest(cascade: Cascade, volume: Volume) -> dict[str, dict[str, float]]:
    """Seconds of each stage and of all, by choice."""
    found: dict[str, dict[str, float]] = {name: {} for name in CHOICES}
    for _ in range(REPEATS):
        for name, options in CHOICES.items():
            with Run() as run:
                cascade.segment(volume, options, run)
            seconds = {stage.name: stage.seconds for stage in run.clock.stages}
            seconds["total"] = sum(seconds.values())
            for stage, value in seconds.items():
                found[name][stage] = min(value, found[name].get(stage, value))
    return found


def main(arguments: list[str]) -> None:
    """Print a row for each choice: seconds, and the ratio to the first."""
    volume = (
        read_volume(Path(arguments[0])) if arguments else make_phantom(0, (160, 512, 512), (2.0, 0.75, 0.75)).volume
    )
    found = fastest(Cascade.load("cpu"), volume)
    print(f"{' x '.join(map(str, volume.voxels.shape[::-1]))} voxels")
    print(f"{'':16}" + "".join(f"{stage:>20}" for stage in SHOWN))
    before = next(iter(found.values()))
    for name, seconds in found.items():
        cells = (f"{seconds[stage]:.3f} s ({seconds[stage] / before[stage]:.2f})" for stage in SHOWN)
        print(f"{name:16}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main(sys.argv[1:])
