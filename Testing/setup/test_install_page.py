"""docs/install.md lists what is installed, and the wheels that a computer without a network needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
REQUIREMENTS = ROOT / "FlareSegmentation" / "Resources" / "requirements.txt"


def asked() -> set[str]:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}


def with_dependencies(names: set[str]) -> Iterator[str]:
    """These packages and all that they need, as installed here."""
    for name in names:
        yield name
        needed = [Requirement(line) for line in requires(name) or []]
        here = {canonicalize_name(each.name) for each in needed if not each.marker or each.marker.evaluate()}
        yield from with_dependencies(here)


def wheels() -> set[str]:
    """The items of the page's list."""
    items = " ".join(re.findall(r"^- (.+)$", PAGE, re.MULTILINE))
    return set(re.findall(r"[a-z][a-z0-9-]+", items.split(", which")[0])) - {"and"}


def test_the_table_names_every_package_that_slicer_is_asked_for() -> None:
    rows = set(re.findall(r"[a-z][a-z0-9-]+", " ".join(re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE))))
    assert asked() | {"torch"} <= rows


def test_the_list_of_wheels_is_complete() -> None:
    assert wheels() == set(with_dependencies(asked())) | {"torch"}


def test_both_commands_name_the_requirements_that_are_there() -> None:
    commands = re.findall(r"^PythonSlicer .* -r (\S+) ", PAGE, re.MULTILINE)
    assert len(commands) == 2
    assert {ROOT / path for path in commands} == {REQUIREMENTS}


def test_torch_is_asked_for_in_the_version_of_the_module() -> None:
    jobs = ROOT / "FlareSegmentation" / "FlareSegmentationLib" / "jobs"
    code = (jobs / "dependencies.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^TORCH_VERSION = "(.+)"$', code, re.MULTILINE)
    assert PAGE.count(f'"torch{version}"') == 2
