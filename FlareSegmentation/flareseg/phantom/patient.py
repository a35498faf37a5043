"""The random properties of one synthetic patient, drawn from the seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flareseg.core.errors import JobError
from flareseg.phantom.shapes import Triple, TubeRow
from flareseg.phantom.tissues import PHASES_OF_SEEDS

NOISE_HU = 11.0


@dataclass(frozen=True)
class Variation:
    """How a patient and its scan differ from what the seed alone gives; the defaults change nothing.

    ``phase``: contrast phase, one of ``tissues.PHASES``. ``size``: of the whole body, as a factor. ``fat_mm``:
    thickness of the fat under the skin in front. ``noise_hu``: standard deviation of the noise of a voxel.
    """

    phase: str | None = None
    size: float = 1.0
    fat_mm: float | None = None
    noise_hu: float = NOISE_HU


@dataclass(frozen=True)
class Patient:
    """``phase``: contrast phase. ``scale``: size along (z, y, x) relative to the atlas. ``fat_mm``: thickness of the
    fat under the skin in front. ``rng``: draws the details, in the order in which the anatomy asks. ``noise_hu``: of
    the scan."""

    phase: str
    scale: Triple
    fat_mm: float
    rng: np.random.Generator
    noise_hu: float = NOISE_HU

    @classmethod
    def drawn_from(cls, seed: int, variation: Variation | None = None) -> Patient:
        """Seeds take turns through the phases with contrast, beginning with the portal venous one.

        Raises JobError for a negative seed.
        """
        if seed < 0:
            raise JobError(f"The seed {seed} is negative.", "Give a whole number from 0.")
        rng = np.random.default_rng(seed)
        z, y, x = rng.uniform((0.95, 0.94, 0.95), (1.06, 1.06, 1.04))
        fat_mm = float(rng.uniform(8, 27))
        varied = variation or Variation()
        return cls(
            varied.phase or PHASES_OF_SEEDS[seed % len(PHASES_OF_SEEDS)],
            (z * varied.size, y * varied.size, x * varied.size),
            fat_mm if varied.fat_mm is None else varied.fat_mm,
            rng,
            varied.noise_hu,
        )

    def near(self, place: Triple, mm: float = 3.0) -> Triple:
        """A point that lies about ``mm`` from ``place`` along each axis."""
        z, y, x = self.rng.normal(place, mm)
        return (float(z), float(y), float(x))

    def along(self, rows: Iterable[TubeRow], mm: float) -> list[TubeRow]:
        """The rows (z, y, x, radius) of a tube, each moved to a place near by."""
        return [(*self.near((z, y, x), mm), radius) for z, y, x, radius in rows]

    def sized(self, radii: Triple, share: float) -> Triple:
        """``radii`` times one random factor of 1 +- ``share``."""
        factor = float(self.rng.uniform(1 - share, 1 + share))
        z, y, x = radii
        return (z * factor, y * factor, x * factor)
