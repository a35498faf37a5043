"""What is exported loads into the cascade, and says where it came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from flareseg.cascade import Cascade
from flareseg.errors import FlareError
from flareseg.organs import CLASSES
from flareseg.training.checkpoint import average_weights, read
from flareseg.training.export import export
from flareseg.training.provenance import write_provenance
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind
from flareseg.training.trainer import BEST
from flareseg.weights import load_network
from training.makers import tiny_trainer

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
