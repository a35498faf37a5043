"""The warm protocol: array in host memory to labels in host memory, again and again in one loaded process."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from flareseg.benchmark.job import Account, Job
from flareseg.benchmark.subject import Subject, load, megabytes
from flareseg.core.measure import MB, MemoryWatch, StageClock
from flareseg.core.report import MemoryFacts

MIB = 2**20 / MB
LONG_SECONDS = 20.0  # a run that takes so long is not repeated: warming up changes little of it
ENOUGH_SECONDS = 30.0  # after which no further run is begun


@dataclass(frozen=True)
class Turn:
    """One run: wall clock with the device synchronised, processor time, time between CUDA events, and stages."""

    seconds: float
    cpu_seconds: float
    event_seconds: float | None
    stages: dict[str, float]
    given_mb: float


def measure(job: Job, account: Account) -> None:
    """One run to warm up, then ``job.repeats``; a long first run is itself the measurement."""
    subject = load(job.method, job.device)
    image = subject.read(Path(job.scan))
    turns, memory = _watched(subject, image, job.device, 1)
    if turns[0].seconds < LONG_SECONDS:
        turns, memory = _watched(subject, image, job.device, job.repeats)
    account.seconds = [turn.seconds for turn in turns]
    account.cpu_seconds = [turn.cpu_seconds for turn in turns]
    account.stages = {name: statistics.median(turn.stages[name] for turn in turns) for name in turns[0].stages}
    events = [turn.event_seconds for turn in turns if turn.event_seconds is not None]
    account.event_seconds = statistics.median(events) if events else None
    account.dtype = subject.dtype
    account.given_mb = turns[0].given_mb
    _add_memory(account, memory)
    account.add_sampling(subject.sampling)


def _watched(subject: Subject, image: Any, device: str, turns: int) -> tuple[list[Turn], MemoryFacts]:
    with MemoryWatch() as watch:
        if device == "cuda":
            watch.watch_gpu(torch.cuda.current_device())
        done = [_turn(subject, image, device == "cuda")]
        while len(done) < turns and sum(turn.seconds for turn in done) < ENOUGH_SECONDS:
            done.append(_turn(subject, image, device == "cuda"))
        return done, watch.facts()


def _turn(subject: Subject, image: Any, on_gpu: bool) -> Turn:
    clock = StageClock()
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2)) if on_gpu else (None, None)
    _synchronise(on_gpu)
    start, cpu_start = time.perf_counter(), time.process_time()
    if begun:
        begun.record()
    labels = subject.segment(image, clock)
    if ended:
        ended.record()
    _synchronise(on_gpu)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    between = begun.elapsed_time(ended) / 1000 if begun and ended else None
    stages = {stage.name: stage.seconds for stage in clock.stages}
    return Turn(seconds, cpu_seconds, between, stages, megabytes(image, labels))


def _synchronise(on_gpu: bool) -> None:
    if on_gpu:
        torch.cuda.synchronize()


def _add_memory(account: Account, memory: MemoryFacts) -> None:
    account.ram_mb = memory.peak_ram_mb
    if memory.peak_gpu_allocated_mb is not None:
        account.gpu_allocated_mib = memory.peak_gpu_allocated_mb / MIB
