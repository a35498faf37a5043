"""Slicer's Reload button, pressed while a queue is at work: changed files are read, nothing of the old panel stays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from standins.install import MODULE_FOLDER

SESSION = Path(__file__).parent / "reload_session.py"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the session saw after it had changed a copy of the module's folder and pressed Reload."""
    folder, temporary = tmp_path_factory.mktemp("module") / "FlareSegmentation", tmp_path_factory.mktemp("temporary")
    shutil.copytree(MODULE_FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, str(SESSION), str(folder), str(temporary)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "temporary": [path.name for path in temporary.iterdir()]}


def test_a_change_in_the_lib_is_seen(seen: dict[str, Any]) -> None:
    assert seen["button"] == "Segment the organs"


def test_a_change_in_the_engine_is_seen(seen: dict[str, Any]) -> None:
    assert seen["stage"] == "Find the abdomen"


def test_the_new_panel_follows_the_scene(seen: dict[str, Any]) -> None:
    assert seen["scans"] == 3


def test_nothing_holds_the_old_panel(seen: dict[str, Any]) -> None:
    """No observer, timer or connection of it is left: any one would keep it alive."""
    assert seen["old panel"] is False


def test_the_old_widgets_are_gone(seen: dict[str, Any]) -> None:
    """Slicer only hides them; they would go on following the scene."""
    assert seen["panels"] == 1


def test_the_old_worker_has_ended(seen: dict[str, Any]) -> None:
    assert (seen["workers"], seen["old workers"]) == (1, 0)


def test_no_process_and_no_file_is_left_at_the_end(seen: dict[str, Any]) -> None:
    assert (seen["processes"], seen["temporary"]) == (0, [])
