"""The shipped weights on real CT, through the command line, against their floors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Dice in percent that the shipped weights must hold: liver, kidneys, spleen, pancreas
FLOORS = {
    "spl_abdomen": ("label.nii.gz", (92, 92, 88, 75)),
    "totalsegmentator_example": ("label_model.nii.gz", (95, 92, 95, 54)),
}


@pytest.mark.parametrize("case", FLOORS)
def test_real_ct_is_segmented_above_the_floors(
    case: str, real_ct: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ground_truth, floors = FLOORS[case]
    scan, report = real_ct / case / "ct.nii.gz", tmp_path / "report.json"
    options = ["-o", tmp_path / "organs.nii.gz", "--ground-truth", real_ct / case / ground_truth, "--report", report]
    subprocess.run([sys.executable, "-m", "flareseg", "segment", scan, *options], check=True, timeout=240)
    dice = {organ["name"]: 100 * organ["dice"] for organ in json.loads(report.read_text())["organs"]}
    with capsys.disabled():
        print(f"\n{case}: Dice " + ", ".join(f"{name} {score:.1f} %" for name, score in dice.items()))
    assert all(score >= floor for score, floor in zip(dice.values(), floors, strict=True)), dice


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_full_size_phantom_reaches_85_percent_and_82_in_the_pancreas(
    seed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "flareseg"]
    subprocess.run([*command, "phantom", tmp_path, "--seed", seed], check=True, timeout=240)
    options = [
        "-o",
        tmp_path / "organs.seg.nrrd",
        "--ground-truth",
        tmp_path / "labels.nii.gz",
        "--report",
        tmp_path / "r.json",
    ]
    subprocess.run([*command, "segment", tmp_path / "ct.nii.gz", *options], check=True, timeout=240)
    dice = {organ["name"]: organ["dice"] for organ in json.loads((tmp_path / "r.json").read_text())["organs"]}
    with capsys.disabled():
        print(f"\nphantom {seed}: Dice " + ", ".join(f"{name} {100 * score:.1f} %" for name, score in dice.items()))
    assert min(dice[name] for name in ("Liver", "Kidneys", "Spleen")) >= 0.85, dice
    assert dice["Pancreas"] >= 0.82, dice
