"""The image of one patient before acquisition: anatomy painted with HU and texture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import TextureConfig
from flareseg.training.synthesis.masks import gaussian
from flareseg.training.synthesis.phases import Palette

_BLUR_GAIN = 2.5  # gives the blurred white noise an SD near 1 again


@dataclass(frozen=True)
class Scene:
    """``grain``: the texture (k, j, i) that all tissues share, SD about 1, each with its own strength."""

    anatomy: Anatomy
    palette: Palette
    grain: Tensor

    def paint(self, hu: Tensor, where: Tensor, mean: Tensor | float, sd: float = 0.0) -> Tensor:
        """``hu`` with ``where`` (bool) painted over."""
        return torch.where(where, mean + sd * self.grain if sd else mean, hu)


def grain(anatomy: Anatomy, settings: TextureConfig, chance: Chance) -> Tensor:
    """A fine grain on a coarse mottling, (k, j, i)."""
    blur = chance.uniform(*settings.fine_voxels)
    fine = _BLUR_GAIN * gaussian(chance.white_noise(anatomy.shape), (blur, blur, blur))
    coarse = anatomy.field(chance, chance.uniform(*settings.coarse_mm), 2)
    return settings.fine_share * fine + settings.coarse_share * coarse


def painted(scene: Scene) -> Tensor:
    """HU (k, j, i) of each tissue with its texture."""
    mean, texture = scene.palette.tables(scene.anatomy.tissues.device)
    return mean[scene.anatomy.tissues] + texture[scene.anatomy.tissues] * scene.grain
