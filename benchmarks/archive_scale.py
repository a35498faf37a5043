"""An archive of the size of a hospital's, simulated: ``make archive-scale``.

The driver, Dask, the ledger and the table are the real ones. A case reads a tiny file, waits for the measured time of
a scan divided by 1,000, and writes tiny results; workers are killed at random. Printed are the overhead of a case, the
memory of the process with the scheduler over time, and how many cases were lost, or done more often than attempted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from distributed import Client
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.cluster import Workers, local_client
from flareseg.archive.driver import ArchiveCounts, Driver
from flareseg.archive.job import CaseWork
from flareseg.archive.table import read_table
from flareseg.cli import console
from flareseg.core.repeating import repeated
from flareseg.core.report import DeviceFacts, MemoryFacts, OrganFacts, Report, ScanFacts
from flareseg.io.ledger import ResultRow
from flareseg.io.outputs import make_folder, write_text
from flareseg.io.result_row import done_row

SCAN_SECONDS = 3.0  # of a scan of 512 x 512 x 200 voxels on two cores, with reading and writing
SHORTENED = 1000
IN_A_FOLDER = 500  # scans
HEADER = "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nspacings: 1 1 20\nencoding: raw\nendian: little\n\n"
KILL_SECONDS = (5.0, 15.0)  # between two workers that are killed

REPORT = Report(
    version="simulated",
    scan=ScanFacts("scan", [200, 512, 512], [2.0, 0.8, 0.8], "LPS"),
    device=DeviceFacts("cpu", "simulated", "float32"),
    weights=[],
    roi=[0.0] * 6,
    roi_source="network",
    stages=[],
    total_seconds=SCAN_SECONDS,
    memory=MemoryFacts(600.0),
    organs=[OrganFacts(1, "Liver", 1, 1500.0, mean_hu=100.0, std_hu=20.0, confidence=0.95)],
)


@dataclass(frozen=True)
class SimulatedJob:
    """Tiny files in place of scans, and a wait in place of the networks."""

    source: Path
    output: Path

    def open(self) -> CaseWork:
        return self.work

    def work(self, case: ArchiveCase) -> ResultRow:
        case.paths(self.source)[0].read_bytes()
        time.sleep(SCAN_SECONDS / SHORTENED)
        target = self.output / case.target
        make_folder(target.parent)
        for end in ("-organs.nii.gz", ".png"):
            write_text(target.with_name(target.name + end), "simulated")
        write_text(target.with_name(target.name + ".json"), json.dumps(REPORT.to_json()))
        runs = runs_of(self.output, case.key)
        make_folder(runs.parent)
        with runs.open("ab") as stream:
            stream.write(b".")
        return done_row(case.key, case.name, REPORT, {"labels": f"{case.target}-organs.nii.gz"})


def runs_of(output: Path, key: str) -> Path:
    """A file with one byte for each time that a case was done."""
    return output / "runs" / key[:2] / key


@dataclass
class Watch:
    """Cases, seconds and MB of the process with driver and scheduler, as they were during a run."""

    points: list[tuple[int, float, float]]
    killed: int = 0

    def look(self, counts: ArchiveCounts) -> None:
        every = max(1, counts.total // 10)
        if counts.ended % every == 0:
            memory = psutil.Process().memory_info().rss / 1e6
            self.points.append((counts.ended, counts.seconds, memory))
            console.out.print(f"{counts.ended:8} cases  {counts.seconds:7.1f} s  {memory:6.0f} MB")


def make_source(source: Path, cases: int) -> None:
    """Image files of 400 bytes, which say that they are 80 mm high."""
    content = HEADER.encode() + bytes(128)
    for first in range(0, cases, IN_A_FOLDER):
        folder = source / f"{first // IN_A_FOLDER:05}"
        folder.mkdir(parents=True)
        for number in range(first, min(cases, first + IN_A_FOLDER)):
            (folder / f"{number:07}.nrrd").write_bytes(content)


def killing(watch: Watch, seed: int) -> contextlib.AbstractContextManager[None]:
    """Kill a worker process at random, now and then."""
    chance = random.Random(seed)

    def kill() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if workers := [each for each in psutil.Process().children() if is_worker(each)]:
                chance.choice(workers).kill()
                watch.killed += 1

    return repeated(kill, lambda: chance.uniform(*KILL_SECONDS))


def is_worker(process: psutil.Process) -> bool:
    """Whether Dask started it to work, rather than Python to watch over its resources."""
    return any("spawn_main" in part for part in process.cmdline())


@contextlib.contextmanager
def killed_workers(count: int, watch: Watch, seed: int) -> Iterator[Client]:
    with local_client(Workers(count, 1, 1000.0)) as client, killing(watch, seed):
        yield client


def main(arguments: list[str]) -> int:
    """Run the simulation; 1 where a case was lost, was done twice, or was blamed for a worker that was killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive_scale", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "source", Path(folder) / "output"
        make_source(source, options.cases)
        watch = Watch([])
        begun = time.monotonic()
        driver = Driver(
            SimulatedJob(source, output),
            lambda: killed_workers(options.workers, watch, options.seed),
            on_change=watch.look,
        )
        counts = driver.run(source)
        return report(options.cases, options.workers, counts, watch, time.monotonic() - begun, output)


def report(cases: int, workers: int, counts: ArchiveCounts, watch: Watch, seconds: float, output: Path) -> int:
    table = read_table(output, ["key", "state", "attempts"])
    runs = [runs_of(output, key).stat().st_size for key in table["key"]]
    lost = cases - len(set(table["key"]))
    twice = sum(count > attempts for count, attempts in zip(runs, table["attempts"]))  # a killed attempt counts as one
    failed = int((table["state"] != "done").sum())
    each = 1000 * counts.seconds * workers / cases - 1000 * SCAN_SECONDS / SHORTENED
    for line in (
        f"{cases} cases on {workers} workers in {counts.seconds:.0f} s, {cases / counts.seconds:.0f} a second",
        f"search before and table afterwards: {seconds - counts.seconds:.0f} s",
        f"overhead of a case: {each:.1f} ms of a worker's time",
        f"workers killed: {watch.killed}; cases tried again: {int((table['attempts'] > 1).sum())}",
        f"memory of driver and scheduler: {watch.points[0][2]:.0f} MB at first, {watch.points[-1][2]:.0f} MB at last",
        f"cases lost: {lost}, twice: {twice}, failed: {failed}",
    ):
        console.out.print(line)
    return int(lost > 0 or twice > 0 or failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
