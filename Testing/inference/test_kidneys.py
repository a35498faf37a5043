"""Left and right kidney."""

from __future__ import annotations

import numpy as np
import pytest
from flareseg.core.geometry import Orientation
from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.inference.kidneys import split_kidneys
from flareseg.phantom import Phantom

RIGHT, LEFT = RIGHT_KIDNEY.label, LEFT_KIDNEY.label


def body(*columns: slice) -> np.ndarray:
    """Kidneys in the given columns of a body 40 columns wide; i runs to the left."""
    labels = np.zeros((10, 10, 40), np.uint8)
    for part in columns:
        labels[2:8, 2:8, part] = RIGHT
    return labels


def test_each_kidney_gets_the_label_of_its_side() -> None:
    labels = body(slice(4, 12), slice(28, 36))
    split_kidneys(labels, midline=20)
    assert set(np.unique(labels[..., :20])) == {0, RIGHT}
    assert set(np.unique(labels[..., 20:])) == {0, LEFT}


def test_a_single_kidney_keeps_its_side() -> None:
    labels = body(slice(28, 36))
    split_kidneys(labels, midline=20)
    assert set(np.unique(labels)) == {0, LEFT}


def test_a_kidney_that_reaches_a_little_over_the_midline_stays_whole() -> None:
    labels = body(slice(12, 22))
    split_kidneys(labels, midline=20.5)
    assert set(np.unique(labels)) == {0, RIGHT}


@pytest.mark.parametrize(("midline", "first_of_the_left"), [(18, 18), (18.5, 19), (22, 22)])
def test_a_horseshoe_kidney_is_cut_at_the_midline(midline: float, first_of_the_left: int) -> None:
    labels = body(slice(8, 32))
    split_kidneys(labels, midline)
    assert labels[5, 5].tolist() == [
        *[0] * 8,
        *[RIGHT] * (first_of_the_left - 8),
        *[LEFT] * (32 - first_of_the_left),
        *[0] * 8,
    ]


@pytest.mark.parametrize(("beyond", "sides"), [(3, {0, RIGHT}), (5, {0, RIGHT, LEFT}), (17, {0, LEFT})])
def test_a_kidney_of_which_a_fifth_lies_beyond_the_midline_is_cut(beyond: int, sides: set[int]) -> None:
    labels = body(slice(10, 30))
    split_kidneys(labels, midline=30 - beyond)
    assert set(np.unique(labels)) == sides


def test_no_kidneys_is_not_a_failure() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    split_kidneys(labels, midline=2)
    assert not labels.any()


def test_a_scan_gives_two_kidneys_on_request(cascade: Cascade, phantom: Phantom) -> None:
    together = cascade.segment(phantom.volume)
    apart = cascade.segment(phantom.volume, SegmentationOptions(split_kidneys=True))
    assert [facts.name for facts in apart.organs] == ["Liver", "Right kidney", "Left kidney", "Spleen", "Pancreas"]
    np.testing.assert_array_equal(np.where(apart.labels == LEFT, RIGHT, apart.labels), together.labels)
    canonical = Orientation.of(phantom.volume.geometry).view(apart.labels)
    right, left = ((canonical == label).nonzero()[2].mean() for label in (RIGHT, LEFT))
    liver, spleen = ((canonical == label).nonzero()[2].mean() for label in (1, 3))
    assert abs(right - liver) < abs(left - liver)
    assert abs(left - spleen) < abs(right - spleen)
