"""Real CTs with their labels as a source of samples."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flareseg.core.errors import DataError
from flareseg.core.organs import ORGANS
from flareseg.inference.low_scans import slices_shown
from flareseg.inference.resample import Box, Size, resample_to_grid
from flareseg.training.augmentation import Augmentation, winner
from flareseg.training.chance import Chance
from flareseg.training.sample import Sample, Stage, in_bytes
from flareseg.training.store import CaseFacts, Kind, Store
from flareseg.training.synthesis.cases import Point, point
from flareseg.training.synthesis.config import ViewConfig
from flareseg.training.synthesis.view import organ_box
from flareseg.training.tissues import ORGAN_TISSUES, label_table

MEMORY_MB = 6000.0  # of loaded scans; FLARE21's 361 are about 30 GB, ours to read again from the store
_CUT_SIDE = 0.3  # how likely a side of a whole scan is cut, as smaller fields of view cut the body
_CUT_SHARE = 0.9  # of what lies between the organs and that side
_LEAST_HEIGHT_MM = 100.0


@dataclass(frozen=True)
class Scan:
    """A loaded case. ``hu``: int16, ``labels``: uint8 label values (k, j, i); ``low``, ``high``: the organs' box in mm
    from the first voxel's edge."""

    hu: np.ndarray
    labels: np.ndarray
    spacing: Point
    low: Point
    high: Point

    @property
    def megabytes(self) -> float:
        return (self.hu.nbytes + self.labels.nbytes) / 1e6

    @property
    def size_mm(self) -> Point:
        k, j, i = (n * mm for n, mm in zip(self.hu.shape, self.spacing))
        return (k, j, i)


@dataclass(frozen=True)
class _Wide:
    """A larger box of a scan on a larger grid; ``shown``: the voxels of that grid that were asked for."""

    box: Box
    grid: Size
    shown: Box


class ScanSource:
    """Samples of the scans of a store; those whose organs are not all trusted are left out.

    ``own_grid``: the grid of a sample by the number of voxels (k, j, i) that it shows; None: the one asked for.

    Raises DataError when no scan is left, or when one that is drawn cannot be read.
    """

    def __init__(
        self,
        store: Store,
        device: torch.device | str = "cpu",
        augmentation: Augmentation | None = None,
        view: ViewConfig | None = None,
        memory_mb: float = MEMORY_MB,
        fractions: bool = False,
        own_grid: Callable[[Size], Size] | None = None,
    ) -> None:
        self._store, self._own_grid = store, own_grid
        self._device = torch.device(device)
        self._augmentation = augmentation
        self._view = view or ViewConfig()
        self._memory_mb, self._fractions = memory_mb, fractions
        self._loaded: OrderedDict[str, Scan] = OrderedDict()
        self.names = [facts.name for facts in store if can_be_learned(facts)]
        if not self.names:
            raise DataError(
                f"The training store {store.folder} has no scans with trusted labels of all organs.",
                "Add some with flareseg prepare, or set `scans: 0` in the config.",
            )

    @torch.no_grad()
    def sample(self, stage: Stage, grid: Size, chance: Chance) -> Sample:
        """A new view of one of the scans: of the whole scan, or of a box around the organs as the cascade crops it."""
        scan = self._scan(chance.choose(self.names))
        if stage.takes_whole_scan:
            low, high = _field_of_view(scan, self._view, chance)
        else:
            low, high = organ_box(scan.low, scan.high, self._view, chance)
        box = _voxels(low, high, scan)
        if self._own_grid is None:
            shape = (slices_shown(box.size[0] * scan.spacing[0], grid[0]), *grid[1:])
        else:
            grid = shape = self._own_grid(box.size)
        if self._augmentation is None:
            return self._on_grid(scan, box, shape).continued(grid[0])
        wide = _with_surroundings(box, scan, shape, self._augmentation.reach)
        k, j, i = (n * mm / m for n, mm, m in zip(wide.box.size, scan.spacing, wide.grid))
        sample = self._augmentation(self._on_grid(scan, wide.box, wide.grid), chance, (k, j, i), wide.shown)
        return sample.continued(grid[0])

    def _on_grid(self, scan: Scan, box: Box, grid: Size) -> Sample:
        shares = _shares(scan.labels, box, grid, self._device)
        image = resample_to_grid(scan.hu, box, grid, self._device)
        voxel = point(n * mm / m for n, mm, m in zip(box.size, scan.spacing, grid))
        return Sample(image, winner(shares), in_bytes(shares) if self._fractions else None, voxel)

    def _scan(self, name: str) -> Scan:
        """A case, kept in memory until others that were used later need its place."""
        if name not in self._loaded:
            self._loaded[name] = _load(self._store, name)
        self._loaded.move_to_end(name)
        while len(self._loaded) > 1 and sum(scan.megabytes for scan in self._loaded.values()) > self._memory_mb:
            self._loaded.popitem(last=False)
        return self._loaded[name]


