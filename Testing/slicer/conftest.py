"""Tests of the Slicer side run on real MRML nodes and real Qt; see standins/."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydantic.fields  # noqa: F401, before PySide6, whose hook on imports breaks modules that pydantic loads later
import pydantic.main  # noqa: F401
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))

from standins.install import install

install()

import slicer  # noqa: E402
from flareseg.core.organs import ORGANS  # noqa: E402
from flareseg.core.report import (  # noqa: E402
    DeviceFacts,
    MemoryFacts,
    OrganFacts,
    Report,
    ScanFacts,
    WeightsFacts,
)
from FlareSegmentationLib.jobs.job import JobRunner  # noqa: E402
from FlareSegmentationLib.jobs.process import WorkerProcess  # noqa: E402
from FlareSegmentationLib.nodes.results import newSegmentationNode, writeResult  # noqa: E402
from PySide6.QtCore import QCoreApplication, QEventLoop  # noqa: E402
from standins import application  # noqa: E402
from standins.desktop import Desktop  # noqa: E402
from standins.layout import LayoutManager  # noqa: E402
from standins.scripted_module import close_module, open_module  # noqa: E402
from warm_worker import WarmWorker  # noqa: E402

import FlareSegmentation  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", metavar="FOLDER", help="write the README's pictures here")
    parser.addoption("--dark", action="store_true", help="draw the pictures of the panel in Slicer's dark style")


LIMIT_SECONDS = 120.0
GRID = np.array([[0.0, -2.0, 0.0, 10.0], [1.5, 0.0, 0.0, -20.0], [0.0, 0.0, 3.0, 30.0], [0, 0, 0, 1]])
SCRIPT = Path(__file__).parent / "workers" / "script.py"
PHANTOM = [sys.executable, "-m", "flareseg.phantom"]
DICOM_EXPORT = [sys.executable, "-m", "flareseg.dicom_export"]
COARSE_PHANTOM = [sys.executable, str(SCRIPT), "coarse_phantom"]


def wait_until(condition: Callable[[], object], seconds: float = LIMIT_SECONDS) -> None:
    """Handle Qt's events until the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s")
        QCoreApplication.processEvents(QEventLoop.WaitForMoreEvents, 50)


def click(panel: Any) -> None:
    """A click that is not the second one of a double click, on a scan whose voxels were looked at."""
    wait_until(lambda: panel.panel.takesClicks and panel.ui.applyButton.enabled)
    panel.ui.applyButton.click()


def is_ready(panel: Any) -> bool:
    return bool(panel.ui.applyButton.text == "Segment organs")


def is_running(panel: Any) -> bool:
    """The engine has begun, so that there is something to cancel."""
    return not panel.ui.progressLabel.isHidden() and "Starting" not in panel.ui.progressLabel.text


def segmentations() -> list[Any]:
    return list(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))


def run_once(panel: Any) -> Any:
    """Click, wait for the end, give the chosen result."""
    click(panel)
    wait_until(lambda: is_ready(panel))
    return panel.ui.resultSelector.currentNode()


class Outcome:
    """Collects the end of a job or run: ``finished`` arguments or the ``error`` it failed with."""

    def __init__(self, run: Any) -> None:
        self.finished: tuple[Any, ...] | None = None
        self.error: Any = None
        self.ends = 0
        run.finished.connect(self._on_finished)
        run.failed.connect(self._on_failed)

    def wait(self) -> Outcome:
        wait_until(lambda: self.ends)
        return self

    def _on_finished(self, *arguments: Any) -> None:
        self.finished = arguments
        self.ends += 1

    def _on_failed(self, error: Any) -> None:
        self.error = error
        self.ends += 1


@pytest.fixture
def packages_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Slicer without PyTorch and the other packages of the engine."""
    monkeypatch.setattr(slicer.packaging, "pip_check", lambda requirements: False)


@pytest.fixture
def python_slicer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes two commands the ``PythonSlicer`` of this Slicer: one runs as the worker, one draws the synthetic CT.

    What writes DICOM files is the real one.
    """
    folder = tmp_path / "bin"

    def install(worker: list[str], phantom: list[str] = PHANTOM) -> None:
        folder.mkdir(exist_ok=True)
        commands = (worker, phantom, DICOM_EXPORT)
        work, draw, export = (" ".join(f'"{part}"' for part in command) for command in commands)
        if sys.platform == "win32":
            text = f'@if "%2"=="flareseg.phantom" ({draw} %3) else '
            text += f'if "%2"=="flareseg.dicom_export" ({export}) else ({work})\n'
            (folder / "PythonSlicer.bat").write_text(text, encoding="utf-8")
        else:
            text = f'#!/bin/sh\nif [ "$2" = flareseg.phantom ]; then exec {draw} "$3"; fi\n'
            text += f'if [ "$2" = flareseg.dicom_export ]; then exec {export}; fi\nexec {work}\n'
            (folder / "PythonSlicer").write_text(text, encoding="utf-8")
            (folder / "PythonSlicer").chmod(0o755)

    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return install


