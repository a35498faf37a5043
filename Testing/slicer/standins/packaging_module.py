"""``slicer.packaging``: checks what is installed for real, and never installs anything."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement


def load_requirements(path: str | Path) -> list[Requirement]:
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def pip_check(req: str | Requirement | list[Any]) -> bool:
    wanted = req if isinstance(req, list) else [req]
    return all(map(_is_satisfied, map(Requirement, map(str, wanted))))


def pip_ensure(
    requirements: list[Any],
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> None:
    missing = [str(r) for r in requirements if not pip_check(r)]
    if missing:
        raise RuntimeError(f"tests install nothing; missing: {missing}")


def _is_satisfied(requirement: Requirement) -> bool:
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        return version(requirement.name) in requirement.specifier
    except PackageNotFoundError:
        return False
