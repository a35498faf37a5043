"""The template of translations has the texts of the code, under the contexts by which Slicer looks them up."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "translations.py"
TEMPLATE = ROOT / "Resources" / "Translations" / "FlareSegmentation_en-US.ts"
PANEL = ROOT / "FlareSegmentation" / "Resources" / "UI" / "FlareSegmentation.ui"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """The texts of each context of the template."""
    contexts = ET.parse(TEMPLATE).getroot().findall("context")
    return {context.findtext("name", ""): [text.text or "" for text in context.iter("source")] for context in contexts}


def test_the_template_fits_the_code(script: ModuleType) -> None:
    assert TEMPLATE.read_text(encoding="utf-8") == script.template(), "run make translations"


def test_texts_stand_in_the_contexts_of_slicer(texts: dict[str, list[str]]) -> None:
    """slicer.i18n.getContext: the folder with an __init__.py, a dot, the file; a module alone is its file."""
    assert "Retry on CPU" in texts["panel.failure"]
    assert "Pancreas" in texts["FlareSegmentationLib.names"]
    assert "The GPU memory is exhausted" in texts["FlareSegmentationLib.names"]
    assert "FlareSegmentation" in texts["FlareSegmentation"]
    assert "Segment organs" in texts["FlareSegmentation"]
    assert texts["qSlicerAbstractCoreModule"] == ["Segmentation"]


def test_names_of_nodes_and_parameters_are_not_translated(texts: dict[str, list[str]]) -> None:
    assert not [text for text in texts["FlareSegmentation"] if text.startswith("vtkMRML") or text == "splitKidneys"]


@pytest.mark.parametrize("text", ['f"a {b}"', '"a" + b', '"a {}".format(b)'])
def test_a_computed_text_is_refused(script: ModuleType, tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.py").write_text(f"_({text})\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: the text to translate is computed"):
        list(script.of_python(tmp_path / "wrong.py"))


def test_qt_reads_the_template_and_finds_no_other_text_in_the_form(tmp_path: Path, texts: dict[str, list[str]]) -> None:
    """lupdate, which knows .ui files though not _(), updates a copy: nothing is new in it."""
    tool = shutil.which("pyside6-lupdate", path=str(Path(sys.executable).parent))
    assert tool, "pyside6-lupdate comes with PySide6"
    copy = tmp_path / "template.ts"
    shutil.copy(TEMPLATE, copy)
    done = subprocess.run([tool, str(PANEL), "-ts", str(copy)], capture_output=True, text=True, check=True, timeout=60)
    assert re.search(r"\(0 new and \d+ already existing\)", done.stdout + done.stderr)
