"""Random augmentation of samples: rotation, scaling, elastic deformation, and changes of a second scan.

No sample is mirrored: the liver lies on the right.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from flareseg.core.organs import CLASSES
from flareseg.inference.resample import HU_RANGE, Box, Size
from flareseg.training.chance import Chance
from flareseg.training.sample import Sample, in_bytes
from flareseg.training.settings import Amount, Length, Positive, Probability, Range, Settings, Weight
from flareseg.training.synthesis.acquisition import in_slices, on_grid
from flareseg.training.synthesis.masks import Spacing, affine, gaussian, interpolate, to_device

CUBES: Spacing = (1.0, 1.0, 1.0)
LOWEST_SEEN_HU = -200.0  # of flareseg.inference.engine.normalised
_REACH = 0.15  # the default scale and angles look this far beyond the borders, but for the corners


class AugmentationConfig(Settings):
    """How likely each change is, and how large: ranges are (low, high), drawn evenly unless said otherwise.

    ``rotation_degrees``: largest angle about the axes k, j, i. ``scale``: along all axes alike, and along each by
    ``stretch`` more or less. ``elastic_mm``: SD of smooth shifts with features of ``elastic_feature_mm``.
    ``blur_voxels``: SD. ``gain``, ``offset_hu``: contrast and brightness. ``thickness_mm``: of slices.
    ``noise_hu``: SD, each octave as likely.
    """

    rotation: Probability = 0.7
    rotation_degrees: tuple[Weight, Weight, Weight] = (12.0, 6.0, 6.0)
    scaling: Probability = 0.7
    scale: Length = (0.85, 1.18)
    stretch: Probability = 0.08
    elastic_deformation: Probability = 0.3
    elastic_mm: Amount = (0.0, 4.0)
    elastic_feature_mm: Positive = 60.0
    blur: Probability = 0.2
    blur_voxels: Amount = (0.3, 1.1)
    contrast: Probability = 0.4
    gain: Length = (0.9, 1.1)
    offset_hu: Range = (-15.0, 15.0)
    slices: Probability = 0.2
    thickness_mm: Length = (3.0, 8.0)
    noise: Probability = 0.5
    noise_hu: Length = (2.0, 30.0)


class Augmentation:
    """Changes samples by a config."""

    def __init__(self, config: AugmentationConfig | None = None) -> None:
        self._config = config or AugmentationConfig()

    @property
    def reach(self) -> float:
        """How far beyond what is shown a sample should go on, to every side, as a share of its size."""
        moves = self._config.rotation or self._config.scaling or self._config.elastic_deformation
        return _REACH if moves else 0.0

    @torch.no_grad()
    def __call__(self, sample: Sample, chance: Chance, voxel: Spacing = CUBES, shown: Box | None = None) -> Sample:
        """Another sample on the same device.

        ``voxel``: its size in mm (k, j, i), for true lengths. ``shown``: the voxels of ``sample`` that become the new
        one, the others may move in; all by default.
        """
        shown = shown or Box.whole(_size(sample.image))
        sample = moved(sample, self._config, chance, voxel, shown)
        return replace(sample, image=scanned(sample.image, self._config, chance, voxel))


def moved(sample: Sample, config: AugmentationConfig, chance: Chance, voxel: Spacing, shown: Box) -> Sample:
    """Image and labels turned, scaled and bent alike, in one interpolation; the labels' borders stay smooth. What moves
    in from beyond the sample continues its outermost voxels."""
    turns, scales = chance.happens(config.rotation), chance.happens(config.scaling)
    deforms = chance.happens(config.elastic_deformation)
    if not (turns or scales or deforms):
        shares = None if sample.shares is None else torch.stack([share[shown.slices] for share in sample.shares])
        return replace(sample, image=sample.image[shown.slices], labels=sample.labels[shown.slices], shares=shares)
    degrees = [chance.uniform(-most, most) if turns else 0.0 for most in config.rotation_degrees]
    factors = _factors(config, chance) if scales else [1.0] * 3
    points = _turned(shown.size, degrees, factors, voxel, chance)
    if deforms:
        points = points + _elastic_deformation(shown.size, config, chance, voxel)
    middle = [(low + high - 1) / 2 * mm for low, high, mm in zip(shown.low, shown.high, voxel)]
    return _looked_up(sample, affine(points, CUBES, middle), voxel)


def scanned(image: Tensor, config: AugmentationConfig, chance: Chance, voxel: Spacing) -> Tensor:
    """HU with another blur, contrast, slice thickness and noise, within HU_RANGE."""
    if chance.happens(config.blur):
        image = gaussian(image, [chance.uniform(*config.blur_voxels)] * 3)
    if chance.happens(config.contrast):
        image = _with_contrast(image, chance.uniform(*config.gain), chance.uniform(*config.offset_hu))
    depth = image.shape[0]
    if chance.happens(config.slices):
        count = round(depth * voxel[0] / chance.uniform(*config.thickness_mm))
        image = in_slices(image, min(depth, max(2, count)), sampled=False)
    if chance.happens(config.noise):  # as thick as the slices
        image = image + chance.log_uniform(*config.noise_hu) * chance.white_noise(image.shape)
    return on_grid(image, depth).clamp(*HU_RANGE)


def _with_contrast(image: Tensor, gain: float, offset: float) -> Tensor:
    """Contrast about water; air and lung, below what the networks see, stay as dark as they are."""
    return torch.where(image > LOWEST_SEEN_HU, image * gain + offset, image)


def _factors(config: AugmentationConfig, chance: Chance) -> list[float]:
    scale = chance.uniform(*config.scale)
    return [scale * chance.uniform(1 - config.stretch, 1 + config.stretch) for _ in range(3)]


def _turned(shape: Size, degrees: list[float], factors: list[float], voxel: Spacing, chance: Chance) -> Tensor:
    """Where each voxel looks, (3, k, j, i) in mm from the middle."""
    from monai.transforms.utils import create_rotate  # MONAI takes seconds to import; reading a config should not

    rotation = np.asarray(create_rotate(3, [math.radians(angle) for angle in degrees]))[:3, :3]
    matrix = rotation / np.array(factors)[:, None]
    lines = [(torch.arange(n, device=chance.device) - (n - 1) / 2) * mm for n, mm in zip(shape, voxel)]
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    rows = to_device(matrix.ravel().tolist(), chance.device).view(3, 3)
    return (rows @ grid.flatten(1)).view(grid.shape)


def _elastic_deformation(shape: Size, config: AugmentationConfig, chance: Chance, voxel: Spacing) -> Tensor:
    size_mm = max(n * mm for n, mm in zip(shape, voxel))
    field = chance.smooth_noise(shape, max(2.0, size_mm / config.elastic_feature_mm), 3)
    return chance.uniform(*config.elastic_mm) * field


def _looked_up(sample: Sample, points: Tensor, voxel: Spacing) -> Sample:
    """The sample at ``points`` (3, k, j, i) in mm from its first voxel's centre."""
    organs = torch.arange(1, CLASSES, device=points.device, dtype=torch.uint8).view(-1, 1, 1, 1)
    shares = sample.labels == organs if sample.shares is None else sample.shares / 255
    channels = torch.cat([sample.image[None], shares.to(sample.image.dtype)])
    found = interpolate(channels[None], points[None], (0.0, 0.0, 0.0), voxel)[0]
    moved_shares = None if sample.shares is None else in_bytes(found[1:])
    return replace(sample, image=found[0], labels=winner(found[1:]), shares=moved_shares)


def winner(shares: Tensor) -> Tensor:
    """uint8 label values (k, j, i) for shares (organs, k, j, i) of each voxel; what is left is background's share."""
    best, organ = shares.max(dim=0)
    return torch.where(best > 1 - shares.sum(dim=0), organ + 1, 0).to(torch.uint8)


def _size(image: Tensor) -> Size:
    k, j, i = image.shape
    return (k, j, i)
