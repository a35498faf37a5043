"""scripts/test_pythons.py finds the Pythons of a computer, runs `make demo` with each, and says how it went."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs make and a POSIX shell")

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "test_pythons.py"


class Computer:
    """A folder with programs on its PATH and a Makefile of its own, and no other Python than those put there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder, folder / "bin"
        self.programs.mkdir()
        (self.programs / "make").symlink_to(str(shutil.which("make")))
        self.demo("@echo demo of $(PYTHON)")

    def demo(self, command: str) -> None:
        (self.folder / "Makefile").write_text(f"demo:\n\t{command}\n", encoding="utf-8")

    def python(self, version: str, answer: str, folder: str = "bin") -> Path:
        """A program named like Python ``version`` that answers ``answer`` when asked for its version."""
        path = self.folder / folder / f"python{version}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def test_pythons(self, *versions: str) -> subprocess.CompletedProcess[str]:
        surroundings = {"PATH": f"{self.programs}:/bin", "PYENV_ROOT": str(self.folder / "pyenv")}
        command = [sys.executable, str(SCRIPT), *versions]
        return subprocess.run(command, cwd=self.folder, env=surroundings, capture_output=True, text=True, timeout=60)


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_no_python_at_all_is_a_failure(computer: Computer) -> None:
    done = computer.test_pythons("3.77", "3.78")
    assert done.returncode == 1
    assert done.stderr == "No Python 3.77 to 3.78 was found, neither on the PATH nor in pyenv.\n"


def test_every_python_found_runs_the_demo_and_is_told(computer: Computer) -> None:
    on_path = computer.python("3.77", "echo 3.77")
    pyenvs = computer.python("3.79", "echo 3.79", "pyenv/versions/3.79.2/bin")
    done = computer.test_pythons("3.77", "3.78", "3.79")
    assert done.returncode == 0
    assert f"demo of {on_path}\n" in done.stdout
    assert f"demo of {pyenvs}\n" in done.stdout
    assert "Python 3.77: passed in 0 s" in done.stdout
    assert "Python 3.78: not on this computer\n" in done.stdout


@pytest.mark.parametrize("answer", ["exit 127", "echo 3.78", "echo '3.77' && exit 1"])
def test_a_name_that_does_not_start_that_python_is_not_taken_for_it(computer: Computer, answer: str) -> None:
    """pyenv puts a python3.10 on the PATH that ends with 127 where another version is chosen."""
    computer.python("3.77", answer)
    assert computer.test_pythons("3.77").returncode == 1


def test_one_failed_demo_is_a_failure_and_the_others_go_on(computer: Computer) -> None:
    computer.python("3.77", "echo 3.77")
    computer.python("3.78", "echo 3.78")
    computer.demo("@case $(PYTHON) in *3.77) exit 5;; esac")
    done = computer.test_pythons("3.77", "3.78")
    assert done.returncode == 1
    assert "Python 3.77: FAILED with exit code 2\n" in done.stdout
    assert "Python 3.78: passed in 0 s" in done.stdout


@pytest.mark.parametrize("ending", ["true", "false"])
def test_the_environment_goes_and_the_pictures_stay(computer: Computer, ending: str) -> None:
    computer.python("3.77", "echo 3.77")
    computer.demo(f"@mkdir -p $(VENV) $(DEMO) && touch $(VENV)/big $(DEMO)/preview.png && {ending}")
    computer.test_pythons("3.77")
    left = sorted(str(path.relative_to(computer.folder)) for path in computer.folder.glob("build/pythons/3.77/*"))
    assert left == ["build/pythons/3.77/demo"]
    assert (computer.folder / "build/pythons/3.77/demo/preview.png").exists()
