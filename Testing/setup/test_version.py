"""The version stands in flareseg.__version__ alone, the changelog has a section for it, and authors have one name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flareseg import __version__

ROOT = Path(__file__).resolve().parents[2]
METADATA = ("pyproject.toml", "CMakeLists.txt", "FlareSegmentation.s4ext", "FlareSegmentation.json", "CITATION.cff")
PLACES = (*METADATA, "Dockerfile", "README.md", "CONTRIBUTING.md", "mkdocs.yml", "FlareSegmentation/CMakeLists.txt")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
ISSUES = "https://github.com/flaresegmentation/SlicerFlareSegmentation/issues"
SECTION = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?$", re.MULTILINE)


def sections() -> list[tuple[str, str | None]]:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return [(found["name"], found["date"]) for found in SECTION.finditer(text)]


@pytest.mark.parametrize("place", [*PLACES, *PAGES])
def test_no_other_file_repeats_the_version(place: str) -> None:
    assert not re.search(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])", (ROOT / place).read_text(encoding="utf-8"))


def test_the_package_takes_its_version_from_the_code() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in text
    assert '[tool.hatch.version]\npath = "FlareSegmentation/flareseg/__init__.py"\n' in text


def test_the_changelog_has_the_version_next_after_unreleased_with_a_date() -> None:
    (first, date), (newest, released), *_ = sections()
    assert (first, date) == ("Unreleased", None)
    assert newest == __version__
    assert released is not None


def test_every_section_of_the_changelog_has_its_link() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    linked = re.findall(r"^\[([^\]]+)\]: https://github\.com/\S+$", text, re.MULTILINE)
    assert [name for name, _ in sections()] == linked


def test_the_groups_are_those_of_keep_a_changelog() -> None:
    groups = set(re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert "Added" in groups


def test_authors_have_one_name_everywhere() -> None:
    name = "FlareSegmentation contributors"
    for place, line in [
        ("pyproject.toml", f'authors = [{{ name = "{name}" }}]'),
        ("CITATION.cff", f'  - name: "{name}"'),
        ("CMakeLists.txt", f'set(EXTENSION_CONTRIBUTORS "{name} (contact: {ISSUES})")'),
    ]:
        assert line in (ROOT / place).read_text(encoding="utf-8").splitlines()
