"""Tiles of an array: which labels they hold, and copying them out of it."""

from __future__ import annotations

import numpy as np
import torch
from flareseg.inference.tiles import REACH, TILE, gather, labels_in_tiles, starts_of, voxels_of

DEPTH, ROWS, COLUMNS = TILE
SHAPE = (2 * DEPTH + 1, 2 * ROWS, 2 * COLUMNS + 5)


def test_a_tile_knows_its_labels_and_those_within_reach() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[DEPTH + REACH - 1, ROWS - REACH, 3] = 4  # in the second tile along k, within reach of its neighbours
    found = labels_in_tiles(labels)
    assert found.shape == (3, 2, 3)
    expected = np.ones((3, 2, 3), np.uint8)
    expected[:2, :, 0] |= 1 << 4
    np.testing.assert_array_equal(found, expected)


def test_a_tile_full_of_one_label_holds_no_background() -> None:
    labels = np.full(SHAPE, 2, np.uint8)
    labels[0, 0, 0] = 0
    found = labels_in_tiles(labels)
    assert found[0, 0, 0] == 0b101
    assert (found.ravel()[1:] == 0b100).all()


def test_tiles_start_where_they_are_cut() -> None:
    chosen = np.zeros((2, 2, 3), bool)
    chosen[0, 1, 2] = chosen[1, 0, 0] = True
    assert starts_of(chosen).tolist() == [[0, ROWS, 2 * COLUMNS], [DEPTH, 0, 0]]


def test_a_tile_is_copied_with_its_halo_and_repeats_the_edge_of_the_array() -> None:
    array = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.int16)
    starts = np.array([[DEPTH, 0, COLUMNS], [0, ROWS, 2 * COLUMNS]])
    halo = (1, 2, 3)
    padded = np.pad(array, [(n, TILE[axis] + n) for axis, n in enumerate(halo)], mode="edge")
    for tile, (k, j, i) in zip(gather(array, starts, halo), starts):
        np.testing.assert_array_equal(tile, padded[k : k + DEPTH + 2, j : j + ROWS + 4, i : i + COLUMNS + 6])


def test_marks_of_tiles_are_voxels_of_the_array_and_those_beyond_it_are_left_out() -> None:
    starts = np.array([[0, 0, 0], [2 * DEPTH, ROWS, 0]])
    marks = torch.zeros((2, *TILE))
    marks[0, 1, 2, 3] = 1
    marks[1, 0, 5, 6] = 1
    marks[1, 1, 5, 6] = 1  # one slice above the last
    voxels, tile = voxels_of(marks, starts, SHAPE)
    assert voxels.T.tolist() == [[1, 2, 3], [2 * DEPTH, ROWS + 5, 6]]
    assert tile.tolist() == [0, 1]
    assert voxels.dtype == np.int32
