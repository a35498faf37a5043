"""The phantom: a synthetic CT whose true labels are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.cli.app import app
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Orientation
from flareseg.core.organs import BACKGROUND, ORGANS, Organ
from flareseg.phantom import Phantom, Variation, make_phantom
from flareseg.phantom.grid import Grid
from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import Capsule, Column, Ellipsoid, Intersection, Shape, Union, tube
from scipy import ndimage
from typer.testing import CliRunner, Result

SHAPE = (80, 128, 128)
SPACING = (4.0, 3.0, 3.0)
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def phantom(request: pytest.FixtureRequest) -> Phantom:
    return make_phantom(request.param, SHAPE, SPACING)


def volume_ml(phantom: Phantom, organ: Organ) -> float:
    return np.count_nonzero(phantom.labels == organ.label) * phantom.volume.geometry.voxel_ml


def centre_mm(phantom: Phantom, label: int) -> np.ndarray:
    """(z, y, x) in mm of the middle of a label: up, back, left."""
    return np.argwhere(phantom.labels == label).mean(0) * phantom.volume.geometry.spacing


def test_the_same_seed_gives_the_same_voxels():
    first, again = (make_phantom(5, (40, 64, 64), (8.0, 6.0, 6.0)) for _ in range(2))
    np.testing.assert_array_equal(first.volume.voxels, again.volume.voxels)
    np.testing.assert_array_equal(first.labels, again.labels)


def test_seeds_differ_in_their_anatomy():
    first, other = (make_phantom(seed, (40, 64, 64), (8.0, 6.0, 6.0)) for seed in (5, 6))
    assert np.count_nonzero(first.labels != other.labels) > 0.05 * np.count_nonzero(first.labels)


def test_three_seeds_in_a_row_show_three_phases_of_contrast():
    phases = [Patient.drawn_from(seed).phase for seed in range(3)]
    assert phases == ["portal venous", "late arterial", "delayed"]


def test_a_variation_without_changes_is_the_patient_of_the_seed():
    grid = ((40, 64, 64), (8.0, 6.0, 6.0))
    np.testing.assert_array_equal(
        make_phantom(5, *grid).volume.voxels, make_phantom(5, *grid, Variation()).volume.voxels
    )


def test_without_contrast_the_organs_have_their_own_hu():
    phantom = make_phantom(0, SHAPE, SPACING, Variation(phase="unenhanced"))
    medians = [np.median(phantom.volume.voxels[phantom.labels == organ.label]) for organ in ORGANS]
    assert medians == pytest.approx([58, 33, 48, 40], abs=12)


def test_a_larger_patient_has_larger_organs():
    usual, large = (make_phantom(0, SHAPE, SPACING, Variation(size=size)) for size in (1.0, 1.1))
    assert volume_ml(large, ORGANS[0]) == pytest.approx(1.1**3 * volume_ml(usual, ORGANS[0]), rel=0.05)


def test_fat_and_noise_are_as_asked_for():
    grid = ((40, 64, 64), (8.0, 6.0, 6.0))
    thin, fatty = (make_phantom(0, *grid, Variation(fat_mm=mm)).volume.voxels for mm in (4, 40))
    assert np.mean(np.abs(fatty + 102) < 30) > np.mean(np.abs(thin + 102) < 30) + 0.01
    quiet, noisy = (make_phantom(0, *grid, Variation(noise_hu=hu)).volume.voxels for hu in (5, 40))
    assert (quiet[:, :3, :3].std() < 10, noisy[:, :3, :3].std() > 20) == (True, True)


def test_a_seed_is_the_same_patient_on_every_grid():
    coarse, fine = make_phantom(3, SHAPE, SPACING), make_phantom(3, (100, 160, 160), (3.2, 2.4, 2.4))
    for organ in ORGANS:
        assert volume_ml(fine, organ) == pytest.approx(volume_ml(coarse, organ), rel=0.03)


def test_every_organ_has_a_plausible_volume(phantom: Phantom):
    for organ in ORGANS:
        low, high = organ.plausible_ml
        assert low < volume_ml(phantom, organ) < high, organ.name


def test_every_organ_is_in_one_piece_but_for_the_two_kidneys(phantom: Phantom):
    for organ in ORGANS:
        pieces, _ = ndimage.label(phantom.labels == organ.label)
        sizes = np.sort(np.bincount(pieces.ravel())[1:])[::-1]
        expected = 2 if organ.name == "Kidneys" else 1
        assert sizes[:expected].sum() > 0.995 * sizes.sum(), organ.name
        assert sizes[expected - 1] > 0.3 * sizes[0], organ.name


def test_the_labels_are_those_of_the_organ_table(phantom: Phantom):
    assert phantom.labels.dtype == np.uint8
    assert set(np.unique(phantom.labels)) == {BACKGROUND, *(organ.label for organ in ORGANS)}


def test_the_liver_lies_right_the_spleen_left_and_the_kidneys_behind_the_pancreas(phantom: Phantom):
    liver, kidneys, spleen, pancreas = (centre_mm(phantom, organ.label) for organ in ORGANS)
    assert liver[2] < kidneys[2] < spleen[2]
    assert pancreas[1] < kidneys[1]
    assert kidneys[0] < min(liver[0], spleen[0])


def test_the_voxels_are_hu_of_a_ct_with_air_fat_soft_tissue_and_bone(phantom: Phantom):
    voxels = phantom.volume.voxels
    assert voxels.dtype == np.int16
    assert voxels.min() >= -1024
    assert voxels.max() <= 1500
    for low, high, tissue in ((-1024, -900, "air"), (-130, -70, "fat"), (30, 90, "soft tissue"), (300, 1500, "bone")):
        assert np.mean((voxels >= low) & (voxels <= high)) > 0.002, tissue


def test_organs_have_the_hu_of_the_portal_venous_phase_when_seed_is_0():
    phantom = make_phantom(0, SHAPE, SPACING)
    medians = [np.median(phantom.volume.voxels[phantom.labels == organ.label]) for organ in ORGANS]
    assert medians == pytest.approx([105, 172, 120, 95], abs=20)


def test_the_grid_is_the_one_asked_for_and_runs_up_back_and_left(phantom: Phantom):
    geometry = phantom.volume.geometry
    assert phantom.volume.voxels.shape == phantom.labels.shape == geometry.shape == SHAPE
    assert geometry.spacing == SPACING
    assert Orientation.of(geometry).name == "LPS"
    np.testing.assert_allclose(geometry.ijk_to_ras() @ [63.5, 63.5, 39.5, 1], [0, 0, 0, 1], atol=1e-9)


def test_an_unusual_grid_works():
    phantom = make_phantom(1, (31, 50, 67), (11.0, 8.5, 6.0))
    assert set(np.unique(phantom.labels)) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("shape", [(0, 128, 128), (80, 1, 128), (80, 128, -5), (80, 128, 40_000)])
def test_sizes_that_no_ct_has_are_refused(shape: tuple[int, int, int]):
    with pytest.raises(FlareError, match="Give 4 to 32767 voxels along each axis") as caught:
        make_phantom(0, shape, SPACING)
    assert caught.value.kind == "bad_scan"


@pytest.mark.parametrize("mm", [0.0, -1.0, 1e-9, 1e9, float("nan"), float("inf")])
def test_a_spacing_that_no_ct_has_is_refused(mm: float):
    with pytest.raises(FlareError, match=r"Give 0\.05 to 40 mm along each axis"):
        make_phantom(0, SHAPE, (4.0, mm, 3.0))


def test_more_voxels_than_memory_are_refused_with_what_is_needed():
    with pytest.raises(
        FlareError, match=r"32000 x 30000 x 20000 voxels needs about 153624\.0 GB of memory; .* are free"
    ):
        make_phantom(0, (20_000, 30_000, 32_000), SPACING)


def test_the_memory_that_a_phantom_needs_grows_with_its_voxels():
    assert [Grid(shape, SPACING).needed_mb for shape in ((10, 100, 100), (1000, 500, 500))] == [100.8, 2100.0]


def test_a_negative_seed_is_refused():
    with pytest.raises(FlareError, match="The seed -1 is negative") as caught:
        make_phantom(-1, SHAPE, SPACING)
    assert caught.value.kind == "bad_job"


def test_seeds_beyond_32_and_64_bits_are_patients_of_their_own():
    seeds = (0, 2**32, 2**64, 2**64 + 2**32)
    assert len({Patient.drawn_from(seed).scale for seed in seeds}) == len(seeds)


def phantom_command(output: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["phantom", str(output), *options])


def test_the_command_writes_a_ct_and_its_labels(tmp_path: Path):
    done = phantom_command(tmp_path / "p", "--size", "40,32,24", "--spacing", "8,8,10", "--seed", str(2**70))
    assert done.exit_code == 0, done.output
    sizes = {path.name: sitk.ReadImage(str(path)).GetSize() for path in (tmp_path / "p").iterdir()}
    assert sizes == {"ct.nii.gz": (40, 32, 24), "labels.nii.gz": (40, 32, 24)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "10.5,20,30"], 'The size "10.5,20,30" is not three whole numbers.'),
        (["--size", "64,64"], 'The size "64,64" is not three whole numbers.'),
        (["--size", "0,64,64"], "A phantom of 0 x 64 x 64 voxels cannot be made."),
        (["--size", f"64,64,{10**30}"], "Give 4 to 32767 voxels along each axis."),
        (["--size", "30000,30000,30000"], "GB of memory"),
        (["--spacing", "1,1,x"], 'The spacing "1,1,x" is not three numbers.'),
        (["--spacing", "1,1,nan"], "A phantom with voxels of 1 x 1 x nan mm cannot be made."),
        (["--seed", "-1"], "The seed -1 is negative."),
    ],
)
def test_the_command_refuses_what_makes_no_sense_before_it_writes(options: list[str], message: str, tmp_path: Path):
    done = phantom_command(tmp_path / "p", *options)
    assert (done.exit_code, message in done.stderr) == (2, True), done.output
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path: Path):
    (tmp_path / "p" / "labels.nii.gz").mkdir(parents=True)
    done = phantom_command(tmp_path / "p")
    assert (done.exit_code, "labels.nii.gz is a folder, not a file." in done.stderr) == (2, True)
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["labels.nii.gz"]


def test_an_output_that_is_a_file_is_a_message(tmp_path: Path):
    (tmp_path / "file").touch()
    done = phantom_command(tmp_path / "file")
    assert (done.exit_code, "is a file, not a folder" in done.stderr) == (2, True)


BALL = Ellipsoid((0, 0, 0), (30, 20, 25))
SHAPES: dict[str, Shape] = {
    "leaning ellipsoid": Ellipsoid((5, -3, 8), (30, 12, 18), lean=(0.3, -0.2), power=2.5),
    "capsule": Capsule((-20, 0, 5), (25, 10, -15), (4, 12)),
    "tube": tube([(-30, 0, 0, 5), (0, 15, 10, 8), (30, -5, 0, 4)]),
    "column": Column(((-30, -20, 15, 25), (30, -30, 20, 35))),
    "grown": BALL.grown(6),
    "shrunken": BALL.grown(-6),
    "rounded union": Union((BALL, Ellipsoid((20, 10, 20), (15, 20, 15))), blend=8),
    "part cut away": Intersection((BALL, ~Ellipsoid((0, 0, 20), (20, 20, 20))), blend=5),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_nothing_of_a_shape_lies_outside_its_box(shape: Shape):
    z, y, x = np.meshgrid(*[np.arange(-60, 61, 2, dtype=np.float32)] * 3, indexing="ij")
    inside = shape.distance((z, y, x)) < 0
    places = np.stack([z[inside], y[inside], x[inside]], 1)
    assert len(places) > 0
    assert (places >= shape.box[0]).all()
    assert (places <= shape.box[1]).all()


def test_the_centre_of_an_ellipsoid_is_inside():
    centre = np.zeros((1, 1, 1), np.float32)
    assert BALL.distance((centre, centre, centre)).item() < 0
