"""The whole training chain on small grids: prepare, preview, train, resume, export, segment, evaluate."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from flareseg.cli.app import app
from flareseg.io.outputs import make_folder
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import make_phantom
from flareseg.training.checkpoint import read
from flareseg.training.trainer import CHECKPOINT
from typer.testing import CliRunner, Result

SMALL = {
    "extends": "smoke",
    "data": {"validation_samples": 2},
    "synthesis": {"registration": {"spacing_mm": 25, "shape": [16, 12, 16], "iterations": [2, 2]}},
    "stages": {
        name: {"grid": [32, 32, 32], "epochs": 2, "steps_per_epoch": 2, "batch": 2} for name in ("abdomen", "organs")
    },
}


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def must(*arguments: str | Path) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, f"{arguments}: {result.output}\n{result.exception}"
    return result


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chain")


@pytest.fixture(scope="module")
def data_set(place: Path) -> Path:
    """A data set laid out as FLARE21's in nnU-Net's form, of two phantoms."""
    folder = place / "FLARE21"
    for part in ("imagesTr", "labelsTr"):
        make_folder(folder / part)
    for seed in range(2):
        phantom = make_phantom(seed, shape=(50, 80, 80), spacing=(6.0, 5.0, 5.0))
        write_scan(folder / "imagesTr" / f"train_{seed:03}_0000.nii.gz", phantom.volume)
        write_labels(folder / "labelsTr" / f"train_{seed:03}.nii.gz", phantom.labels, phantom.volume.geometry)
    names = {"background": 0, "liver": 1, "kidney": 2, "spleen": 3, "pancreas": 4}
    facts = {"channel_names": {"0": "CT"}, "labels": names, "numTraining": 2, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def store(place: Path, data_set: Path) -> Path:
    must("prepare", data_set, place / "store", "--licence", "made here", "--spacing", 4)
    must("prepare", "phantom:2", place / "store", "--as", "organs", "--spacing", 4)
    must("prepare", "phantom:1", place / "store", "--as", "bodies", "--spacing", 6)
    return place / "store"


@pytest.fixture(scope="module")
def config(place: Path) -> Path:
    path = place / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


@pytest.fixture(scope="module")
def trained(place: Path, store: Path, config: Path) -> Path:
    """Trained in two pieces: the first ends before its last step."""
    arguments = ("train", config, "--store", store, "-o", place / "run", "--device", "cpu")
    first = run(*arguments, "--minutes", 0)
    assert first.exit_code == 1, first.output
    assert "goes on with it" in first.output
    assert "going on from step 1 of 4" in must(*arguments).output
    return place / "run"


def test_the_command_has_cudnn_search_for_the_fastest_kernels(trained: Path, config: Path, store: Path) -> None:
    with torch.backends.cudnn.flags(enabled=True, benchmark=False):
        must("train", config, "--store", store, "-o", trained, "--device", "cpu")
        assert torch.backends.cudnn.benchmark


@pytest.fixture(scope="module")
def weights(place: Path, trained: Path) -> Path:
    must("export", trained, "-o", place / "weights")
    return place / "weights"


def test_the_preview_shows_samples_of_both_stages(place: Path, store: Path, config: Path) -> None:
    must("train", config, "--store", store, "-o", place / "preview", "--preview", "--samples", 2, "--device", "cpu")
    for stage in ("abdomen", "organs"):
        assert (place / "preview" / f"preview-{stage}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("stage", ["abdomen", "organs"])
def test_a_run_leaves_config_checkpoint_log_curves_and_provenance(trained: Path, stage: str) -> None:
    names = {path.name for path in (trained / stage).iterdir()}
    expected = {"config.yaml", "provenance.json", "checkpoint.safetensors", "best.safetensors", "log.csv", "curves.png"}
    assert names == expected | {"tensorboard"}


def test_two_processes_train_one_network(place: Path, store: Path, config: Path) -> None:
    """Each with samples of its own; one of them saves, and both end when the minutes are over."""
    arguments = ["train", config, "--store", store, "-o", place / "two", "--device", "cpu", "--devices", "2"]
    command = [sys.executable, "-m", "flareseg", *map(str, arguments), "--stage", "organs"]
    ended = subprocess.run([*command, "--minutes", "0"], capture_output=True, encoding="utf-8", timeout=200)
    assert ended.returncode == 1, ended.stderr
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("going on from step 1 of 4") == 1
    assert read(place / "two" / "organs" / CHECKPOINT)[0]["progress"]["samples"] == 2 * 2 * 4


def test_a_run_on_a_store_that_has_grown_is_not_resumed(trained: Path, store: Path, config: Path) -> None:
    provenance = (trained / "organs" / "provenance.json").read_text()
    grown = trained.parent / "grown"
    shutil.copytree(store, grown)
    must("prepare", "phantom:3", grown, "--as", "organs", "--spacing", 6, "--name-prefix", "more_")
    result = run("train", config, "--store", grown, "-o", trained, "--device", "cpu")
    assert result.exit_code == 2
    assert "the store has changed since" in result.output
    assert (trained / "organs" / "provenance.json").read_text() == provenance


def test_a_validation_that_names_no_case_is_refused(place: Path, store: Path, config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({"extends": str(config), "data": {"validation": ["missing*"]}}))
    result = run("train", other, "--store", store, "-o", tmp_path / "run", "--device", "cpu")
    assert result.exit_code == 2
    assert "matches the validation patterns missing*" in result.output


def test_the_weights_segment_a_scan_and_name_their_data(data_set: Path, weights: Path, tmp_path: Path) -> None:
    scan = data_set / "imagesTr" / "train_000_0000.nii.gz"
    result = run("segment", scan, "-o", tmp_path / "organs.nii.gz", "--weights", weights, "--device", "cpu")
    # after four steps a network may find nothing, which is not a failure of the chain
    assert result.exit_code in (0, 1), result.output
    sources = json.loads((weights / "manifest.json").read_text())["weights"]["organs"]["provenance"]["sources"]
    assert "made here" in {source["licence"] for source in sources}


def test_predictions_of_a_folder_are_scored(data_set: Path, tmp_path: Path) -> None:
    """With the shipped weights, which know what a phantom looks like."""
    must("segment-folder", data_set / "imagesTr", tmp_path / "predictions", "--device", "cpu")
    must("evaluate", tmp_path / "predictions", data_set / "labelsTr", "-o", tmp_path / "scores")
    rows = list(csv.DictReader((tmp_path / "scores" / "scores.csv").open()))
    assert {row["case"] for row in rows} == {"train_000", "train_001"}
    assert len(rows) == 8
    assert (tmp_path / "scores" / "report" / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-preset", "--store", "."], "Training config not found: no-such-preset"),
        (["flareseg", "--store", "nowhere"], "is not a training store"),
    ],
)
def test_what_cannot_be_trained_is_said(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = run("train", *arguments, "-o", tmp_path / "run", "--device", "cpu")
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "run").exists()
