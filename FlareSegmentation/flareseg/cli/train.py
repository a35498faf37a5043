"""The commands flareseg train | export."""

from __future__ import annotations

import contextlib
import json
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from flareseg.cli.options import DeviceOption
from flareseg.core.errors import Cancelled, ConfigError, DataError
from flareseg.core.extras import needs
from flareseg.core.limits import Limits

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from flareseg.cli.watching import ConsoleWatcher
    from flareseg.core.report import MemoryFacts
    from flareseg.training.config import TrainingConfig
    from flareseg.training.run import TrainingRun
    from flareseg.training.run_memory import RunMemory
    from flareseg.training.sample import Stage

UNFINISHED = 1


class StageChoice(str, Enum):
    ABDOMEN = "abdomen"
    ORGANS = "organs"
    FULL_SIZE = "full_size"


def train(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="A YAML file or a preset: flareseg, he-luo, full-size, smoke.")
    ],
    store: Annotated[Path, typer.Option("--store", "-s", help="The training store that flareseg prepare made.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run; an existing run is resumed.")],
    stage: Annotated[
        Optional[StageChoice], typer.Option(help="One network only; by default all of the config in turn.")
    ] = None,
    minutes: Annotated[
        Optional[float], typer.Option(min=0, help="Stop after this many minutes and save; the same command resumes.")
    ] = None,
    device: DeviceOption = "auto",
    memory_limit: Annotated[
        Optional[float],
        typer.Option(metavar="MB", min=1, help="The most that steps and samples may take, of the GPU if one is used."),
    ] = None,
    devices: Annotated[int, typer.Option(min=1, help="GPUs of each computer.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Computers (start each with torchrun).")] = 1,
    preview: Annotated[bool, typer.Option("--preview", help="Only write pictures of samples to OUTPUT.")] = False,
    samples: Annotated[int, typer.Option(min=1, max=24, help="Samples in the pictures of --preview.")] = 6,
) -> None:
    """Train the networks. Exit code 1: saved, but not at the last step yet."""
    from flareseg.cli import console

    with console.failures_said():
        Limits().check_engine()
        run = _run(config, store, output, device, devices, nodes)
        stages = [s for s in run.config.stages if stage is None or s.value == stage.value]
        if not stages:
            raise ConfigError(f"{config} does not have that stage.", "Add it to the config's stages.")
        if preview:
            _preview(run, stages, samples)
        elif not _trained(run, stages, minutes, memory_limit):
            console.err.print("The run is saved and not complete; the same command goes on with it.")
            raise typer.Exit(UNFINISHED)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The output folder of flareseg train.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the weights and their manifest.")],
    metrics: Annotated[
        Optional[Path], typer.Option(help="summary.json of flareseg evaluate, kept in the manifest.")
    ] = None,
) -> None:
    """Turn the best checkpoints of a run into weights for `flareseg segment --weights`."""
    from flareseg.cli import console

    with console.failures_said():
        Limits().check_engine()
        with needs("train"):
            from flareseg.training import export as exporting
        measured = _json(metrics) if metrics else None
        origins = exporting.export(run, output, measured)
    for stage, origin in origins.items():
        console.err.print(f"{stage.value}: {origin}", soft_wrap=True)


def _run(name: str, store: Path, output: Path, device: str, devices: int, nodes: int) -> TrainingRun:
    with needs("train"):
        from flareseg.training.config import read_config
        from flareseg.training.run import TrainingRun
        from flareseg.training.store import Store
    config = read_config(name)
    fabric, precision = _fabric(config, device, devices, nodes)
    return TrainingRun(config, Store.open(store), output, fabric, precision)


def _fabric(config: TrainingConfig, device: str, devices: int, nodes: int) -> tuple[Fabric, str]:
    """The fabric, and its precision."""
    import torch
    from lightning_fabric import Fabric

    from flareseg.inference.device import select_device

    on_gpu = select_device(device).torch_device.type == "cuda"
    precision = config.precision
    if precision == "auto":
        precision = "bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    fabric = Fabric(accelerator="cuda" if on_gpu else "cpu", devices=devices, num_nodes=nodes, precision=precision)
    fabric.launch()
    return fabric, precision


def _trained(run: TrainingRun, stages: list[Stage], minutes: float | None, memory_limit: float | None) -> bool:
    """Whether all stages are at their last step when the minutes, shared by them, are over."""
    import torch

    from flareseg.cli.watching import ConsoleWatcher

    _require_right_gradients(run, stages)
    counts = [run.require_room(stage, memory_limit) for stage in stages]  # all before the first trains for hours
    end = None if minutes is None else time.monotonic() + 60 * minutes
    with ConsoleWatcher(silent=not run.fabric.is_global_zero).watching() as watcher, contextlib.suppress(Cancelled):
        for stage, counted in zip(stages, counts):
            torch.backends.cudnn.benchmark = run.has_one_size(stage)  # the search for the fastest kernels pays
            if not _stage_trained(run, stage, watcher, end, counted):
                return False
        return True
    return False


def _require_right_gradients(run: TrainingRun, stages: list[Stage]) -> None:
    """Refuse bfloat16 on a CPU for kernels of 3x1x1: oneDNN's gradients of small ones are undefined."""
    import torch

    from flareseg.inference.networks import build

    if run.fabric.device.type != "cpu" or run.precision != "bf16-mixed":
        return
    for network in (run.config.stages[stage].network for stage in stages):
        with torch.device("meta"):
            layers = build(network.name, 2, network.options).modules()
        if any(isinstance(each, torch.nn.Conv3d) and each.kernel_size == (3, 1, 1) for each in layers):
            raise ConfigError(
                "On a CPU factorised convolutions have wrong gradients in bfloat16.",
                "Set `precision` to auto or 32-true, or the network's `convolution` to plain.",
            )


def _stage_trained(
    run: TrainingRun, stage: Stage, watcher: ConsoleWatcher, end: float | None, counted: RunMemory
) -> bool:
    """Whether the stage is at its last step; its trainer is gone afterwards, and with it its memory."""
    from flareseg.core.measure import MemoryWatch

    with MemoryWatch() as memory:
        before_mb = memory.ram_mb
        trainer = run.trainer(stage, watcher)
        if run.fabric.device.type == "cuda":
            memory.watch_gpu(run.fabric.device.index)
        is_complete = trainer.train(None if end is None else max(0.0, (end - time.monotonic()) / 60))
    watcher.say(_peak(stage, memory.facts(), before_mb, counted))
    return is_complete


def _peak(stage: Stage, measured: MemoryFacts, before_mb: float, counted: RunMemory) -> str:
    """What a run took beside what was counted."""
    gpu = measured.peak_gpu_allocated_mb
    took = (
        f"{gpu:.0f} MB of the GPU" if gpu is not None else f"{measured.peak_ram_mb - before_mb:.0f} MB of main memory"
    )
    steps = f"{counted.peak_mb:.0f} MB were counted for its steps and samples"
    return f"{stage.value}: the run took up to {took}, with the cases that it loaded; {steps}."


def _preview(run: TrainingRun, stages: list[Stage], count: int) -> None:
    from flareseg.cli import console
    from flareseg.io.outputs import make_folder
    from flareseg.training.contact_sheet import contact_sheet

    make_folder(run.output)
    for stage in stages:
        path = run.output / f"preview-{stage.value}.png"
        with console.err.status(f"Making {count} samples for the {stage.value} network ..."):
            contact_sheet(path, *run.samples(stage, count))
        console.err.print(f"Wrote {path}.", soft_wrap=True)


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not a JSON file.", "Give summary.json of flareseg evaluate.") from error
