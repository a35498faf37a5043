"""Bodies for synthesis: a tissue everywhere inside, what lies under the organs, how far it is to the muscles."""

from __future__ import annotations

import numpy as np
import pytest
from flareseg.phantom import make_tissues
from flareseg.training.prepare.bodies import AROUND_MM, REMOVED, BodyParts, make_body
from flareseg.training.prepare.phantoms import phantom_tissues
from flareseg.training.prepare.resampling import hu_on, labels_on, new_grid
from flareseg.training.tissues import Tissue

MM = 5.0
LAYERS = (Tissue.FAT, Tissue.WALL)


@pytest.fixture(scope="module")
def patient() -> np.ndarray:
    return phantom_tissues(make_tissues(0, (100, 66, 84), (MM, MM, MM)), MM)


@pytest.fixture(scope="module")
def labelled(patient: np.ndarray) -> BodyParts:
    return make_body(patient, (MM, MM, MM))


@pytest.fixture(scope="module")
def bare(patient: np.ndarray) -> BodyParts:
    """The same patient as TotalSegmentator knows him: no skin, no fat, few muscles."""
    wall = np.zeros_like(patient, dtype=bool)
    wall[:, :24] = True
    known = np.where(np.isin(patient, LAYERS) | (wall & (patient == Tissue.MUSCLE)), 0, patient)
    return make_body(known.astype(np.uint8), (MM, MM, MM))


def test_a_body_is_bare_when_skin_and_fat_were_not_labelled(labelled: BodyParts, bare: BodyParts) -> None:
    assert (labelled.bare, bare.bare) == (False, True)


@pytest.mark.parametrize("which", ["labelled", "bare"])
def test_filled_holds_no_organs_and_no_vessels(which: str, request: pytest.FixtureRequest) -> None:
    body: BodyParts = request.getfixturevalue(which)
    assert np.isin(body.tissues, REMOVED).any()
    assert not np.isin(body.filled, REMOVED).any()
    kept = ~np.isin(body.tissues, REMOVED) & (body.tissues > 0)
    np.testing.assert_array_equal(body.filled[kept], body.tissues[kept])


@pytest.mark.parametrize("which", ["labelled", "bare"])
def test_every_voxel_among_the_organs_has_a_tissue(which: str, request: pytest.FixtureRequest) -> None:
    body: BodyParts = request.getfixturevalue(which)
    inside = (body.outside == 0).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    shape = tuple(min(a, b) for a, b in zip(inside.shape, body.tissues.shape))
    crop = tuple(slice(n) for n in shape)
    assert np.mean(body.tissues[crop][inside[crop]] == Tissue.AIR) < 0.005


def test_outside_is_the_distance_to_the_muscles(labelled: BodyParts) -> None:
    k = labelled.tissues.shape[0] // 2
    row, columns = labelled.tissues[k, labelled.tissues.shape[1] // 2], labelled.outside[k // 2]
    line = columns[columns.shape[0] // 2]
    assert line[len(line) // 2] == 0
    assert line[0] > AROUND_MM - 2 * MM
    first_muscle = np.flatnonzero(row == Tissue.MUSCLE)[0]
    assert line[0] == pytest.approx(first_muscle * MM, abs=3 * MM)


def test_a_bare_body_gets_fat_and_a_layer_of_muscle(bare: BodyParts) -> None:
    fat, muscle = (np.count_nonzero(bare.tissues == tissue) * MM**3 / 1e6 for tissue in (Tissue.FAT, Tissue.MUSCLE))
    assert 2 < fat < 25 and 2 < muscle < 25  # litres


def test_there_is_air_around_for_patients_with_more_fat(labelled: BodyParts) -> None:
    around = round(AROUND_MM / MM)
    assert not labelled.tissues[:, :around].any() and not labelled.tissues[..., -around:].any()
    assert labelled.tissues[0].any() and labelled.tissues[-1].any()


def test_labels_keep_their_place_on_another_grid() -> None:
    k, j, i = np.meshgrid(*(np.arange(n) + 0.5 for n in (30, 60, 60)), indexing="ij")
    ball = ((k * 4 - 60) ** 2 + (j * 2 - 60) ** 2 + (i * 2 - 60) ** 2 < 40**2).astype(np.uint8) * Tissue.LIVER
    size, spacing = new_grid(ball.shape, (4.0, 2.0, 2.0), 3.0)
    assert size == (40, 40, 40) and spacing == (3.0, 3.0, 3.0)
    there = labels_on(size, ball) == Tissue.LIVER
    centres = np.stack(np.meshgrid(*(np.arange(40) + 0.5,) * 3, indexing="ij")) * 3 - 60
    ground_truth = (centres**2).sum(axis=0) < 40**2
    assert (
        2 * np.count_nonzero(there & ground_truth) / (np.count_nonzero(there) + np.count_nonzero(ground_truth)) > 0.97
    )


def test_thick_slices_give_smooth_borders() -> None:
    """A slanted border between two slices of 8 mm goes over in steps of the new slices."""
    thick = np.zeros((2, 1, 16), np.uint8)
    thick[0, :, :4] = thick[1, :, :12] = Tissue.LIVER
    edges = np.count_nonzero(labels_on((8, 1, 16), thick), axis=(1, 2))
    assert edges[0] == 4 and edges[-1] == 12 and (np.diff(edges) >= 0).all()


def test_hu_are_averaged_over_what_a_voxel_covers() -> None:
    hu = np.arange(12, dtype=np.int16).reshape(3, 2, 2) * 10
    np.testing.assert_array_equal(hu_on((1, 1, 1), hu), [[[55]]])
    np.testing.assert_array_equal(hu_on((3, 2, 2), hu), hu)
