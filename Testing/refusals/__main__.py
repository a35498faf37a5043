"""How many scans without an abdomen are refused, and how many with a part of one are labelled, as a table.

    python -m refusals [--seeds N] [--bodies FILE.npz] [--cts FOLDER]

Always: heads, necks, chests, pelves, hips and thighs of synthetic patients (stations.py), and slabs of the synthetic
abdomen. ``--bodies``: the stations of whole-body tissue maps (bodies.py), too. ``--cts``: slabs of the CTs in a folder
with one folder for each, that holds ct.nii.gz and one label map, label*.nii.gz. Exit code 1: a scan without an abdomen
was segmented, or more than a tenth of the slabs of one was refused.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from flareseg.core.errors import NoAbdomenError
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
from flareseg.io.reading import read_volume
from flareseg.phantom import make_phantom
from stations import STATIONS, make_station

from accuracy.slabs import slabs

SLAB_MM = 60.0
LITTLE_ML = 10.0  # of all organs in a slab
MOST_REFUSED = 0.1  # of slabs that show more
_CHECKED = (
    "No abdomen found in this scan: "  # begins the reason of a check; the networks alone find nothing without one
)
_NETWORKS_ALONE = (f"{_CHECKED}it shows no liver, kidney, spleen or pancreas.", "No abdomen found in this scan.")


@dataclass
class Count:
    scans: int = 0
    refused_by_networks: int = 0
    refused: int = 0

    def add(self, scan: Volume, cascade: Cascade) -> str:
        """Segment a scan and count it; why it is refused, empty if it is not."""
        self.scans += 1
        try:
            cascade.segment(scan)
        except NoAbdomenError as error:
            self.refused += 1
            self.refused_by_networks += error.message in _NETWORKS_ALONE
            return error.message
        return ""


def abdomen_slabs(name: str, scan: Volume, truth: np.ndarray) -> Iterator[tuple[str, Volume]]:
    """The slabs of a scan that show an organ, by how much of the organs they show. Axes up, back and left."""
    for slab in slabs(scan, truth, SLAB_MM):
        size = "less than" if slab.organs_ml < LITTLE_ML else "at least"
        yield f"{name}, slabs that show {size} {LITTLE_ML:g} mL", slab.scan


def scans(seeds: int, bodies: Path | None, cts: Path | None) -> Iterator[tuple[str, Volume]]:
    """The set and the scan of every scan of the table."""
    for part in STATIONS:
        for seed in range(seeds):
            yield f"synthetic {part}", make_station(part, seed)
    if bodies:
        from refusals.bodies import stations

        for name, scan in stations(bodies, 2):
            yield f"whole-body maps, {name.split(', ')[1]}", scan
    for seed in range(max(1, seeds // 4)):
        phantom = make_phantom(seed, (80, 128, 128), (4.0, 3.0, 3.0))
        yield from abdomen_slabs("synthetic abdomen", phantom.volume, phantom.labels)
    for folder in sorted(cts.iterdir()) if cts else []:
        for labels in folder.glob("label*.nii.gz"):
            yield from abdomen_slabs(
                folder.name, read_volume(folder / "ct.nii.gz").canonical, read_volume(labels).canonical.voxels
            )


def is_as_allowed(name: str, count: Count) -> bool:
    """Every scan without an abdomen is refused, and at most a tenth of the slabs that show some of one."""
    if "slabs" not in name:
        return count.refused == count.scans
    return "less than" in name or count.refused <= MOST_REFUSED * count.scans


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m refusals", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8, help="synthetic patients for each part of the body")
    parser.add_argument("--bodies", type=Path, help="archive of whole-body tissue maps")
    parser.add_argument("--cts", type=Path, help="folder with labelled CTs")
    chosen = parser.parse_args()
    cascade, counts = Cascade.load("cpu"), defaultdict[str, Count](Count)
    for name, scan in scans(chosen.seeds, chosen.bodies, chosen.cts):
        counts[name].add(scan, cascade)
        print(f"\r{sum(count.scans for count in counts.values())} scans", end="", flush=True)
    print("\n\n| set | scans | refused by the networks alone | refused |\n|---|---|---|---|")
    for name, count in counts.items():
        print(f"| {name} | {count.scans} | {count.refused_by_networks} | {count.refused} |")
    wrong = [name for name, count in counts.items() if not is_as_allowed(name, count)]
    print(f"\nNot as allowed: {', '.join(wrong)}." if wrong else "\nAll as allowed.")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
