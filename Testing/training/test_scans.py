"""Real CTs of a store as samples: whole scans for one stage, boxes around the organs for the other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.inference.own_grid import own_grid
from flareseg.training.augmentation import Augmentation
from flareseg.training.chance import Chance
from flareseg.training.prepare import Layout, find, import_cases
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.sample import Sample, Stage
from flareseg.training.scans import ScanSource
from flareseg.training.store import Kind, Store
from flareseg.training.synthesis.config import ViewConfig
from flareseg.training.tissues import label_table

GRIDS = {Stage.ABDOMEN: (32, 32, 32), Stage.ORGANS: (32, 40, 48), Stage.FULL_SIZE: (32, 48, 48)}
EXACT = ViewConfig(margin_mm=(0.0, 0.0), far_margin=0.0, cut=0.0, short=0.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder: Path = tmp_path_factory.mktemp("scans")
    found = find("phantom:2", Layout.AUTO, DataMap(), Kind.SCAN, 5.0)
    store = Store.create(folder)
    assert len(list(import_cases(found.cases, store, found.form))) == 2
    return store


def same(one: Sample, other: Sample) -> bool:
    return bool(torch.equal(one.image, other.image) and torch.equal(one.labels, other.labels))


@pytest.mark.parametrize("stage", list(Stage))
def test_a_sample_is_hu_and_label_values_on_the_grid(stage: Stage, store: Store) -> None:
    sample = ScanSource(store, augmentation=Augmentation()).sample(stage, GRIDS[stage], Chance(1))
    assert sample.image.shape == sample.labels.shape == GRIDS[stage]
    assert (sample.image.dtype, sample.labels.dtype) == (torch.float32, torch.uint8)
    assert set(sample.labels.unique().tolist()) <= {0, 1, 2, 3, 4}
    liver = sample.image[sample.labels == 1]
    assert len(liver) > 100 and 30 < float(liver.median()) < 200


@pytest.mark.parametrize("stage", list(Stage))
def test_the_same_chance_gives_the_same_sample(stage: Stage, store: Store) -> None:
    source = ScanSource(store, augmentation=Augmentation())
    one, again, other = (source.sample(stage, GRIDS[stage], Chance(seed)) for seed in (3, 3, 4))
    assert same(one, again) and not same(one, other)
    fresh = ScanSource(store, augmentation=Augmentation()).sample(stage, GRIDS[stage], Chance(3))
    assert same(one, fresh)


def test_the_organs_fill_their_box(store: Store) -> None:
    labels = ScanSource(store, view=EXACT).sample(Stage.ORGANS, GRIDS[Stage.ORGANS], Chance(0)).labels
    for axis in range(3):
        found = torch.nonzero(labels.amax(dim=tuple({0, 1, 2} - {axis}))).flatten()
        assert found[0] <= 1 and found[-1] >= labels.shape[axis] - 2


def test_shares_of_a_coarse_grid_add_up_to_the_organs_volume(store: Store) -> None:
    """Labels of voxels of about 2 cm lose or gain volume; shares do not."""
    fine, coarse = (
        ScanSource(store, view=EXACT, fractions=True).sample(Stage.ORGANS, grid, Chance(0))
        for grid in ((64, 64, 96), (8, 8, 16))
    )
    assert fine.shares is not None and coarse.shares is not None
    for organ in range(4):
        assert float(coarse.shares[organ].float().mean()) == pytest.approx(
            float(fine.shares[organ].float().mean()), rel=0.1
        )
    assert ScanSource(store, view=EXACT).sample(Stage.ORGANS, (8, 8, 16), Chance(0)).shares is None


def test_a_whole_scan_shows_more_than_the_organs(store: Store) -> None:
    source = ScanSource(store)
    shares = {
        stage: np.mean(
            [float((source.sample(stage, (24, 24, 24), Chance(n)).labels > 0).float().mean()) for n in range(12)]
        )
        for stage in GRIDS
    }
    assert shares[Stage.ABDOMEN] < 0.7 * shares[Stage.ORGANS]


def test_scans_keep_their_own_grid_where_the_stage_says_so(store: Store) -> None:
    """Half of the scan's voxels along each axis, to the next multiple of 8; views that are cut are smaller."""
    whole = own_grid(store.load(ScanSource(store).names[0]).facts.shape, 0.5, 8)
    source = ScanSource(store, own_grid=lambda shape: own_grid(shape, 0.5, 8))
    shapes = [tuple(source.sample(Stage.FULL_SIZE, (8, 8, 8), Chance(seed)).image.shape) for seed in range(8)]
    assert all(size % 8 == 0 and size <= most for shape in shapes for size, most in zip(shape, whole))
    assert [max(sizes) for sizes in zip(*shapes)][1:] == list(whole[1:])


def test_some_scans_end_within_the_organs(store: Store) -> None:
    source = ScanSource(store, view=ViewConfig(cut=1.0, cut_share=(0.3, 0.3)))
    ends = []
    for seed in range(6):
        labels = source.sample(Stage.ORGANS, (24, 24, 24), Chance(seed)).labels
        ends.append(bool(labels[0].any() or labels[-1].any()))
    assert all(ends)


def test_labels_are_shrunk_by_the_largest_share(store: Store) -> None:
    """Volumes on the coarse grid are those of the case."""
    source = ScanSource(store.only(["phantom_scan_0000"]), view=EXACT)
    case = store.load("phantom_scan_0000")
    ground_truth = np.bincount(label_table()[case.tissues].ravel(), minlength=5)[1:]
    organs = np.argwhere(label_table()[case.tissues] > 0)
    box = np.prod(organs.max(axis=0) + 1 - organs.min(axis=0))
    labels = source.sample(Stage.ORGANS, (48, 48, 64), Chance(0)).labels
    counts = np.bincount(labels.flatten().numpy(), minlength=5)[1:] * box / labels.numel()
    np.testing.assert_allclose(counts, ground_truth, rtol=0.08)


def test_only_what_fits_into_the_memory_allowed_is_not_read_again(store: Store, tmp_path: Path) -> None:
    copy = Store.open(shutil.copytree(store.folder, tmp_path / "copy"))
    narrow, wide = ScanSource(copy, memory_mb=0.1), ScanSource(copy)

    def samples(source: ScanSource) -> list[Sample]:
        return [source.sample(Stage.ORGANS, (16, 16, 16), Chance(seed)) for seed in range(8)]

    before = samples(wide)
    assert all(map(same, samples(narrow), before))
    shutil.rmtree(copy.folder / "cases")
    assert all(map(same, samples(wide), before))
    with pytest.raises(FlareError, match="cannot be read"):
        samples(narrow)


def test_scans_with_untrusted_organs_are_left_out(store: Store, tmp_path: Path) -> None:
    other = Store.create(tmp_path)
    good, bad = (store.load(f"phantom_scan_{n:04d}") for n in range(2))
    other.add(good)
    other.add(replace(bad, facts=replace(bad.facts, untrusted=["pancreas"])))
    assert ScanSource(other).names == ["phantom_scan_0000"]
    with pytest.raises(FlareError, match="no scans with trusted labels"):
        ScanSource(other.only(["phantom_scan_0001"]))
