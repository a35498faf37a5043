"""Which cases a run learns from, which judge it, and what is done to either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.training.config import DataConfig, TrainingConfig, read_config
from flareseg.training.run import Split, TrainingRun
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind, Store, StoredCase
from flareseg.training.tissues import Tissue
from flareseg.training.trainer import Trainer
from lightning_fabric import Fabric
from training.makers import SilentWatcher, tiny_config

SHAPE, SPACING = (12, 12, 12), (10.0, 10.0, 10.0)
# each scan has an HU of its own in every voxel, so that a sample tells where it is from
HU = {"mine_0": 25, "mine_1": 75, "mine_2": 125, "held_0": 225}
ORGANS = (Tissue.LIVER, Tissue.RIGHT_KIDNEY, Tissue.SPLEEN, Tissue.PANCREAS)
NO_EFFECT = dict.fromkeys(("rotation", "scaling", "elastic_deformation", "blur", "contrast", "slices", "noise"), 0.0)
BRIGHTER = {**NO_EFFECT, "contrast": 1.0, "gain": (1.0, 1.0), "offset_hu": (10.0, 10.0)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "store")
    for name, hu in HU.items():
        store.add(StoredCase(facts(name, Kind.SCAN), patient(), hu=np.full(SHAPE, hu, np.int16)))
    return store


def facts(name: str, kind: Kind) -> CaseFacts:
    return CaseFacts(name, kind, "made here", "CC0", SPACING, SHAPE, {"liver": 1.0})


def patient() -> np.ndarray:
    """All four organs in the middle of fat: uint8 codes (k, j, i)."""
    tissues = np.full(SHAPE, Tissue.FAT, np.uint8)
    for place, organ in enumerate(ORGANS):
        tissues[3:9, 3:9, 2 + 2 * place : 4 + 2 * place] = organ
    return tissues


def with_others(store: Store) -> Store:
    """Also an organ map, and two bodies, which serve training and validation alike."""
    empty = np.zeros(SHAPE, np.uint8)
    store.add(StoredCase(facts("held_map", Kind.ORGANS), patient()))
    store.add(StoredCase(facts("mine_map", Kind.ORGANS), patient()))
    for name in ("mine_body", "held_body"):
        store.add(StoredCase(facts(name, Kind.BODY), patient(), filled=patient(), outside=empty[::2, ::2, ::2].copy()))
    return store


def names(cases: list[CaseFacts]) -> list[str]:
    return [case.name for case in cases]


def test_held_out_cases_judge_and_are_not_learned_from(store: Store) -> None:
    split = Split.of(with_others(store), DataConfig(validation=("held*",)))
    assert names(split.training) == ["mine_0", "mine_1", "mine_2", "mine_map", "mine_body", "held_body"]
    assert names(split.validation) == ["held_0", "held_map", "mine_body", "held_body"]


def test_without_held_out_cases_those_that_are_learned_from_judge(store: Store) -> None:
    split = Split.of(store, DataConfig())
    assert names(split.training) == names(split.validation) == ["mine_0", "mine_1", "mine_2", "held_0"]


def test_only_included_cases_that_are_not_excluded_are_used(store: Store) -> None:
    split = Split.of(store, DataConfig(include=("mine*",), exclude=("*_1", "*_9")))
    assert names(split.training) == ["mine_0", "mine_2"]


def test_holding_out_every_case_is_refused(store: Store) -> None:
    with pytest.raises(FlareError, match="left to train on"):
        Split.of(store, DataConfig(validation=("*",)))


def trainer(
    store: Store, folder: Path, data: dict[str, object], augmentation: dict[str, object], **stage: object
) -> Trainer:
    config = tiny_config(fresh=None, **stage).model_dump(mode="json")
    data = {"synthetic": 0.0, "scans": 1.0, "validation_samples": 8, **data}
    config = TrainingConfig.model_validate({**config, "data": data, "augmentation": augmentation})
    return TrainingRun(config, store, folder, Fabric(accelerator="cpu", devices=1)).trainer(
        Stage.ORGANS, SilentWatcher()
    )


def hu_of(images: torch.Tensor) -> set[float]:
    """The HU of network input that has one in each sample."""
    return {round(float(image.mean()) * 250 + 50) for image in images}


def learned_and_judged(trainer: Trainer, steps: int = 12) -> tuple[set[float], set[float]]:
    learned = [hu_of(trainer.batches.batch(step).images) for step in range(steps)]
    judged = [hu_of(batch.images) for batch in trainer.validation.batches]
    return set.union(*learned), set.union(*judged)


def test_a_trainer_never_learns_from_a_held_out_scan_and_is_judged_by_it_alone(store: Store, tmp_path: Path) -> None:
    run = trainer(store, tmp_path / "run", {"validation": ["held*"]}, NO_EFFECT)
    assert learned_and_judged(run) == ({25, 75, 125}, {225})


def test_what_is_learned_from_is_augmented_and_what_judges_is_not(store: Store, tmp_path: Path) -> None:
    run = trainer(store, tmp_path / "run", {"validation": ["held*"]}, BRIGHTER)
    assert learned_and_judged(run) == ({35, 85, 135}, {225})


def test_a_validation_has_the_samples_of_its_config_one_by_one(store: Store, tmp_path: Path) -> None:
    run = trainer(store, tmp_path / "run", {"validation_samples": 5}, NO_EFFECT, batch=2)
    assert [batch.images.shape[0] for batch in run.validation.batches] == [1] * 5


def test_a_validation_on_the_cases_of_the_training_shows_other_views_of_them(store: Store, tmp_path: Path) -> None:
    """Each number of the one is drawn otherwise than that of the other."""
    run = trainer(store.only(["mine_0"]), tmp_path / "run", {}, NO_EFFECT, batch=1)
    for number, judged in enumerate(run.validation.batches):
        assert not torch.equal(run.batches.batch(number).labels, judged.labels)


@pytest.mark.parametrize(("batch", "steps"), [(1, 3), (2, 2), (3, 1), (5, 1)])
def test_an_epoch_shows_every_case_that_is_learned_from(batch: int, steps: int, store: Store, tmp_path: Path) -> None:
    """Three scans; neither the bodies nor what is held out count."""
    data = {"validation": ["held*"], "exclude": ["*map"]}
    run = trainer(with_others(store), tmp_path / "run", data, NO_EFFECT, batch=batch, steps_per_epoch=None, epochs=7)
    assert run.steps == 7 * steps


def test_a_run_goes_on_when_only_cases_it_does_not_learn_from_are_new(store: Store, tmp_path: Path) -> None:
    data = {"validation": ["held*"], "exclude": ["*map", "*body"]}
    trainer(store, tmp_path / "run", data, NO_EFFECT, epochs=1, steps_per_epoch=1).train()
    assert trainer(with_others(store), tmp_path / "run", data, NO_EFFECT, epochs=1, steps_per_epoch=1).train()
    store.add(StoredCase(facts("mine_3", Kind.SCAN), patient(), hu=np.full(SHAPE, 60, np.int16)))
    with pytest.raises(FlareError, match="the store has changed since"):
        trainer(store, tmp_path / "run", data, NO_EFFECT, epochs=1, steps_per_epoch=1)


@pytest.mark.parametrize(("factor", "scans", "expected"), [(1.0, 1.0, False), (1.0, 0.0, True), (None, 1.0, True)])
def test_scans_on_their_own_grids_differ_in_size(
    factor: float | None, scans: float, expected: bool, store: Store, tmp_path: Path
) -> None:
    """cuDNN's search for the fastest kernels would begin anew with each of them."""
    whole = read_config("full-size")
    stage = whole.stages[Stage.FULL_SIZE].model_copy(update={"factor": factor})
    data = whole.data.model_copy(update={"scans": scans})
    config = whole.model_copy(update={"stages": {Stage.FULL_SIZE: stage}, "data": data})
    run = TrainingRun(config, store, tmp_path, Fabric(accelerator="cpu", devices=1))
    assert run.has_one_size(Stage.FULL_SIZE) is expected
