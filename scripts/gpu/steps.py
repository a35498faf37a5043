"""The steps of run.py, each called in a process of its own with its job as JSON; results go to WORK/STEP.json."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

JOB: dict[str, Any] = json.loads(sys.argv[1])
KIT, OUT, WORK = (Path(JOB[name]) for name in ("kit", "out", "work"))
REHEARSE, STAGE = bool(JOB["rehearse"]), str(JOB["stage"])
DEVICE = "cpu" if REHEARSE else "cuda"
END = time.monotonic() + JOB["seconds"]
FACTS: dict[str, Any] = {}


def keep(**facts: Any) -> None:
    """Add facts to the step's results, on disk at once."""
    FACTS.update(facts)
    beside = WORK / f"{JOB['step']}.part"
    beside.write_text(json.dumps(FACTS))
    beside.replace(WORK / f"{JOB['step']}.json")


@contextlib.contextmanager
def tried(what: str) -> Any:
    """A part whose failure must not lose the rest of its step."""
    try:
        yield
    except Exception as error:
        keep(**{f"{what} failed": repr(error)[:500]})
        print(f"{what} FAILED: {error!r}")
        if not REHEARSE and isinstance(error, torch.OutOfMemoryError):
            torch.cuda.empty_cache()


def synchronise() -> None:
    if not REHEARSE:
        torch.cuda.synchronize()


def seconds_of(work: Any, most: int, limit: float = 8.0) -> list[float]:
    """Wall-clock seconds of runs with the device synchronised, one warm-up aside; no more than fit into ``limit``."""
    work()
    times: list[float] = []
    begun = time.monotonic()
    while len(times) < most and (not times or time.monotonic() - begun < limit) and time.monotonic() < END:
        synchronise()
        start = time.perf_counter()
        work()
        synchronise()
        times.append(time.perf_counter() - start)
    return times


def ms(times: list[float]) -> float:
    return round(1000 * statistics.median(times), 2) if times else float("nan")


def environment() -> None:
    keep(python=platform.python_version(), torch=torch.__version__, cpus=os.cpu_count(), gpu="none")
    if not REHEARSE:
        properties = torch.cuda.get_device_properties(0)
        versions = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
        keep(gpu=properties.name, gpu_mb=properties.total_memory // 10**6, **versions)
        with tried("driver"):
            words = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv,noheader"]
            keep(driver=subprocess.run(words, capture_output=True, text=True, timeout=20).stdout.strip())
    print("; ".join(f"{name} {value}" for name, value in FACTS.items()))
    for name in (
        "monai",
        "pydantic",
        "cc3d",
        "lightning_fabric",
        "flareseg.training.run",
        "flareseg.inference.cascade",
    ):
        with tried(f"import {name}"):
            __import__(name)


def volume(case: str) -> tuple[Any, np.ndarray]:
    """A CT of the kit as the project's Volume, and its labels."""
    from flareseg.core.geometry import Geometry
    from flareseg.core.volume import Volume

    with np.load(KIT / "ct" / f"{case}.npz", allow_pickle=False) as file:
        voxels, labels, matrix = file["voxels"], file["labels"], file["ijk_to_ras"]
    return Volume(voxels, Geometry.from_ijk_to_ras(matrix, voxels.shape), case), labels


def dice_of(cascade: Any, case: str) -> list[float]:
    from flareseg.evaluation.overlap import dice_per_organ

    scan, ground_truth = volume(case)
    return [round(float(score), 4) for score in dice_per_organ(cascade.segment(scan).labels, ground_truth).values()]


def cases() -> list[str]:
    return sorted(file.stem for file in (KIT / "ct").glob("*.npz"))


def smoke() -> None:
    from flareseg.inference.cascade import Cascade

    begun = time.monotonic()
    cascade = Cascade.load(DEVICE)
    keep(load_seconds=round(time.monotonic() - begun, 2), dtype=cascade.device.dtype, device=cascade.device.name)
    print(f"loaded in {FACTS['load_seconds']} s: {cascade.device}")
    for case in cases():
        begun = time.monotonic()
        keep(**{case: dice_of(cascade, case)})
        print(f"{case}: Dice {FACTS[case]} in {time.monotonic() - begun:.2f} s (first run, reading included)")


def tests() -> None:
    words = [
        "-m",
        "pytest",
        "Testing/inference/test_gpu.py",
        "--noconftest",
        "-p",
        "kit_fixtures",
        "-p",
        "no:cacheprovider",
        "-q",
    ]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=JOB["seconds"])
    lines = done.stdout.strip().splitlines()
    keep(exit_code=done.returncode, last=lines[-1:])
    print("\n".join(lines[-30:] + done.stderr.strip().splitlines()[-5:]))
    sys.exit(done.returncode)


