"""The phantom: a synthetic CT whose true labels are known."""

from __future__ import annotations

import numpy as np
import pytest
from flareseg.errors import FlareError
from flareseg.geometry import Orientation
from flareseg.organs import BACKGROUND, ORGANS, Organ
from flareseg.phantom import Phantom, make_phantom
from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import Capsule, Column, Ellipsoid, Intersection, Shape, Union, tube
from scipy import ndimage

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


def test_a_spacing_that_is_not_positive_is_refused():
    with pytest.raises(FlareError, match="not a positive size"):
        make_phantom(0, SHAPE, (4.0, 0.0, 3.0))


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
