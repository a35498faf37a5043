"""``slicer.packaging`` as in Slicer 5.12.3 and 5.13: checks what is installed for real, and never installs anything.

Facts from Base/Python/slicer/packaging.py of Slicer's main branch: ``pip_check`` takes a string, a Requirement or a
list of them and refuses anything else; ``pip_ensure`` returns None, after a line in the log alone, where Slicer runs in
testing mode; elsewhere it asks with ``confirmOkCancelDisplay`` and raises RuntimeError when that is declined.
"""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import slicer
from packaging.requirements import InvalidRequirement, Requirement

Requirements = str | Requirement | list[str | Requirement]


def load_requirements(path: str | Path) -> list[Requirement]:
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pip_check(req: Requirements) -> bool:
    return all(map(_is_satisfied, _listed(req)))


def pip_ensure(
    requirements: Requirements,
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> list[str] | None:
    missing = [str(each) for each in _listed(requirements) if not pip_check(each)]
    if not missing:
        return None
    if skip_in_testing and slicer.app.testingEnabled():
        logging.info("Testing mode is enabled: skipping pip_ensure for [%s]", ", ".join(missing))
        return None
    if prompt_install and not slicer.util.confirmOkCancelDisplay(
        f"{len(missing)} Python packages need to be installed."
    ):
        raise RuntimeError("User declined package installation")
    raise RuntimeError(f"tests install nothing; missing: {missing}")


def _listed(requirements: Requirements) -> list[Requirement]:
    if isinstance(requirements, str):
        try:
            return [Requirement(requirements)]
        except InvalidRequirement:
            return [Requirement(each) for each in requirements.split()]
    if isinstance(requirements, Requirement):
        return [requirements]
    if isinstance(requirements, list):
        return [Requirement(each) if isinstance(each, str) else each for each in requirements]
    raise TypeError(f"Expected str, Requirement, or list, got {type(requirements).__name__}")


def _is_satisfied(requirement: Requirement) -> bool:
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        return version(requirement.name) in requirement.specifier
    except PackageNotFoundError:
        return False
