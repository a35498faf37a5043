"""One class name has one meaning, and no file is too long to be read at once."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400
FILES = sorted(path for folder in ("FlareSegmentation", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


def definitions(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and content of the public classes and type aliases of a file; an alias of equal content is the same one."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name, f"class in line {node.lineno}"
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name[0].isupper() and not name.isupper():
                yield name, ast.unparse(node.value)


def meanings(files: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    """By name, then by what it stands for: the files that define it so."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path, text in files.items():
        for name, content in definitions(ast.parse(text)):
            found[name][f"{path}: {content}" if content.startswith("class") else content].append(path)
    return found


def doubled(files: dict[str, str]) -> list[str]:
    return [f"{name}: {dict(each)}" for name, each in meanings(files).items() if len(each) > 1]


def test_one_name_has_one_meaning() -> None:
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in FILES}
    assert len(texts) > 200
    assert doubled(texts) == []


def test_two_classes_of_one_name_are_seen() -> None:
    assert doubled({"a.py": "class Box: ...", "b.py": "class Box: ..."})
    assert doubled({"a.py": "class Box: ...", "b.py": "Box = tuple[slice, slice, slice]"})
    assert not doubled({"a.py": "Size = tuple[int, int]", "b.py": "Size = tuple[int, int]"})


def test_no_file_has_more_than_400_lines() -> None:
    files = [*FILES, *(path for folder in ("Testing", "scripts") for path in (ROOT / folder).rglob("*.py"))]
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}
