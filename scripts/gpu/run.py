"""Use of a GPU for some minutes: checks, timing, training, scores. See README.md.

Each step is a process of its own with its own time limit: what fails in one, a broken CUDA context included, leaves the
others alone. All goes to $OUT as it comes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

BEGUN = time.monotonic()
KIT = Path(__file__).resolve().parent
STEPS = ("environment", "smoke", "tests", "checks", "processes", "timing", "variants", "train", "scores")
MEASURING = ("checks", "variants", "processes")  # with --measure only
LIMITS = {
    "environment": 60,
    "smoke": 60,
    "tests": 90,
    "checks": 75,
    "processes": 120,
    "timing": 110,
    "variants": 140,
    "scores": 60,
}  # seconds; train has the rest
PACKAGES = {  # what the steps import, and the distributions that bring it
    "monai": ("monai",),
    "cc3d": ("connected-components-3d",),
    "pydantic": ("pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions"),
    "lightning_fabric": ("lightning-fabric",),
    "dynamic_network_architectures": ("dynamic-network-architectures",),
}
ORGANS = ("liver", "kidneys", "spleen", "pancreas")


class Runner:
    def __init__(self, options: argparse.Namespace, out: Path, work: Path) -> None:
        self.options, self.out, self.work = options, out, work
        self.end = BEGUN + 60 * options.minutes
        self.log = (out / "log.txt").open("w", encoding="utf-8", buffering=1)
        self.status: dict[str, dict[str, object]] = {}

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.log.write(line + "\n")

    def packages(self) -> None:
        """Install the wheels of what is missing; the children find them through PYTHONPATH."""
        site, known = self.work / "site", os.environ.get("PYTHONPATH", "")
        os.environ["PYTHONPATH"] = os.pathsep.join(
            map(str, (Path("FlareSegmentation").resolve(), Path.cwd(), KIT, site, known))
        )
        missing = [name for module, names in PACKAGES.items() if not importlib.util.find_spec(module) for name in names]
        wheels = {path.name.split("-")[0].lower() for path in (self.options.kit / "wheels").iterdir()}
        if missing := [name for name in missing if name.replace("-", "_") in wheels]:
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
            command += ["--no-cache-dir", "--upgrade", "--target", str(site)]
            command += ["--find-links", str(self.options.kit / "wheels"), *missing]
            done = subprocess.run(command, check=False)
            self.say(f"packages: {', '.join(missing)} installed, pip's exit code {done.returncode}")
        packed = self.options.kit / "simpleitk.tar.xz"
        if packed.exists() and not importlib.util.find_spec("SimpleITK"):
            with tarfile.open(packed) as archive:
                archive.extractall(site, filter="data")
            self.say("packages: SimpleITK unpacked")

    def step(self, name: str) -> None:
        left = self.end - time.monotonic()
        limit = left - self.options.reserve if name == "train" else min(left, LIMITS[name])
        if name in self.options.skip or limit < 5:
            self.status[name] = {"status": "skipped" if name in self.options.skip else "skipped: no time left"}
            self.say(f"== {name}: {self.status[name]['status']}")
            return self.save()
        self.say(f"== {name} (at most {limit:.0f} s)")
        begun = time.monotonic()
        try:
            status = self.child(name, limit)
        except Exception as error:  # whatever it is, the other steps go on
            status = f"failed: {error!r}"
        self.status[name] = {"status": status, "seconds": round(time.monotonic() - begun, 1)}
        self.say(f"== {name}: {status} in {time.monotonic() - begun:.1f} s")
        return self.save()

    def child(self, name: str, limit: float) -> str:
        job = {**vars(self.options), "kit": str(self.options.kit), "out": str(self.out), "work": str(self.work)}
        job |= {"step": name, "end": time.monotonic() + limit - 5}  # one clock for all processes, which start slowly
        words = [sys.executable, "-u", str(KIT / "steps.py"), json.dumps(job)]
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
        )
        late = threading.Event()

        def end(number: signal.Signals) -> None:
            late.set()
            os.killpg(process.pid, number)  # its own session, begun above

        timers = [threading.Timer(limit, end, [signal.SIGTERM]), threading.Timer(limit + 6, end, [signal.SIGKILL])]
        for timer in timers:
            timer.start()
        assert process.stdout
        for line in process.stdout:
            self.say("   " + line.rstrip()[:300])
        code = process.wait()
        for timer in timers:
            timer.cancel()
        return "out of time" if late.is_set() else "ok" if code == 0 else f"failed (exit code {code})"

    def save(self) -> None:
        facts = {name: json.loads((self.work / f"{name}.json").read_text()) for name in STEPS if self.has(name)}
        whole = {"steps": self.status, **facts, "seconds": round(time.monotonic() - BEGUN, 1)}
        (self.out / "summary.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        self.facts = facts

    def has(self, name: str) -> bool:
        return (self.work / f"{name}.json").exists()

    def table(self) -> None:
        self.say("\n" + "=" * 100)
        for name, how in self.status.items():
            self.say(f"{name:12} {how.get('seconds', ''):>6} s  {how['status']}")
        timing, train, scores = (self.facts.get(name, {}) for name in ("timing", "train", "scores"))
        for row in timing.get("scans", []):
            stages = "  ".join(f"{stage} {1000 * s:.0f}" for stage, s in row["stages"].items())
            self.say(f"512x512x{row['slices']}: {1000 * row['median']:.0f} ms ({stages}); {row['memory']}")
        for key in ("estimate", "floor", "transfer", "network_ms", "nnunet"):
            if key in timing:
                self.say(f"{key}: {json.dumps(timing[key])}")
        for row in self.facts.get("variants", {}).get("rows", []):
            self.say(
                f"{row['switches']:42} {row['ms']} ms, {row['allocator_mb']} MB, {row['equal_percent']} % of labels"
            )
        for step in ("checks", "processes"):
            for key, fact in self.facts.get(step, {}).items():
                self.say(f"{key}: {json.dumps(fact)}")
        for key in ("registration", "formats_ms", "probe", "parts_ms", "training"):
            if key in train:
                self.say(f"{key}: {json.dumps(train[key])}")
        for case, rows in scores.items():
            if isinstance(rows, str):  # what failed, and how
                self.say(f"{case}: {rows}")
                continue
            for when, dice in rows.items():
                self.say(f"Dice % {case:25} {when:7} " + "  ".join(f"{o} {100 * d:.1f}" for o, d in zip(ORGANS, dice)))
        files = ", ".join(sorted(path.name for path in self.out.iterdir()))
        self.say(f"all: {time.monotonic() - BEGUN:.0f} s; files: {files}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kit", type=Path, help="the folder that prepare.sh made")
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything, from the start of this script")
    parser.add_argument("--stage", choices=("organs", "abdomen"), default="organs")
    parser.add_argument("--scratch", action="store_true", help="from random weights")
    parser.add_argument("--skip", nargs="*", default=[], choices=STEPS)
    parser.add_argument("--measure", action="store_true", help="check and measure, and train nothing")
    parser.add_argument("--reserve", type=float, default=45.0, help="seconds kept for what follows the training")
    parser.add_argument("--probe", type=float, default=30.0, help="seconds of the training's throughput probe")
    parser.add_argument("--registration", type=float, default=50.0, help="seconds for fitting bodies to maps")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with tiny settings")
    parser.add_argument("--fail", choices=STEPS, help="make this step fail (to rehearse)")
    options = parser.parse_args()
    if options.measure:
        options.skip += ("train", "scores")
    elif not options.rehearse:
        options.skip += MEASURING
    if not Path("FlareSegmentation/flareseg").is_dir():
        sys.exit("run.py must be called in the root of a project checkout")
    options.kit = options.kit.resolve()
    out = Path(os.environ.get("OUT", "gpukit-out")).resolve()
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="gpukit-"))
    runner = Runner(options, out, work)
    try:
        runner.packages()
    except Exception as error:
        runner.say(f"packages: {error!r}")
    for name in STEPS:
        runner.step(name)
    runner.table()
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
