"""Tests see the product from outside: through its public names, its files, its processes and its environment."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTING = Path(__file__).resolve().parents[1]
FILES = sorted(path for path in TESTING.rglob("*.py") if path.name != Path(__file__).name)
OURS = ("flareseg", "FlareSegmentation", "FlareSegmentationLib", "accuracy", "benchmarks", "scripts")
EXCEPTIONS = {
    ("slicer/jobs/test_batch_script.py", "os._exit"): "Python's documented way to end a process at once",
    ("slicer/workers/script.py", "os._exit"): "Python's documented way to end a process at once",
    ("strict_gpu.py", "torch.ops.aten._to_copy"): "the name under which a tensor subclass is told of a move",
    ("strict_gpu.py", "torch.Tensor._make_wrapper_subclass"): "PyTorch's documentation makes tensor subclasses with it",
    ("strict_gpu.py", "torch.utils._python_dispatch"): "PyTorch documents the modes of tensor subclasses there",
    ("strict_gpu.py", "torch.utils._pytree"): "PyTorch's examples of tensor subclasses map arguments with it",
}
"""File under Testing and private name that it uses, and why nothing public serves."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def is_ours(module: str) -> bool:
    return module.split(".")[0] in OURS


def root_of(node: ast.expr) -> str:
    """The name at the beginning of ``a.b.c``; empty for another expression."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def imported(tree: ast.AST) -> dict[str, str]:
    """The names that a file imports, and where each comes from."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.asname or alias.name).split(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def private_names(tree: ast.AST) -> Iterator[str]:
    """Private attributes of what the file does not define itself, and private names that it imports."""
    nodes = list(ast.walk(tree))
    own = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and root_of(node.value) in ("self", "cls")}
    own |= {
        target.id for node in nodes if isinstance(node, ast.Assign) for target in node.targets if hasattr(target, "id")
    }
    for node in nodes:
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from [name for name in names if is_private(name.rpartition(".")[2])]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            yield from re.findall(r"\b(?!self\b)\w+\._[a-z]\w*", node.value)  # code for another process


def replaced_attributes(tree: ast.AST) -> Iterator[str]:
    """What is patched but an attribute of a package of others (Slicer, the standard library) or of the environment."""
    modules = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            call, target = f"{root_of(node.func)}.{node.func.attr}", node.args[0]
            source = modules.get(root_of(target), "")
            if call in ("monkeypatch.setattr", "monkeypatch.delattr") and (not source or is_ours(source)):
                yield ast.unparse(node)
            elif call == "monkeypatch.setitem" and ast.unparse(target) == "sys.modules":
                key = node.args[1]
                if not isinstance(key, ast.Constant) or is_ours(str(key.value)):
                    yield ast.unparse(node)
        elif isinstance(node, ast.Assign):
            for attribute in node.targets:
                if isinstance(attribute, ast.Attribute) and is_ours(modules.get(root_of(attribute), "")):
                    yield ast.unparse(node)


def parsed(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTING).as_posix())
def test_no_private_name_is_used(path: Path) -> None:
    name = path.relative_to(TESTING).as_posix()
    assert {used for used in private_names(parsed(path)) if (name, used) not in EXCEPTIONS} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTING).as_posix())
def test_nothing_of_the_product_is_replaced(path: Path) -> None:
    assert list(replaced_attributes(parsed(path))) == []


@pytest.mark.parametrize(("name", "used"), EXCEPTIONS)
def test_every_exception_is_needed(name: str, used: str) -> None:
    assert used in private_names(parsed(TESTING / name))


@pytest.mark.parametrize(
    "code",
    [
        "run._job.request",
        "panel.logic._start()",
        "from flareseg.inference.cascade import _midline",
        "from flareseg.io._cache import read",
        "CODE = 'import flareseg.worker.service as w; w._own_stdout = None'",
    ],
)
def test_private_names_are_seen(code: str) -> None:
    assert list(private_names(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "monkeypatch.setattr('flareseg.io.reading.read_volume', None)",
        "from FlareSegmentationLib import names\nmonkeypatch.setattr(names, 'organName', None)",
        "monkeypatch.setattr(panel.logic, 'start', None)",
        "monkeypatch.setitem(sys.modules, 'FlareSegmentation', None)",
        "from FlareSegmentationLib import settings\nsettings.learn = None",
    ],
)
def test_what_is_replaced_is_seen(code: str) -> None:
    assert list(replaced_attributes(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import os\nmonkeypatch.setattr(os, 'getuid', None)",
        "import slicer\nmonkeypatch.setattr(slicer.app, 'temporaryPath', '')",
        "class Stand:\n    def __init__(self):\n        self._kept = 1\nStand()._kept",
        "monkeypatch.setenv('PATH', '')",
    ],
)
def test_what_belongs_to_others_or_to_the_test_itself_is_not(code: str) -> None:
    assert not list(private_names(ast.parse(code)))
    assert not list(replaced_attributes(ast.parse(code)))


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest imports them by their names, and one run of all would end before its first test."""
    names = Counter(path.name for path in TESTING.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
