"""Training from the shipped or random weights, for as many steps as the time allows."""

from __future__ import annotations

import json
import shutil
import signal
import statistics
import time
from pathlib import Path
from typing import Any, ClassVar

import torch
import yaml
from flareseg.training import step
from flareseg.training import trainer as product
from flareseg.training.config import CLASSES_OF, read_config
from flareseg.training.export import export
from flareseg.training.losses import OrganLoss
from flareseg.training.optimiser import new_optimiser
from flareseg.training.run import Split, TrainingRun
from flareseg.training.sample import Stage
from flareseg.training.start import new_network
from flareseg.training.store import Store
from flareseg.training.synthesis import synthesizer
from flareseg.training.synthesis.cases import bodies, organ_maps
from flareseg.training.synthesis.registration import registered
from flareseg.training.synthesis.synthesizer import Synthesizer
from job import DEVICE, END, FACTS, JOB, KIT, OUT, REHEARSE, STAGE, WORK, keep, seconds_of, synchronise, tried
from lightning_fabric import Fabric
from step_parts import ms_of_parts

STORE = WORK / "store"


class Run(TrainingRun):
    """Loads maps and bodies once, not for training and validation of probe and training each."""

    made: ClassVar[dict[tuple[str, ...], Synthesizer]] = {}

    def _synthesizer(self, store: Store) -> Synthesizer:
        names = tuple(facts.name for facts in store)
        if names not in self.made:
            self.made[names] = super()._synthesizer(store)
        return self.made[names]


class Watcher:
    """Asked after each step: keeps the times, exports the average once a minute."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder, self.times, self.exported, self.trainer = folder, [], time.monotonic(), None
        self.is_ended = False

    def begins(self, stage: Stage, done: int, steps: int) -> None: ...

    def advanced(self, step: int, loss: float, score: Any, lr: float) -> None:
        self.last = {"step": step, "loss": round(loss, 4), "lr": lr}

    def validated(self, step: int, score: Any, is_best: bool) -> None:
        keep(validation={"step": step, **{k: round(v, 4) for k, v in {**score.dice, **score.roi}.items()}})
        print(f"{json.dumps(FACTS['validation'])} {getattr(self, 'last', '')}")

    @property
    def is_cancelled(self) -> bool:
        self.times.append(time.monotonic())
        if self.folder and self.times[-1] - self.exported > (10 if REHEARSE else 60):
            self.export()
        return self.is_ended

    def export(self) -> None:
        self.exported = time.monotonic()
        with tried("export"):
            self.trainer._save()  # its checkpoint, which an export asks for, and its log
            self.trainer._state.save_average(self.folder / STAGE / product.BEST)  # the last, not the best
            export(self.folder, OUT)
            for name in ("log.csv", "curves.png"):
                shutil.copy(self.folder / STAGE / name, OUT)
            print(f"exported step {self.trainer.progress.step} in {time.monotonic() - self.exported:.1f} s")


def train() -> None:
    """Registration, the fastest format, the throughput probe, and with what it says the training."""
    shutil.copytree(KIT / "store", STORE, dirs_exist_ok=True)  # the kit's folder may be read-only
    config = read_config(config_file("config"))
    with tried("registration"):
        register(Store.open(STORE), config, torch.device("cpu") if REHEARSE else torch.device(DEVICE, 0))
    precision, layout = "32-true" if REHEARSE else "bf16-mixed", "channels last"
    with tried("formats"):
        precision, layout = fastest(config, Stage(STAGE))
    memory_format = torch.channels_last_3d if layout == "channels last" else torch.contiguous_format
    product.layout_on = step.layout_on = lambda device: memory_format
    fabric = Fabric(accelerator=DEVICE, devices=1, precision=precision)
    fabric.launch()
    steps_per_s = 10.0  # should the probe fail, time alone will pace the training
    with tried("probe"):
        steps_per_s = probe(fabric, precision=precision, layout=layout)
    train_until_the_end(fabric, steps_per_s)


def probe(fabric: Fabric, **chosen: str) -> float:
    """Train for a while to learn how many steps a second takes, and how much of one goes into making samples."""
    begun = time.monotonic()
    config = read_config(config_file("probe", epochs=1, steps_per_epoch=10**6))
    trainer = Run(config, Store.open(STORE), WORK / "probe", fabric).trainer(Stage(STAGE), watcher := Watcher())
    keep(setup_seconds=round(time.monotonic() - begun, 1))
    share: list[float] = []
    original, seconds = trainer.batches.batch, min(JOB["probe"], 0.2 * (END - time.monotonic()))

    def timed(step: int) -> Any:
        if time.monotonic() - watcher.times[0] < 0.7 * seconds:  # the last part alone is slowed by waiting
            return original(step)
        synchronise()
        start = time.monotonic()
        made_batch = original(step)
        synchronise()
        share.append(time.monotonic() - start)
        return made_batch

    trainer.batches.batch = timed
    if not REHEARSE:
        torch.cuda.reset_peak_memory_stats()
    watcher.times.append(time.monotonic())
    trainer.train(seconds / 60)
    facts = throughput([t - watcher.times[0] for t in watcher.times], share, seconds)
    facts["samples_per_s"] = round(config.stages[Stage(STAGE)].batch * facts["steps_per_s"], 2)
    if not REHEARSE:
        facts["gpu_mb"] = round(torch.cuda.max_memory_allocated() / 1e6)
    keep(probe={**facts, **chosen})
    print(f"probe: {json.dumps(FACTS['probe'])}")
    trainer.batches.batch = original
    with tried("parts of a step"):
        keep(parts_ms=ms_of_parts(trainer, 0.2 * seconds))
        print(f"parts of a step, ms: {json.dumps(FACTS['parts_ms'])}")
    return float(facts["steps_per_s"])


def throughput(at: list[float], share: list[float], seconds: float) -> dict[str, Any]:
    """What the probe's times say: ``at`` of each step's end, ``share`` of each late batch's making, in seconds."""
    steady = [t for t in at if 0.35 * seconds < t < 0.7 * seconds]  # replayed samples are made by then
    rate = (len(steady) - 1) / (steady[-1] - steady[0]) if len(steady) > 1 else len(at) / at[-1]
    waited = [t for t in at if t >= 0.7 * seconds]
    synthesis = sum(share[1:]) / (waited[-1] - waited[0]) if len(waited) > 1 and len(share) > 1 else float("nan")
    return {"steps_per_s": round(rate, 3), "steps": len(at) - 1, "synthesis_share": round(synthesis, 2)}


