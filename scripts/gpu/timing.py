"""Time and memory of scans of several sizes, of copies, of the organ network and of a patch of nnU-Net."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from job import DEVICE, FACTS, REHEARSE, keep, ms, seconds_of, stretched, synchronise, tried, volume


def timing() -> None:
    from flareseg.core.measure import GpuMemory
    from flareseg.inference.cascade import Cascade

    torch.zeros(1, device=DEVICE)
    synchronise()
    bare = 0.0 if REHEARSE else GpuMemory(0).device_mb
    cascade = Cascade.load(DEVICE)
    keep(bare_context_mb=round(bare), dtype=cascade.device.dtype, scans=[])
    for slices in (40, 80) if REHEARSE else (80, 160, 320, 640, 1000):
        with tried(f"{slices} slices"):
            keep(scans=[*FACTS["scans"], scan_times(cascade, slices, bare)])
    with tried("estimate"):
        keep(estimate=expected_time(FACTS["scans"]))
        print(f"for flareseg/core/estimate.py: {json.dumps(FACTS['estimate'])}")
    with tried("transfer"):
        transfer()
    with tried("nnunet"):
        nnunet()
    with tried("networks"):
        networks()


def scan_times(cascade: Any, slices: int, bare: float) -> dict[str, Any]:
    """The SPL scan by repetition on 512 x 512 x ``slices``, from array to labels."""
    from flareseg.core.run import Run

    large = stretched(slices)
    runs: list[Run] = []

    def segment() -> None:
        with Run() as run:
            cascade.segment(large, run=run)
        runs.append(run)

    times = seconds_of(segment, 1 if REHEARSE else 20, 4.0)
    stages = [{stage.name: stage.seconds for stage in run.clock.stages} for run in runs[1:]]
    row: dict[str, Any] = {"slices": slices, "runs": len(times), "median": statistics.median(times)}
    row["stages"] = {name: statistics.median(turn[name] for turn in stages) for name in stages[0]}
    if not REHEARSE:
        facts = runs[-1].memory.facts()  # every run begins a peak of its own
        allocated, device = facts.peak_gpu_allocated_mb or 0.0, facts.peak_gpu_device_mb or 0.0
        row |= {"allocator_mb": round(allocated), "device_above_context_mb": round(device - bare)}
        row["memory"] = f"allocator {allocated:.0f} MB, device {device - bare:.0f} MB above a bare context"
    else:
        row["memory"] = "GPU memory needs a GPU"
    print(f"{slices} slices: median {1000 * row['median']:.1f} ms of {len(times)}; {row['memory']}")
    return row


def expected_time(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The line of the panel's estimate with the least relative errors, in s and s per megavoxel.

    ``factor`` is how far it is off at most, ``factor_before`` how far the estimate is off as the product has it now.
    """
    from flareseg.core.estimate import estimate

    sizes = np.array([row["slices"] * 512 * 512 / 1e6 for row in rows])
    measured = np.array([row["median"] for row in rows])
    slope, fixed = np.polyfit(sizes, measured, 1, w=1 / measured)
    grid = volume("spl_abdomen")[0].geometry
    grids = [replace(grid, shape=(row["slices"], 512, 512)) for row in rows]
    before = np.array([estimate(grid, 2, "cpu" if REHEARSE else "cuda").seconds for grid in grids])
    off = {"factor": fixed + slope * sizes, "factor_before": before}
    factors = {name: float(np.exp(np.abs(np.log(guess / measured)).max())) for name, guess in off.items()}
    return {name: round(float(x), 4) for name, x in {"fixed": fixed, "per_megavoxel": slope, **factors}.items()}


