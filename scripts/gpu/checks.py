"""What a GPU has to keep: labels in every number format, the limit on its memory, a full card, the report's memory."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from job import CPU, DEVICE, FACTS, REHEARSE, cases, end_by_facts, keep, stretched, tried, volume

LEAST_EQUAL = 99.9  # percent of voxels
LIMIT_MB, TOO_LITTLE_MB = 256.0, 8.0
LEFT_MB = 40  # free on a card that is full
LEAST_AGREEMENT = 10.0  # percent


def checks() -> None:
    with tried("precisions"):
        precisions()
    if REHEARSE:
        print("limit, full card, reported memory: skipped, need CUDA")
        end_by_facts()
    for check in (reported_memory, limit, full_card):
        with tried(check.__name__):
            check()
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    end_by_facts()


def precisions() -> None:
    """Percent of the voxels with the label that the CPU gives in float32, by number format and case."""
    from flareseg.inference.cascade import Cascade

    on_cpu = Cascade.load(CPU, precision="float32")
    found: dict[str, dict[str, float]] = {}
    for case in cases()[:1] if REHEARSE else cases():
        scan, _ = volume(case)
        expected = on_cpu.segment(scan).labels
        for precision in ("float32",) if REHEARSE else ("float32", "float16", "bfloat16"):
            labels = Cascade.load(DEVICE, precision=precision).segment(scan).labels
            found.setdefault(precision, {})[case] = round(100 * float((labels == expected).mean()), 4)
    keep(equal_percent=found)
    print(f"labels as on the CPU, percent of voxels: {found}")
    least = min(share for shares in found.values() for share in shares.values())
    if least < LEAST_EQUAL:
        raise AssertionError(f"only {least} % of the labels are those of the CPU")


def reported_memory() -> None:
    """The device peak of the report against nvidia-smi's, sampled in a process of its own."""
    from flareseg.core.run import Run
    from flareseg.inference.cascade import Cascade

    cascade, scan = Cascade.load(DEVICE), stretched(640)
    with smi() as levels, Run() as run:
        for _ in range(10):
            cascade.segment(scan, run=run)
    reported, seen = run.memory.facts().peak_gpu_device_mb or 0.0, max(levels, default=0.0)
    keep(device_mb={"report": round(reported), "nvidia-smi": round(seen), "samples": len(levels)})
    print(f"device memory: {FACTS['device_mb']}")
    if abs(reported - seen) > LEAST_AGREEMENT / 100 * seen:
        raise AssertionError("the report differs from nvidia-smi by more than 10 %")


@contextmanager
def smi() -> Iterator[list[float]]:
    """The memory of the device in MB, sampled by nvidia-smi every 20 ms while the context lasts.

    What the driver reserves is added, as NVML's own figure holds it, too.
    """
    query = "--query-gpu=memory.used,memory.reserved"
    words = ["nvidia-smi", query, "--format=csv,noheader,nounits", "-i", "0", "-lms", "20"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    levels: list[float] = []
    lines = process.stdout
    assert lines is not None

    def read() -> None:
        for line in lines:
            levels.append(sum(float(mebibytes) for mebibytes in line.split(",")) * 2**20 / 1e6)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield levels
    finally:
        process.terminate()
        thread.join()


def limit() -> None:
    """--gpu-memory-limit is obeyed, and one that is too small is refused in words."""
    from flareseg.core.errors import GpuMemoryError
    from flareseg.core.limits import Limits
    from flareseg.core.run import Run
    from flareseg.inference.cascade import Cascade

    scan = stretched(640)
    expected = Cascade.load(DEVICE).segment(scan).labels
    torch.cuda.empty_cache()
    with Run() as run:
        found = Cascade.load(DEVICE, limits=Limits(gpu=LIMIT_MB)).segment(scan, run=run)
    share = 100 * float((found.labels == expected).mean())
    reserved = torch.cuda.max_memory_reserved() / 1e6
    torch.cuda.empty_cache()
    try:
        Cascade.load(DEVICE, limits=Limits(gpu=TOO_LITTLE_MB)).segment(scan)
        refusal = "none"
    except GpuMemoryError as error:
        refusal = str(error)
    allocated = run.memory.facts().peak_gpu_allocated_mb or 0.0
    facts = {"allocator_mb": round(allocated), "equal_percent": round(share, 4), "warnings": found.warnings}
    keep(limit={**facts, "refusal of 8 MB": refusal})
    print(f"limit of {LIMIT_MB:g} MB: {FACTS['limit']}, reserved {reserved:.0f} MB (of the whole process)")
    if allocated > LIMIT_MB or refusal == "none" or share < LEAST_EQUAL:
        raise AssertionError("the limit is not obeyed")


def full_card() -> None:
    """A card that other tensors fill: a warning or a refusal in words, and the labels of an empty card."""
    from flareseg.core.errors import GpuMemoryError
    from flareseg.inference.cascade import Cascade

    scan, _ = volume("spl_abdomen")
    cascade = Cascade.load(DEVICE)
    expected = cascade.segment(scan).labels
    with filled(LEFT_MB):
        try:
            found: Any = cascade.segment(scan)
            said, labels = found.warnings, found.labels
        except GpuMemoryError as error:
            said, labels = [str(error)], expected
    share = 100 * float((labels == expected).mean())
    keep(full_card={"said": said, "equal_percent": round(share, 4)})
    print(f"full card: {FACTS['full_card']}")
    after = 100 * float((cascade.segment(scan).labels == expected).mean())
    if min(share, after) < LEAST_EQUAL:
        raise AssertionError("labels differ after the card was full")


@contextmanager
def filled(left_mb: int) -> Iterator[None]:
    """Fill the card but for ``left_mb``, by real allocations."""
    torch.cuda.empty_cache()
    held = []
    for megabytes in (1024, 128, 20):
        try:
            while torch.cuda.mem_get_info()[0] > (left_mb + megabytes) * 10**6:
                held.append(torch.empty(megabytes * 10**6, dtype=torch.uint8, device=DEVICE))
        except torch.OutOfMemoryError:
            continue  # fragments; smaller pieces may fit
    free = torch.cuda.mem_get_info()[0] / 1e6
    print(f"full card: {len(held)} tensors, {free:.0f} MB left")
    keep(full_card_free_mb=round(free))
    yield
    held.clear()
    torch.cuda.empty_cache()
