"""Simulation of a scanner: point spread, slices, noise, streaks, calibration, the round field of view."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import AcquisitionConfig, FieldOfViewConfig
from flareseg.training.synthesis.masks import gaussian
from flareseg.training.synthesis.view import View

_FEWEST_SLICES = 8
_STREAK_COLUMNS = 24  # voxels along a streak before it changes


def acquired(hu: Tensor, anatomy: Anatomy, settings: AcquisitionConfig, chance: Chance) -> Tensor:
    """The scan of ``hu`` on the same grid: noise is the slices' own, whatever grid they are brought to."""
    shading = chance.uniform(*settings.shading_hu) * chance.smooth_noise(anatomy.shape, 3)[0]
    hu = blurred(hu + anatomy.body * shading, settings, chance)
    body = anatomy.body.float()
    if chance.happens(settings.thick):
        sampled = chance.happens(settings.thin_gaps)
        count = _slices(anatomy, chance.uniform(*settings.thickness_mm))
        hu, body = in_slices(hu, count, sampled), in_slices(body, count, sampled=True)
    hu = hu + noise(hu, settings, chance)
    if chance.happens(settings.streaks):
        hu = hu + body * streaks(hu, settings, chance)
    return calibrated(on_grid(hu, anatomy.shape[0]), settings, chance)


def blurred(hu: Tensor, settings: AcquisitionConfig, chance: Chance) -> Tensor:
    """The point spread of the scanner."""
    along, across = (chance.uniform(*settings.blur_k_voxels), chance.uniform(*settings.blur_ji_voxels))
    return gaussian(hu, (along, across, chance.uniform(*settings.blur_ji_voxels)))


def in_slices(hu: Tensor, count: int, sampled: bool) -> Tensor:
    """``count`` slices, each the mean of what it covers or (``sampled``) the one voxel in its middle."""
    size = (count, *hu.shape[1:])
    return F.interpolate(hu[None, None], size, mode="nearest-exact" if sampled else "area")[0, 0]


def on_grid(hu: Tensor, count: int) -> Tensor:
    """Slices brought to a grid of ``count``, linearly, as the cascade does."""
    if hu.shape[0] == count:
        return hu
    return F.interpolate(hu[None, None], (count, *hu.shape[1:]), mode="trilinear", align_corners=False)[0, 0]


def noise(hu: Tensor, settings: AcquisitionConfig, chance: Chance) -> Tensor:
    """Noise of the shape of ``hu``, correlated among neighbours as after reconstruction."""
    grain = (
        chance.uniform(*settings.grain_k_voxels),
        chance.uniform(*settings.grain_ji_voxels),
        chance.uniform(*settings.grain_ji_voxels),
    )
    field = gaussian(chance.white_noise(hu.shape), grain)
    return field * (chance.log_uniform(*settings.noise_hu) / field.std())


def streaks(hu: Tensor, settings: AcquisitionConfig, chance: Chance) -> Tensor:
    """Lines from side to side, where photons were few."""
    k, j, i = hu.shape
    lines = chance.white_noise((1, 1, k, j, max(2, i // _STREAK_COLUMNS)))
    return chance.uniform(*settings.streak_hu) * F.interpolate(lines, (k, j, i), mode="trilinear")[0, 0]


def calibrated(hu: Tensor, settings: AcquisitionConfig, chance: Chance) -> Tensor:
    """HU as another scanner's calibration has them."""
    return hu * chance.uniform(*settings.gain) + chance.normal(0, settings.offset_sd)


def round_field(
    hu: Tensor, labels: Tensor, view: View, settings: FieldOfViewConfig, chance: Chance
) -> tuple[Tensor, Tensor]:
    """Image and labels with padding, and no label, outside a circle about the middle of the slices."""
    if not chance.happens(settings.probability):
        return hu, labels
    j, i = (
        (torch.arange(view.shape[axis], device=hu.device) + 0.5) * view.voxel[axis] + view.low[axis] - middle
        for axis, middle in zip((1, 2), view.middle)
    )
    outside = j.square()[:, None] + i.square() > chance.uniform(*settings.radius_mm) ** 2
    return torch.where(outside, chance.choose(settings.paddings_hu), hu), torch.where(outside, 0, labels)


def _slices(anatomy: Anatomy, thickness_mm: float) -> int:
    """How many slices cover the grid; never more than it has."""
    height = anatomy.shape[0] * anatomy.voxel[0]
    return min(anatomy.shape[0], max(_FEWEST_SLICES, round(height / thickness_mm)))
