"""What is exported loads into the cascade, and says where it came from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from flareseg.core.errors import FlareError
from flareseg.core.organs import CLASSES
from flareseg.inference.cascade import Cascade
from flareseg.inference.full_size import Networks
from flareseg.inference.networks import build
from flareseg.inference.weights import load_network
from flareseg.training.checkpoint import average_weights, read
from flareseg.training.export import export
from flareseg.training.provenance import write_provenance
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind
from flareseg.training.trainer import BEST, CHECKPOINT
from flareseg.training.validation import Score
from training.makers import tiny_config, tiny_trainer

CASE = CaseFacts("a", Kind.ORGANS, "a study", "CC BY 4.0", (1.5, 1.5, 1.5), (8, 8, 8), {"liver": 900.0})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    tiny_trainer(run / "organs").train()
    write_provenance(run / "organs", [CASE])
    return run


def test_the_exported_network_is_the_best_moving_average(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path)
    exported = load_network("organs", CLASSES, tmp_path)
    assert exported.grid == (16, 16, 16)
    best = average_weights(read(run / "organs" / BEST)[1])
    weights = exported.network.state_dict()
    assert all(torch.equal(weights[name], best[name]) for name in weights)


def test_a_stage_that_was_not_trained_keeps_the_shipped_weights(run: Path, tmp_path: Path) -> None:
    origins = export(run, tmp_path)
    assert origins[Stage.ABDOMEN] == "the shipped weights"
    assert Cascade.load("cpu", tmp_path).weights[0].name == "roi_unet.safetensors"


def test_a_network_for_whole_scans_comes_back_with_its_options_and_its_factor(tmp_path: Path) -> None:
    options = {"stem": 4, "growth": [2, 2], "units": [1, 1], "skips": [4, 4], "downs": [4], "stride": [1, 1, 1]}
    options["convolution"] = "separable"
    config = tiny_config(
        "full_size",
        network={"name": "MemoryEfficientFCN", "options": options},
        memory={"checkpoint": True, "in_place": True, "loss_slab": 3},
        factor=0.5,
        batch=1,
        fresh=None,
    )
    tiny_trainer(tmp_path / "run" / "full_size", config).train()
    write_provenance(tmp_path / "run" / "full_size", [CASE])
    export(tmp_path / "run", tmp_path / "weights")
    cascade = Cascade.load("cpu", tmp_path / "weights", precision="float32", networks=Networks.FULL_SIZE)
    assert [facts.name for facts in cascade.weights] == ["roi_unet.safetensors", "full_size.safetensors"]
    loaded = load_network("full_size", CLASSES, tmp_path / "weights")
    assert loaded.grid_of((21, 40, 44)) == (12, 20, 22)
    kept = json.loads((tmp_path / "weights" / "manifest.json").read_text())["weights"]["full_size"]["options"]
    assert kept["convolution"] == "separable"
    assert kept["norm"] == "instance"  # a default, which a later version may change
    trained = build("MemoryEfficientFCN", CLASSES, options).eval()
    best = average_weights(read(tmp_path / "run" / "full_size" / BEST)[1])
    trained.load_state_dict(best)
    x = torch.randn(1, 1, 12, 20, 22)
    with torch.no_grad():
        torch.testing.assert_close(loaded.network(x), trained(x))


def test_the_manifest_tells_data_licences_config_metrics_and_code(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path, metrics={"spl": {"Liver": 93.0}})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    entry = manifest["weights"]["organs"]
    assert entry["provenance"]["sources"] == [
        {"source": "a study", "licence": "CC BY 4.0", "kind": "organs", "cases": 1}
    ]
    assert entry["provenance"]["code"].startswith("0.")
    assert entry["config"]["stages"]["organs"]["optimiser"]["name"] == "adamw"
    assert manifest["metrics"]["spl"]["Liver"] == 93.0


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlareError, match="no trained network"):
        export(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Falling:
    """A validation that finds the first weights the best."""

    def __init__(self) -> None:
        self._means = iter([0.5, 0.2, 0.1])

    def score(self, network: torch.nn.Module) -> Score:
        return Score({"Liver": next(self._means)})


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose best weights are those of step 4 of 12, on a grid of unequal sides."""
    run = tmp_path_factory.mktemp("early")
    tiny_trainer(run / "organs", tiny_config(grid=[16, 24, 32]), validation=Falling()).train()
    write_provenance(run / "organs", [CASE])
    return run


def test_the_best_weights_are_exported_not_the_last(early: Path, tmp_path: Path) -> None:
    export(early, tmp_path)
    entry = json.loads((tmp_path / "manifest.json").read_text())["weights"]["organs"]
    assert (entry["progress"]["step"], entry["progress"]["best"]) == (4, 0.5)
    assert (entry["trained"]["step"], entry["trained"]["samples"]) == (12, 36)
    best, last = (average_weights(read(early / "organs" / name)[1]) for name in (BEST, CHECKPOINT))
    exported = load_network("organs", CLASSES, tmp_path).network.state_dict()
    assert all(torch.equal(exported[name], best[name]) for name in exported)
    assert not all(torch.equal(exported[name], last[name]) for name in exported)


def test_the_manifest_describes_the_network_and_its_input(early: Path, tmp_path: Path) -> None:
    export(early, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    entry = manifest["weights"]["organs"]
    assert entry["grid"] == [16, 24, 32]
    assert entry["parameters"] == 4777
    assert entry["sha256"] == hashlib.sha256((tmp_path / "organs.safetensors").read_bytes()).hexdigest()
    assert "metrics" not in manifest
    assert manifest["input"] == (
        "HU clipped to -200..300, (HU - 50) / 250; axes to superior, posterior, left; "
        "area average where the grid shrinks, linear where it grows"
    )


def test_the_count_of_batches_is_not_exported(tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = tiny_config(network={"name": "DenseVNet"}, batch=1, fresh=1, epochs=1, steps_per_epoch=1)
    tiny_trainer(run / "organs", config).train()
    write_provenance(run / "organs", [CASE])
    export(run, tmp_path / "weights")
    names = safetensors.torch.load_file(tmp_path / "weights" / "organs.safetensors").keys()
    assert "input_norm.running_mean" in names
    assert not [name for name in names if "num_batches_tracked" in name]
