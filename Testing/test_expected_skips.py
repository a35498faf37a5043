"""The plugin that fails tests which are skipped for a reason that is not expected, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MARKED = """
import pytest

@pytest.mark.skipif(True, reason={reason!r})
def test_marked():
    pass
"""
CALLED = """
import pytest

def test_called():
    pytest.skip({reason!r})
"""
WHOLE_FILE = """
import pytest

pytest.importorskip("a_package_that_does_not_exist", reason={reason!r})
"""
IN_A_FIXTURE = """
import pytest

@pytest.fixture
def data():
    pytest.skip({reason!r})

def test_with_data(data):
    pass
"""


def run(folder: Path, text: str) -> tuple[int, str]:
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "expected_skips", "-p", "no:cacheprovider", "-rs", "test_it.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


@pytest.mark.parametrize("text", [MARKED, CALLED, WHOLE_FILE, IN_A_FIXTURE], ids=["mark", "call", "file", "fixture"])
def test_an_unexpected_skip_turns_the_run_red_and_says_why(text: str, tmp_path: Path) -> None:
    code, said = run(tmp_path, text.format(reason="the file has moved"))
    assert code != 0
    assert "expected_skips.py does not list: the file has moved" in said


def test_an_expected_skip_is_a_skip(tmp_path: Path) -> None:
    code, said = run(tmp_path, CALLED.format(reason="this computer has no CUDA GPU"))
    assert code == 0, said
    assert "1 skipped" in said


def test_what_is_expected_to_fail_is_not_a_skip(tmp_path: Path) -> None:
    code, said = run(tmp_path, "import pytest\n\n@pytest.mark.xfail(strict=True)\ndef test_it():\n    assert False\n")
    assert code == 0, said
    assert "1 xfailed" in said


def test_the_plugin_is_on_in_this_run(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.has_plugin("expected_skips")
