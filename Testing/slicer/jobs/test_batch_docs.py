"""The tutorial: its snippets do what they say, its pictures and links are there."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import SimpleITK as sitk
import slicer
from flareseg.io.writing import write_scan

TUTORIAL = Path(__file__).resolve().parents[3] / "docs" / "tutorial.md"
TEXT = TUTORIAL.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(autouse=True)
def application(monkeypatch, add_scan, engine, tmp_path):
    """What the snippets need of Slicer's application, and an empty working folder."""
    module = ModuleType("SampleData")
    module.downloadSample = lambda name: {"CTAAbdomenPanoramix": add_scan}[name]("Panoramix-cropped")
    monkeypatch.setitem(sys.modules, "SampleData", module)
    monkeypatch.setattr(slicer.app, "layoutManager", lambda: None, raising=False)
    monkeypatch.setattr(slicer.util, "saveNode", save_label_map)
    monkeypatch.chdir(tmp_path)


def save_label_map(node: Any, filename: str) -> bool:
    """The application's writer for volumes, without the application."""
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(filename)
    return bool(storage.WriteData(node))


@pytest.fixture
def run(capsys) -> Callable[[str], list[str]]:
    """Executes the one snippet with ``word`` in it, as the console does; what it printed."""

    def run(word: str) -> list[str]:
        (snippet,) = (text for text in SNIPPETS if word in text)
        exec(snippet, {})
        return capsys.readouterr().out.splitlines()

    return run


def test_no_snippet_is_left_untried():
    tried = re.findall(r'run\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert all(sum(word in text for word in tried) == 1 for text in SNIPPETS)
    assert len(tried) == len(SNIPPETS)


def test_slicers_own_sample_becomes_a_label_map_file(run, phantom):
    run("ExportAllSegmentsToLabelmapNode")
    labels = sitk.ReadImage("organs.nii.gz")
    assert labels.GetSize() == phantom.labels.shape[::-1]
    assert set(sitk.GetArrayFromImage(labels).ravel()) == {0, 1, 2, 3, 4}


def test_the_synthetic_ct_is_compared_with_its_ground_truth(run):
    percent = {line.split()[0]: int(line.split()[1]) for line in run("loadSyntheticCtAndOrgans")}
    assert list(percent) == ["Liver", "Kidneys", "Spleen", "Pancreas"]
    assert min(percent.values()) > 80


def test_all_scans_of_the_scene_are_segmented_and_what_is_none_is_named(run, add_scan):
    add_scan("first")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    assert run("segmentAll") == [
        "first - first organs",
        "empty - The volume has no voxels. Load the CT again.",
    ]


def test_a_folder_is_segmented_with_a_summary(run, phantom):
    Path("scans").mkdir()
    write_scan(Path("scans/a.nii.gz"), phantom.volume)
    Path("scans/b.nii.gz").write_bytes(b"no image")
    first, second = run("segmentFolder")
    assert first == "a.nii.gz done "
    assert second.startswith("b.nii.gz failed b.nii.gz is damaged")
    assert Path("organs/a-organs.seg.nrrd").exists()
    with Path("organs/results.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["state"] for row in csv.DictReader(stream)] == ["done", "failed"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_pictures_and_links_are_there(target):
    assert (TUTORIAL.parent / target).is_file()


def test_the_command_names_the_script_that_is_there():
    (script,) = re.findall(r"--python-script (\S+)", TEXT)
    assert (TUTORIAL.parents[1] / script).is_file()


def test_the_panel_calls_things_as_the_tutorial_does():
    """Words that the tutorial sends people to must stand on the panel."""
    panel = TUTORIAL.parents[1] / "FlareSegmentation" / "Resources" / "UI" / "FlareSegmentation.ui"
    texts = re.findall(r"<string>([^<]*)</string>", panel.read_text(encoding="utf-8"))
    texts = [" ".join(text.split()) for text in texts]  # titles of columns have two lines
    for words in ("Segment organs", "Adjust region...", "Edit...", "Check here", "Options", "Region:", "Edited:"):
        assert words in texts
        assert words.rstrip(":") in TEXT
