"""The FLARE21 protocol, seen from inside: a scan's .nii.gz to a label map's, once, in a fresh process."""

from __future__ import annotations

import json
import time
from pathlib import Path

from flareseg.benchmark.catalogue import OURS
from flareseg.benchmark.job import Account, Job
from flareseg.core.report import Report


def measure(job: Job, account: Account) -> None:
    (_our_command if job.method == OURS.key else _subject)(job, account)


def _our_command(job: Job, account: Account) -> None:
    """``flareseg segment`` itself, as a container calls it; its report tells the stages."""
    report_file = Path(job.output).with_name("report.json")
    start = time.perf_counter()
    from flareseg.cli.app import app

    arguments = ["segment", job.scan, "-o", job.output, "--report", str(report_file), "--device", job.device]
    code = app([*arguments, "--no-table"], standalone_mode=False)
    seconds = time.perf_counter() - start
    if code:
        raise SystemExit(code)  # why is the last line of what it printed
    report = Report.from_json(json.loads(report_file.read_text(encoding="utf-8")))
    account.stages = {stage.name: stage.seconds for stage in report.stages}
    # what the report's clock did not see came before it: imports and the networks
    account.stages["load"] = account.stages.get("load", 0.0) + seconds - report.total_seconds
    account.dtype = report.device.dtype
    account.reported_ram_mb = report.memory.peak_ram_mb
    account.reported_gpu_mb = report.memory.peak_gpu_device_mb


def _subject(job: Job, account: Account) -> None:
    from flareseg.core.measure import StageClock

    clock = StageClock()
    with clock.stage("load"):
        from flareseg.benchmark.subject import load, megabytes

        subject = load(job.method, job.device)
    with clock.stage("read"):
        image = subject.read(Path(job.scan))
    cpu_start = time.process_time()
    labels = subject.segment(image, clock)
    account.cpu_seconds = [time.process_time() - cpu_start]
    account.given_mb = megabytes(image, labels)
    with clock.stage("write"):
        subject.write(Path(job.output), labels, image)
    account.stages = {stage.name: stage.seconds for stage in clock.stages}
    account.dtype = subject.dtype
    account.add_sampling(subject.sampling)
