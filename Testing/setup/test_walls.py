"""The engine's wall: it imports nothing of Slicer or Qt, and light packages import no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ENGINE = Path(__file__).resolve().parents[2] / "FlareSegmentation" / "flareseg"
FILES = sorted(ENGINE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ENGINE)))
def test_the_engine_imports_nothing_of_slicer_or_qt(path: Path) -> None:
    assert not imported(path) & {"slicer", "qt", "ctk", "vtk", "PySide6", "PythonQt", "FlareSegmentationLib"}


@pytest.mark.parametrize(
    "module", ["worker.events", "worker.service", "core.errors", "core.organs", "core.geometry", "core.report"]
)
def test_what_slicer_itself_imports_is_light(module: str) -> None:
    heavy = "{'torch', 'SimpleITK', 'scipy', 'cc3d'}"
    code = f"import sys, flareseg.{module}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
