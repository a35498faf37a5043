"""The synthetic CT in Slicer's Sample Data module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from flareseg.core.organs import ORGANS
from FlareSegmentationLib.nodes import sample_data
from FlareSegmentationLib.nodes.results import readReport


class SampleDataSource:
    """As strict as Slicer's: ``uris`` decides whether the other fields are lists, and all have one length."""

    def __init__(self, sampleName=None, sampleDescription=None, uris=None, fileNames=None, nodeNames=None,
                 checksums=None, loadFiles=None, customDownloader=None, thumbnailFileName=None,
                 loadFileType=None, loadFileProperties=None) -> None:  # fmt: skip
        if not isinstance(uris, str):
            raise TypeError("this stand-in knows single files only")
        for value in (fileNames, nodeNames):
            if not isinstance(value, str):
                raise TypeError(f"{value!r} is not the name of one file or node")
        if not Path(thumbnailFileName).is_file():
            raise ValueError(f"no thumbnail {thumbnailFileName}")
        self.sampleName = sampleName
        self.sampleDescription = sampleDescription or sampleName
        self.customDownloader = customDownloader
        self.fields = (sampleName, uris, fileNames, nodeNames, thumbnailFileName, loadFileType, customDownloader)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SampleDataSource) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]


class SampleDataLogic:
    @staticmethod
    def registerCustomSampleDataSource(category="Custom", sampleName=None, uris=None, fileNames=None, nodeNames=None,
                                       customDownloader=None, thumbnailFileName=None, loadFileType="VolumeFile",
                                       loadFiles=None, loadFileProperties=None, checksums=None) -> None:  # fmt: skip
        if not hasattr(slicer.modules, "sampleDataSources"):
            slicer.modules.sampleDataSources = {}
        sources = slicer.modules.sampleDataSources.setdefault(category, [])
        source = SampleDataSource(sampleName, None, uris, fileNames, nodeNames, checksums, loadFiles,
                                  customDownloader, thumbnailFileName, loadFileType, loadFileProperties)  # fmt: skip
        if source not in sources:
            sources.append(source)


@pytest.fixture(autouse=True)
def slicers_sample_data(monkeypatch):
    """Module SampleData, in a Slicer without a main window."""
    module = ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic
    monkeypatch.setitem(sys.modules, "SampleData", module)
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: None, raising=False)


@pytest.fixture
def click(phantom) -> Callable[..., Any]:
    """The button of a data set in the Sample Data module. The phantom of all tests is made already, unlike its own."""
    sample_data.registerSampleData()

    def click(name: str, phantom=phantom) -> Any:
        (source,) = (s for s in slicer.modules.sampleDataSources["FlareSegmentation"] if s.sampleDescription == name)
        return source.customDownloader(source, phantom=phantom)

    return click


def test_both_data_sets_are_registered_once_however_often_slicer_asks():
    for _ in range(2):
        sample_data.registerSampleData()
    sources = slicer.modules.sampleDataSources["FlareSegmentation"]
    assert [source.sampleName for source in sources] == ["SyntheticAbdomen", "SyntheticAbdomenWithOrgans"]


def test_a_click_adds_the_ct_with_a_soft_tissue_window(click, phantom):
    node = click("SyntheticAbdomen")
    assert node.GetScene() is slicer.mrmlScene
    assert np.array_equal(slicer.util.arrayFromVolume(node), phantom.volume.voxels)
    display = node.GetDisplayNode()
    assert (display.GetAutoWindowLevel(), display.GetWindow(), display.GetLevel()) == (0, 400, 40)


def test_the_slice_views_show_it(click):
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    node = click("SyntheticAbdomen")
    assert composite.GetBackgroundVolumeID() == node.GetID()


def test_the_true_organs_come_as_coded_segments_of_one_layer(click, phantom):
    volumeNode, segmentationNode = click("SyntheticAbdomenWithOrgans")
    segmentation = segmentationNode.GetSegmentation()
    assert segmentation.GetNumberOfLayers() == 1
    for n, organ in enumerate(ORGANS):
        segment = segmentation.GetNthSegment(n)
        segment.GetTag(segment.GetTerminologyEntryTagName(), entry := vtk.reference(""))
        assert str(entry) == organ.terminology_entry
        voxels = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, organ.name, volumeNode)
        assert np.array_equal(voxels > 0, phantom.labels == organ.label)


def test_the_ground_truth_is_never_taken_for_a_result(click):
    _volumeNode, segmentationNode = click("SyntheticAbdomenWithOrgans")
    assert readReport(segmentationNode) is None


def test_a_second_click_makes_a_second_scan_with_a_name_of_its_own(click):
    assert click("SyntheticAbdomen").GetName() != click("SyntheticAbdomen").GetName()


def test_the_ct_that_is_made_for_a_click_shows_the_whole_abdomen(click):
    node = click("SyntheticAbdomen", phantom=None)
    node.GetRASBounds(bounds := [0.0] * 6)
    assert np.diff(bounds)[::2].min() >= 300


def test_registering_loads_nothing_heavy():
    """Slicer does it at each start."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from standins.install import install; install()\n"
        "before = set(sys.modules)\n"
        "from FlareSegmentationLib.nodes import sample_data\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parents[1])], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split()) - set(sys.stdlib_module_names)
    assert loaded <= {"FlareSegmentationLib", "flareseg"}


def test_stand_in_refuses_what_slicer_refuses():
    with pytest.raises(TypeError):
        SampleDataLogic.registerCustomSampleDataSource("x", "name", uris=None, fileNames="a.nrrd")
