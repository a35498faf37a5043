"""scripts/test_lowest.py says why the lowest versions could not be tested, and never hides that they do not fit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs make and a POSIX shell")

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
OFFLINE = ["--index-url", "http://127.0.0.1:9/simple", "--retries", "1"]
SAYS_NETWORK = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/torch/"
SAYS_CONFLICT = "ERROR: ResolutionImpossible: for help visit the documentation of pip"
PYTHON = """#!/bin/sh
PATH=/bin:/usr/bin
case "$*" in
  -c*) echo 3.10 ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip "*) echo "$PIP_SAYS" >&2; exit "$PIP_ENDS" ;;
  "-m pytest "*) exit "$PYTEST_ENDS" ;;
esac
"""


def lowest(
    place: Path, ci: str = "", says: str = "", pip: int = 0, pytest: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the script where the only Python is the program above, whose pip and pytest end as told."""
    python = place / "bin" / "python3.10"
    if not python.parent.exists():
        python.parent.mkdir()
        python.write_text(PYTHON, encoding="utf-8")
        python.chmod(0o755)
    surroundings = {"PATH": str(place / "bin"), "PYENV_ROOT": str(place / "none"), "CI": ci, "PIP_SAYS": says}
    surroundings |= {"PIP_ENDS": str(pip), "PYTEST_ENDS": str(pytest)}
    command = [sys.executable, str(SCRIPTS / "test_lowest.py")]
    return subprocess.run(command, cwd=place, env=surroundings, capture_output=True, text=True, timeout=60)


def pips_words(*arguments: str) -> str:
    """What the real pip says when it cannot install."""
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--dry-run", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    return done.stderr


@pytest.mark.parametrize(("ci", "code"), [("true", 0), ("", 1)])
def test_a_network_that_fails_is_told_and_fails_no_ci_run(tmp_path: Path, ci: str, code: int) -> None:
    done = lowest(tmp_path, ci, SAYS_NETWORK, pip=1)
    assert done.returncode == code
    assert "The lowest versions were NOT tested: the network failed while they were downloaded" in done.stderr
    assert SAYS_NETWORK in done.stderr


def test_versions_that_do_not_fit_together_fail_a_ci_run(tmp_path: Path) -> None:
    assert lowest(tmp_path, "true", SAYS_CONFLICT, pip=1).returncode == 1


@pytest.mark.parametrize("code", [0, 1])
def test_the_tests_decide_in_ci_too(tmp_path: Path, code: int) -> None:
    assert lowest(tmp_path, "true", pytest=code).returncode == code


@pytest.mark.parametrize(("ci", "code"), [("true", 0), ("", 1)])
def test_a_computer_without_such_a_python_is_told(tmp_path: Path, ci: str, code: int) -> None:
    (tmp_path / "bin").mkdir()
    done = lowest(tmp_path, ci)
    assert done.returncode == code
    assert "they need Python 3.10 or 3.11 or 3.12, and none is on this computer." in done.stderr


def test_a_disk_that_is_too_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.chdir(tmp_path)
    import test_lowest

    test_lowest.PLACE.mkdir(parents=True)
    with pytest.raises(test_lowest.LeftOut, match=r"they need 1000000 GB of disk for a while, and [\d.]+ GB are free"):
        test_lowest.require_disk(1_000_000)


@pytest.mark.parametrize("pip", [0, 1])
def test_the_environment_is_removed(tmp_path: Path, pip: int) -> None:
    lowest(tmp_path, says=SAYS_NETWORK, pip=pip)
    assert not (tmp_path / "build" / "lowest").exists()


class TestPipsWords:
    @pytest.fixture(autouse=True)
    def script(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.syspath_prepend(SCRIPTS)

    def test_no_network(self) -> None:
        from test_lowest import network_failed

        assert network_failed(pips_words(*OFFLINE, "iniconfig==0.0.1"))

    @pytest.mark.parametrize("requirements", [["iniconfig==0.0.1"], ["iniconfig==0.0.1", "iniconfig==0.0.2"]])
    def test_no_such_version_and_two_that_exclude_each_other(self, requirements: list[str]) -> None:
        from test_lowest import network_failed

        assert not network_failed(pips_words("--no-index", *requirements))
