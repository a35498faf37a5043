"""Effects of the synthesis whose direction matters: what is taken out, replaced, brighter or darker."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import Store
from flareseg.training.synthesis.acquisition import calibrated
from flareseg.training.synthesis.anatomy import Anatomy
from flareseg.training.synthesis.cases import OrganMap, organ_maps
from flareseg.training.synthesis.composition import shielded
from flareseg.training.synthesis.config import (
    AcquisitionConfig,
    BodyConfig,
    CasesConfig,
    Lesions,
    LesionsConfig,
    SurgeryConfig,
    ViewConfig,
)
from flareseg.training.synthesis.lesions import lesions
from flareseg.training.synthesis.surgery import operated
from flareseg.training.synthesis.texture import Scene, painted
from flareseg.training.synthesis.view import view
from flareseg.training.tissues import Tissue
from made_patient import ORGANS, SPACING, drawn

CPU = torch.device("cpu")


@pytest.fixture
def case(store: Store) -> OrganMap:
    return organ_maps(store, CasesConfig(), CPU)[0]


def test_the_vessels_of_the_liver_go_with_the_part_that_is_taken_out(case: OrganMap) -> None:
    """Every second column of the liver is made a vessel."""
    tissues = case.tissues.int()
    columns = torch.arange(tissues.shape[2]).expand(tissues.shape) % 2 == 0
    tissues[(tissues == int(Tissue.LIVER)) & columns] = int(Tissue.LIVER_VESSEL)
    lines = [torch.arange(n) * mm for n, mm in zip(tissues.shape, case.spacing)]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    settings = SurgeryConfig(kidney=0, spleen=0, part_of_liver=1, part_of_pancreas=0, offset_mm=(0, 0))
    after = operated(tissues, points, case, settings, Chance(0))
    left = [float((after == int(t)).sum() / (tissues == int(t)).sum()) for t in (Tissue.LIVER, Tissue.LIVER_VESSEL)]
    assert left[0] < 0.8
    assert left[1] == pytest.approx(left[0], abs=0.1)


def test_only_fat_comes_between_an_organ_and_air() -> None:
    bare = Anatomy(torch.from_numpy(drawn(ORGANS)).int(), SPACING)
    after = shielded(bare, BodyConfig())
    assert after[after != bare.tissues].unique().tolist() == [int(Tissue.FAT)]


def test_a_map_that_cuts_its_organs_above_is_shown_to_its_upper_end_only(case: OrganMap) -> None:
    cut = replace(case, cut=(False, True))
    shown = view(Stage.ORGANS, (16, 16, 16), cut, (-500.0, 800.0), ViewConfig(margin_mm=(300, 300)), Chance(9))
    assert shown.high[0] == pytest.approx(case.top_mm - 3)
    assert shown.low[0] < 0


def test_tumours_are_darker_twice_as_often_as_brighter(scene: Scene) -> None:
    none = Lesions(probability=0, count=1, radius_mm=(4, 4))
    one = Lesions(probability=1, count=1, radius_mm=(25, 25))
    settings = LesionsConfig(liver=one, kidneys=none, spleen=none, pancreas=none, cyst=0, contrast_hu=(40, 40))
    before = painted(scene)
    changes = [lesions(before, scene, settings, Chance(seed)) - before for seed in range(60)]
    signs = [int(change.flatten()[change.abs().argmax()].sign()) for change in changes]
    assert 32 <= signs.count(-1) <= 48
    assert signs.count(1) == 60 - signs.count(-1)


def test_another_scanners_calibration_shifts_and_scales(scene: Scene) -> None:
    hu = torch.tensor([0.0, 100.0])
    settings = AcquisitionConfig(gain=(0.9, 1.1), offset_sd=10.0)
    scans = torch.stack([calibrated(hu, settings, Chance(seed)) for seed in range(200)])
    offset, gain = scans[:, 0], (scans[:, 1] - scans[:, 0]) / 100
    assert float(offset.std()) == pytest.approx(10, rel=0.2)
    assert float(offset.mean()) == pytest.approx(0, abs=2)
    assert (float(gain.min()), float(gain.max())) == pytest.approx((0.9, 1.1), abs=0.01)
