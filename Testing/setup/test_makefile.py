"""`make` prepares the environment of the Python it is given, with that Python's lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs make and a POSIX shell")

ROOT = Path(__file__).resolve().parents[2]
REFUSAL = "Python 3.10 or later is needed; make demo PYTHON=python3.12 names another."


def make(*arguments: str, python: Path | None = None) -> subprocess.CompletedProcess[str]:
    named = [f"PYTHON={python}"] if python else []
    command = ["make", "--directory", str(ROOT), "--no-print-directory", *arguments, *named]
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    return subprocess.run(command, env=outer, capture_output=True, text=True, timeout=60)


@pytest.fixture
def python_of(tmp_path: Path):
    """A program that answers like Python of this version, for the Makefile's question of which it is."""

    def script(version: str) -> Path:
        path = tmp_path / f"python{version}"
        path.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    return script


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_a_python_has_its_own_lock_and_environment(python_of, version: str) -> None:
    told = make("--dry-run", "--always-make", "demo", python=python_of(version)).stdout
    assert f"build/venv-{version}/bin/python -m pip install --quiet --constraint locks/python{version}.txt " in told


def test_the_usual_python_has_the_usual_environment() -> None:
    told = make("--dry-run", "--always-make", "demo").stdout
    assert ".venv/bin/python -m pip install --quiet --constraint locks/python3." in told
    assert "build/venv-" not in told


def test_a_python_newer_than_all_locks_is_installed_with_a_notice(python_of) -> None:
    told = make("--dry-run", "--always-make", "demo", python=python_of("3.99")).stdout
    assert "No lock for Python 3.99 in locks/: the newest packages are installed, untested." in told
    assert "--constraint" not in told


def test_the_demo_installs_the_engine_alone_and_the_tests_all_the_rest(python_of) -> None:
    demo = make("--dry-run", "--always-make", "demo", python=python_of("3.12")).stdout
    tests = make("--dry-run", "--always-make", "test", python=python_of("3.12")).stdout
    assert "[test]" not in demo
    assert "--editable '.[test]'" in tests


@pytest.mark.parametrize("version", [(3, 9), (2, 7)])
def test_a_python_that_is_too_old_is_refused_before_anything_is_made(tmp_path: Path, version: tuple[int, int]) -> None:
    """The Makefile's own check, run by this Python under an old version's number."""
    old = tmp_path / "python"
    old.write_text(
        f"#!/bin/sh\nexec '{sys.executable}' -c \"import sys; sys.version_info = {(*version, 0)}; $2\"\n",
        encoding="utf-8",
    )
    old.chmod(0o755)
    place = tmp_path / "venv"
    done = make("demo", f"VENV={place}", f"DEMO={tmp_path}/demo", python=old)
    assert done.returncode == 2
    assert REFUSAL in done.stderr
    assert not place.exists()


def test_an_environment_that_was_not_finished_is_made_again(python_of, tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    python = python_of("3.12")
    assert (
        f"{python} -m venv {tmp_path}/venv\n"
        in make("--dry-run", "demo", f"VENV={tmp_path}/venv", python=python).stdout
    )
