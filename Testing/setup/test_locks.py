"""locks/: one list of versions for each Python, made by `make locks`, that holds what pyproject.toml asks for."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
PLATFORMS = {"linux": "x86_64", "darwin": "arm64", "win32": "AMD64"}
PIN = re.compile(r"[a-z0-9-]+==[\w.]+( ; [\w\s.*<>=!'()]+)?")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def asked(python: str, platform: str) -> list[Requirement]:
    """What pyproject.toml asks for, all extras together, on this platform."""
    groups = [project()["dependencies"], *project()["optional-dependencies"].values()]
    return [
        requirement
        for group in groups
        for requirement in map(Requirement, group)
        if applies(requirement, python, platform)
    ]


def applies(requirement: Requirement, python: str, platform: str) -> bool:
    surroundings = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_machine": PLATFORMS[platform],
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    return requirement.marker is None or requirement.marker.evaluate(surroundings)


def lines(lock: str) -> list[str]:
    text = (ROOT / "locks" / lock).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


def pins(lock: str, python: str, platform: str) -> dict[str, Version]:
    """The versions of a lock on this platform, by the packages' canonical names."""
    requirements = [
        requirement for requirement in map(Requirement, lines(lock)) if applies(requirement, python, platform)
    ]
    names = [canonicalize_name(requirement.name) for requirement in requirements]
    assert len(set(names)) == len(names), "a package has two versions"
    return {
        name: Version(str(requirement.specifier).removeprefix("==")) for name, requirement in zip(names, requirements)
    }


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_lock_holds_every_package_that_is_asked_for(python: str, platform: str) -> None:
    locked = pins(f"python{python}.txt", python, platform)
    requirements = [requirement for requirement in asked(python, platform) if requirement.name != "flareseg"]
    wrong = [
        str(requirement)
        for requirement in requirements
        if locked.get(canonicalize_name(requirement.name), Version("0")) not in requirement.specifier
    ]
    assert len(requirements) > 20
    assert not wrong, "run `make locks`"


def test_every_python_has_the_same_pytorch() -> None:
    versions = {str(pins(f"python{python}.txt", python, "linux")["torch"]) for python in PYTHONS}
    assert versions == {"2.13.0"}


def test_python_3_10_has_the_last_releases_that_support_it() -> None:
    locked = pins("python3.10.txt", "3.10", "linux")
    assert locked["numpy"].release[:2] == (2, 2)
    assert locked["scipy"].release[:2] == (1, 15)


@pytest.mark.parametrize("lock", ["lowest.txt", *(f"python{python}.txt" for python in PYTHONS)])
def test_a_lock_names_packages_and_no_address_of_a_computer_or_registry(lock: str) -> None:
    assert [line for line in lines(lock) if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize(
    "requirement",
    [Requirement(requirement) for requirement in project()["dependencies"]],
    ids=lambda requirement: requirement.name,
)
def test_the_lowest_lock_takes_the_version_that_the_project_names(requirement: Requirement) -> None:
    (least,) = [Version(part.version) for part in requirement.specifier if part.operator == ">="]
    lowest = pins("lowest.txt", "3.10", "linux")[canonicalize_name(requirement.name)]
    assert lowest in requirement.specifier
    assert lowest.release[: len(least.release)] == least.release, "run `make locks`"


def test_the_container_takes_the_lock_of_its_python() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (version,) = re.findall(r"^FROM python:([\d.]+)-slim$", dockerfile, re.MULTILINE)
    assert f"--constraint locks/python{version}.txt " in dockerfile
    assert version in PYTHONS
