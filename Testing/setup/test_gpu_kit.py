"""The kit for ten minutes of a GPU names modules and names of the engine that are there."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

KIT = Path(__file__).resolve().parents[2] / "scripts" / "gpu"


def wanted() -> list[tuple[str, str]]:
    """Each name that the kit imports from the engine, with its module."""
    scripts = [ast.parse(path.read_text(encoding="utf-8")) for path in KIT.glob("*.py")]
    heredocs = re.findall(r"(?m)^from flareseg\S* import .*$", (KIT / "prepare.sh").read_text(encoding="utf-8"))
    nodes = [node for tree in [*scripts, ast.parse("\n".join(heredocs))] for node in ast.walk(tree)]
    imports = [n for n in nodes if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("flareseg")]
    return sorted({(node.module or "", alias.name) for node in imports for alias in node.names})


@pytest.mark.parametrize(("module", "name"), wanted(), ids=".".join)
def test_what_the_kit_imports_is_there(module: str, name: str) -> None:
    found = importlib.import_module(module)
    assert hasattr(found, name) or importlib.import_module(f"{module}.{name}")


def test_the_kit_imports_the_cascade_and_the_trainer() -> None:
    assert ("flareseg.inference.cascade", "Cascade") in wanted()
    assert ("flareseg.training.run", "TrainingRun") in wanted()


def test_a_kit_gets_every_file_of_this_folder_but_the_one_that_makes_it() -> None:
    (copied,) = re.findall(r"^for file in (.+); do$", (KIT / "prepare.sh").read_text(encoding="utf-8"), re.MULTILINE)
    files = {path.name for path in KIT.iterdir() if path.is_file()}
    assert set(copied.split()) == files - {"prepare.sh"}
