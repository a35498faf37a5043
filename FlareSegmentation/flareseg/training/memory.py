"""Memory of a training step, counted with fake tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from flareseg.inference.live_bytes import MB, LiveBytes, bytes_of
from flareseg.inference.resample import Size
from flareseg.training.batches import TrainingBatch
from flareseg.training.config import CLASSES_OF, StageConfig
from flareseg.training.losses import OrganLoss
from flareseg.training.optimiser import new_optimiser
from flareseg.training.sample import Stage
from flareseg.training.saved_tensors import Offloaded, saving
from flareseg.training.start import new_network
from flareseg.training.step import forward


@dataclass(frozen=True)
class StepMemory:
    """Memory of one training step in MB.

    Attributes:
        parameters: Number of parameters of the network.
        fixed_mb: Weights, their average, gradients and the state of the optimiser.
        batch_mb: Images and labels.
        kept_mb: What the forward pass leaves for the backward pass, the logits included.
        peak_mb: The most at any time, all of the above included.
        main_mb: What is kept in main memory instead (``saved: cpu`` on a GPU).
    """

    parameters: int
    fixed_mb: float
    batch_mb: float
    kept_mb: float
    peak_mb: float
    main_mb: float = 0.0


def count_step(
    stage: Stage,
    settings: StageConfig,
    precision: str = "32-true",
    fractions: bool = False,
    device: Literal["cpu", "cuda"] = "cuda",
) -> StepMemory:
    """Count the memory of one training step of a stage.

    What a library needs within an operation is not counted, but for the copies that convolutions of a CPU make.
    Autocast takes the CPU's list of operations, which differs a little from CUDA's.

    Args:
        stage: The stage, which says how many classes there are.
        settings: Network, grid, batch, loss, optimiser and savings.
        precision: "32-true" or "bf16-mixed".
        fractions: Whether samples have shares of voxels beside labels.
        device: Kind of device.

    Returns:
        The memory, in MB.
    """
    random = settings.model_copy(update={"start": "default"})  # no weights are read; they make no difference
    with FakeTensorMode(), LiveBytes(copies=device == "cpu") as live:
        return _counted(live, stage, random, precision, fractions, device)


def _counted(
    live: LiveBytes, stage: Stage, settings: StageConfig, precision: str, fractions: bool, device: str
) -> StepMemory:
    network = new_network(stage, settings).train()
    optimiser, loss = new_optimiser(network, settings.optimiser), OrganLoss(settings.loss)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()  # makes its state
    optimiser.zero_grad(set_to_none=True)
    without_batch = live.now
    batch = _batch(settings.grid, settings.batch, CLASSES_OF[stage], fractions)
    with_batch = live.now
    live.peak = with_batch
    offloaded = Offloaded()
    on_cpu = settings.memory.saved == "cpu" and device == "cuda"
    with offloaded if on_cpu else saving(settings.memory.saved, torch.device("cpu")):
        step = forward(partial(_autocast, network, precision), loss, batch, settings.memory)
    kept = live.now
    step[1].backward()
    average, gradients = bytes_of(network.state_dict().values()), bytes_of(network.parameters())
    return StepMemory(
        sum(parameter.numel() for parameter in network.parameters()),
        (without_batch + average + gradients) / MB,
        (with_batch - without_batch) / MB,
        (kept - with_batch) / MB,
        (live.peak + average) / MB,
        offloaded.bytes / MB,
    )


def _batch(grid: Size, samples: int, classes: int, fractions: bool) -> TrainingBatch:
    shape = (samples, 1, *grid)
    shares = torch.zeros((samples, classes - 1, *grid), dtype=torch.uint8) if fractions else None
    return TrainingBatch(torch.zeros(shape), torch.zeros(shape, dtype=torch.uint8), shares)


def _autocast(network: nn.Module, precision: str, x: Tensor) -> Tensor:
    """The logits in float32, as lightning-fabric gives them: the loss is computed outside autocast."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
        logits = network(x)
    return logits.float()
