"""The networks and their weights: safetensors files named in a manifest with their sha256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from flareseg.errors import FlareError
from flareseg.networks import build
from flareseg.report import WeightsFacts
from flareseg.resample import Size

MANIFEST = "manifest.json"
_HERE = Path(__file__).resolve().parent


def shipped_folder() -> Path:
    """Where the weights lie: inside the pip package, or in the Slicer module's Resources."""
    inside = _HERE / "models"
    return inside if inside.is_dir() else _HERE.parent / "Resources" / "Models"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest: licence, and for each network file, sha256, parameters, training, metrics.

    Raises FlareError("weights") when it is missing or unreadable.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {**manifest, "weights": dict(manifest["weights"])}
    except OSError as error:
        raise _broken(f"The list of network weights is missing: {folder / MANIFEST}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _broken(f"The list of network weights is damaged: {folder / MANIFEST}.") from error


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its weights, ready to run, and the grid (k, j, i) that its input is brought to."""

    network: nn.Module
    grid: Size
    facts: WeightsFacts


def load_network(stage: str, classes: int, folder: Path | None = None) -> TrainedNetwork:
    """The network of a stage ("abdomen" or "organs") as the manifest describes it, with its weights.

    Raises FlareError("weights") when the file is missing, differs from its sha256, or does not fit.
    """
    folder = folder or shipped_folder()
    entry = read_manifest(folder)["weights"].get(stage)
    if entry is None:
        raise _broken(f"The list of network weights in {folder} has no entry {stage}.")
    try:
        network = build(entry["network"], classes, entry.get("options")).eval()
        depth, rows, columns = (int(size) for size in entry["grid"])
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(f"The list of network weights is damaged: {folder / MANIFEST}.") from error
    facts = _load_weights(network, folder / str(entry["file"]), entry["sha256"])
    return TrainedNetwork(network, (depth, rows, columns), facts)


def _load_weights(network: nn.Module, path: Path, expected_sha256: str) -> WeightsFacts:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _broken(f"The network weights cannot be read: {path}.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != expected_sha256:
        raise _broken(f"The network weights are damaged (their sha256 has changed): {path}.")
    _fill(network, content, path)
    return WeightsFacts(path.name, sha256)


def _fill(network: nn.Module, content: bytes, path: Path) -> None:
    try:
        tensors = safetensors.torch.load(content)
        loaded = network.load_state_dict(tensors, strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise _broken(f"The network weights do not fit the network: {path}.") from error
    # batch norm counts its training batches, which means nothing here and is not shipped
    missing = [key for key in loaded.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or loaded.unexpected_keys:
        raise _broken(f"The network weights do not fit the network: {path}.")


def _broken(sentence: str) -> FlareError:
    return FlareError("weights", sentence, "Install FlareSegmentation again, or name a folder with whole weights.")
