"""The report of a run that left edited segments alone, against numbers counted by hand.

A voxel is 1.5 x 2 x 3 mm, 0.009 mL.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import slicer
from flareseg.core.organs import LEFT_KIDNEY, ORGANS, RIGHT_KIDNEY
from flareseg.core.report import OrganFacts
from FlareSegmentationLib.nodes.kept import withKept

LIVER, KIDNEYS, SPLEEN, PANCREAS = ORGANS


@pytest.fixture
def hu(scan):
    """The scan's own voxels: int16 (k, j, i)."""
    return slicer.util.arrayFromVolume(scan)


@pytest.fixture
def found(report):
    """Facts as the engine gives them."""
    report.organs = [
        OrganFacts(organ.label, organ.name, 4, 0.036, ["touches the upper edge of the scan"], 100.0, 10.0, 0.9)
        for organ in ORGANS
    ]
    return report


def voxels(shape, *places):
    mask = np.zeros(shape, bool)
    for place in places:
        mask[place] = True
    return mask


def test_kept_organ_is_measured_in_the_scan(found, scan, hu, labels):
    mask = voxels(labels.shape, (1, 2, 3), (1, 2, 4), (5, 6, 7), (5, 6, 8), (5, 6, 9))
    hu[mask] = (70, 80, 90, 100, 135)
    reduced = np.zeros_like(labels)
    kept = withKept(found, [], {SPLEEN: mask}, reduced, scan).organs
    assert kept == [OrganFacts(3, "Spleen", 5, pytest.approx(0.045), ["edited by hand, kept"], 95.0, 22.4)]


def test_hu_have_one_decimal(found, scan, hu, labels):
    mask = voxels(labels.shape, (1, 2, 3), (1, 2, 4), (5, 6, 7))
    hu[mask] = (-10, -11, -11)
    (spleen,) = withKept(found, [], {SPLEEN: mask}, np.zeros_like(labels), scan).organs
    assert (spleen.mean_hu, spleen.std_hu) == (-10.7, 0.5)


def test_organ_that_was_written_whole_keeps_the_engines_facts(found, scan, labels):
    reduced = np.zeros_like(labels)
    reduced[3, 4, 5:9] = 1
    organs = withKept(found, [LIVER], {SPLEEN: voxels(labels.shape, (0, 0, 0))}, reduced, scan).organs
    assert organs[0] == found.organs[0]


def test_organ_that_made_room_is_measured_again_and_keeps_its_warnings(found, scan, hu, labels):
    reduced = np.zeros_like(labels)
    reduced[3, 4, 5:9] = 1
    reduced[3, 4, 10:13] = 4  # the pancreas lost one of its four voxels
    hu[3, 4, 10:13] = (40, 50, 60)
    mask = voxels(labels.shape, (0, 0, 0))
    pancreas = withKept(found, [LIVER, PANCREAS], {SPLEEN: mask}, reduced, scan).organs[2]
    assert (pancreas.name, pancreas.voxels, pancreas.mean_hu, pancreas.std_hu) == ("Pancreas", 3, 50.0, 8.2)
    assert pancreas.volume_ml == pytest.approx(0.027)
    assert pancreas.warnings == ["touches the upper edge of the scan"]


def test_organ_of_which_nothing_is_left_has_no_hu(found, scan, labels):
    reduced = np.zeros_like(labels)
    (liver, _) = withKept(found, [LIVER], {SPLEEN: voxels(labels.shape, (0, 0, 0))}, reduced, scan).organs
    assert (liver.voxels, liver.volume_ml, liver.mean_hu, liver.std_hu) == (0, 0.0, None, None)


def test_organs_stay_in_their_order_with_the_kidneys_side_by_side(found, scan, labels):
    organs = [LIVER, RIGHT_KIDNEY, LEFT_KIDNEY, SPLEEN, PANCREAS]
    found = replace(found, organs=[OrganFacts(o.label, o.name, 0, 0.0) for o in organs])
    mask = voxels(labels.shape, (0, 0, 0))
    kept = withKept(found, [SPLEEN, LEFT_KIDNEY], {PANCREAS: mask, RIGHT_KIDNEY: mask}, np.zeros_like(labels), scan)
    assert [facts.name for facts in kept.organs] == ["Right kidney", "Left kidney", "Spleen", "Pancreas"]


def test_without_kept_organs_the_report_is_the_engines(found, scan, labels):
    assert withKept(found, list(ORGANS), {}, labels, scan) is found
