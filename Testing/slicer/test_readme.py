"""The README's snippets for Slicer's Python console do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import slicer

README = Path(__file__).resolve().parents[2] / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.strip().splitlines()[-1])
def test_a_snippet_segments_every_scan_of_the_scene_and_names_what_is_none(snippet, engine, add_scan, capsys):
    add_scan("first")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    add_scan("second")
    exec(snippet, {})
    lines = sorted(re.sub(r"\d+\.\d+", "N", line) for line in capsys.readouterr().out.splitlines())
    assert lines == ["first N s", "labels - This is a label map, not a CT. Choose the CT itself.", "second N s"]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