def timing() -> None:
    from flareseg.core.measure import GpuMemory
    from flareseg.inference.cascade import Cascade

    torch.zeros(1, device=DEVICE)
    synchronise()
    bare = 0.0 if REHEARSE else GpuMemory(0).device_mb
    cascade = Cascade.load(DEVICE)
    keep(bare_context_mb=round(bare), dtype=cascade.device.dtype, scans=[])
    for slices in (80,) if REHEARSE else (80, 160, 320, 640):
        with tried(f"{slices} slices"):
            keep(scans=[*FACTS["scans"], scan_times(cascade, slices, bare)])
    with tried("transfer"):
        transfer()
    with tried("nnunet"):
        nnunet()
    with tried("networks"):
        networks()


def scan_times(cascade: Any, slices: int, bare: float) -> dict[str, Any]:
    """The SPL scan by repetition on 512 x 512 x ``slices``, from array to labels."""
    from dataclasses import replace

    from flareseg.core.run import Run
    from flareseg.core.volume import Volume

    scan, _ = volume("spl_abdomen")
    old, shape = scan.geometry, (slices, 512, 512)
    k, j, i = (np.arange(n) * before // n for n, before in zip(shape, old.shape))
    spacing = tuple(mm * before / n for mm, before, n in zip(old.spacing, old.shape, shape))
    large = Volume(scan.voxels[np.ix_(k, j, i)], replace(old, shape=shape, spacing=spacing))
    runs: list[Run] = []

    def segment() -> None:
        with Run() as run:
            cascade.segment(large, run=run)
        runs.append(run)

    times = seconds_of(segment, 2 if REHEARSE else 20)
    stages = [{stage.name: stage.seconds for stage in run.clock.stages} for run in runs[1:]]
    memory = [run.memory.facts() for run in runs[1:]]
    row: dict[str, Any] = {"slices": slices, "runs": len(times), "median": statistics.median(times)}
    row["stages"] = {name: statistics.median(turn[name] for turn in stages) for name in stages[0]}
    if not REHEARSE:
        allocated = max(facts.peak_gpu_allocated_mb or 0 for facts in memory)
        device = max(facts.peak_gpu_device_mb or 0 for facts in memory)
        row |= {"allocator_mb": round(allocated), "device_above_context_mb": round(device - bare)}
        row["memory"] = f"allocator {allocated:.0f} MB, device {device - bare:.0f} MB above a bare context"
    else:
        row["memory"] = "GPU memory needs a GPU"
    print(f"{slices} slices: median {1000 * row['median']:.1f} ms of {len(times)}; {row['memory']}")
    return row


def transfer() -> None:
    """Copy speeds, and from them what a scan of int16 up and its labels down cost at least."""
    if REHEARSE:
        print("transfer: skipped, needs CUDA")
        return
    size = 256 * 2**20
    gpu = torch.empty(size, dtype=torch.uint8, device=DEVICE)
    speeds = {}
    for kind in ("pinned", "pageable"):
        host = torch.empty(size, dtype=torch.uint8, pin_memory=kind == "pinned")
        speeds[f"{kind} up"] = size / statistics.median(seconds_of(lambda host=host: gpu.copy_(host), 5)) / 1e9
        speeds[f"{kind} down"] = size / statistics.median(seconds_of(lambda host=host: host.copy_(gpu), 5)) / 1e9
    up, down = speeds["pinned up"], speeds["pinned down"]
    floors = {n: round(512 * 512 * n * (2 / up + 1 / down) / 1e6, 2) for n in (80, 160, 320, 640)}
    keep(transfer={"GB_per_s": {name: round(speed, 1) for name, speed in speeds.items()}, "floor_ms": floors})
    print(json.dumps(FACTS["transfer"]))


def networks() -> None:
    """The organ network alone, on its grid, by number format, layout and cuDNN's search."""
    from flareseg.core.organs import CLASSES
    from flareseg.inference.networks.folding import folded
    from flareseg.inference.weights import load_network

    trained = load_network("organs", CLASSES)
    network = folded(trained.network).to(DEVICE)
    found = {}
    for search in (False,) if REHEARSE else (False, True):
        torch.backends.cudnn.benchmark = search
        for dtype in (torch.float32,) if REHEARSE else (torch.float32, torch.float16, torch.bfloat16):
            for layout in (torch.contiguous_format, torch.channels_last_3d):
                ready = network.to(dtype).to(memory_format=layout)
                x = torch.randn(1, 1, *trained.grid, device=DEVICE, dtype=dtype).contiguous(memory_format=layout)
                with torch.inference_mode():
                    times = seconds_of(lambda ready=ready, x=x: ready(x), 1 if REHEARSE else 10, 1.5)
                last = " channels last" if layout is torch.channels_last_3d else ""
                found[f"{str(dtype)[6:]}{last}{' cudnn.benchmark' if search else ''}"] = ms(times)
    torch.backends.cudnn.benchmark = False
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


def scores() -> None:
    from flareseg.inference.cascade import Cascade

    for when, weights in (("shipped", None), ("new", OUT)):
        with tried(when):
            cascade = Cascade.load(DEVICE, weights)
            for case in cases():
                keep(**{case: {**FACTS.get(case, {}), when: dice_of(cascade, case)}})
                print(f"{case} {when}: {FACTS[case][when]}")


def config_file(name: str, **stage: Any) -> str:
    """The kit's config with these settings of the stage, and with the rehearsal's on top; as a file."""
    import yaml

    base = "scratch" if JOB["scratch"] else "shipped"
    changes = yaml.safe_load((KIT / "rehearsal.yaml").read_text()) if REHEARSE else {"stages": {STAGE: {}}}
    changes["stages"] = {STAGE: {**changes["stages"][STAGE], **stage}}
    if bodies := FACTS.get("registration", {}).get("bodies"):
        synthesis = changes.setdefault("synthesis", {})
        synthesis["cases"] = {"bodies": {"include": bodies}}
    path = WORK / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"extends": str(KIT / f"{base}.yaml"), **changes}))
    return str(path)


