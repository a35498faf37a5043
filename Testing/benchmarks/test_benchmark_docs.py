"""What docs/benchmark.md and the Makefile say of the command is true."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import app
from benchmarks.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")


def test_the_page_lists_the_options_that_there_are():
    known = {option for parameter in typer.main.get_command(app).params for option in parameter.opts}
    shown = set(re.findall(r"^\| `(--[a-z]+)", PAGE, re.MULTILINE)) | set(re.findall(r"`(--minutes)`", PAGE))
    assert shown == {option for option in known if option.startswith("--")}


@pytest.mark.parametrize("key", METHODS)
def test_the_page_names_every_method(key: str):
    assert f"`{key}`" in PAGE


def test_the_page_says_that_the_peers_weights_are_random():
    assert "**The peers' weights are random" in PAGE
    assert all("random weights" in method.about for key, method in METHODS.items() if key != "ours")


def test_make_bench_runs_the_command():
    command = ["make", "--directory", str(ROOT), "--no-print-directory", "--dry-run", "bench"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "/python -m benchmarks build/benchmark" in told
