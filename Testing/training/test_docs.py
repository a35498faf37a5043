"""What the pages for users show is understood, and does what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import typer
from flareseg.cli.app import app
from flareseg.core.geometry import Geometry
from flareseg.io.writing import write_labels
from flareseg.training.config import read_config
from flareseg.training.prepare.data_map import read_data_map

ROOT = Path(__file__).resolve().parents[2]
UP_BACK_LEFT = Geometry((12, 12, 12), (1.0, 1.0, 1.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))
PAGES = ("docs/command-line.md", "docs/training.md", "docs/data.md", "docs/evaluation.md", "docs/full-size.md")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_training_pages_config_is_understood(tmp_path: Path) -> None:
    (text,) = blocks("docs/training.md", "yaml")
    (tmp_path / "mine.yaml").write_text(text)
    assert read_config(str(tmp_path / "mine.yaml")).name == "wider"


def test_the_data_pages_map_is_understood(tmp_path: Path) -> None:
    (text,) = blocks("docs/data.md", "yaml")
    (tmp_path / "map.yaml").write_text(text)
    assert read_data_map(str(tmp_path / "map.yaml")).values


def test_the_evaluation_pages_snippet_scores_a_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[2:6, 2:6, 2:6] = 1
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("ground_truth", "prediction")}
    for path in paths.values():
        write_labels(path, labels, UP_BACK_LEFT)
    (snippet,) = blocks("docs/evaluation.md", "python")
    exec(snippet, dict(paths))
    assert "Liver 1.0 1.0" in capsys.readouterr().out


COMMANDS = sorted(
    {
        " ".join(line.split("#")[0].split())
        for page in PAGES
        for block in blocks(page, "(?:sh|bash)?")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("flareseg ")
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_shown_has_the_options_it_is_shown_with(line: str) -> None:
    _, name, *arguments = line.split()
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {argument for argument in arguments if argument.startswith("-")} <= known
