"""The part of the anatomy that a sample shows: boxes as the cascade crops them, and whole scans."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flareseg.inference.low_scans import slices_shown
from flareseg.inference.resample import Size
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.synthesis.cases import OrganMap, Point, point
from flareseg.training.synthesis.config import ViewConfig
from flareseg.training.synthesis.masks import Spacing

_INSIDE_MM = 3.0  # from the end of a map or body that goes on beyond it
_LEAST_HEIGHT_MM = 100.0  # of a scan
_NEAR_MM = 20.0


@dataclass(frozen=True)
class View:
    """A grid over the box from ``low`` to ``high``, in mm of the organ map, with fewer slices where that is low, as the
    cascade resamples it. ``middle``: (j, i) of the scan's slices; ``shows_organs``: whether it reaches any organ."""

    shape: Size
    low: Point
    high: Point
    middle: tuple[float, float]
    shows_organs: bool = True

    @property
    def voxel(self) -> Spacing:
        return point((high - low) / n for low, high, n in zip(self.low, self.high, self.shape))

    def points(self, device: torch.device) -> Tensor:
        """The voxel centres in mm, (3, k, j, i)."""
        lines = [
            (torch.arange(n, device=device) + 0.5) * mm + low for n, mm, low in zip(self.shape, self.voxel, self.low)
        ]
        return torch.stack(torch.meshgrid(*lines, indexing="ij"))


def view(
    stage: Stage, shape: Size, case: OrganMap, height: tuple[float, float], settings: ViewConfig, chance: Chance
) -> View:
    """A view for a stage on at most ``shape`` voxels. ``height``: where the body begins and ends along k, in mm of the
    organ map."""
    low, high, middle, shows_organs = _box(stage, case, height, settings, chance)
    slices = slices_shown(high[0] - low[0], shape[0])
    return View((slices, *shape[1:]), low, high, middle, shows_organs)


def _box(
    stage: Stage, case: OrganMap, height: tuple[float, float], settings: ViewConfig, chance: Chance
) -> tuple[Point, Point, tuple[float, float], bool]:
    """Low and high corner and the middle of a view, and whether it shows organs."""
    middle = _middle(case, settings, chance)
    nothing = settings.nothing if stage.takes_whole_scan else settings.nothing_in_box
    spans = _beyond_organs(case, height) if chance.happens(nothing) else []
    if spans:
        return (*_without_organs(stage, chance.choose(spans), middle, settings, chance), middle, False)
    if stage.takes_whole_scan:
        low, high = _scan(case, height, middle, settings, chance)
    else:
        low, high = organ_box(case.low, case.high, settings, chance)
    if chance.happens(settings.slab):
        low, high = _slab(low, high, case, settings, chance)
    bottom, top = _shown(case, height)
    return (max(low[0], bottom), low[1], low[2]), (min(high[0], top), high[1], high[2]), middle, True


def _beyond_organs(case: OrganMap, height: tuple[float, float]) -> list[tuple[float, float]]:
    """Where along k, in mm, the body shows none of the organs: below and above them, as far as it is worth a scan."""
    below = (height[0] + _INSIDE_MM, case.low[0] - _NEAR_MM)
    above = (case.high[0] + _NEAR_MM, height[1] - _INSIDE_MM)
    return [(bottom, top) for bottom, top in (below, above) if top - bottom > _LEAST_HEIGHT_MM]


def _without_organs(
    stage: Stage, span: tuple[float, float], middle: tuple[float, float], settings: ViewConfig, chance: Chance
) -> tuple[Point, Point]:
    """A scan of legs, pelvis, chest or head within ``span`` along k; or a box that a wrong ROI might be."""
    heights, widths = (
        (settings.nothing_mm, settings.half_width_mm)
        if stage.takes_whole_scan
        else (settings.wrong_box_mm, settings.wrong_box_half_mm)
    )
    bottom, top = span
    tall = min(chance.uniform(*heights), top - bottom)
    start = chance.uniform(bottom, top - tall)
    half = chance.uniform(*widths) * (chance.uniform(*settings.narrow) if stage.takes_whole_scan else 1.0)
    return (start, middle[0] - half, middle[1] - half), (start + tall, middle[0] + half, middle[1] + half)


def _slab(low: Point, high: Point, case: OrganMap, settings: ViewConfig, chance: Chance) -> tuple[Point, Point]:
    """The same of a scan that is a few centimetres high, anywhere on the organs."""
    tall = chance.uniform(*settings.slab_mm)
    bottom = chance.uniform(case.low[0] - tall / 2, case.high[0] - tall / 2)
    return (bottom, low[1], low[2]), (bottom + tall, high[1], high[2])


def _middle(case: OrganMap, settings: ViewConfig, chance: Chance) -> tuple[float, float]:
    j, i = ((case.low[axis] + case.high[axis]) / 2 for axis in (1, 2))
    return j + chance.uniform(*settings.centre_j_mm), i + chance.normal(0, settings.centre_i_sd_mm)


def organ_box(low: Point, high: Point, settings: ViewConfig, chance: Chance) -> tuple[Point, Point]:
    """The organs' box (its corners in mm) with margins, as the ROI of stage 1 may turn out; now and then of a scan
    that cuts the organs."""
    before, after = ([chance.uniform(*settings.margin_mm) for _ in range(3)] for _ in range(2))
    for margins in (before, after):
        if chance.happens(settings.far_margin):
            margins[chance.integer(0, 2)] += chance.uniform(*settings.far_margin_mm)
    if chance.happens(settings.cut):
        margins = chance.choose((before, after))
        margins[0] = -chance.uniform(*settings.cut_share) * (high[0] - low[0])
    grown = point(edge - margin for edge, margin in zip(low, before))
    return grown, point(edge + margin for edge, margin in zip(high, after))


def _scan(
    case: OrganMap, height: tuple[float, float], middle: tuple[float, float], settings: ViewConfig, chance: Chance
) -> tuple[Point, Point]:
    """A whole scan: square slices, and as high as scans of the abdomen or of the trunk are."""
    half = chance.uniform(*settings.half_width_mm)
    below, above = (
        chance.uniform(*(settings.short_mm if chance.happens(settings.short) else settings.long_mm)) for _ in range(2)
    )
    bottom = max(case.low[0] - below, height[0] + _INSIDE_MM)
    top = min(case.high[0] + above, height[1] - _INSIDE_MM)
    if top - bottom < _LEAST_HEIGHT_MM:
        bottom, top = case.low[0] - _NEAR_MM, case.high[0] + _NEAR_MM
    return (bottom, middle[0] - half, middle[1] - half), (top, middle[0] + half, middle[1] + half)


def _shown(case: OrganMap, height: tuple[float, float]) -> tuple[float, float]:
    """The lowest and highest mm along k of which map and body know what is there."""
    bottom, top = height[0] + _INSIDE_MM, height[1] - _INSIDE_MM
    # a body that ends within the organs' height goes on as it ends, rather than cutting them
    bottom, top = min(bottom, case.low[0]), max(top, case.high[0])
    if case.cut[0]:
        bottom = max(bottom, _INSIDE_MM)
    if case.cut[1]:
        top = min(top, case.top_mm - _INSIDE_MM)
    return bottom, top
