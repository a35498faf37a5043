"""From one patient to HU: each effect by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from flareseg.training.chance import Chance
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.config import (
    GutConfig,
    KidneysConfig,
    Lesions,
    LesionsConfig,
    LungsConfig,
    ParenchymaConfig,
    PhasesConfig,
    TextureConfig,
    VesselsConfig,
)
from flareseg.training.synthesis.gut import GAS_HU, filled
from flareseg.training.synthesis.gut_config import Content, HollowOrgan
from flareseg.training.synthesis.kidneys import kidneys
from flareseg.training.synthesis.lesions import lesions
from flareseg.training.synthesis.lungs import effusion
from flareseg.training.synthesis.parenchyma import lobulated_pancreas, marrow, mottled_spleen
from flareseg.training.synthesis.phases import PRIORS, Part, Phase, palette
from flareseg.training.synthesis.texture import Scene, grain, painted
from flareseg.training.synthesis.vessels import fat_vessels, liver_vessels, lung_vessels, soft_blobs
from flareseg.training.tissues import Tissue
from made_patient import SPACING


def only(phase: Phase) -> PhasesConfig:
    weights = [0.0] * len(Phase)
    weights[phase] = 1.0
    return PhasesConfig(weights=tuple(weights), fatty_liver=0, unusual=0, alike=0)


def typical(phase: Phase, tissue: Tissue | Part) -> float:
    """The mean HU over many patients."""
    return sum(palette(only(phase), Chance(seed)).hu[tissue] for seed in range(200)) / 200


def changed(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    return before != after


def test_every_tissue_has_a_prior() -> None:
    assert set(Tissue) | set(Part) == set(PRIORS)


def test_arteries_are_brightest_in_the_arterial_phase() -> None:
    arterial, portal, native = (typical(p, Tissue.ARTERY) for p in (Phase.ARTERIAL, Phase.PORTAL, Phase.NATIVE))
    assert arterial > portal + 50 > native + 100


def test_the_liver_is_brightest_in_the_portal_phase() -> None:
    assert max(Phase, key=lambda phase: typical(phase, Tissue.LIVER)) is Phase.PORTAL


def test_a_fatty_liver_is_darker_than_its_spleen() -> None:
    fatty = PhasesConfig(weights=(1, 0, 0, 0), fatty_liver=1, fatty_liver_loss=(50, 50), unusual=0)
    hu = [palette(fatty, Chance(seed)).hu for seed in range(50)]
    assert sum(one[Tissue.LIVER] < one[Tissue.SPLEEN] for one in hu) > 45


def test_both_kidneys_enhance_alike() -> None:
    both = palette(only(Phase.PORTAL).model_copy(update={"jitter_sd": 0.0}), Chance(1)).hu
    assert both[Tissue.LEFT_KIDNEY] == both[Tissue.RIGHT_KIDNEY]


def test_what_lies_beside_an_organ_may_enhance_as_it_does() -> None:
    """Heart and liver lie 130 HU apart in the arterial phase, but for patients who have them alike."""
    alike = only(Phase.ARTERIAL).model_copy(update={"alike": 1.0, "alike_sd": 0.0})
    hu = [palette(alike, Chance(seed)).hu for seed in range(60)]
    pairs = [(Tissue.HEART, Tissue.LIVER), (Tissue.STOMACH, Tissue.SPLEEN), (Tissue.DUODENUM, Tissue.PANCREAS)]
    assert all(3 < sum(one[tissue] == one[organ] for one in hu) < 30 for tissue, organ in pairs)


def test_air_is_always_air() -> None:
    assert {palette(PhasesConfig(), Chance(seed)).hu[Tissue.AIR] for seed in range(20)} == {-1000.0}


def test_each_tissue_is_painted_with_its_mean(scene: Scene) -> None:
    hu = painted(scene)
    spleen = scene.anatomy.mask(Tissue.SPLEEN)
    torch.testing.assert_close(hu[spleen], torch.full_like(hu[spleen], scene.palette.hu[Tissue.SPLEEN]))


def test_the_grain_has_an_sd_of_about_one(anatomy: Anatomy) -> None:
    spread = float(grain(anatomy, TextureConfig(), Chance(1)).std())
    assert 0.5 < spread < 1.5


def test_the_cortex_is_brighter_than_the_medulla_in_the_arterial_phase(scene: Scene) -> None:
    settings = KidneysConfig(pyramid_threshold=(-9, -9), pelvis_threshold=(9, 9))
    hu = kidneys(painted(scene), scene, settings, Chance(1))
    kidney = scene.anatomy.mask(Tissue.LEFT_KIDNEY)
    levels = hu[kidney].unique().tolist()
    assert levels == pytest.approx([scene.palette.hu[Part.MEDULLA], scene.palette.hu[Tissue.LEFT_KIDNEY]])
    middle = [int(n.float().mean()) for n in kidney.nonzero(as_tuple=True)]
    assert hu[tuple(middle)] == levels[0]


def test_fat_may_lie_in_the_middle_of_a_kidney(scene: Scene) -> None:
    settings = KidneysConfig(pelvis_threshold=(-9, -9), fatty_sinus=1)
    hu = kidneys(painted(scene), scene, settings, Chance(1))
    kidney = scene.anatomy.mask(Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY)
    assert float(hu[kidney].min()) == pytest.approx(scene.palette.hu[Tissue.FAT])


def stomach_of(content: Content, gas: float) -> HollowOrgan:
    return HollowOrgan(tissues=("stomach",), feature_mm=(60, 60), contents={content: 1.0}, gas=gas)


def test_a_hollow_organ_keeps_its_wall(scene: Scene) -> None:
    settings = GutConfig(wall_share=(0.97, 0.97))
    before = painted(scene)
    after = filled(before, scene, stomach_of(Content.CONTRAST, 0), settings, Chance(1))
    stomach = scene.anatomy.mask(Tissue.STOMACH)
    share = float(changed(before, after)[stomach].float().mean())
    assert 0.2 < share < 0.9
    assert not changed(before, after)[~stomach].any()


def test_gas_gathers_in_front(scene: Scene) -> None:
    settings = GutConfig(gas_threshold=(6.25, 0.0), rise=(60, 60))
    hu = filled(painted(scene), scene, stomach_of(Content.FLUID, 1), settings, Chance(1))
    rows = torch.arange(scene.anatomy.shape[1]).view(1, -1, 1).expand(scene.anatomy.shape).float()
    gas, stomach = hu == GAS_HU, scene.anatomy.mask(Tissue.STOMACH)
    assert gas.any()
    assert rows[gas].mean() < rows[stomach].mean()


@pytest.mark.parametrize(
    ("effect", "tissue"),
    [
        (liver_vessels, Tissue.LIVER),
        (fat_vessels, Tissue.FAT),
        (lung_vessels, Tissue.LUNG),
        (soft_blobs, Tissue.FAT),
    ],
)
def test_vessels_and_blobs_stay_in_their_tissue(effect, tissue: Tissue, scene: Scene) -> None:
    settings = VesselsConfig(liver_radius=(0.5, 0.5), lung_radius=(0.5, 0.5), blobs=1, blob_threshold=(0.5, 0.5))
    before = painted(scene)
    where = changed(before, effect(before, scene, settings, Chance(2)))
    assert where.any()
    assert not (where & ~scene.anatomy.mask(tissue)).any()


def test_an_effusion_lies_at_the_back_of_the_lungs(scene: Scene) -> None:
    before = painted(scene)
    settings = LungsConfig(effusion=1, threshold=(1, 1))
    where = torch.stack([changed(before, effusion(before, scene, settings, Chance(seed))) for seed in range(8)])
    rows = torch.arange(scene.anatomy.shape[1]).view(1, -1, 1).expand(where.shape).float()
    lungs = scene.anatomy.mask(Tissue.LUNG)
    assert where.any()
    assert not (where & ~lungs).any()
    assert rows[where].mean() > rows[0][lungs].mean()


def test_a_lesion_lies_within_its_organ(scene: Scene) -> None:
    none = Lesions(probability=0, count=1, radius_mm=(4, 4))
    some = Lesions(probability=1, count=3, radius_mm=(25, 25))
    before = painted(scene)
    settings = LesionsConfig(liver=some, kidneys=none, spleen=none, pancreas=none, cyst=1)
    where = changed(before, lesions(before, scene, settings, Chance(1)))
    assert where.any()
    assert not (where & ~scene.anatomy.mask(Tissue.LIVER)).any()


def test_only_an_arterial_spleen_is_mottled(scene: Scene) -> None:
    settings = ParenchymaConfig(mottled_spleen=1)
    before = painted(scene)
    assert changed(before, mottled_spleen(before, scene, settings, Chance(1))).any()
    portal = replace(scene, palette=replace(scene.palette, phase=Phase.PORTAL))
    assert mottled_spleen(before, portal, settings, Chance(1)) is before


def test_fat_between_the_lobules_darkens_the_pancreas_only(scene: Scene) -> None:
    settings = ParenchymaConfig(lobulated_pancreas=1, fat_threshold=(0.7, 0.7))
    before = painted(scene)
    after = lobulated_pancreas(before, scene, settings, Chance(1))
    where = changed(before, after)
    assert where.any()
    assert not (where & ~scene.anatomy.mask(Tissue.PANCREAS)).any()
    assert (after[where] < before[where]).all()


def test_marrow_lies_inside_a_shell_of_bone(scene: Scene) -> None:
    before = painted(scene)
    after = marrow(before, scene)
    bone = scene.anatomy.mask(Tissue.BONE)
    levels = after[bone].unique().tolist()
    assert levels == pytest.approx([scene.palette.hu[Tissue.SPONGY_BONE], scene.palette.hu[Tissue.BONE]])
    assert not changed(before, after)[~bone].any()


def test_fields_are_as_smooth_as_their_features(anatomy: Anatomy) -> None:
    def roughness(feature_mm: float) -> float:
        field = anatomy.field(Chance(1), feature_mm)
        return float(torch.diff(field, dim=2).square().mean() / field.square().mean())

    assert roughness(24) > 2 * roughness(60)


def test_an_anatomy_knows_its_size(anatomy: Anatomy) -> None:
    assert anatomy.size_mm == anatomy.shape[2] * SPACING[2]
