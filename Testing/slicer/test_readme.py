"""The README is short, in the order in which a reader needs it, and its snippets do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import slicer

README = Path(__file__).resolve().parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.strip().splitlines()[-1])
def test_a_snippet_segments_every_scan_of_the_scene_and_names_what_is_none(snippet, engine, add_scan, capsys):
    add_scan("first")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    add_scan("second")
    exec(snippet, {})
    lines = sorted(re.sub(r"\d+\.\d+", "N", line) for line in capsys.readouterr().out.splitlines())
    assert lines == ["first N s", "labels - This is a label map, not a CT. Choose the CT itself.", "second N s"]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2


def test_it_is_short():
    assert len(TEXT.split()) < 800


def test_it_is_in_the_order_in_which_a_reader_needs_it():
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == [
        "Install in Slicer",
        "First click",
        "Correction",
        "Python console",
        "Accuracy and limits",
        "Speed",
        "Command line and training",
        "Publications, licence, contact",
    ]
    assert TEXT.index("![") < TEXT.index("## Install in Slicer")


def test_what_it_can_do_comes_before_the_picture():
    begun = re.findall(r"^- \*\*(.+?)\*\*", TEXT[: TEXT.index("![")], re.MULTILINE)
    assert begun == [
        *("Edits are kept", "Check here", "Weights inside", "Cancel at any time", "Forecast", "Memory shown"),
        "Back to the PACS",
    ]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?!https:)[^)#]+)", TEXT))))
def test_pictures_and_links_are_there(target):
    assert (README.parent / target).is_file()


def test_every_picture_says_what_it_is():
    pictures = re.findall(r"^!\[.+\]\(.+\)\n\n(.)", TEXT, re.MULTILINE)
    assert pictures == ["*", "*"]
