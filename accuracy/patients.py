"""The 64 fixed synthetic patients: phantoms of different size, fat, contrast and noise, on different grids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import Phantom, Variation, make_phantom
from flareseg.phantom.tissues import PHASES

from accuracy.cases import ScoredCase

PATIENTS = 64
SLICE_MM = (8.0, 5.0, 3.0, 2.0)
STATION_MM = (150.0, 240.0)  # height of a scan that shows a part of the abdomen
WHOLE_MM = 350.0  # height of one that shows the whole abdomen of a body of size 1
WIDTH_MM = 390.0  # of its slices, without the fat
_FIRST_SEED = 1000  # seeds below are those of demonstrations and tests
_STATIONS = 5  # every fifth scan shows a part


@dataclass(frozen=True)
class PatientPlan:
    """One synthetic patient and its scan. ``shape``, ``spacing`` (mm) and ``flipped``, the axes that are stored the
    other way round: (k, j, i)."""

    name: str
    seed: int
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    variation: Variation
    flipped: tuple[bool, bool, bool]

    def make(self) -> Phantom:
        """The scan and its true labels, with the axes as they are stored."""
        made = make_phantom(self.seed, self.shape, self.spacing, self.variation)
        axes = tuple(axis for axis, flip in enumerate(self.flipped) if flip)
        voxels, labels = (np.ascontiguousarray(np.flip(each, axes)) for each in (made.volume.voxels, made.labels))
        return Phantom(Volume(voxels, _flipped(made.volume.geometry, axes), self.name), labels)


def plans(count: int = PATIENTS) -> list[PatientPlan]:
    """The first ``count`` patients. The same number is the same patient on every computer."""
    return [_plan(number) for number in range(count)]


def write_patient(plan: PatientPlan, folder: Path) -> ScoredCase:
    """Make a patient and write scan and labels into ``folder``, uncompressed. Raises FlareError."""
    made = plan.make()
    case = ScoredCase(plan.name, folder / f"{plan.name}_0000.nii", folder / f"{plan.name}.nii")
    write_scan(case.scan, made.volume)
    write_labels(case.ground_truth, made.labels, made.volume.geometry)
    return case


def _flipped(geometry: Geometry, axes: tuple[int, ...]) -> Geometry:
    """The same voxels, with some array axes running the other way."""
    direction, origin = np.array(geometry.direction), np.array(geometry.origin)
    for axis in axes:
        origin += direction[axis] * geometry.spacing[axis] * (geometry.shape[axis] - 1)
        direction[axis] *= -1
    return Geometry.from_json({**geometry.to_json(), "direction": direction.tolist(), "origin": origin.tolist()})


def _plan(number: int) -> PatientPlan:
    """Each phase with each slice thickness equally often, the rest drawn from the number."""
    rng = np.random.default_rng(_FIRST_SEED + number)
    size, fat_mm = float(rng.uniform(0.82, 1.15)), float(rng.uniform(3, 45))
    noise_hu = float(np.exp(rng.uniform(np.log(6), np.log(40))))
    pixel_mm = float(rng.uniform(1.5, 2.5))
    slice_mm = SLICE_MM[number // len(PHASES) % len(SLICE_MM)]
    height = rng.uniform(*STATION_MM) if number % _STATIONS == _STATIONS - 1 else WHOLE_MM * size
    pixels = round((WIDTH_MM * size + fat_mm) / pixel_mm)
    return PatientPlan(
        name=f"synthetic_{number:02d}",
        seed=_FIRST_SEED + number,
        shape=(round(float(height) / slice_mm), pixels, pixels),
        spacing=(slice_mm, pixel_mm, pixel_mm),
        variation=Variation(PHASES[number % len(PHASES)], size, fat_mm, noise_hu),
        flipped=(bool(number % 2), number % 3 == 1, number % 3 == 1),
    )
