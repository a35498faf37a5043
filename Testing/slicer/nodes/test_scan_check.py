"""The look at every voxel of a chosen scan.

Voxels that are replaced without a word to VTK are noticed by a look at all of them, and by nothing else.
"""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from conftest import wait_until
from FlareSegmentationLib.nodes.scan_check import ScanCheck
from FlareSegmentationLib.nodes.volumes import volumeOf


class Looks:
    """A check, and what it has told: warnings of a scan that passed, or the message of one that was refused."""

    def __init__(self):
        self.told = []
        self._check = ScanCheck()
        self._check.passed.connect(lambda volume: self.told.append(volume.warnings))
        self._check.refused.connect(lambda error: self.told.append(error.message))

    def start(self, node):
        self.told.clear()
        self._check.start(node, volumeOf(node))

    def wait(self):
        wait_until(lambda: self.told)
        return self.told[0]

    def at(self, node):
        self.start(node)
        return self.wait()


@pytest.fixture
def seen(add_scan):
    """A scan that was looked at, all of whose voxels were made the same since; and its check."""
    looks, node = Looks(), add_scan()
    assert looks.at(node) == []
    slicer.util.arrayFromVolume(node)[:] = 5
    return looks, node


def test_slicer_does_not_wait_for_it(add_scan):
    looks = Looks()
    looks.start(add_scan())
    assert looks.told == []  # whatever the thread has found by now, it is told in a turn of Slicer's events
    assert looks.wait() == []


def test_a_scan_is_looked_at_once_and_told_of_at_once_the_next_time(seen):
    looks, node = seen
    looks.start(node)
    assert looks.told == [[]]


def test_changed_voxels_are_looked_at_anew(seen):
    looks, node = seen
    slicer.util.arrayFromVolumeModified(node)
    assert "same value" in looks.at(node)


def test_another_scan_is_looked_at_and_the_first_one_anew_after_it(seen, add_scan):
    looks, node = seen
    other, blank = add_scan(), add_scan()
    slicer.util.arrayFromVolume(blank)[:] = 5
    assert looks.at(other) == []
    assert "same value" in looks.at(blank)
    assert "same value" in looks.at(node)


def test_nothing_is_told_of_a_scan_that_another_one_has_replaced(add_scan):
    looks, blank, other = Looks(), add_scan(), add_scan()
    slicer.util.arrayFromVolume(blank)[:] = 5
    looks.start(blank)
    looks.start(other)
    looks.wait()
    assert looks.told == [[]]


def test_a_transform_is_warned_of_without_another_look(seen):
    looks, node = seen
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetAndObserveTransformNodeID(transform.GetID())
    looks.start(node)
    assert looks.told == [["The scan sits under a transform; the result will follow it."]]


def test_a_single_voxel_that_is_not_a_number_is_found(add_scan):
    node = add_scan()
    voxels = slicer.util.arrayFromVolume(node).astype(np.float32)
    voxels[41, 3, 5] = np.nan
    slicer.util.updateVolumeFromArray(node, voxels)
    (warning,) = Looks().at(node)
    assert warning.startswith("1 voxels are not numbers")
