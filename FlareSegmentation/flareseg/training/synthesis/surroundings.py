"""The surroundings of the body in a scan: table, arms, metal and its streaks."""

from __future__ import annotations

import torch
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import ArmsConfig, MetalConfig, TableConfig
from flareseg.training.synthesis.masks import random_voxels
from flareseg.training.tissues import Tissue

_SKIN_MM = 2.2
_MARROW = 0.6  # of a bone's radius
_COMMON = 0.5  # of the slices: shoulders and hips do not push the arms away


def with_arms(anatomy: Anatomy, settings: ArmsConfig, chance: Chance) -> Tensor:
    """Tissues with one or two arms in the air beside the body."""
    tissues = anatomy.tissues
    if not chance.happens(settings.probability):
        return tissues
    sides = (chance.choose((-1, 1)),) if chance.happens(settings.one) else (-1, 1)
    first, last = _extent(anatomy, 2, _COMMON)
    front, back = _extent(anatomy, 1, _COMMON)
    for side in sides:
        radius = chance.uniform(*settings.radius_mm)
        beside = chance.uniform(*settings.gap_mm) + radius
        across = last + beside if side > 0 else first - beside
        arm = _arm(anatomy, (front + back) / 2 + chance.uniform(-20, 50), across, radius, settings, chance)
        tissues = torch.where(tissues == int(Tissue.AIR), arm, tissues)
    return tissues


def table(hu: Tensor, anatomy: Anatomy, settings: TableConfig, chance: Chance) -> Tensor:
    """A table of foam in a shell below the body, its ends bent up."""
    if not chance.happens(settings.probability):
        return hu
    across = anatomy.coordinates(2) / (anatomy.shape[2] * anatomy.voxel[2]) - 0.5
    rise = across.square() * chance.uniform(*settings.curve) * 4 * anatomy.shape[1] * anatomy.voxel[1]
    _, back = _extent(anatomy, 1)
    depth = anatomy.coordinates(1) - back - chance.uniform(*settings.gap_mm) + rise
    thickness = chance.uniform(*settings.thickness_mm)
    shell = max(settings.shell_mm, anatomy.voxel[1])  # a voxel at least
    inside = (depth > 0) & (depth < thickness) & ~anatomy.body
    hu = torch.where(inside, chance.uniform(*settings.foam_hu), hu)
    return torch.where(inside & (depth < shell), chance.uniform(*settings.shell_hu), hu)


def metal(hu: Tensor, anatomy: Anatomy, settings: MetalConfig, chance: Chance) -> Tensor:
    """Balls of metal in bone or fat, and the rays of their slices."""
    if not chance.happens(settings.probability):
        return hu
    where = (Tissue.BONE, Tissue.SPONGY_BONE) if chance.happens(settings.in_bone) else (Tissue.FAT,)
    for centre in random_voxels(anatomy.mask(*where), chance.integer(1, settings.count), chance):
        radius = chance.uniform(*settings.radius_mm)
        k, j, i = ((anatomy.coordinates(axis) - (centre[axis] + 0.5) * anatomy.voxel[axis]) for axis in range(3))
        hu = hu + _rays(k, j, i, radius, settings, chance)
        ball = k.square() + j.square() + i.square() < max(radius, 0.6 * max(anatomy.voxel)) ** 2
        hu = torch.where(ball, chance.uniform(*settings.hu), hu)
    return hu


def _extent(anatomy: Anatomy, axis: int, common: float = 0.0) -> tuple[Tensor, Tensor]:
    """mm of the body's first and last edge along axis 1 or 2, as tensors of no dimension. ``common``: the share of
    slices that must reach as far."""
    there = anatomy.body.any(dim=3 - axis).float().mean(dim=0) > common
    mm = anatomy.coordinates(axis).flatten()
    half = anatomy.voxel[axis] / 2
    return torch.where(there, mm - half, mm[-1]).amin(), torch.where(there, mm + half, 0).amax()


def _arm(anatomy: Anatomy, back: Tensor, across: Tensor, radius: float, settings: ArmsConfig, chance: Chance) -> Tensor:
    """Tissues (k, j, i) of an arm about (``back``, ``across``) mm, AIR around it. It leans and thins along k."""
    along = anatomy.coordinates(0) / (anatomy.shape[0] * anatomy.voxel[0]) - 0.5
    j = anatomy.coordinates(1) - back - chance.uniform(-40, 40) * along
    i = anatomy.coordinates(2) - across - chance.uniform(-20, 20) * along
    round_ = (j / chance.uniform(0.8, 1.15)).square() + i.square()
    thickness = radius * (1 + chance.uniform(-0.2, 0.2) * along)
    depth = thickness - round_.sqrt()  # mm below the skin
    bone = chance.uniform(*settings.bone_mm)
    from_bone = ((j - chance.normal(0, 5)).square() + (i - chance.normal(0, 5)).square()).sqrt()
    layers = (
        (depth > 0, Tissue.WALL),
        (depth > _SKIN_MM, Tissue.FAT),
        (depth > _SKIN_MM + chance.uniform(*settings.fat_mm), Tissue.MUSCLE),
        (from_bone < bone, Tissue.BONE),
        (from_bone < _MARROW * bone, Tissue.SPONGY_BONE),
    )
    arm = torch.zeros_like(anatomy.tissues)
    for where, tissue in layers:
        arm = torch.where(where, int(tissue), arm)
    return arm


def _rays(k: Tensor, j: Tensor, i: Tensor, radius: float, settings: MetalConfig, chance: Chance) -> Tensor:
    """Bright and dark rays that fade away from the metal, in its own slices. ``k``, ``j``, ``i``: mm from it."""
    angle, away = torch.atan2(j, i), (j.square() + i.square()).sqrt()
    waves = [torch.cos(chance.integer(*settings.rays) * angle + chance.uniform(0, 6.28)) for _ in range(3)]
    strength = chance.uniform(*settings.streak_hu) / (1 + away / chance.uniform(*settings.streak_reach_mm)) ** 2
    slices = torch.exp(-0.5 * (k / max(radius, 1.0)).square())
    return (waves[0] + waves[1] + waves[2]) * strength * slices
