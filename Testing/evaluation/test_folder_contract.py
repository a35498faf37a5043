"""FLARE's folder contract, from the command and from predict.sh."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import SimpleITK as sitk
from cubes import rows
from evaluation_commands import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def inputs(phantom_file: Path, tmp_path: Path) -> Path:
    """Two scans by the contract, one of which is none, and a file that the contract does not name."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "a_0000.nii.gz").write_text("no scan")
    for name in ("b_0000.nii.gz", "other.nii.gz"):
        shutil.copy(phantom_file, folder / name)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_scan_gives_a_label_map_that_evaluate_scores_with_its_report(
    inputs: Path, phantom_ground_truth: Path, tmp_path: Path
) -> None:
    done = run("segment-folder", inputs, tmp_path / "out", "--device", "cpu", "--reports", tmp_path / "reports")
    assert done.exit_code == 1
    assert names(tmp_path / "out") == ["b.nii.gz"]
    assert "a_0000.nii.gz: a_0000.nii.gz is damaged" in done.stderr
    assert "other.nii.gz is not named X_0000.nii.gz and is left out." in done.stderr
    assert "Segmented 1 of 2 scans" in done.stderr

    (tmp_path / "ground_truths").mkdir()
    shutil.copy(phantom_ground_truth, tmp_path / "ground_truths" / "b.nii.gz")
    options = ("-o", tmp_path / "scores", "--no-html", "--reports", tmp_path / "reports")
    assert run("evaluate", tmp_path / "out", tmp_path / "ground_truths", *options).exit_code == 0
    (case,) = rows(tmp_path / "scores" / "cases.csv")
    assert float(case["dice"]) > 0.85
    assert float(case["seconds"]) > 0
    assert case["gpu_mb"] == "0.0"


def test_a_scan_that_fails_leaves_no_label_map_of_an_earlier_run(inputs: Path, tmp_path: Path) -> None:
    (inputs / "b_0000.nii.gz").unlink()
    others = ["a-organs.nii.gz", "a.json", "a_0000.nii.gz", "aa.nii.gz", "b.nii.gz"]
    out = tmp_path / "out"
    out.mkdir()
    for name in ["a.nii.gz", *others]:
        (out / name).write_text("of an earlier run")
    done = run("segment-folder", inputs, out, "--device", "cpu")
    assert done.exit_code == 1
    assert names(out) == others
    assert f"{out / 'a.nii.gz'} was of an earlier run and has been removed." in done.stderr


def test_the_whole_scan_in_one_pass_needs_weights_here_too(inputs: Path, tmp_path: Path) -> None:
    done = run("segment-folder", inputs, tmp_path / "out", "--device", "cpu", "--network", "full-size")
    assert (done.exit_code, "No weights for the whole scan in one pass" in done.stderr) == (2, True)


def test_a_new_label_map_stays_though_its_report_cannot_be_written(inputs: Path, tmp_path: Path) -> None:
    (inputs / "a_0000.nii.gz").unlink()
    out, reports = tmp_path / "out", tmp_path / "reports"
    (reports / "b.json").mkdir(parents=True)  # where the report should be
    out.mkdir()
    (out / "b.nii.gz").write_text("of an earlier run")
    done = run("segment-folder", inputs, out, "--device", "cpu", "--reports", reports)
    assert (done.exit_code, "b.json cannot be written" in done.stderr) == (1, True)
    assert "earlier run" not in done.stderr
    assert sitk.ReadImage(str(out / "b.nii.gz")).GetSize() == sitk.ReadImage(str(inputs / "b_0000.nii.gz")).GetSize()


def test_an_earlier_label_map_that_cannot_be_removed_is_told(inputs: Path, tmp_path: Path) -> None:
    (inputs / "b_0000.nii.gz").write_text("no scan")
    label_map = tmp_path / "out" / "b.nii.gz"
    label_map.mkdir(parents=True)
    done = run("segment-folder", inputs, tmp_path / "out", "--device", "cpu")
    assert done.exit_code == 1
    assert f"{label_map} is of an earlier run and cannot be removed: Is a directory. Remove it." in done.stderr


def test_predict_sh_keeps_the_contract(inputs: Path, tmp_path: Path) -> None:
    (inputs / "a_0000.nii.gz").unlink()
    command = tmp_path / "bin" / "flareseg"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m evaluation_commands "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    call = ["sh", ROOT / "predict.sh", inputs, tmp_path / "out", "--device", "cpu"]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == ["b.nii.gz"]


def test_predict_sh_goes_to_the_workspace_by_default(tmp_path: Path) -> None:
    command = tmp_path / "flareseg"
    command.write_text('#!/bin/sh\necho "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", ROOT / "predict.sh"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "segment-folder /workspace/inputs /workspace/outputs\n"


def test_a_folder_without_such_scans_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    done = run("segment-folder", tmp_path / "inputs", tmp_path / "out")
    assert (done.exit_code, "holds no scan named X_0000.nii.gz" in done.stderr) == (2, True)


def test_inputs_and_outputs_may_not_mix(inputs: Path) -> None:
    done = run("segment-folder", inputs, inputs)
    assert (done.exit_code, "the same folder" in done.stderr) == (2, True)


def test_outputs_that_cannot_be_written_are_a_message_before_the_work(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("segment-folder", inputs, tmp_path / "file")
    assert (done.exit_code, "is a file, not a folder" in done.stderr) == (2, True)


def test_the_container_gets_what_it_copies_and_nothing_else() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {name.removeprefix("./") for line in lines if line.startswith("COPY") for name in line.split()[1:-1]}
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
