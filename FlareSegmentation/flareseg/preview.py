"""A picture of a result: axial, coronal and sagittal slices with coloured outlines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy import ndimage

from flareseg.geometry import Orientation
from flareseg.organs import ORGANS
from flareseg.report import OrganFacts
from flareseg.volume import Volume
from flareseg.writing import replacing

WINDOW_HU, LEVEL_HU = 400.0, 40.0
_HEIGHT = 520  # pixels of each slice
_LEGEND = 44
_GAP = 6
_TITLES = ("Axial", "Coronal", "Sagittal")


def write_preview(path: Path, volume: Volume, labels: np.ndarray, organs: list[OrganFacts]) -> None:
    """Write a PNG of the three slices that show most organs, with volumes in the legend.

    ``labels``: uint8 on the volume's (k, j, i) grid. Raises FlareError("write").
    """
    slices = [_outlined(*parts) for parts in _slices(volume, labels)]
    width = sum(image.width for image in slices) + _GAP * (len(slices) - 1)
    sheet = Image.new("RGB", (width, _HEIGHT + _LEGEND), (18, 18, 20))
    draw = ImageDraw.Draw(sheet)
    left = 0
    for title, image in zip(_TITLES, slices):
        sheet.paste(image, (left, 0))
        draw.text((left + 10, 8), title, (235, 235, 235), _font(16))
        left += image.width + _GAP
    _draw_legend(draw, organs, width)
    with replacing(path, ".png") as beside:
        sheet.save(beside)


def _slices(volume: Volume, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """HU and labels of the axial, coronal and sagittal slice, top of the picture first, and mm per row and column."""
    orientation = Orientation.of(volume.geometry)
    spacing = orientation.geometry(volume.geometry).spacing
    voxels, found = orientation.view(volume.voxels), orientation.view(labels)
    for axis in range(3):
        index = _fullest(found, axis)
        hu, marks = voxels.take(index, axis).astype(np.float32), found.take(index, axis)
        rows, columns = (mm for n, mm in enumerate(spacing) if n != axis)
        if axis:  # canonical k runs up, a picture runs down
            hu, marks = hu[::-1], marks[::-1]
        yield hu, marks, rows / columns


def _fullest(labels: np.ndarray, axis: int) -> int:
    """The slice that shows most organs, and of these the one with the largest area."""
    others = tuple(n for n in range(3) if n != axis)
    areas = np.array([np.count_nonzero(labels == organ.label, axis=others) for organ in ORGANS])
    share = areas / np.maximum(areas.max(axis=1, keepdims=True), 1)
    return int(np.argmax(np.sqrt(share).sum(axis=0)))


def _outlined(hu: np.ndarray, labels: np.ndarray, row_to_column: float) -> Image.Image:
    grey = np.clip((hu - LEVEL_HU) / WINDOW_HU + 0.5, 0, 1) * 255
    width = round(_HEIGHT * hu.shape[1] / (hu.shape[0] * row_to_column))
    size = (max(1, width), _HEIGHT)
    voxel = 0.6 * _HEIGHT / hu.shape[0]  # pixels; rounds off the corners of single voxels
    picture = np.array(Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC).convert("RGB"))
    for organ in ORGANS:
        mask = Image.fromarray(((labels == organ.label) * 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
        inside = np.array(mask.filter(ImageFilter.GaussianBlur(voxel))) > 127
        border = inside & ~ndimage.binary_erosion(inside, iterations=2)
        picture[border] = organ.colour
    return Image.fromarray(picture)


def _draw_legend(draw: ImageDraw.ImageDraw, organs: list[OrganFacts], width: int) -> None:
    step = width // len(organs)
    for n, (organ, facts) in enumerate(zip(ORGANS, organs)):
        left, top = n * step + 12, _HEIGHT + 14
        draw.rounded_rectangle((left, top, left + 16, top + 16), 3, organ.colour)
        draw.text((left + 24, top - 2), f"{facts.name}  {facts.volume_ml:.0f} mL", (235, 235, 235), _font(16))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
