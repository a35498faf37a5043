"""From an organ map and a body to one patient: composition, surgery, neighbours, views."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import Store
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.cases import OrganMap, organ_maps
from flareseg.training.synthesis.composition import atrophied, joined, shielded
from flareseg.training.synthesis.config import (
    AtrophyConfig,
    BodyConfig,
    CasesConfig,
    DeformationConfig,
    NeighboursConfig,
    SurgeryConfig,
    ViewConfig,
)
from flareseg.training.synthesis.deformation import deformed
from flareseg.training.synthesis.masks import dilate
from flareseg.training.synthesis.neighbours import with_neighbours
from flareseg.training.synthesis.surgery import operated
from flareseg.training.synthesis.view import View, view
from flareseg.training.tissues import ORGAN_TISSUES, Tissue
from made_patient import ORGANS, SHAPE, SPACING, drawn, organ_voxels

CPU = torch.device("cpu")
NO_SURGERY = {"kidney": 0, "spleen": 0, "part_of_liver": 0, "part_of_pancreas": 0}
TALL = (-500.0, 800.0)


@pytest.fixture
def case(store: Store) -> OrganMap:
    return organ_maps(store, CasesConfig(), CPU)[0]


@pytest.fixture
def whole(case: OrganMap) -> View:
    """The map's own grid."""
    low = (-SPACING[0] / 2,) * 3
    high = tuple(n * mm - mm / 2 for n, mm in zip(SHAPE, SPACING))
    return View(SHAPE, low, high, (0.0, 0.0))


def test_organs_win_over_the_body() -> None:
    organs, around = torch.tensor([[[0, 6]]]), torch.tensor([[[1, 2]]])
    assert joined(organs, around).tolist() == [[[1, 6]]]


def test_organs_never_touch_air() -> None:
    bare = Anatomy(torch.from_numpy(drawn(ORGANS)).int(), SPACING)
    covered = Anatomy(shielded(bare, BodyConfig()), SPACING)
    touched = dilate(covered.organs, 1, SPACING) & covered.mask(Tissue.AIR)
    assert not touched.any()
    assert organ_voxels(covered.tissues) == organ_voxels(bare.tissues)


def test_an_atrophic_pancreas_is_smaller_and_nothing_else_is() -> None:
    fine = Anatomy(torch.from_numpy(drawn(ORGANS, (88, 80, 112), (3.0, 3.0, 3.0))).int(), (3.0, 3.0, 3.0))
    certain = AtrophyConfig(probability=1, peel=(0.8, 0.8), patchy=(-0.5, -0.5))
    before, after = organ_voxels(fine.tissues), organ_voxels(atrophied(fine, certain, Chance(1)))
    assert 0.2 * before[Tissue.PANCREAS] < after.pop(Tissue.PANCREAS) < 0.9 * before.pop(Tissue.PANCREAS)
    assert after == before


def test_a_coarse_grid_keeps_its_pancreas(anatomy: Anatomy) -> None:
    assert atrophied(anatomy, AtrophyConfig(probability=1), Chance(1)) is anatomy.tissues


def test_a_removed_spleen_has_no_label(case: OrganMap, whole: View) -> None:
    settings = SurgeryConfig(**{**NO_SURGERY, "spleen": 1})
    after = organ_voxels(operated(case.tissues.int(), whole.points(CPU), case, settings, Chance(0)))
    assert after[Tissue.SPLEEN] == 0
    assert after[Tissue.LIVER] == organ_voxels(case.tissues)[Tissue.LIVER]


def test_one_kidney_is_removed_and_the_other_stays(case: OrganMap, whole: View) -> None:
    settings = SurgeryConfig(**{**NO_SURGERY, "kidney": 1})
    after = organ_voxels(operated(case.tissues.int(), whole.points(CPU), case, settings, Chance(0)))
    assert sorted([after[Tissue.RIGHT_KIDNEY] > 0, after[Tissue.LEFT_KIDNEY] > 0]) == [False, True]


@pytest.mark.parametrize(("part", "tissue"), [("part_of_liver", Tissue.LIVER), ("part_of_pancreas", Tissue.PANCREAS)])
def test_a_resected_organ_keeps_a_part(part: str, tissue: Tissue, case: OrganMap, whole: View) -> None:
    settings = SurgeryConfig(**{**NO_SURGERY, part: 1}, offset_mm=(5, 15))
    before, after = (
        organ_voxels(tissues)[tissue]
        for tissues in (case.tissues, operated(case.tissues.int(), whole.points(CPU), case, settings, Chance(0)))
    )
    assert 0.4 * before < after < 0.95 * before