@pytest.fixture(scope="session")
def warm_worker() -> Iterator[WarmWorker]:
    worker = WarmWorker()
    yield worker
    worker.close()


@pytest.fixture
def engine(warm_worker: WarmWorker, python_slicer: Callable[..., None]) -> None:
    """The module's worker is the real one, with its networks loaded already."""
    python_slicer(warm_worker.command)


@pytest.fixture
def scripted(python_slicer: Callable[..., None]) -> Iterator[Callable[[str], JobRunner]]:
    """A runner on a worker of workers/script.py; the module's worker is such a one, too."""
    processes = []

    def make(function: str, patienceSeconds: float = 2.0) -> JobRunner:
        command = [sys.executable, str(SCRIPT), function]
        python_slicer(command)
        process = WorkerProcess(lambda: command)
        processes.append(process)
        return JobRunner(process, patienceSeconds)

    yield make
    for process in processes:
        process.kill()


@pytest.fixture(autouse=True, scope="session")
def what_is_loaded_stays() -> None:
    """Collecting the garbage of a test then takes milliseconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A new scene, and a temporary folder that must be empty when the test has ended."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(slicer.app, "temporaryPath", str(folder))
    monkeypatch.setattr(slicer.app, "settingsFile", str(tmp_path / "Slicer.ini"))
    application.new_scene()
    yield slicer.mrmlScene
    QCoreApplication.instance().aboutToQuit.emit()  # ends the workers of what the test has left open
    gc.collect()  # Qt's objects have to go in this thread; later tests read files in others
    assert not list(folder.iterdir()), "a temporary folder was left behind"


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    """The application's main window, until the test has ended."""
    desktop = Desktop()
    yield desktop
    desktop.close()


@pytest.fixture
def layout(monkeypatch: pytest.MonkeyPatch) -> LayoutManager:
    """The application's slice views and 3D view."""
    layout = LayoutManager()
    monkeypatch.setattr(slicer.app, "layout", layout)
    return layout


@pytest.fixture
def add_scan(phantom: Any) -> Callable[..., Any]:
    """Puts the phantom into the scene as a volume node."""

    def add(name: str = "Phantom") -> Any:
        volume = phantom.volume
        return slicer.util.addVolumeFromArray(volume.voxels, volume.geometry.ijk_to_ras(), name)

    return add


@pytest.fixture
def open_panel(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Opens the module's panel as Slicer does, and closes it after the test.

    Its worker is a scripted one unless the test asks for another: the panel starts it at once.
    """
    if not {"engine", "scripted"} & set(request.fixturenames):
        request.getfixturevalue("scripted")("obedient")
    opened = []

    def open_() -> Any:
        opened.append(open_module(FlareSegmentation.FlareSegmentation, FlareSegmentation.FlareSegmentationWidget))
        return opened[-1]

    yield open_
    for widget in opened:
        close_module(widget)


@pytest.fixture
def labels() -> np.ndarray:
    """Four boxes, one an organ: uint8 (k, j, i)."""
    labels = np.zeros((8, 20, 24), np.uint8)
    for organ in ORGANS:
        labels[1:7, 4 * organ.label : 4 * organ.label + 3, 5:12] = organ.label
    return labels


@pytest.fixture
def scan(labels: np.ndarray) -> Any:
    """A volume node for ``labels``, oblique to no axis but with i and j exchanged."""
    return slicer.util.addVolumeFromArray(np.zeros(labels.shape, np.int16), GRID, "CTA")


@pytest.fixture
def report() -> Report:
    return Report(
        version="1.2.3",
        scan=ScanFacts("scan", [8, 20, 24], [3.0, 2.0, 1.5], "LPS"),
        device=DeviceFacts("cuda", 'NVIDIA Test: 100 %; "x"', "float16"),
        weights=[WeightsFacts("dense_vnet", "ab12")],
        roi=[0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
        roi_source="network",
        stages=[],
        total_seconds=1.5,
        memory=MemoryFacts(900.0, 200.0, 700.0),
        organs=[OrganFacts(o.label, o.name, 126, 1.0) for o in ORGANS],
    )


@pytest.fixture
def node(scan: Any, labels: np.ndarray, report: Report) -> Any:
    """The segmentation node that ``labels`` become."""
    node = newSegmentationNode(scan)
    writeResult(node, scan, labels, report)
    return node


@pytest.fixture
def ready(open_panel: Callable[[], Any], add_scan: Callable[..., Any]) -> Any:
    """A panel with the phantom chosen."""
    panel = open_panel()
    add_scan()
    wait_until(lambda: panel.ui.applyButton.enabled)
    return panel


@pytest.fixture
def ready_with(
    scripted: Callable[[str], JobRunner], open_panel: Callable[[], Any], add_scan: Callable[..., Any]
) -> Callable[[str], Any]:
    """A panel with the phantom chosen, on a worker of workers/script.py."""

    def make(function: str) -> Any:
        scripted(function)
        panel = open_panel()
        add_scan()
        wait_until(lambda: panel.ui.applyButton.enabled)
        return panel

    return make
