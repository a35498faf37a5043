"""The surroundings of the patient, and the simulated scanner."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.chance import Chance
from flareseg.training.synthesis.acquisition import acquired, round_field
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import (
    AcquisitionConfig,
    ArmsConfig,
    FieldOfViewConfig,
    MetalConfig,
    TableConfig,
)
from flareseg.training.synthesis.surroundings import metal, table, with_arms
from flareseg.training.synthesis.texture import Scene, painted
from flareseg.training.synthesis.view import View
from flareseg.training.tissues import Tissue
from made_patient import SHAPE, SPACING


def last_row(mask: torch.Tensor) -> int:
    return int(mask.any(dim=2).any(dim=0).nonzero().max())


def variation(hu: torch.Tensor, axis: int) -> float:
    return float(torch.diff(hu, dim=axis).abs().mean())


def test_the_table_lies_below_the_body_and_outside_it(scene: Scene) -> None:
    before = painted(scene)
    settings = TableConfig(probability=1, gap_mm=(0, 0), thickness_mm=(18, 18), curve=(0, 0))
    where = table(before, scene.anatomy, settings, Chance(1)) != before
    assert where.any()
    assert not (where & scene.anatomy.body).any()
    assert int(where.nonzero()[:, 1].min()) > last_row(scene.anatomy.body)


def test_arms_lie_in_the_air_beside_the_body(anatomy: Anatomy) -> None:
    settings = ArmsConfig(probability=1, one=0, gap_mm=(-30, -30))
    after = with_arms(anatomy, settings, Chance(1))
    where = after != anatomy.tissues
    assert (anatomy.tissues[where] == int(Tissue.AIR)).all()
    left, right = where[..., : SHAPE[2] // 2], where[..., SHAPE[2] // 2 :]
    assert left.any()
    assert right.any()


def test_an_arm_is_skin_over_fat_over_muscle_over_bone() -> None:
    tissues = torch.zeros(8, 60, 120, dtype=torch.int32)
    tissues[:, 10:50, 5:20] = int(Tissue.MUSCLE)
    settings = ArmsConfig(probability=1, one=0, radius_mm=(40, 40), gap_mm=(5, 5))
    after = with_arms(Anatomy(tissues, (3.0, 3.0, 3.0)), settings, Chance(2))
    added = set(after[tissues == 0].unique().tolist())
    assert {Tissue.WALL, Tissue.FAT, Tissue.MUSCLE, Tissue.BONE} <= added


def test_metal_is_bright_and_its_rays_stay_in_its_slices(scene: Scene) -> None:
    settings = MetalConfig(probability=1, count=1, in_bone=1, radius_mm=(6, 6), streak_hu=(200, 200))
    before = painted(scene)
    change = metal(before, scene.anatomy, settings, Chance(1)) - before
    ball = (before + change) >= 2000
    assert ball.any()
    slices = ball.any(dim=2).any(dim=1).nonzero().flatten()
    far = torch.ones(SHAPE[0], dtype=torch.bool)
    far[max(0, int(slices.min()) - 5) : int(slices.max()) + 6] = False
    assert float(change[far].abs().max()) < 1
    rays = change[slices[0]][~ball[slices[0]]]
    assert float(rays.max()) > 20
    assert float(rays.min()) < -20


def test_thick_slices_vary_less_along_k(scene: Scene, ideal_scanner: AcquisitionConfig) -> None:
    thick = ideal_scanner.model_copy(update={"thick": 1.0, "thickness_mm": (24.0, 24.0), "thin_gaps": 0.0})
    checks = torch.tensor([-100.0, 100.0]).repeat(max(SHAPE))
    before = checks[: SHAPE[0], None, None] + checks[None, : SHAPE[1], None] + torch.zeros(SHAPE)
    after = acquired(before, scene.anatomy, thick, Chance(1))
    assert after.shape == before.shape
    assert variation(after, 0) < 0.01 * variation(before, 0)
    assert variation(after, 1) == pytest.approx(variation(before, 1), rel=0.01)


def test_slices_thinner_than_the_grid_change_nothing(scene: Scene, ideal_scanner: AcquisitionConfig) -> None:
    thin = ideal_scanner.model_copy(update={"thick": 1.0, "thickness_mm": (3.0, 3.0)})
    before = painted(scene)
    torch.testing.assert_close(acquired(before, scene.anatomy, thin, Chance(1)), before, atol=0.01, rtol=0)


def test_noise_is_as_strong_as_drawn(scene: Scene, ideal_scanner: AcquisitionConfig) -> None:
    noisy = ideal_scanner.model_copy(update={"noise_hu": (20.0, 20.0)})
    before = painted(scene)
    spread = float((acquired(before, scene.anatomy, noisy, Chance(1)) - before).std())
    assert spread == pytest.approx(20, rel=0.01)


def test_coarse_grain_makes_neighbours_alike(scene: Scene, ideal_scanner: AcquisitionConfig) -> None:
    flat = torch.zeros(SHAPE)

    def likeness(grain: float) -> float:
        changes = {"noise_hu": (20.0, 20.0), "grain_ji_voxels": (grain, grain)}
        noise = acquired(flat, scene.anatomy, ideal_scanner.model_copy(update=changes), Chance(1))
        return float((noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean())

    assert likeness(0) < 0.05
    assert likeness(1) > 0.5


def test_the_point_spread_softens_borders(scene: Scene, ideal_scanner: AcquisitionConfig) -> None:
    soft = ideal_scanner.model_copy(update={"blur_ji_voxels": (0.9, 0.9)})
    before = painted(scene)
    after = acquired(before, scene.anatomy, soft, Chance(1))
    assert float(torch.diff(after, dim=2).square().mean()) < 0.8 * float(torch.diff(before, dim=2).square().mean())


def test_streaks_run_from_side_to_side_within_the_body(scene: Scene, ideal_scanner: AcquisitionConfig) -> None:
    streaky = ideal_scanner.model_copy(update={"streaks": 1.0, "streak_hu": (15.0, 15.0)})
    before = painted(scene)
    change = acquired(before, scene.anatomy, streaky, Chance(1)) - before
    assert float(change[~scene.anatomy.body].abs().max()) < 0.01
    inside = change[:, 18:24, 20:36]
    assert variation(inside, 1) > 3 * variation(inside, 2)


def test_the_corners_of_a_round_field_are_padding_without_labels(scene: Scene) -> None:
    side = [n * mm for n, mm in zip(SHAPE, SPACING)]
    view = View(SHAPE, (0, 0, 0), (side[0], side[1], side[2]), (side[1] / 2, side[2] / 2))
    settings = FieldOfViewConfig(probability=1, radius_mm=(80, 80), paddings_hu=(-2048,))
    hu, labels = torch.zeros(SHAPE), torch.ones(SHAPE, dtype=torch.uint8)
    image, shown = round_field(hu, labels, view, settings, Chance(1))
    assert (image[:, 0, 0] == -2048).all()
    assert image[0, SHAPE[1] // 2, SHAPE[2] // 2] == 0
    torch.testing.assert_close(shown == 0, image == -2048)
    assert float((shown > 0).float().mean()) * side[1] * side[2] == pytest.approx(torch.pi * 80**2, rel=0.05)