def transfer() -> None:
    """Speeds of copies and arithmetic; from them what a scan of int16, its labels and the networks cost at least."""
    from flareseg.inference.device import select_device

    from benchmarks.machine import measured_floor

    floor = measured_floor(select_device(DEVICE))
    floors = {n: round(1000 * floor.seconds(512 * 512 * n), 2) for n in (80, 160, 320, 640, 1000)}
    keep(floor={"TFLOP_per_s": round(floor.tflops, 1), "GFLOP": round(floor.gflop, 1), "ms": floors})
    print(f"floor: {json.dumps(FACTS['floor'])}")
    if REHEARSE:
        print("transfer: skipped, needs CUDA")
        return
    size = 256 * 2**20
    gpu = torch.empty(size, dtype=torch.uint8, device=DEVICE)
    speeds = {}
    for kind in ("pinned", "pageable"):
        host = torch.empty(size, dtype=torch.uint8, pin_memory=kind == "pinned").fill_(1)  # else of no pages yet
        speeds[f"{kind} up"] = size / statistics.median(seconds_of(lambda host=host: gpu.copy_(host), 5)) / 1e9
        speeds[f"{kind} down"] = size / statistics.median(seconds_of(lambda host=host: host.copy_(gpu), 5)) / 1e9
    keep(transfer={"GB_per_s": {name: round(speed, 1) for name, speed in speeds.items()}})
    print(json.dumps(FACTS["transfer"]))


def exact(search: bool) -> Any:
    """cuDNN's settings as the product has them, or with a search."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=search, deterministic=True, allow_tf32=False)


def networks() -> None:
    """The organ network alone, on its grid, by number format, layout and cuDNN's search."""
    from flareseg.core.organs import CLASSES
    from flareseg.inference.networks.channels_last import in_channels_last
    from flareseg.inference.networks.folding import folded
    from flareseg.inference.weights import load_network

    trained = load_network("organs", CLASSES)
    network = folded(trained.network).to(DEVICE)
    found = {}
    for search in (False,) if REHEARSE else (False, True):
        for dtype in (torch.float32,) if REHEARSE else (torch.float32, torch.float16, torch.bfloat16):
            for layout in (torch.contiguous_format, torch.channels_last_3d):
                ready = network.to(dtype).to(memory_format=layout)
                x = torch.randn(1, 1, *trained.grid, device=DEVICE, dtype=dtype)
                x = in_channels_last(x) if layout is torch.channels_last_3d else x
                with torch.inference_mode(), exact(search):
                    times = seconds_of(lambda ready=ready, x=x: ready(x), 1 if REHEARSE else 10, 1.5)
                last = " channels last" if layout is torch.channels_last_3d else ""
                found[f"{str(dtype)[6:]}{last}{' cudnn.benchmark' if search else ''}"] = ms(times)
                keep(network_ms=found)
    print(f"organ network alone, ms: {json.dumps(found)}")


def nnunet() -> None:
    """A patch of FLARE21's nnU-Net baseline as nnU-Net runs it: float16 by autocast, cudnn.benchmark on."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet
    from torch import nn

    torch.backends.cudnn.benchmark = True
    network = PlainConvUNet(
        1, 6, [32, 64, 128, 256, 320, 320], nn.Conv3d, 3, [1, 2, 2, 2, 2, (1, 2, 2)], 2, 5, 2, conv_bias=True,
        norm_op=nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU, nonlin_kwargs={"inplace": True},
    )  # fmt: skip
    if REHEARSE:
        network(torch.randn(1, 1, 32, 64, 64))
        print("nnunet: built and tried on a small patch; skipped, the real one takes a GPU")
        return
    network, patch = network.to(DEVICE).eval(), torch.randn(1, 1, 80, 192, 160, device=DEVICE)
    torch.cuda.reset_peak_memory_stats()
    with torch.inference_mode(), torch.autocast("cuda"):
        times = seconds_of(lambda: network(patch), 10)
    torch.backends.cudnn.benchmark = False
    peak = torch.cuda.max_memory_allocated() / 1e6
    keep(nnunet={"patch_ms": ms(times), "90_patches_s": round(0.09 * ms(times), 2), "allocator_mb": round(peak)})
    print(f"nnU-Net: {json.dumps(FACTS['nnunet'])}")
