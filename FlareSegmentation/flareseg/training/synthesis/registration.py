"""Registration of bodies to organ maps by their labels, so that the organs of any map fit into any body.

A body's organs are first brought onto the map's by scale and shift along each axis, from the moments of the labels;
then a smooth displacement is optimised until smoothed labels overlap. All points are in mm from the first voxel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from flareseg.core.errors import DataError
from flareseg.training.store import Store
from flareseg.training.synthesis.cases import Body, OrganMap, Point, bodies, organ_maps, point
from flareseg.training.synthesis.config import RegistrationConfig, SynthesisConfig
from flareseg.training.synthesis.fields import Field, Fields, pair_key, settings_key
from flareseg.training.synthesis.masks import Spacing, affine, interpolate, to_device
from flareseg.training.tissues import Tissue

_SCALE = (0.7, 1.45)  # of a body along an axis
_LEAST_VOXELS = 3.0  # a tissue with less in the grid is not looked for
_LIVER_WEIGHT = 2.0  # among the moments: it is the organ that is always whole


def register_store(
    store: Store,
    config: SynthesisConfig,
    device: torch.device | str,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> Fields:
    """The fields of all pairs of organ maps and bodies that the config allows.

    Those that the store's folder holds already are read, the others made and kept there. ``advance`` is told how many
    bodies are done, of how many. Raises DataError or OutputError.
    """
    device = torch.device(device)
    maps, all_bodies = organ_maps(store, config.cases, device), bodies(store, config.cases, device)
    return registered(store, maps, all_bodies, config.registration, advance)


def registered(
    store: Store,
    maps: Sequence[OrganMap],
    all_bodies: Sequence[Body],
    settings: RegistrationConfig,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> Fields:
    """Return what ``register_store`` returns, for cases that are loaded already."""
    path = store.folder / f"registration-{settings_key(settings)}.safetensors"
    fields = Fields.load(path) if path.exists() else Fields({})
    for done, body in enumerate(all_bodies, 1):
        missing = [case for case in maps if pair_key(case, body) not in fields]
        for start in range(0, len(missing), settings.batch):
            some = missing[start : start + settings.batch]
            fields.update({pair_key(c, body): field for c, field in zip(some, register(some, body, settings))})
        if missing:
            fields.save(path)
            fields = Fields.load(path)  # rounded as on disk: a run that goes on must see what it began with
        advance(done, len(all_bodies))
    return fields


def register(maps: Sequence[OrganMap], body: Body, settings: RegistrationConfig) -> list[Field]:
    """The field from each organ map to the body."""
    channels = [Tissue[name.upper()] for name in settings.channels]
    moving = _pooled(body.tissues, body.spacing, channels, settings.spacing_mm)
    origins = [_origin(case, settings) for case in maps]
    grid = _grid(settings, to_device(origins, body.tissues.device))
    fixed = torch.stack([_on_grid(case, channels, settings, points) for case, points in zip(maps, grid)])
    weights = to_device(list(settings.channels.values()), fixed.device)
    weights = weights * (fixed.sum(dim=(2, 3, 4)) >= _LEAST_VOXELS) * (moving.values.sum(dim=(1, 2, 3)) > 0)
    _check(maps, body, weights)
    importance = [_LIVER_WEIGHT if channel is Tissue.LIVER else 1.0 for channel in channels]
    scale, shift = _affine(fixed, grid, moving, to_device(importance, fixed.device) * (weights > 0))
    start = grid * scale[:, :, None, None, None] + shift[:, :, None, None, None]
    displacement = _optimised(fixed, start, moving, weights, settings)
    affines = zip(scale.tolist(), shift.tolist())
    return [
        Field(point(one), point(other), origin, settings.spacing_mm, bend)
        for (one, other), origin, bend in zip(affines, origins, displacement)
    ]


@dataclass(frozen=True)
class _Coarse:
    """Channels (c, k, j, i) with values 0..1; ``first`` and ``step``: mm along (k, j, i)."""

    values: Tensor
    first: list[float]
    step: list[float]

    def points(self) -> Tensor:
        lines = [torch.arange(n, device=self.values.device) for n in self.values.shape[1:]]
        indices = torch.stack(torch.meshgrid(*lines, indexing="ij"))
        return affine(indices, self.step, self.first)

    def at(self, points: Tensor) -> Tensor:
        """(n, c, k, j, i) at ``points`` (n, 3, k, j, i)."""
        return interpolate(self.values[None], points, self.first, self.step)


def _origin(case: OrganMap, settings: RegistrationConfig) -> Point:
    """The first point of the grid, which lies around the middle of the organs."""
    middle = [(low + high) / 2 for low, high in zip(case.low, case.high)]
    return point(c - (n - 1) * settings.spacing_mm / 2 for c, n in zip(middle, settings.shape))


def _grid(settings: RegistrationConfig, origins: Tensor) -> Tensor:
    """The points of each map's grid, (maps, 3, k, j, i)."""
    lines = [torch.arange(n, device=origins.device) * settings.spacing_mm for n in settings.shape]
    return torch.stack(torch.meshgrid(*lines, indexing="ij")) + origins[:, :, None, None, None]