def train() -> None:
    """Registration, the fastest format, the throughput probe, and with what it says the training."""
    from flareseg.training import trainer as product
    from flareseg.training.config import read_config
    from flareseg.training.run import TrainingRun
    from flareseg.training.sample import Stage
    from flareseg.training.store import Store
    from flareseg.training.synthesis.synthesizer import Synthesizer
    from lightning_fabric import Fabric

    stage, kept = Stage(STAGE), WORK / "store"
    shutil.copytree(KIT / "store", kept, dirs_exist_ok=True)  # the kit's folder may be read-only
    made: dict[tuple[str, ...], Synthesizer] = {}

    class Run(TrainingRun):
        """Loads maps and bodies once, not for training and validation of probe and training each."""

        def _synthesizer(self, store: Store) -> Synthesizer:
            names = tuple(facts.name for facts in store)
            if names not in made:
                made[names] = super()._synthesizer(store)
            return made[names]

    class Watcher:
        """Asked after each step: keeps the times, exports the average once a minute."""

        def __init__(self, folder: Path | None = None) -> None:
            self.folder, self.times, self.exported, self.trainer = folder, [], time.monotonic(), None
            self.is_ended = False

        def begins(self, stage: Stage, done: int, steps: int) -> None: ...

        def advanced(self, step: int, loss: float, score: Any, lr: float) -> None:
            self.last = {"step": step, "loss": round(loss, 4), "lr": rate}

        def validated(self, step: int, score: Any, is_best: bool) -> None:
            keep(validation={"step": step, **{name: round(dice, 4) for name, dice in score.dice.items()}})
            print(f"{json.dumps(FACTS['validation'])} {getattr(self, 'last', '')}")

        @property
        def wants_end(self) -> bool:
            self.times.append(time.monotonic())
            if self.folder and self.times[-1] - self.exported > (10 if REHEARSE else 60):
                self.export()
            return self.is_ended

        def export(self) -> None:
            from flareseg.training.export import export

            self.exported = time.monotonic()
            with tried("export"):
                self.trainer._state.save_average(self.folder / STAGE / product.BEST)  # the last, not the best
                export(self.folder, OUT)
                self.trainer._log.write()
                for name in ("log.csv", "curves.png"):
                    shutil.copy(self.folder / STAGE / name, OUT)
                print(f"exported step {self.trainer.progress.step} in {time.monotonic() - self.exported:.1f} s")

    config = read_config(config_file("config"))
    with tried("registration"):
        register(Store.open(kept), config, torch.device(DEVICE, 0) if not REHEARSE else torch.device("cpu"))
    precision, layout = "32-true" if REHEARSE else "bf16-mixed", "channels last"
    with tried("formats"):
        precision, layout = fastest(config, stage)
    memory_format = torch.channels_last_3d if layout == "channels last" else torch.contiguous_format
    product.Trainer._memory_format = property(lambda self: memory_format)
    fabric = Fabric(accelerator=DEVICE, devices=1, precision=precision)
    fabric.launch()

    rate, batch = 10.0, config.stages[stage].batch  # should the probe fail, time alone will pace the training
    with tried("probe"):
        begun = time.monotonic()
        probing = read_config(config_file("probe", epochs=1, steps_per_epoch=10**6))
        trainer = Run(probing, Store.open(kept), WORK / "probe", fabric).trainer(stage, watcher := Watcher())
        keep(setup_seconds=round(time.monotonic() - begun, 1))
        share: list[float] = []
        original, seconds = trainer._batches.batch, min(JOB["probe"], 0.2 * (END - time.monotonic()))

        def timed(step: int) -> Any:
            if time.monotonic() - watcher.times[0] < 0.7 * seconds:  # the last part alone is slowed by waiting
                return original(step)
            synchronise()
            start = time.monotonic()
            made_batch = original(step)
            synchronise()
            share.append(time.monotonic() - start)
            return made_batch

        trainer._batches.batch = timed
        if not REHEARSE:
            torch.cuda.reset_peak_memory_stats()
        watcher.times.append(time.monotonic())
        trainer.train(seconds / 60)
        at = [t - watcher.times[0] for t in watcher.times]
        steady = [t for t in at if 0.35 * seconds < t < 0.7 * seconds]  # replayed samples are made by then
        rate = (len(steady) - 1) / (steady[-1] - steady[0]) if len(steady) > 1 else len(at) / at[-1]
        waited = [t for t in at if t >= 0.7 * seconds]
        synthesis = sum(share[1:]) / (waited[-1] - waited[0]) if len(waited) > 1 and len(share) > 1 else float("nan")
        facts = {"steps_per_s": round(rate, 3), "samples_per_s": round(batch * rate, 2), "steps": len(at) - 1}
        facts |= {"synthesis_share": round(synthesis, 2), "precision": precision, "layout": layout}
        if not REHEARSE:
            facts |= {"gpu_mb": round(torch.cuda.max_memory_allocated() / 1e6)}
        keep(probe=facts)
        print(f"probe: {json.dumps(facts)}")
        del trainer

    left = END - time.monotonic() - 5  # for the last export
    steps = max(10, int(1.05 * rate * left))  # so that time decides, and none of it is left over
    final = read_config(config_file("training", epochs=10, steps_per_epoch=steps // 10))
    folder, watcher = WORK / config.name, Watcher(WORK / config.name)
    trainer = watcher.trainer = Run(final, Store.open(kept), folder, fabric).trainer(stage, watcher)
    begun, factor = time.monotonic(), product.rate_factor

    def paced(schedule: Any, step: int, epoch: int, epochs: int) -> float:
        """The cosine by steps or by time, whichever is further: it ends at 1 % even if the probe was wrong."""
        by_time = int((time.monotonic() - begun) / left * epoch * epochs)
        return factor(schedule, min(max(step, by_time), epoch * epochs - 1), epoch, epochs)

    product.rate_factor = paced
    signal.signal(signal.SIGTERM, lambda *_: setattr(watcher, "is_ended", True))
    print(f"training for {left:.0f} s: {trainer.steps} steps of {batch}")
    try:
        is_whole = trainer.train(left / 60)
        keep(whole=is_whole)
    finally:
        done = {"steps": trainer.progress.step, "of": trainer.steps, "samples": trainer.progress.samples}
        keep(training={**done, "seconds": round(time.monotonic() - begun, 1)})
        watcher.export()
        print(f"training: {json.dumps(FACTS['training'])}")


def register(store: Any, config: Any, device: torch.device) -> None:
    """Fit the bodies to the organ maps, body by body, until the time for it is used; the others are left out."""
    from flareseg.training.run import Split
    from flareseg.training.synthesis import synthesizer
    from flareseg.training.synthesis.cases import bodies, organ_maps
    from flareseg.training.synthesis.registration import registered

    begun, chosen = time.monotonic(), config.synthesis.cases
    store = store.only({case.name for case in Split.of(store, config.data).training})
    maps, every, fitted, took = organ_maps(store, chosen, device), bodies(store, chosen, device), [], 0.0
    # loading takes ten seconds of a CPU: the synthesizer gets the same ones
    synthesizer.organ_maps = lambda store, *_: [case for case in maps if case.name in store]
    synthesizer.bodies = lambda store, *_: [body for body in every if body.name in (fitted or store)]
    loading = time.monotonic() - begun
    for body in every:
        if fitted and time.monotonic() - begun + took > JOB["registration"]:
            break
        start = time.monotonic()
        registered(store, maps, [body], config.synthesis.registration)
        took = time.monotonic() - start
        fitted.append(body.name)
    facts = {"maps": len(maps), "bodies": fitted, "loading_seconds": round(loading, 1)}
    keep(registration={**facts, "seconds": round(time.monotonic() - begun, 1), "last_body_seconds": round(took, 1)})
    print(f"registration: {json.dumps(FACTS['registration'])}")


def fastest(config: Any, stage: Any) -> tuple[str, str]:
    """Precision and layout in which a training step is fastest, of a few steps each on random numbers."""
    from flareseg.training.losses import OrganLoss
    from flareseg.training.start import new_network
    from flareseg.training.trainer import new_optimiser

    settings, found = config.stages[stage], {}
    loss_of = OrganLoss(settings.loss)
    images = torch.randn(settings.batch, 1, *settings.grid, device=DEVICE)
    labels = torch.randint(0, 5 if STAGE == "organs" else 2, images.shape, device=DEVICE)
    torch.backends.cudnn.benchmark = True
    for precision in ("32-true",) if REHEARSE else ("bf16-mixed", "32-true"):
        for layout, memory in (("channels last", torch.channels_last_3d), ("contiguous", torch.contiguous_format)):
            network = new_network(stage, settings).to(DEVICE).to(memory_format=memory).train()
            optimiser = new_optimiser(network, settings.optimiser)

            def step(network=network, optimiser=optimiser, precision=precision, memory=memory) -> None:
                with torch.autocast(DEVICE, torch.bfloat16, enabled=precision == "bf16-mixed"):
                    scores = network(images.contiguous(memory_format=memory))
                optimiser.zero_grad(set_to_none=True)
                loss_of(scores, labels).backward()
                optimiser.step()

            found[precision, layout] = statistics.median(seconds_of(step, 2 if REHEARSE else 6, 2.0))
    keep(formats_ms={", ".join(names): round(1000 * seconds, 1) for names, seconds in found.items()})
    print(f"training step alone, ms: {json.dumps(FACTS['formats_ms'])}")
    return min(found, key=lambda names: found[names])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended: out of time"))
    if JOB["fail"] == JOB["step"]:
        raise RuntimeError("made to fail on purpose")
    if not REHEARSE:
        assert torch.cuda.is_available(), "PyTorch finds no CUDA GPU"
    globals()[JOB["step"]]()
