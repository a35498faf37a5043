"""The cascade on a synthetic abdomen and on the two real CTs whose predictions are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from flareseg.core.errors import Cancelled, FlareError
from flareseg.core.geometry import Geometry, Orientation
from flareseg.core.organs import CLASSES, ORGANS
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice_per_organ
from flareseg.inference.cascade import Cascade
from flareseg.inference.device import select_device
from flareseg.inference.engine import Engine
from flareseg.inference.options import Borders, SegmentationOptions
from flareseg.inference.precision import Precision
from flareseg.inference.weights import load_network
from flareseg.io.reading import read_volume
from flareseg.phantom import Phantom
from images import image_geometry
from scipy.spatial.transform import Rotation

PLAIN = SegmentationOptions(borders=Borders.PLAIN, hu_gate=False)  # what the networks alone give


def noise(low: int, high: int) -> Volume:
    voxels = np.random.default_rng(0).integers(low, high, (40, 64, 64)).astype(np.int16)
    return Volume(voxels, Geometry(voxels.shape, (5.0, 5.0, 5.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0, 0, 0)))


@pytest.mark.parametrize(("case", "reference"), [("spl_abdomen", "spl"), ("totalsegmentator_example", "ts")])
def test_the_loaded_cascade_reproduces_the_reference_predictions(
    case: str, reference: str, cascade: Cascade, real_ct: Path, reference_predictions: Path
) -> None:
    found = cascade.segment(read_volume(real_ct / case / "ct.nii.gz"), PLAIN).labels
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(reference_predictions / f"reference_{reference}.nii.gz")))
    logits = dice_per_organ(found, expected)
    assert min(logits.values()) >= 0.995, logits


def test_the_phantoms_organs_are_found(cascade: Cascade, phantom: Phantom) -> None:
    found = cascade.segment(phantom.volume)
    logits = dice_per_organ(found.labels, phantom.labels)
    assert min(logits[label] for label in (1, 2, 3)) >= 0.85, logits
    volumes = {facts.name: facts.volume_ml for facts in found.organs}
    counted = {o.name: np.count_nonzero(found.labels == o.label) * 0.036 for o in ORGANS}
    assert volumes == pytest.approx(counted)


@pytest.mark.parametrize("letters", ["RAS", "AIR", "SPL", "PIR"])
def test_an_orientation_changes_nothing_but_the_order_of_voxels(
    letters: str, cascade: Cascade, phantom: Phantom
) -> None:
    image = sitk.GetImageFromArray(phantom.volume.voxels)
    image.SetSpacing(phantom.volume.geometry.spacing[::-1])
    turned = sitk.DICOMOrient(image, letters)
    volume = Volume(sitk.GetArrayFromImage(turned), image_geometry(turned))
    found = cascade.segment(volume).labels
    assert found.shape == volume.voxels.shape
    np.testing.assert_array_equal(Orientation.of(volume.geometry).view(found), cascade.segment(phantom.volume).labels)


def test_a_slightly_oblique_scan_is_segmented_on_its_own_grid(cascade: Cascade, phantom: Phantom) -> None:
    turn = Rotation.from_euler("zx", (8, -5), degrees=True).as_matrix()
    direction = tuple(tuple(turn @ np.array(axis)) for axis in phantom.volume.geometry.direction)
    oblique = Volume(phantom.volume.voxels, replace(phantom.volume.geometry, direction=direction))
    logits = dice_per_organ(cascade.segment(oblique).labels, phantom.labels)
    assert min(logits[label] for label in (1, 2, 3)) >= 0.85, logits


@pytest.mark.parametrize("scan", [noise(-1000, -800), noise(-900, -300)], ids=["air", "lung"])
def test_a_scan_without_an_abdomen_gives_no_organs(scan: Volume, cascade: Cascade) -> None:
    with pytest.raises(FlareError) as caught:
        cascade.segment(scan)
    assert caught.value.kind == "no_abdomen"
    assert "ROI" in caught.value.hint


def test_a_callers_roi_is_where_the_organs_are_sought(cascade: Cascade, phantom: Phantom) -> None:
    whole = cascade.segment(phantom.volume)
    r0, r1, *rest = whole.roi
    right_half = cascade.segment(phantom.volume, SegmentationOptions(roi=((r0 + r1) / 2, r1, *rest)))
    outside = Orientation.of(phantom.volume.geometry).view(right_half.labels)
    filled = np.flatnonzero(outside.any(axis=(0, 1)))
    left_of_scan = phantom.volume.geometry.origin[0]
    assert -(left_of_scan + filled.max() * 3.0) >= (r0 + r1) / 2 - 3.0
    assert right_half.organs[0].voxels < whole.organs[0].voxels


@pytest.mark.parametrize(
    ("split", "names", "labels"), [(False, ("spleen", "liver"), {1, 3}), (True, ("kidneys",), {2, 5})]
)
def test_organs_that_are_not_chosen_are_neither_labelled_nor_reported(
    split: bool, names: tuple[str, ...], labels: set[int], cascade: Cascade, phantom: Phantom
) -> None:
    everything = cascade.segment(phantom.volume, SegmentationOptions(split_kidneys=split))
    some = cascade.segment(phantom.volume, SegmentationOptions(split_kidneys=split, organs=names))
    np.testing.assert_array_equal(some.labels, np.where(np.isin(everything.labels, list(labels)), everything.labels, 0))
    assert some.organs == [facts for facts in everything.organs if facts.label in labels]


def test_an_organ_cut_by_the_edge_of_the_scan_is_reported(cascade: Cascade, phantom: Phantom) -> None:
    liver = np.flatnonzero((phantom.labels == 1).any(axis=(1, 2)))
    middle = int(liver.mean())
    cut = replace(phantom.volume.geometry, shape=(middle, 128, 128))
    facts = cascade.segment(Volume(phantom.volume.voxels[:middle], cut)).organs[0]
    assert "touches the upper edge of the scan" in facts.warnings


def test_the_run_measures_every_stage_in_order(cascade: Cascade, phantom: Phantom) -> None:
    with Run() as run:
        cascade.segment(phantom.volume, run=run)
    assert [stage.name for stage in run.clock.stages] == ["find_abdomen", "crop", "segment", "put_back", "clean_up"]
    assert all(stage.seconds > 0 for stage in run.clock.stages)
    assert run.memory.facts().peak_ram_mb > 50


def finer(volume: Volume) -> Volume:
    """The same scan with 16 times as many voxels, which takes several slabs."""
    voxels = volume.voxels.repeat(4, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    ijk_to_ras = volume.geometry.ijk_to_ras() @ np.diag([1 / 2, 1 / 2, 1 / 4, 1.0])
    return Volume(voxels, Geometry.from_ijk_to_ras(ijk_to_ras, voxels.shape))


@pytest.mark.parametrize("roi", [None, (-100.0, 100.0, -100.0, 100.0, -100.0, 100.0)], ids=["found", "given"])
def test_progress_never_runs_backwards(roi: tuple[float, ...] | None, cascade: Cascade, phantom: Phantom) -> None:
    seen: list[tuple[str, float]] = []
    with Run(lambda stage, fraction: seen.append((stage, fraction))) as run:
        cascade.segment(finer(phantom.volume), SegmentationOptions(roi=roi), run)
    for name in {stage for stage, _ in seen}:
        fractions = [fraction for stage, fraction in seen if stage == name]
        assert fractions == sorted(fractions), name
        assert (fractions[0], fractions[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("stage", ["find_abdomen", "segment", "put_back"])
def test_a_cancelled_run_ends_within_its_stage(stage: str, cascade: Cascade, phantom: Phantom) -> None:
    seen: list[str] = []
    run = Run(lambda name, fraction: seen.append(name), lambda: stage in seen)
    with run, pytest.raises(Cancelled):
        cascade.segment(phantom.volume, run=run)
    assert seen[-1] == stage
    assert seen.count(stage) == 1


def test_a_scan_that_shows_no_whole_abdomen_is_doubted(cascade: Cascade, phantom: Phantom) -> None:
    chest_and_dome = slice(60, None)
    voxels = phantom.volume.voxels[chest_and_dome]
    found = cascade.segment(Volume(voxels, replace(phantom.volume.geometry, shape=voxels.shape)))
    assert any("Check that this scan shows the whole abdomen" in warning for warning in found.warnings)


def test_one_cascade_segments_many_scans_alike(cascade: Cascade, phantom: Phantom) -> None:
    first, second = cascade.segment(phantom.volume), cascade.segment(phantom.volume)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_the_fast_path_gives_the_labels_of_the_plain_one(cascade: Cascade, phantom: Phantom) -> None:
    """Folded, channels last, in bfloat16 where the processor has it: against the networks as they were trained."""
    networks = load_network("abdomen", 2), load_network("organs", CLASSES)
    plain = Cascade(Engine(select_device("cpu"), Precision(torch.float32), *networks), [])
    fast, exact = (each.segment(phantom.volume).labels for each in (cascade, plain))
    assert (fast != exact).mean() < 0.001
    assert min(dice_per_organ(fast, exact).values()) >= 0.995
