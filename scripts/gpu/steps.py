"""The steps of run.py, each run in a process of its own with its job as JSON; results go to WORK/STEP.json."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time

import torch
from job import DEVICE, END, FACTS, JOB, KIT, OUT, REHEARSE, cases, dice_of, keep, tried


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
    if (KIT / "simpleitk.tar.xz").exists():
        with tried("benchmark"):
            subprocess.run([sys.executable, "-m", "benchmarks", "--help"], check=True, stdout=subprocess.DEVNULL)
    trains = ("monai", "pydantic", "lightning_fabric", "flareseg.training.run") if (KIT / "store").exists() else ()
    for name in ("cc3d", "flareseg.inference.cascade", *trains):
        with tried(f"import {name}"):
            __import__(name)


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
    try:
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=END - time.monotonic())
    except subprocess.TimeoutExpired as error:
        print(error.stdout)
        raise
    lines = done.stdout.strip().splitlines()
    keep(exit_code=done.returncode, last=lines[-1:])
    print("\n".join(lines[-30:] + done.stderr.strip().splitlines()[-5:]))
    sys.exit(done.returncode)


def scores() -> None:
    from flareseg.inference.cascade import Cascade

    for when, weights in (("shipped", None), ("new", OUT)):
        with tried(when):
            cascade = Cascade.load(DEVICE, weights)
            for case in cases():
                keep(**{case: {**FACTS.get(case, {}), when: dice_of(cascade, case)}})
                print(f"{case} {when}: {FACTS[case][when]}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended: out of time"))
    if JOB["fail"] == JOB["step"]:
        raise RuntimeError("made to fail on purpose")
    if not REHEARSE:
        assert torch.cuda.is_available(), "PyTorch finds no CUDA GPU"
    if JOB["step"] == "timing":
        from timing import timing as step
    elif JOB["step"] == "variants":
        from variants import variants as step
    elif JOB["step"] == "checks":
        from checks import checks as step
    elif JOB["step"] == "processes":
        from processes import processes as step
    elif JOB["step"] == "train":
        from training import train as step
    else:
        step = {"environment": environment, "smoke": smoke, "tests": tests, "scores": scores}[JOB["step"]]
    step()
