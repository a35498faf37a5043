"""What docs/benchmark.md says of the command is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from benchmarks.__main__ import app
from benchmarks.methods import METHODS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")


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