def test_neighbours_of_the_pancreas_replace_fat_only(anatomy: Anatomy) -> None:
    fat_around = replace(anatomy, tissues=torch.where(anatomy.organs, anatomy.tissues, int(Tissue.FAT)))
    settings = NeighboursConfig(
        vessels=1, loops=1, vessel_radius=(0.4, 0.4), loop_threshold=(0.2, 0.2), contacts=0, lean=0
    )
    after = with_neighbours(fat_around, settings, Chance(2)).tissues
    changed = after != fat_around.tissues
    assert changed.sum() > 50
    assert (fat_around.tissues[changed] == int(Tissue.FAT)).all()
    assert set(after[changed].unique().tolist()) <= {Tissue.SMALL_BOWEL, Tissue.VEIN, Tissue.ARTERY}
    assert not (changed & ~dilate(anatomy.mask(Tissue.PANCREAS), 18, SPACING)).any()


def test_stomach_and_others_touch_the_organs_where_only_fat_or_lung_was(anatomy: Anatomy) -> None:
    settings = NeighboursConfig(vessels=0, loops=0, contacts=1, contact_mm=(30, 30), lean=0)
    found = set()
    for seed in range(30):
        after = with_neighbours(anatomy, settings, Chance(seed)).tissues
        changed = after != anatomy.tissues
        assert set(anatomy.tissues[changed].unique().tolist()) <= {Tissue.FAT, Tissue.LUNG}
        found |= set(after[changed].unique().tolist())
    assert {Tissue.STOMACH, Tissue.MUSCLE} <= found


def test_a_lean_patient_has_bowel_and_muscle_against_the_organs(anatomy: Anatomy) -> None:
    settings = NeighboursConfig(vessels=0, loops=0, contacts=0, lean=1, lean_mm=(12, 12), lean_gap=(0, 0))
    lean = with_neighbours(anatomy, settings, Chance(1))
    near = dilate(anatomy.organs, 12, SPACING)
    assert not (lean.mask(Tissue.FAT) & near).any()
    assert torch.equal(lean.tissues[~near], anatomy.tissues[~near])
    assert organ_voxels(lean.tissues) == organ_voxels(anatomy.tissues)


def test_what_follows_a_missing_slice_lies_further_up(whole: View) -> None:
    still = {"rotation_degrees": (0, 0, 0), "coarse_sd_mm": (0, 0), "fine_sd_mm": (0, 0)}
    gap = DeformationConfig(**still, missing_slice=1, missing_mm=(5, 5))
    points = whole.points(CPU)
    moved = (deformed(points.clone(), whole, gap, Chance(4)) - points)[0, :, 0, 0]
    assert moved.sort().values.tolist() == pytest.approx(moved.tolist(), abs=1e-3)
    assert set(moved.round().tolist()) == {0.0, 5.0}


def test_an_undeformed_view_looks_straight_into_the_map(whole: View) -> None:
    still = DeformationConfig(rotation_degrees=(0, 0, 0), coarse_sd_mm=(0, 0), fine_sd_mm=(0, 0), missing_slice=0)
    points = whole.points(CPU)
    torch.testing.assert_close(deformed(points, whole, still, Chance(0)), points, atol=1e-3, rtol=0)


def test_a_turned_view_keeps_distances(whole: View) -> None:
    turned = DeformationConfig(rotation_degrees=(20, 20, 20), coarse_sd_mm=(0, 0), fine_sd_mm=(0, 0), missing_slice=0)
    points = deformed(whole.points(CPU), whole, turned, Chance(3))
    steps = (points[:, 1:] - points[:, :-1]).square().sum(0).sqrt()
    torch.testing.assert_close(steps, torch.full_like(steps, 6.0), atol=1e-2, rtol=0)


def test_bends_stay_near_what_was_asked_for(whole: View) -> None:
    bent = DeformationConfig(rotation_degrees=(0, 0, 0), coarse_sd_mm=(5, 5), fine_sd_mm=(0, 0), missing_slice=0)
    points = whole.points(CPU)
    moved = deformed(points, whole, bent, Chance(4)) - points
    assert 2 < float(moved.std()) < 8


