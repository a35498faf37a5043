"""A small synthetic patient of ellipsoids, as an organ map and as a body."""

from __future__ import annotations

import numpy as np
import torch
from flareseg.training.store import CaseFacts, Kind, StoredCase, volumes_ml
from flareseg.training.synthesis import SynthesisConfig
from flareseg.training.synthesis.config import RegistrationConfig
from flareseg.training.tissues import ORGAN_TISSUES, Tissue

SPACING = (6.0, 6.0, 6.0)
SHAPE = (44, 40, 56)
# Middle and radii in mm along (k, j, i), of a patient whose middle is the middle of the grid.
ORGANS = (
    (Tissue.LIVER, (20, -10, -50), (50, 45, 45)),
    (Tissue.SPLEEN, (20, 20, 80), (30, 22, 18)),
    (Tissue.STOMACH, (25, -25, 40), (25, 22, 25)),
    (Tissue.PANCREAS, (-20, -10, 10), (14, 12, 40)),
    (Tissue.RIGHT_KIDNEY, (-35, 35, -50), (30, 18, 18)),
    (Tissue.LEFT_KIDNEY, (-30, 35, 50), (30, 18, 18)),
)
FRAME = (
    (Tissue.WALL, (0, 0, 0), (1000, 106, 146)),
    (Tissue.FAT, (0, 0, 0), (1000, 100, 140)),
    (Tissue.MUSCLE, (0, 0, 0), (1000, 84, 124)),
    (Tissue.FAT, (0, -5, 0), (1000, 70, 108)),
    (Tissue.LUNG, (110, 0, 0), (55, 60, 95)),
    (Tissue.BONE, (0, 55, 0), (1000, 20, 22)),
    (Tissue.COLON, (-80, -20, 0), (18, 20, 70)),
)


def drawn(shapes, shape=SHAPE, spacing=SPACING, shift=(0.0, 0.0, 0.0)) -> np.ndarray:
    """uint8 (k, j, i) tissues of ellipsoids, each over those before."""
    axes = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing)), indexing="ij")
    tissues = np.zeros(shape, np.uint8)
    for tissue, middle, radii in shapes:
        squares = [((a - m - s) / r) ** 2 for a, m, s, r in zip(axes, middle, shift, radii)]
        tissues[sum(squares) < 1] = tissue
    return tissues


def organ_case(
    name: str = "organs", source: str = "made", untrusted: tuple[str, ...] = (), shift=(0, 0, 0)
) -> StoredCase:
    tissues = drawn(ORGANS, shift=shift)
    volumes = volumes_ml(tissues, SPACING)
    return StoredCase(
        CaseFacts(name, Kind.ORGANS, source, "made", SPACING, SHAPE, volumes, untrusted=list(untrusted)), tissues
    )


def body_case(name: str = "body", shift=(0.0, 0.0, 0.0), bare: bool = False, shape=SHAPE) -> StoredCase:
    tissues, filled = (drawn(shapes, shape, shift=shift) for shapes in (FRAME + ORGANS, FRAME))
    inside = drawn(FRAME[2:3], shape, shift=shift) > 0
    outside = np.where(inside, 0, 20).astype(np.uint8)[::2, ::2, ::2]
    facts = CaseFacts(name, Kind.BODY, "made", "made", SPACING, shape, volumes_ml(tissues, SPACING), bare=bare)
    return StoredCase(facts, tissues, filled=filled, outside=outside)


def tiny_config(**changes: object) -> SynthesisConfig:
    """The defaults, but with a registration that takes a second."""
    registration = RegistrationConfig(spacing_mm=18.0, shape=(20, 16, 20), iterations=(10, 10))
    return SynthesisConfig(registration=registration, **changes)


def organ_voxels(tissues: torch.Tensor) -> dict[Tissue, int]:
    return {tissue: int((tissues == int(tissue)).sum()) for tissue in ORGAN_TISSUES}
