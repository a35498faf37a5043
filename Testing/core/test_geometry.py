"""Where voxels lie, and the way to the canonical orientation and back."""

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry, Orientation
from images import image_geometry
from scipy.spatial.transform import Rotation

ORIENTATIONS = sorted(
    {
        "".join(pair[side] for pair, side in zip(order, sides))
        for order in permutations(("RL", "AP", "IS"))
        for sides in product((0, 1), repeat=3)
    }
)
CANONICAL = Geometry((5, 6, 7), (3.0, 2.0, 1.5), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (-10.0, 20.0, -30.0))


def numbered(shape: tuple[int, int, int]) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape)


def in_orientation(letters: str) -> tuple[np.ndarray, Geometry]:
    """The canonical test image as SimpleITK turns it, so that our own code is not its own judge."""
    image = sitk.GetImageFromArray(numbered(CANONICAL.shape))
    image.SetSpacing(CANONICAL.spacing[::-1])
    image.SetOrigin(CANONICAL.origin)
    turned = sitk.DICOMOrient(image, letters)
    return sitk.GetArrayFromImage(turned), image_geometry(turned)


def test_there_are_48_orientations() -> None:
    assert len(ORIENTATIONS) == 48


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_every_orientation_is_seen_as_the_canonical_one(letters: str) -> None:
    voxels, geometry = in_orientation(letters)
    orientation = Orientation.of(geometry)
    assert orientation.name == letters
    np.testing.assert_array_equal(orientation.view(voxels), numbered(CANONICAL.shape))
    assert_same_grid(orientation.geometry(geometry), CANONICAL)


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_writing_to_the_canonical_view_writes_to_the_scans_own_grid(letters: str) -> None:
    voxels, geometry = in_orientation(letters)
    own = np.zeros_like(voxels)
    Orientation.of(geometry).view(own)[...] = numbered(CANONICAL.shape)
    np.testing.assert_array_equal(own, voxels)


def test_an_oblique_grid_keeps_its_voxels_and_its_positions() -> None:
    turn = Rotation.from_euler("zyx", (20, -15, 10), degrees=True).as_matrix()
    columns = turn @ np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]])  # i runs to S, j to R, k to P
    geometry = Geometry((5, 6, 7), (2.0, 1.0, 3.0), tuple(map(tuple, columns.T[::-1])), (1.0, 2.0, 3.0))
    orientation = Orientation.of(geometry)
    seen = orientation.geometry(geometry)
    voxels = numbered(geometry.shape)
    for value in (0, 17, voxels.size - 1):
        own = np.argwhere(voxels == value)[0]
        canonical = np.argwhere(orientation.view(voxels) == value)[0]
        np.testing.assert_allclose(position(geometry, own), position(seen, canonical), atol=1e-9)


def test_obliqueness_is_the_angle_to_the_patients_axes() -> None:
    columns = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    geometry = Geometry((4, 4, 4), (1.0, 1.0, 1.0), tuple(map(tuple, columns.T[::-1])), (0.0, 0.0, 0.0))
    assert geometry.obliqueness == pytest.approx(12)


def test_the_ijk_to_ras_matrix_survives_the_round_trip() -> None:
    matrix = np.array([[0, 0, -2.5, 10], [-0.7, 0, 0, 20], [0, 0.8, 0, -30], [0, 0, 0, 1]])
    geometry = Geometry.from_ijk_to_ras(matrix, (3, 4, 5))
    assert geometry.spacing == pytest.approx((2.5, 0.8, 0.7))
    np.testing.assert_allclose(geometry.ijk_to_ras(), matrix, atol=1e-12)


def test_json_survives_the_round_trip() -> None:
    assert Geometry.from_json(CANONICAL.to_json()) == CANONICAL


@pytest.mark.parametrize("spacing", [(0.0, 1.0, 1.0), (1.0, -2.0, 1.0), (1.0, 1.0, float("nan"))])
def test_spacing_that_is_not_positive_is_refused(spacing: tuple[float, float, float]) -> None:
    with pytest.raises(FlareError, match="not a positive size"):
        Geometry((4, 4, 4), spacing, CANONICAL.direction, CANONICAL.origin)


def test_sheared_axes_are_refused() -> None:
    matrix = np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(FlareError, match="sheared"):
        Geometry.from_ijk_to_ras(matrix, (4, 4, 4))


def position(geometry: Geometry, kji: np.ndarray) -> np.ndarray:
    return np.array(geometry.origin) + (kji * geometry.spacing) @ np.array(geometry.direction)


def assert_same_grid(found: Geometry, expected: Geometry) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.spacing, expected.spacing)
    np.testing.assert_allclose(found.direction, expected.direction, atol=1e-12)
    np.testing.assert_allclose(found.origin, expected.origin, atol=1e-9)