def test_an_organ_box_has_margins_on_every_side(case: OrganMap) -> None:
    settings = ViewConfig(margin_mm=(10, 20), far_margin=0, cut=0)
    shown = view(Stage.ORGANS, (16, 16, 16), case, TALL, settings, Chance(5))
    assert all(10 <= low - edge <= 20 for edge, low in zip(shown.low, case.low))
    assert all(10 <= edge - high <= 20 for edge, high in zip(shown.high, case.high))


def test_a_cut_scan_ends_within_the_organs(case: OrganMap) -> None:
    settings = ViewConfig(margin_mm=(10, 20), far_margin=0, cut=1, cut_share=(0.2, 0.3))
    shown = view(Stage.ORGANS, (16, 16, 16), case, TALL, settings, Chance(6))
    assert (shown.low[0] > case.low[0]) != (shown.high[0] < case.high[0])


def test_a_whole_scan_has_square_slices_and_shows_more_than_the_organs(case: OrganMap) -> None:
    settings = ViewConfig(short=0, long_mm=(100, 200), nothing=0, slab=0)
    shown = view(Stage.ABDOMEN, (16, 16, 16), case, TALL, settings, Chance(7))
    assert shown.high[1] - shown.low[1] == pytest.approx(shown.high[2] - shown.low[2])
    assert shown.low[0] <= case.low[0] - 100
    assert shown.high[0] >= case.high[0] + 100


def test_a_scan_never_goes_beyond_the_body(case: OrganMap) -> None:
    settings = ViewConfig(short=0, long_mm=(300, 400), nothing=0, slab=0)
    height = (case.low[0] - 30, case.high[0] + 40)
    shown = view(Stage.ABDOMEN, (16, 16, 16), case, height, settings, Chance(8))
    assert (shown.low[0], shown.high[0]) == pytest.approx((height[0] + 3, height[1] - 3))


def test_a_scan_of_nothing_lies_below_or_above_the_organs_within_the_body(case: OrganMap) -> None:
    settings = ViewConfig(nothing=1, nothing_mm=(150, 900))
    sides = set()
    for seed in range(12):
        shown = view(Stage.ABDOMEN, (16, 16, 16), case, TALL, settings, Chance(seed))
        assert TALL[0] < shown.low[0] < shown.high[0] < TALL[1]
        assert shown.high[0] < case.low[0] or shown.low[0] > case.high[0]
        sides.add(shown.low[0] > case.high[0])
    assert sides == {False, True}


def test_a_body_that_ends_at_the_organs_gives_no_scan_of_nothing(case: OrganMap) -> None:
    height = (case.low[0] - 30, case.high[0] + 40)
    shown = view(Stage.ABDOMEN, (16, 16, 16), case, height, ViewConfig(nothing=1, short=0, slab=0), Chance(8))
    assert shown.low[0] < case.low[0] and shown.high[0] > case.high[0]


@pytest.mark.parametrize("stage", Stage)
def test_a_slab_shows_some_centimetres_of_the_organs(stage: Stage, case: OrganMap) -> None:
    settings = ViewConfig(slab=1, slab_mm=(60, 60), nothing=0, nothing_in_box=0)
    for seed in range(8):
        shown = view(stage, (16, 16, 16), case, TALL, settings, Chance(seed))
        assert shown.high[0] - shown.low[0] == pytest.approx(60)
        assert shown.low[0] < case.high[0] - 25 and shown.high[0] > case.low[0] + 25


def test_a_slab_has_as_many_slices_of_the_grid_as_the_cascade_gives_it(case: OrganMap) -> None:
    settings = ViewConfig(slab=1, slab_mm=(60, 60), nothing_in_box=0)
    assert view(Stage.ORGANS, (96, 16, 16), case, TALL, settings, Chance(1)).shape == (32, 16, 16)


def test_a_map_that_cuts_its_organs_is_shown_to_its_end_only(case: OrganMap) -> None:
    cut = replace(case, cut=(True, False))
    shown = view(Stage.ORGANS, (16, 16, 16), cut, TALL, ViewConfig(margin_mm=(300, 300), slab=0), Chance(9))
    assert shown.low[0] == 3.0


def test_organs_are_those_that_have_a_label() -> None:
    codes = torch.arange(len(Tissue)).view(1, 1, -1).int()
    assert Anatomy(codes, SPACING).organs.sum() == len(ORGAN_TISSUES)
