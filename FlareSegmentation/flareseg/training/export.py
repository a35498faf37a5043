"""Export of a run's checkpoints to a folder of weights with a manifest, as the package ships them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import safetensors.torch
import yaml

from flareseg.core.errors import DataError
from flareseg.inference.manifest import MANIFEST, read_manifest
from flareseg.inference.networks import all_options, build
from flareseg.inference.weights import shipped_folder
from flareseg.io.outputs import atomic_write, make_folder, write_text
from flareseg.training.checkpoint import average_weights, read
from flareseg.training.config import CLASSES_OF, TrainingConfig
from flareseg.training.provenance import read_provenance
from flareseg.training.sample import CASCADE, Stage
from flareseg.training.trainer import BEST, CHECKPOINT

INPUT = (
    "HU clipped to -200..300, (HU - 50) / 250; axes to superior, posterior, left; "
    "area average where the grid shrinks, linear where it grows"
)
LICENCE = "For research use. What the weights learned from, and under which terms, is listed under each of them."


def export(run: Path, output: Path, metrics: dict[str, Any] | None = None) -> dict[Stage, str]:
    """Write the best weights of a run's stages, and a manifest.

    Of the two networks of the cascade, one that was not trained beside the other keeps the shipped weights.

    ``metrics``: what an evaluation measured, kept in the manifest. Tells where each stage's weights are from. Raises
    DataError when the folder holds no run, and OutputError.
    """
    trained = {stage for stage in Stage if (run / stage.value / BEST).exists()}
    if not trained:
        raise DataError(f"{run} holds no trained network.", "Give the output folder of flareseg train.")
    make_folder(output)
    stages = [stage for stage in Stage if stage in trained or (stage in CASCADE and trained.intersection(CASCADE))]
    weights = {
        stage.value: _exported(run / stage.value, stage, output) if stage in trained else _shipped(stage, output)
        for stage in stages
    }
    manifest = {"schema_version": 1, "name": run.resolve().name, "licence": LICENCE, "input": INPUT, "weights": weights}
    write_text(
        output / MANIFEST, json.dumps({**manifest, **({"metrics": metrics} if metrics else {})}, indent=2) + "\n"
    )
    return {stage: f"trained in {run}" if stage in trained else "the shipped weights" for stage in stages}


def _exported(folder: Path, stage: Stage, output: Path) -> dict[str, Any]:
    facts, tensors = read(folder / BEST)
    config = TrainingConfig.model_validate(yaml.safe_load(facts["config"]))
    settings = config.stages[stage]
    # batch norm's count of batches means nothing after training
    weights = {name: t for name, t in average_weights(tensors).items() if not name.endswith("num_batches_tracked")}
    content = safetensors.torch.save(weights)
    name = f"{stage.value}.safetensors"
    with atomic_write(output / name) as beside:
        beside.write_bytes(content)
    network = build(settings.network.name, CLASSES_OF[stage], settings.network.options)
    return {
        "file": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "network": settings.network.name,
        "options": all_options(settings.network.name, settings.network.options),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "grid": list(settings.grid),
        **({} if settings.factor is None else {"factor": settings.factor}),
        "provenance": read_provenance(folder),
        "progress": facts["progress"],
        "trained": read(folder / CHECKPOINT)[0]["progress"],
        "config": config.model_copy(update={"stages": {stage: settings}}).model_dump(mode="json"),
    }


def _shipped(stage: Stage, output: Path) -> dict[str, Any]:
    entry = dict(read_manifest(shipped_folder())["weights"][stage.value])
    with atomic_write(output / entry["file"]) as beside:
        shutil.copyfile(shipped_folder() / entry["file"], beside)
    return entry