def can_be_learned(facts: CaseFacts) -> bool:
    """Whether a case is a CT all organs of which are trusted."""
    return facts.kind is Kind.SCAN and not {t.name.lower() for t in ORGAN_TISSUES} & set(facts.untrusted)


def _load(store: Store, name: str) -> Scan:
    case = store.load(name)
    if case.hu is None:
        raise DataError(f"The case {name} has no CT.", "Make the store again.")
    labels = label_table()[case.tissues]
    ends = []
    for axis, mm in enumerate(case.facts.spacing):
        found = np.flatnonzero(labels.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(found):
            raise DataError(f"The case {name} holds none of the organs.", f"Exclude {name}.")
        ends.append((float(found[0] * mm), float((found[-1] + 1) * mm)))
    low, high = zip(*ends)
    return Scan(case.hu, labels, case.facts.spacing, low, high)


def _field_of_view(scan: Scan, view: ViewConfig, chance: Chance) -> tuple[Point, Point]:
    """The whole scan; often with an end near the organs or within them, now and then with sides of the body cut off."""
    below, above = (
        chance.uniform(*view.short_mm) if chance.happens(view.short) else max(scan.size_mm) for _ in range(2)
    )
    low, high = [scan.low[0] - below], [scan.high[0] + above]
    if high[0] - low[0] < _LEAST_HEIGHT_MM:
        low, high = [scan.low[0]], [scan.high[0]]
    for axis in (1, 2):
        first, last = (chance.uniform(0, _CUT_SHARE) if chance.happens(_CUT_SIDE) else 0.0 for _ in range(2))
        low.append(first * scan.low[axis])
        high.append(scan.size_mm[axis] - last * (scan.size_mm[axis] - scan.high[axis]))
    return point(low), point(high)


def _voxels(low: Point, high: Point, scan: Scan) -> Box:
    """The box in voxels, within the scan."""
    starts = [min(max(0, round(edge / mm)), n - 1) for edge, mm, n in zip(low, scan.spacing, scan.hu.shape)]
    stops = [
        max(start + 1, min(n, round(edge / mm)))
        for start, edge, mm, n in zip(starts, high, scan.spacing, scan.hu.shape)
    ]
    return Box(_three(starts), _three(stops))


def _with_surroundings(box: Box, scan: Scan, grid: Size, reach: float) -> _Wide:
    """The box with up to ``reach`` of its size more on every side, as far as the scan goes."""
    low, high, size, first, last = [], [], [], [], []
    for start, stop, voxels, n in zip(box.low, box.high, scan.hu.shape, grid):
        step = (stop - start) / n  # scan voxels for each of the grid
        before, after = (min(round(reach * n), int(room / step)) for room in (start, voxels - stop))
        low.append(start - round(before * step))
        high.append(stop + round(after * step))
        size.append(before + n + after)
        first.append(before)
        last.append(before + n)
    return _Wide(Box(_three(low), _three(high)), _three(size), Box(_three(first), _three(last)))


def _three(values: list[int]) -> Size:
    k, j, i = values
    return (k, j, i)


def _shares(labels: np.ndarray, box: Box, grid: Size, device: torch.device) -> Tensor:
    """The share of each organ in each new voxel, resampled as the image is: float32 (organs, k, j, i)."""
    crop = labels[box.slices]
    whole = Box.whole(box.size)
    return torch.stack(
        [resample_to_grid((crop == organ.label).view(np.uint8), whole, grid, device) for organ in ORGANS]
    )
