"""Cysts and tumours in the organs, which keep their organ's label."""

from __future__ import annotations

from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.config import Lesions, LesionsConfig
from flareseg.training.synthesis.masks import random_voxels
from flareseg.training.synthesis.texture import Scene
from flareseg.training.tissues import Tissue


def lesions(hu: Tensor, scene: Scene, settings: LesionsConfig, chance: Chance) -> Tensor:
    """Lesions in each of the organs, as often as they have them."""
    for tissues, some in (
        ((Tissue.LIVER,), settings.liver),
        ((Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY), settings.kidneys),
        ((Tissue.SPLEEN,), settings.spleen),
        ((Tissue.PANCREAS,), settings.pancreas),
    ):
        if chance.happens(some.probability):
            hu = _in_organ(hu, scene, tissues, some, settings, chance)
    return hu


def _in_organ(
    hu: Tensor, scene: Scene, tissues: tuple[Tissue, ...], some: Lesions, settings: LesionsConfig, chance: Chance
) -> Tensor:
    organ = scene.anatomy.mask(*tissues)
    for centre in random_voxels(organ, chance.integer(1, some.count), chance):
        radius = chance.uniform(*some.radius_mm) * chance.uniform(0.4, 1)
        inside = organ & (_distance(scene, centre, radius, chance) + settings.roughness * scene.grain < 1)
        hu = scene.paint(hu, inside, _lesion_hu(scene.palette.hu[tissues[0]], settings, chance), 6)
    return hu


def _distance(scene: Scene, centre: Tensor, radius_mm: float, chance: Chance) -> Tensor:
    """Squared distance from the voxel ``centre`` (3,), 1 on an ellipsoid of about ``radius_mm``."""
    squares = []
    for axis, mm in enumerate(scene.anatomy.voxel):
        radius = radius_mm * chance.uniform(0.75, 1.3)
        squares.append(((scene.anatomy.coordinates(axis) - (centre[axis] + 0.5) * mm) / radius).square())
    return squares[0] + squares[1] + squares[2]


def _lesion_hu(organ: float, settings: LesionsConfig, chance: Chance) -> float:
    if chance.happens(settings.cyst):
        return chance.normal(8, 8)
    return organ + chance.choose((-1, 1, -1)) * chance.uniform(*settings.contrast_hu)
