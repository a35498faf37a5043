"""The preview picture of a result: axial, coronal and sagittal slices with coloured outlines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy import ndimage

from flareseg.core.geometry import Orientation
from flareseg.core.organs import LEFT_KIDNEY, ORGANS
from flareseg.core.report import OrganFacts
from flareseg.core.volume import AIR_HU, Volume
from flareseg.io.outputs import atomic_write

WINDOW_HU, LEVEL_HU = 400.0, 40.0
_HEIGHT, _WIDTH = 520, 1800  # pixels at most, of a slice and of all three
_LEGEND, _GAP = 44, 6
_LEAST_WIDTH = 800  # of the legend
_INK, _PAPER = (235, 235, 235), (18, 18, 20)
_OUTLINED = (*ORGANS, LEFT_KIDNEY)
_COLOURS = {organ.label: organ.colour for organ in _OUTLINED}


@dataclass(frozen=True)
class _Slice:
    """HU and labels (rows, columns), top of the picture first; size of the whole in mm; what lies at its sides."""

    title: str
    marks: str  # left, right, top, bottom
    hu: np.ndarray
    labels: np.ndarray
    height_mm: float
    width_mm: float


def write_preview(path: Path, volume: Volume, labels: np.ndarray, organs: list[OrganFacts]) -> None:
    """Write a PNG of the three slices that show most organs, on one scale, with volumes in the legend.

    ``labels``: uint8 on the volume's (k, j, i) grid. Raises OutputError.
    """
    slices = list(_slices(volume, labels))
    room = _WIDTH - _GAP * (len(slices) - 1)
    scale = min(_HEIGHT / max(s.height_mm for s in slices), room / sum(s.width_mm for s in slices))
    pictures = [_outlined(s, scale) for s in slices]
    height = max(picture.height for picture in pictures)
    width = max(_LEAST_WIDTH, sum(picture.width for picture in pictures) + _GAP * (len(pictures) - 1))
    sheet = Image.new("RGB", (width, height + _LEGEND), _PAPER)
    draw = ImageDraw.Draw(sheet)
    left = 0
    for part, picture in zip(slices, pictures):
        draw.rectangle((left, 0, left + picture.width - 1, height - 1), (0, 0, 0))
        sheet.paste(picture, (left, (height - picture.height) // 2))
        _draw_marks(draw, part, left, picture.width, height)
        left += picture.width + _GAP
    _draw_legend(draw, organs, width, height)
    with atomic_write(path, ".png") as beside:
        sheet.save(beside)


def _slices(volume: Volume, labels: np.ndarray) -> Iterator[_Slice]:
    orientation = Orientation.of(volume.geometry)
    size_mm = orientation.geometry(volume.geometry).size_mm
    voxels, found = orientation.view(volume.voxels), orientation.view(labels)
    for axis, (title, marks) in enumerate((("Axial", "RLAP"), ("Coronal", "RLSI"), ("Sagittal", "APSI"))):
        index = _fullest(found, axis)
        hu, label = voxels.take(index, axis).astype(np.float32), found.take(index, axis)
        hu = np.nan_to_num(hu, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)  # as the cascade takes them
        if axis:  # canonical k runs up, a picture runs down
            hu, label = hu[::-1], label[::-1]
        height, width = (mm for n, mm in enumerate(size_mm) if n != axis)
        yield _Slice(title, marks, hu, label, height, width)


def _fullest(labels: np.ndarray, axis: int) -> int:
    """The slice that shows most organs, and of these the one with the largest area."""
    others = tuple(n for n in range(3) if n != axis)
    areas = np.array([np.count_nonzero(labels == organ.label, axis=others) for organ in ORGANS])
    share = areas / np.maximum(areas.max(axis=1, keepdims=True), 1)
    return int(np.argmax(np.sqrt(share).sum(axis=0)))


def _outlined(part: _Slice, pixels_per_mm: float) -> Image.Image:
    grey = np.clip((part.hu - LEVEL_HU) / WINDOW_HU + 0.5, 0, 1) * 255
    size = (max(1, round(part.width_mm * pixels_per_mm)), max(1, round(part.height_mm * pixels_per_mm)))
    voxel = 0.6 * size[1] / part.hu.shape[0]  # pixels; rounds off the corners of single voxels
    picture = np.array(Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC).convert("RGB"))
    for organ in _OUTLINED:
        mask = Image.fromarray(((part.labels == organ.label) * 255).astype(np.uint8))
        smooth = mask.resize(size, Image.Resampling.BILINEAR).filter(ImageFilter.GaussianBlur(voxel))
        inside = np.array(smooth) > 127
        picture[inside & ~ndimage.binary_erosion(inside, iterations=2)] = organ.colour
    return Image.fromarray(picture)


def _draw_marks(draw: ImageDraw.ImageDraw, part: _Slice, left: int, width: int, height: int) -> None:
    draw.text((left + 10, 8), part.title, _INK, _font(16))
    places = ((left + 8, height // 2, "lm"), (left + width - 8, height // 2, "rm"))
    ends = ((left + width // 2, 8, "ma"), (left + width // 2, height - 8, "md"))
    for mark, (x, y, anchor) in zip(part.marks, (*places, *ends)):
        draw.text((x, y), mark, _INK, _font(18), anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0))


def _draw_legend(draw: ImageDraw.ImageDraw, organs: list[OrganFacts], width: int, top: int) -> None:
    step = width // len(organs)
    for n, facts in enumerate(organs):
        left = n * step + 12
        draw.rounded_rectangle((left, top + 14, left + 16, top + 30), 3, _COLOURS[facts.label])
        draw.text((left + 24, top + 12), f"{facts.name}  {facts.volume_ml:.0f} mL", _INK, _font(16))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
