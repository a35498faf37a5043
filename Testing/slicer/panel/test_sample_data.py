"""The synthetic CT in Slicer's Sample Data module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import psutil
import pytest
import slicer
import vtk
from conftest import COARSE_PHANTOM, SCRIPT, segmentations, wait_until
from flareseg.core.organs import ORGANS
from flareseg.phantom import make_phantom
from FlareSegmentationLib.jobs.phantom import loadSyntheticCtAndOrgans
from FlareSegmentationLib.nodes.results import readReport
from FlareSegmentationLib.panel import sample_data
from PySide6.QtWidgets import QApplication, QProgressBar, QProgressDialog, QPushButton


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
def press() -> Iterator[Callable[[str], None]]:
    """The button of a data set in the Sample Data module."""
    sample_data.registerSampleData()

    def press(name: str) -> None:
        (source,) = (s for s in slicer.modules.sampleDataSources["FlareSegmentation"] if s.sampleDescription == name)
        source.customDownloader(source)

    yield press
    for dialog in dialogs():
        dialog.findChild(QPushButton).click()


@pytest.fixture
def click(press: Callable[[str], None]) -> Callable[[str], Any]:
    """The button, and what has come of it: the CT, or the CT and the segmentation."""

    def click(name: str) -> Any:
        before = set(scans())
        press(name)
        wait_until(lambda: set(scans()) - before and not dialogs())
        (volumeNode,) = set(scans()) - before
        return (volumeNode, segmentations()[-1]) if name.endswith("Organs") else volumeNode

    return click


def scans() -> list[Any]:
    return list(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"))


def dialogs() -> list[QProgressDialog]:
    """One for each CT that is being made. A dialog that was closed counts as cancelled in Qt."""
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, QProgressDialog) and not w.wasCanceled]


def processes() -> list[psutil.Process]:
    """Those that make a CT."""
    return [child for child in psutil.Process().children() if "coarse_phantom" in child.cmdline()]


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(0, (40, 64, 64), (8.0, 6.0, 6.0))


@pytest.fixture(autouse=True)
def coarse(python_slicer):
    """On a coarse grid, which takes a moment rather than seconds; by a real process."""
    python_slicer([], COARSE_PHANTOM)


def test_slicer_goes_on_and_progress_is_shown(press):
    press("SyntheticAbdomen")
    assert scans() == []
    (dialog,) = dialogs()
    shown, closed = [], []
    dialog.destroyed.connect(lambda: closed.append(True))
    dialog.findChild(QProgressBar).valueChanged.connect(shown.append)
    wait_until(scans)
    assert len(shown) > 10
    assert shown == sorted(shown)
    assert shown[-1] == 100
    wait_until(lambda: closed)


def test_cancel_leaves_nothing(press):
    press("SyntheticAbdomen")
    (dialog,) = dialogs()
    wait_until(lambda: dialog.value > 0)
    assert len(processes()) == 1
    dialog.findChild(QPushButton).click()
    assert dialogs() == processes() == scans() == []
    assert list(Path(slicer.app.temporaryPath).iterdir()) == []


def test_second_click_while_it_is_made_is_ignored(press):
    press("SyntheticAbdomen")
    press("SyntheticAbdomen")
    assert len(dialogs()) == 1
    wait_until(lambda: not dialogs())
    assert len(scans()) == 1
    assert processes() == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["no-such-program"], "stopped unexpectedly (exit code 127)"),
        ([sys.executable, "-c", "raise MemoryError"], "stopped unexpectedly (exit code 1)"),
        ([sys.executable, str(SCRIPT), "lost_phantom"], "No such file"),
        ([sys.executable, "-c", "print('a warning of a library')"], "JSONDecodeError"),
        ([sys.executable, "-c", "print(5)"], "TypeError"),
    ],
)
def test_failure_is_told_in_a_sentence(command, message, press, python_slicer, monkeypatch):
    python_slicer([], command)
    told = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, windowTitle: told.append(text))
    press("SyntheticAbdomen")
    wait_until(lambda: told)
    assert message in told[0]
    assert scans() == []


def test_temporary_folder_that_is_missing_is_told(press, monkeypatch, tmp_path):
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path / "missing"))
    told = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, windowTitle: told.append(text))
    press("SyntheticAbdomen")
    assert "temporary folder" in told[0]


def test_a_script_waits_for_it(phantom):
    volumeNode, segmentationNode = loadSyntheticCtAndOrgans()
    assert np.array_equal(slicer.util.arrayFromVolume(volumeNode), phantom.volume.voxels)
    assert segmentationNode.GetSegmentation().GetNumberOfSegments() == 4


def test_the_process_ends_with_its_caller_and_removes_its_folder(tmp_path):
    """Also in the middle of its work."""
    folder = tmp_path / "made"
    folder.mkdir()
    command = [*COARSE_PHANTOM, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert len(list(folder.iterdir())) == 1
        process.stdin.close()
        assert process.wait(60) == 0
    assert list(folder.iterdir()) == []


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
    assert (display.GetAutoWindowLevel(), display.GetWindow(), display.GetLevel()) == (0, 350, 40)


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


def test_the_ct_that_is_made_for_a_click_shows_the_whole_abdomen(click, python_slicer):
    python_slicer([])
    node = click("SyntheticAbdomen")
    node.GetRASBounds(bounds := [0.0] * 6)
    assert np.diff(bounds)[::2].min() >= 300


def test_registering_loads_nothing_heavy():
    """Slicer does it at each start."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from standins.install import install; install()\n"
        "before = set(sys.modules)\n"
        "from FlareSegmentationLib.panel import sample_data\n"
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
