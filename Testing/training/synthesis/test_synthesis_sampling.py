"""The synthesizer as a source of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind, Store, StoredCase, volumes_ml
from flareseg.training.synthesis import SynthesisConfig, Synthesizer
from flareseg.training.synthesis.config import CasesConfig, CaseSelection, DeformationConfig, SurgeryConfig, ViewConfig
from flareseg.training.tissues import Tissue
from made_patient import body_case, organ_case, tiny_config
from pydantic import ValidationError

GRID = (24, 32, 48)


@pytest.fixture(scope="module")
def synthesizer(store_folder: Path) -> Synthesizer:
    return Synthesizer(Store.open(store_folder), tiny_config(), "cpu")


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("grid", [(8, 8, 8), (16, 24, 32), GRID, (40, 32, 48)])
def test_samples_have_the_grid_that_was_asked_for(synthesizer: Synthesizer, stage: Stage, grid) -> None:
    sample = synthesizer.sample(stage, grid, Chance(1))
    assert sample.image.shape == sample.labels.shape == grid
    assert sample.image.dtype is torch.float32
    assert sample.labels.dtype is torch.uint8
    assert bool(sample.image.isfinite().all())


def test_a_sample_shows_all_organs_and_plausible_hu(synthesizer: Synthesizer) -> None:
    samples = [synthesizer.sample(Stage.ORGANS, GRID, Chance(seed)) for seed in range(8)]
    assert {label for sample in samples for label in sample.labels.unique().tolist()} == {0, 1, 2, 3, 4}
    for sample in samples:
        liver = sample.image[sample.labels == 1]
        assert -50 < float(liver.median()) < 250


def test_the_same_seed_gives_the_same_sample(synthesizer: Synthesizer) -> None:
    one, other = (synthesizer.sample(Stage.ORGANS, GRID, Chance(7)) for _ in range(2))
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.labels, other.labels)


def test_another_seed_gives_another_patient(synthesizer: Synthesizer) -> None:
    one, other = (synthesizer.sample(Stage.ORGANS, GRID, Chance(seed)) for seed in (7, 8))
    assert not torch.equal(one.labels, other.labels)


def test_the_global_random_numbers_are_left_alone(synthesizer: Synthesizer) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    synthesizer.sample(Stage.ORGANS, GRID, Chance(1))
    assert torch.equal(torch.rand(3), expected)


def test_a_patient_without_a_spleen_has_no_label_for_it(store: Store) -> None:
    operated = Synthesizer(store, tiny_config(surgery=SurgeryConfig(spleen=1)), "cpu")
    labels = operated.sample(Stage.ORGANS, GRID, Chance(1)).labels
    assert 3 not in labels.unique()
    assert 1 in labels.unique()


def test_labels_are_those_of_the_organ_map(store: Store) -> None:
    still = DeformationConfig(rotation_degrees=(0, 0, 0), coarse_sd_mm=(0, 0), fine_sd_mm=(0, 0), missing_slice=0)
    none = SurgeryConfig(kidney=0, spleen=0, part_of_liver=0, part_of_pancreas=0)
    whole = ViewConfig(margin_mm=(20, 20), far_margin=0, cut=0)
    config = tiny_config(deformation=still, surgery=none, view=whole)
    sample = Synthesizer(store, config, "cpu").sample(Stage.ORGANS, (48, 64, 96), Chance(3))
    case = store.load("organs")
    assert sample.voxel is not None
    voxel_ml = np.prod(sample.voxel) / 1000
    assert float((sample.labels == 1).sum()) * voxel_ml == pytest.approx(case.facts.volumes_ml["liver"], rel=0.03)
    assert float((sample.labels == 2).sum()) * voxel_ml == pytest.approx(
        case.facts.volumes_ml["right_kidney"] + case.facts.volumes_ml["left_kidney"], rel=0.05
    )


def test_the_bodys_own_organs_are_gone(tmp_path: Path) -> None:
    """A liver where the map has none would be a wrong ground truth."""
    store = Store.create(tmp_path)
    case = organ_case()
    case.tissues[case.tissues == Tissue.SPLEEN] = 0
    store.add(case)
    body = body_case()
    assert (body.tissues == Tissue.SPLEEN).any()
    store.add(body)
    samples = [Synthesizer(store, tiny_config(), "cpu").sample(Stage.ORGANS, GRID, Chance(n)) for n in range(3)]
    assert all(3 not in sample.labels.unique() for sample in samples)


@pytest.mark.parametrize("bare", [False, True])
def test_bodies_with_and_without_labelled_skin_both_serve(bare: bool, tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    store.add(organ_case())
    store.add(body_case(bare=bare))
    config = tiny_config(table={"probability": 0}, field_of_view={"probability": 0}, arms={"probability": 0})
    image = Synthesizer(store, config, "cpu").sample(Stage.ABDOMEN, (24, 48, 48), Chance(2)).image
    middle = image[12]
    assert float(middle[:3, :3].mean()) < -800
    assert float((middle > -200).float().mean()) > 0.1


def test_the_label_maps_of_scans_serve_on_request(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    tissues = organ_case().tissues
    facts = CaseFacts("scan", Kind.SCAN, "made", "made", (6.0, 6.0, 6.0), tissues.shape, volumes_ml(tissues, (6, 6, 6)))
    store.add(StoredCase(facts, tissues, hu=np.zeros(tissues.shape, np.int16)))
    store.add(body_case())
    with pytest.raises(FlareError, match="no organ maps"):
        Synthesizer(store, tiny_config(), "cpu")
    scans = Synthesizer(store, tiny_config(cases=CasesConfig(scans=True)), "cpu")
    assert 1 in scans.sample(Stage.ORGANS, GRID, Chance(1)).labels.unique()


def test_a_selection_that_leaves_no_body_is_refused(store: Store) -> None:
    config = tiny_config(cases=CasesConfig(bodies=CaseSelection(exclude=("*",))))
    with pytest.raises(FlareError, match=r"no bodies that the settings allow"):
        Synthesizer(store, config, "cpu")


@pytest.mark.parametrize(
    "settings",
    [
        {"table": {"probability": 1.5}},
        {"acquisition": {"thickness_mm": [10, 3]}},
        {"acquisition": {"thicknes_mm": [3, 10]}},
        {"phases": {"weights": [0, 0, 0, 0]}},
        {"registration": {"shape": [70, 48, 64]}},
        {"registration": {"channels": {"lever": 1.0}}},
        {"gut": {"organs": [{"tissues": ["stomac"], "feature_mm": [1, 2], "contents": {"gas": 1}}]}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict) -> None:
    with pytest.raises(ValidationError):
        SynthesisConfig.model_validate(settings)


def test_settings_survive_json() -> None:
    config = SynthesisConfig()
    assert SynthesisConfig.model_validate_json(config.model_dump_json()) == config
