"""Code, messages, tests and documentation use plain technical English: some words occur nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("FlareSegmentation", "Testing", "accuracy", "benchmarks", "docs", "scripts")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
SUFFIXES = {".j2", ".json", ".md", ".py", ".sh", ".ui", ".yaml"}
# "There is no GPU", "is no longer" and comparatives ("is no more than") are plain English; "X is no CT" is not.
COMPARATIVES = "(?:longer|more|less|better|worse|larger|smaller)"
NOT_A = rf"(?<!there[\s_])(?:is|are|was|were|be)[\s_]+no[\s_]+(?!{COMPARATIVES})"
OTHERS = r"nobody|somebody|whoever|wants|odd|oddly|oddity|oddities|furniture|the[\s_]+house|rooms"
WORDS = re.compile(rf"(?<![a-z])(?:{NOT_A}|(?:{OTHERS})(?![a-z]))", re.IGNORECASE)


def texts() -> Iterator[Path]:
    """All files that people read, except this one, which lists the words."""
    for folder in FOLDERS:
        files = sorted((ROOT / folder).rglob("*"))
        yield from (path for path in files if path.suffix in SUFFIXES and path != Path(__file__).resolve())
    yield from (ROOT / page for page in PAGES)


def hits(path: Path) -> list[str]:
    """Where the words occur in a file, as "FILE:LINE: WORD"."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return [f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}" for hit in WORDS.finditer(text)]


def test_the_words_occur_nowhere() -> None:
    found = [hit for path in texts() for hit in hits(path)]
    assert not found, "\n".join(["Use plain technical English instead of:", *found])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A label map\nis no CT.", "2: is no "),
        ("def test_files_that_are_no_scans():", "1: are_no_"),
        ("a value that is\nno number", "1: is\nno "),
        ("The user wants more.", "1: wants"),
        ("test_an_organ_that_nobody_labelled", "1: nobody"),
        ("Odd headers", "1: Odd"),
    ],
)
def test_a_word_is_named_with_its_line(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    assert hits(path) == [f"page.md:{line}"]


@pytest.mark.parametrize(
    "text",
    [
        "There is no GPU.",
        "where there_is_no_gpu",
        "is no longer in the scene",
        "is no more than half",
        "so that no file is left",
        "add, oddments are not words of the list",
        "room for the result",
    ],
)
def test_plain_english_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    assert hits(path) == []
