"""docs/architecture.md agrees with the code: the files exist, and every package has its rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "FlareSegmentation"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LIBRARY = "FlareSegmentationLib"
PLACES = re.findall(r"^\| (?P<what>[^|]+) \| `(?P<folder>[\w/]+)` \| `(?P<file>[\w/]+\.py)` \|$", PAGE, re.MULTILINE)
RULES = re.findall(r"^\| `([\w/]+)`(?: \(its own files\))? \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)


def packages() -> set[str]:
    """The packages of the engine and of the Slicer side, and the Slicer side's own folder."""
    inits = [*MODULE.glob("flareseg/*/__init__.py"), *MODULE.glob(f"{LIBRARY}/*/__init__.py")]
    return {path.parent.relative_to(MODULE).as_posix() for path in inits} | {LIBRARY}


def test_ten_things_are_located() -> None:
    assert len({what for what, *_ in PLACES}) == 10
    assert len({file for *_, file in PLACES}) == 10


@pytest.mark.parametrize(("what", "folder", "file"), PLACES)
def test_a_thing_lives_where_the_page_says(what: str, folder: str, file: str) -> None:
    assert (MODULE / folder / file).is_file(), what


def test_every_package_has_a_description_and_a_rule() -> None:
    assert sorted(name for name, *_ in RULES) == sorted(packages())
    assert all(len(said) > 10 for _, *both in RULES for said in both)


def test_the_title_and_the_picture() -> None:
    assert PAGE.startswith("# Architecture\n")
    assert "](pictures/architecture.svg)" in PAGE
    assert not re.search(r"\bhouses?\b", PAGE)
