"""The state of a run on disk: one safetensors file, from which a run resumes exactly. No pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from flareseg.core.errors import ConfigError, DataError
from flareseg.io.outputs import atomic_write
from flareseg.training.config import same_run

_SEPARATOR = "/"


@dataclass
class TrainingProgress:
    """The progress of a run. ``best``: mean Dice of the best validation so far, 0..1, at step ``best_step``."""

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    best: float = -1.0
    best_step: int = 0


@dataclass(frozen=True)
class TrainingState:
    """The state that changes during a run. ``config``: the run's, as YAML, and ``data``: a digest of its cases, tell a
    checkpoint of another run."""

    network: nn.Module
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    progress: TrainingProgress
    config: str
    data: str = ""

    def save(self, path: Path) -> None:
        """Save the whole state. Raises OutputError; the file that was there stays until the new one is whole."""
        network, optimiser = _named("network", self.network.state_dict()), _optimiser_tensors(self.optimiser)
        self._write(path, {**network, **_named("average", self.average.state_dict()), **optimiser})

    def save_average(self, path: Path) -> None:
        """Save the averaged weights, which are exported. Raises OutputError."""
        self._write(path, _named("average", self.average.state_dict()))

    def _write(self, path: Path, tensors: dict[str, Tensor]) -> None:
        facts = {
            "progress": asdict(self.progress),
            "config": self.config,
            "data": self.data,
            "groups": self.optimiser.state_dict()["param_groups"],
        }
        content = safetensors.torch.save(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            metadata={"flareseg": json.dumps(facts)},
        )
        with atomic_write(path, path.suffix) as beside:
            beside.write_bytes(content)

    def load(self, path: Path) -> None:
        """Restore the saved state. Raises DataError or ConfigError for a file that is damaged or of
        another run."""
        facts, tensors = read(path)
        if not same_run(facts["config"], self.config):
            raise ConfigError(
                f"{path} is of a run with another config.",
                "Resume with the config it was begun with, or give another output folder.",
            )
        if facts["data"] != self.data:
            raise DataError(
                f"{path} is of a run on other cases: the store has changed since.",
                "Resume with the store it was begun with, or give another output folder.",
            )
        try:
            self.network.load_state_dict(_under("network", tensors))
            self.average.load_state_dict(_under("average", tensors))
        except RuntimeError as error:  # the default layers of a network have changed since
            raise ConfigError(
                f"{path} is of a network with other layers, of another version of FlareSegmentation.",
                "Give another output folder, and begin anew.",
            ) from error
        _fill_optimiser(self.optimiser, tensors, facts["groups"])
        for name, value in facts["progress"].items():
            setattr(self.progress, name, value)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata of a checkpoint, and its tensors by name. Raises DataError."""
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["flareseg"])
        return facts, safetensors.torch.load(path.read_bytes())
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is not a complete checkpoint.", "Give a checkpoint of flareseg train.") from error


def average_weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The averaged network's weights, by the names that the network itself gives them."""
    average = _under("average", tensors)
    return {name.removeprefix("module."): tensor for name, tensor in average.items() if name.startswith("module.")}


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + _SEPARATOR + name: tensor for name, tensor in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + _SEPARATOR
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimiser.state_dict()["state"]
    return {
        f"optimiser{_SEPARATOR}{index}{_SEPARATOR}{key}": value
        for index, values in state.items()
        for key, value in values.items()
        if value is not None
    }


def _fill_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict[str, Any]]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under("optimiser", tensors).items():
        index, key = name.split(_SEPARATOR)
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": groups})
