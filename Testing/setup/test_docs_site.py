"""The documentation's site (`make docs`): every page is in it, a broken link is an error, nothing is downloaded."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROOT_PAGES = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
MADE_PAGES = {"docs/command.md"}


def navigation(entry: Any) -> Iterator[str]:
    """The pages of mkdocs.yml's nav in their order."""
    if isinstance(entry, str):
        yield entry
    for below in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
        yield from navigation(below)


def build(folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    """Build the site in ``folder``/site, with the text of some pages changed."""
    command = [sys.executable, str(ROOT / "scripts" / "site_pages.py"), str(folder / "pages")]
    subprocess.run(command, check=True, timeout=60)
    for name, text in changed.items():
        (folder / "pages" / "docs" / f"{name}.md").write_text(text, encoding="utf-8")
    config = {"INHERIT": str(ROOT / "mkdocs.yml"), "docs_dir": "pages", "site_dir": "site"}
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(folder / "mkdocs.yml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_every_page_is_in_the_navigation_once() -> None:
    pages = list(navigation(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    docs = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("**/*.md")}
    assert sorted(pages) == sorted(docs | ROOT_PAGES | MADE_PAGES)


def test_the_readme_is_the_first_page_and_its_pictures_are_there(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    pictures = re.findall(r'<img [^>]*src="([^"]+)"', page)
    assert "one click away" in page
    assert "Resources/Screenshots/slicer.jpg" in pictures
    assert [picture for picture in pictures if not (site / picture).is_file()] == []


def test_the_command_page_lists_every_option_of_segment(site: Path) -> None:
    page = (site / "docs" / "command.html").read_text(encoding="utf-8")
    for option in ("--split-kidneys", "--ram-limit MB", "--preview"):
        assert option in page


def test_a_reader_without_a_network_misses_nothing(site: Path) -> None:
    """No script, style, font or picture of a page comes from another computer."""
    pages = sorted(site.glob("**/*.html"))
    assert len(pages) > 14
    for page in pages:
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="?([^" >]+)', page.read_text(encoding="utf-8"))
        styles = re.findall(r'<link[^>]* href="?([^" >]+)[^>]* rel="?stylesheet', page.read_text(encoding="utf-8"))
        assert [name for name in loaded + styles if re.match(r"(https?:)?//", name)] == [], page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Reading\n\n[gone](gone.md)\n", "'docs/reading.md' contains a link 'gone.md'"),
        ("# Reading\n\n[gone](tutorial.md#gone)\n", "does not contain an anchor '#gone'"),
    ],
    ids=["page", "heading"],
)
def test_a_link_to_what_is_not_there_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    done = build(tmp_path, reading=text)
    assert done.returncode == 1
    assert said in done.stderr
