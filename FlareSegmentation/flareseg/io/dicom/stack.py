"""Sorting of images into stacks of parallel slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np

from flareseg.io.dicom.header import DicomHeader
from flareseg.io.dicom.plane import Plane

_SAME_PLACE_MM = 0.01
_SAME_COSINE = 2e-3  # writers round cosines to as few as three digits; 2e-3 is 0.1 degree
_SAME_SPACING = 1e-3  # relative
_STATION_STEPS = 3.0  # slices; a gap beyond them may lie between two stations

# what tells the images of one place from each other, in the order in which it is tried
_PHASES: tuple[Callable[[Plane], Hashable], ...] = (
    lambda plane: plane.header.text("AcquisitionNumber"),
    lambda plane: plane.header.text("TemporalPositionIdentifier"),
    lambda plane: plane.header.text("ImageType"),
    lambda plane: plane.header.text("ConvolutionKernel"),
)


@dataclass(frozen=True)
class Stack:
    """Parallel images of one size, pixel spacing and series, sorted along their common normal.

    ``same_place``: whether some of them lie at the same place, so that they are not a volume. ``copies``: files that
    held an image once more, and were left out.
    """

    planes: list[Plane]
    same_place: bool = False
    copies: int = 0

    def __len__(self) -> int:
        return len(self.planes)

    @property
    def first(self) -> Plane:
        return self.planes[0]

    @property
    def header(self) -> DicomHeader:
        return self.planes[0].header

    @property
    def series(self) -> Hashable:
        return _series(self.first)

    @cached_property
    def heights(self) -> np.ndarray:
        """Where the images lie along their normal, mm, ascending."""
        return np.array([plane.position for plane in self.planes]) @ self.first.normal

    @property
    def step(self) -> float:
        """Mean distance of neighbours in mm, 0 for a single image."""
        return float(np.ptp(self.heights)) / max(1, len(self) - 1)


def stacks_of(planes: Iterable[Plane]) -> list[Stack]:
    """Every image in one stack with those of its kind.

    Copies of an image (same SOP Instance UID, place and pixel data) count once. Images at the same place
    are told apart by acquisition, time, image type or kernel; where none does, the stack says ``same_place``.
    """
    return [stack for group in _groups(planes) for stack in _in_order(group)]


def _groups(planes: Iterable[Plane]) -> list[list[Plane]]:
    by_series: dict[Hashable, list[list[Plane]]] = defaultdict(list)
    for plane in planes:
        groups = by_series[(_series(plane), plane.header.modality, plane.header.size)]
        for group in groups:
            if _alike(group[0], plane):
                group.append(plane)
                break
        else:
            groups.append([plane])
    return [group for groups in by_series.values() for group in groups]


def _series(plane: Plane) -> Hashable:
    """Anonymisers may remove the UID: the folder stands for it then."""
    return plane.header.text("SeriesInstanceUID") or plane.header.path.parent


def _alike(one: Plane, other: Plane) -> bool:
    return bool(
        np.abs(one.orientation - other.orientation).max() < _SAME_COSINE
        and np.abs(one.spacing / other.spacing - 1).max() < _SAME_SPACING
    )


def _in_order(group: list[Plane]) -> list[Stack]:
    whole = _sorted(group)
    if whole.same_place:
        whole = _sorted(_without_copies(whole), len(whole))
    if not whole.same_place:
        return _stations(whole)
    for phase in _PHASES:
        parts: dict[Hashable, list[Plane]] = defaultdict(list)
        for plane in whole.planes:
            parts[phase(plane)].append(plane)
        stacks = [_sorted(part) for part in parts.values()]
        if not any(stack.same_place for stack in stacks):
            return stacks
    return [whole]


def _stations(stack: Stack) -> list[Stack]:
    """Parts of a series that were scanned apart: behind a gap another acquisition begins. Lost slices make no parts."""
    if len(stack) < 2:
        return [stack]
    steps, planes = np.diff(stack.heights), stack.planes
    gaps = (np.flatnonzero(steps > _STATION_STEPS * np.median(steps)) + 1).tolist()
    starts = [k for k in gaps if _acquisitions(planes[:k]).isdisjoint(_acquisitions(planes[k:]))]
    if not starts:
        return [stack]
    return [_sorted(planes[start:stop]) for start, stop in pairwise([0, *starts, len(planes)])]


def _acquisitions(planes: list[Plane]) -> set[str]:
    return {plane.header.text("AcquisitionNumber") for plane in planes}


def _sorted(group: list[Plane], found: int | None = None) -> Stack:
    """``found``: how many there were with copies."""
    normal = group[0].normal
    planes = sorted(group, key=lambda plane: float(plane.position @ normal))
    stack = Stack(planes)
    same_place = len(planes) > 1 and bool(np.diff(stack.heights).min() < _SAME_PLACE_MM)
    return Stack(planes, same_place, 0 if found is None else found - len(planes))


def _without_copies(stack: Stack) -> list[Plane]:
    digests: dict[Path, bytes] = {}
    kept: dict[Hashable, list[Plane]] = defaultdict(list)
    for plane in stack.planes:
        mates = kept[(plane.header.text("SOPInstanceUID"), plane.frame)]
        if not any(_is_copy(plane, mate, digests) for mate in mates):
            mates.append(plane)
    return [plane for mates in kept.values() for plane in mates]


def _is_copy(one: Plane, other: Plane, digests: dict[Path, bytes]) -> bool:
    if abs((one.position - other.position) @ one.normal) >= _SAME_PLACE_MM:
        return False
    return _digest(one.header, digests) == _digest(other.header, digests)


def _digest(header: DicomHeader, digests: dict[Path, bytes]) -> bytes:
    """Return a digest of the pixel data of a file, read once."""
    if header.path not in digests:
        digests[header.path] = sha256(header.path.read_bytes()[header.pixels_at :]).digest()
    return digests[header.path]
