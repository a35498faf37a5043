"""CONTRIBUTING.md and the README tell of commands and files that are there, and of all commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
PAGES = ["CONTRIBUTING.md", "README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
PLACES = ("", "FlareSegmentation/", "FlareSegmentation/flareseg/inference/", "FlareSegmentation/Resources/")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def called(page: str) -> set[str]:
    """The targets of the page's make commands, in its text and at the beginning of lines."""
    commands = re.findall(r"(?:^|`)make ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)", text(page), re.MULTILINE)
    return {target for command in commands for target in command.split()}


@pytest.mark.parametrize("page", PAGES)
def test_every_make_command_of_a_page_has_its_target(page: str) -> None:
    assert called(page) <= TARGETS


def test_every_target_is_told_of_in_contributing() -> None:
    assert called("CONTRIBUTING.md") >= TARGETS


def test_every_target_is_declared_as_one_that_makes_no_file_of_its_name() -> None:
    phony = {name for line in re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE) for name in line.split()}
    assert phony == TARGETS


def test_every_file_that_contributing_names_is_there() -> None:
    named = re.findall(r"`([\w./-]+/[\w./*-]*)`", text("CONTRIBUTING.md"))
    names = [name for name in named if not name.startswith(("build/", "../")) and "NAME" not in name]
    missing = [name for name in names if not any(any(ROOT.glob(place + name.rstrip("/"))) for place in PLACES)]
    assert len(names) > 12
    assert missing == []
