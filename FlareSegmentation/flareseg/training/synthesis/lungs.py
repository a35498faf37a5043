"""Effusion and collapsed lung at the back of the lungs."""

from __future__ import annotations

from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.config import LungsConfig
from flareseg.training.synthesis.texture import Scene
from flareseg.training.tissues import Tissue


def effusion(hu: Tensor, scene: Scene, settings: LungsConfig, chance: Chance) -> Tensor:
    """Fluid or collapsed lung, which gathers at the back."""
    if not chance.happens(settings.effusion):
        return hu
    depth = scene.anatomy.field(chance, settings.feature_mm) + 4 * scene.anatomy.backward
    lost = scene.anatomy.mask(Tissue.LUNG) & (depth > chance.uniform(*settings.threshold))
    return scene.paint(hu, lost, chance.normal(20, 25), 10)
