"""The kit for ten minutes of a GPU, made and gone through on a CPU. `make rehearse-gpu` runs it; pytest alone does not.

It takes some minutes, a network for the wheels of the kit, and the data beside a developer's checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
KIT = ROOT / "build" / "gpu-kit"
MEASURED = ["environment", "smoke", "tests", "checks", "timing", "variants", "processes"]
STEPS = [*MEASURED, "train", "scores"]
MINUTES = 4


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a rehearsal leaves."""
    return rehearsed(tmp_path_factory.mktemp("out"), KIT, [], [])


def rehearsed(out: Path, kit: Path, purpose: list[str], options: list[str]) -> Path:
    surroundings = {**os.environ, "OUT": str(out), "PYTHON": sys.executable}
    preparation = ["sh", "scripts/gpu/prepare.sh", str(kit), str(DATA), *purpose]
    subprocess.run(preparation, cwd=ROOT, env=surroundings, check=True)
    rehearsal = [sys.executable, str(kit / "run.py"), str(kit), "--minutes", str(MINUTES), "--rehearse", *options]
    subprocess.run(rehearsal, cwd=ROOT, env=surroundings, check=True, timeout=60 * MINUTES + 60)
    return out


def summary_in(out: Path) -> dict:
    return dict(json.loads((out / "summary.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def summary(out: Path) -> dict:
    return summary_in(out)


def test_every_step_is_done(summary: dict) -> None:
    assert {name: step["status"] for name, step in summary["steps"].items()} == dict.fromkeys(STEPS, "ok")


def test_no_part_of_a_step_failed(summary: dict) -> None:
    assert [fact for name in STEPS for fact in summary[name] if fact.endswith(" failed")] == []


def test_the_shipped_weights_find_the_organs_of_both_scans(summary: dict) -> None:
    assert sorted(summary["scores"]) == ["spl_abdomen", "totalsegmentator_example"]
    for scores in summary["scores"].values():
        assert min(scores["shipped"]) > 0.5
        assert len(scores["new"]) == 4


def test_new_weights_come_back(out: Path) -> None:
    assert {"manifest.json", "organs.safetensors", "log.csv", "curves.png"} <= {path.name for path in out.iterdir()}


def test_a_kit_for_measuring_alone_has_no_training_and_times_fresh_processes(tmp_path: Path) -> None:
    kit = ROOT / "build" / "gpu-kit-measure"
    summary = summary_in(rehearsed(tmp_path, kit, ["measure"], ["--measure"]))
    assert not (kit / "store").exists()
    assert {name: step["status"] for name, step in summary["steps"].items()} == {
        **dict.fromkeys(MEASURED, "ok"), "train": "skipped", "scores": "skipped"
    }  # fmt: skip
    (row,) = summary["processes"]["flare21"]
    assert row["seconds"] > 0