def _pooled(tissues: Tensor, spacing: Spacing, channels: Sequence[Tissue], target_mm: float) -> _Coarse:
    """The share of each channel in blocks of voxels of about ``target_mm``."""
    block = [max(1, round(target_mm / mm)) for mm in spacing]
    values = [F.avg_pool3d((tissues == int(channel)).float()[None], block, block)[0] for channel in channels]
    first = [(n - 1) / 2 * mm for n, mm in zip(block, spacing)]
    return _Coarse(torch.stack(values), first, [n * mm for n, mm in zip(block, spacing)])


def _on_grid(case: OrganMap, channels: Sequence[Tissue], settings: RegistrationConfig, points: Tensor) -> Tensor:
    """The map's channels on its grid, (c, k, j, i); 0 outside the map."""
    coarse = _pooled(case.tissues, case.spacing, channels, settings.spacing_mm)
    within = torch.ones_like(points[0], dtype=torch.bool)
    for axis, (n, mm) in enumerate(zip(case.tissues.shape, case.spacing)):
        within &= (points[axis] >= 0) & (points[axis] <= (n - 1) * mm)
    return coarse.at(points[None])[0] * within


def _check(maps: Sequence[OrganMap], body: Body, weights: Tensor) -> None:
    for case, found in zip(maps, (weights > 0).any(dim=1).tolist()):
        if not found:
            raise DataError(
                f"The body {body.name} shares no organ with the label map {case.name}: it cannot be fitted to it.",
                f"Exclude {body.name} or {case.name} in the settings of the synthesis.",
            )


def _affine(fixed: Tensor, grid: Tensor, moving: _Coarse, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift (maps, 3) from the organs' middles and spreads, by least squares. ``weights``: (maps, c)."""
    there = _moments(moving.values, moving.points())
    here = torch.stack([_moments(values, points) for values, points in zip(fixed, grid)])
    weight = (weights / weights.sum(1, keepdim=True) / 3).repeat(1, 3)[:, :, None]
    x, y = (torch.cat([m[..., 0, :] + q * m[..., 1, :] for q in (-1.5, 0.0, 1.5)], dim=-2) for m in (here, there))
    mean_x, mean_y = (weight * x).sum(1), (weight * y).sum(1)
    x, y = x - mean_x[:, None], y - mean_y[:, None]
    scale = ((weight * x * y).sum(1) / (weight * x.square()).sum(1)).clamp(*_SCALE)
    return scale, mean_y - scale * mean_x


def _moments(values: Tensor, points: Tensor) -> Tensor:
    """(c, 2, 3) middle and SD in mm along each axis of each channel."""
    mass = values.sum(dim=(1, 2, 3)).clamp(min=1e-6)[:, None]
    flat, places = values.flatten(1), points.flatten(1).T
    middle = flat @ places / mass
    spread = (flat @ places.square() / mass - middle.square()).clamp(min=0).sqrt()
    return torch.stack([middle, spread], dim=1)


def _optimised(fixed: Tensor, start: Tensor, moving: _Coarse, weights: Tensor, settings: RegistrationConfig) -> Tensor:
    """Displacement (maps, 3, k/2, j/2, i/2) in mm that, added to ``start``, makes the smoothed channels overlap."""
    displacement = torch.zeros(len(fixed), 3, *(n // 4 for n in settings.shape), device=fixed.device)
    for level, (steps, rate, kernel) in enumerate(zip(settings.iterations, settings.step_mm, (5, 3))):
        if level:
            finer = [n // 2 for n in settings.shape]
            displacement = F.interpolate(displacement.detach(), finer, mode="trilinear", align_corners=True)
        displacement = displacement.detach().requires_grad_(True)
        target, blurred = (
            _blur(fixed, kernel),
            _Coarse(_blur(moving.values[None], kernel)[0], moving.first, moving.step),
        )
        optimiser = torch.optim.Adam([displacement], lr=rate)
        for _ in range(steps):
            optimiser.zero_grad()
            bend = F.interpolate(displacement, settings.shape, mode="trilinear", align_corners=True)
            unlike = _unlike(blurred.at(start + bend), target)
            loss = (weights * unlike).sum(1) / weights.sum(1) + _roughness(displacement, settings)
            torch.autograd.backward(loss.sum())
            optimiser.step()
    return displacement.detach()


def _blur(values: Tensor, kernel: int) -> Tensor:
    for _ in range(2):
        values = F.avg_pool3d(values, kernel, 1, kernel // 2)
    return values


def _unlike(seen: Tensor, target: Tensor) -> Tensor:
    """1 - Dice of soft masks, by map and channel."""
    space = (2, 3, 4)
    return 1 - (2 * (seen * target).sum(space) + 1) / (seen.square().sum(space) + target.square().sum(space) + 1)


def _roughness(displacement: Tensor, settings: RegistrationConfig) -> Tensor:
    """Mean squared first and second differences of the field per mm, weighted, by map."""
    mm = settings.shape[0] * settings.spacing_mm / displacement.shape[2]
    stretch = _sum([(torch.diff(displacement, dim=a) / mm).square().mean((1, 2, 3, 4)) for a in (2, 3, 4)])
    bend = _sum([torch.diff(displacement, n=2, dim=a).square().mean((1, 2, 3, 4)) / mm**2 for a in (2, 3, 4)])
    return settings.stretching * stretch + settings.bending * bend


def _sum(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(0)
