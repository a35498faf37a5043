"""Small image files for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from flareseg.core.geometry import Geometry

SHAPE = (24, 32, 40)


def ct_like(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Random soft tissue in air, int16."""
    voxels = np.full(shape, -1000, np.int16)
    inner = tuple(slice(n // 4, n - n // 4) for n in shape)
    voxels[inner] = np.random.default_rng(0).integers(-120, 200, voxels[inner].shape)
    return voxels


def write_image(path: Path, voxels: np.ndarray, spacing: tuple[float, ...] = (1.0, 2.0, 3.0), **vector: bool) -> Path:
    """An image file with SimpleITK's (i, j, k) spacing in mm."""
    image = sitk.GetImageFromArray(voxels, **vector)
    image.SetSpacing(spacing[: image.GetDimension()] + (1.0,) * (image.GetDimension() - len(spacing)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path


def image_geometry(image: sitk.Image) -> Geometry:
    """The geometry of a three-dimensional SimpleITK image."""
    i, j, k = (tuple(axis) for axis in np.array(image.GetDirection()).reshape(3, 3).T.tolist())
    return Geometry(image.GetSize()[::-1], image.GetSpacing()[::-1], (k, j, i), image.GetOrigin())