def train_until_the_end(fabric: Fabric, steps_per_s: float) -> None:
    left = END - time.monotonic() - 5  # for the last export
    steps = max(10, int(1.05 * steps_per_s * left))  # so that time decides, and none of it is left over
    config = read_config(config_file("training", epochs=10, steps_per_epoch=steps // 10))
    folder, watcher = WORK / config.name, Watcher(WORK / config.name)
    trainer = watcher.trainer = Run(config, Store.open(STORE), folder, fabric).trainer(Stage(STAGE), watcher)
    begun, factor = time.monotonic(), product.rate_factor

    def paced(schedule: Any, step: int, epoch: int, epochs: int) -> float:
        """The cosine by steps or by time, whichever is further: it ends at 1 % even if the probe was wrong."""
        by_time = int((time.monotonic() - begun) / left * epoch * epochs)
        return factor(schedule, min(max(step, by_time), epoch * epochs - 1), epoch, epochs)

    product.rate_factor = paced
    signal.signal(signal.SIGTERM, lambda *_: setattr(watcher, "is_ended", True))
    print(f"training for {left:.0f} s: {trainer.steps} steps")
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
    settings, found = config.stages[stage], {}
    loss_of = OrganLoss(settings.loss)
    images = torch.randn(settings.batch, 1, *settings.grid, device=DEVICE)
    classes = CLASSES_OF[stage]
    targets = torch.rand(settings.batch, classes, *settings.grid, device=DEVICE).softmax(dim=1)
    torch.backends.cudnn.benchmark = True
    for precision in ("32-true",) if REHEARSE else ("bf16-mixed", "32-true"):
        for layout, memory in (("channels last", torch.channels_last_3d), ("contiguous", torch.contiguous_format)):
            network = new_network(stage, settings).to(DEVICE).to(memory_format=memory).train()
            optimiser = new_optimiser(network, settings.optimiser)

            def step(network=network, optimiser=optimiser, precision=precision, memory=memory) -> None:
                with torch.autocast(DEVICE, torch.bfloat16, enabled=precision == "bf16-mixed"):
                    scores = network(images.contiguous(memory_format=memory))
                optimiser.zero_grad(set_to_none=True)
                loss_of(scores, targets).backward()
                optimiser.step()

            found[precision, layout] = statistics.median(seconds_of(step, 2 if REHEARSE else 6, 2.0))
    keep(formats_ms={", ".join(names): round(1000 * seconds, 1) for names, seconds in found.items()})
    print(f"training step alone, ms: {json.dumps(FACTS['formats_ms'])}")
    return min(found, key=lambda names: found[names])


def config_file(name: str, **stage: Any) -> str:
    """The kit's config with these settings of the stage, and with the rehearsal's on top; as a file."""
    base = "scratch" if JOB["scratch"] else "shipped"
    changes = yaml.safe_load((KIT / "rehearsal.yaml").read_text()) if REHEARSE else {"stages": {STAGE: {}}}
    changes["stages"] = {STAGE: {**changes["stages"][STAGE], **stage}}
    if bodies := FACTS.get("registration", {}).get("bodies"):
        synthesis = changes.setdefault("synthesis", {})
        synthesis["cases"] = {"bodies": {"include": bodies}}
    path = WORK / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"extends": str(KIT / f"{base}.yaml"), **changes}))
    return str(path)
