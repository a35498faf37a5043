"""An archive in small: ``make archive-demo`` makes 12 studies, segments them, kills a worker, interrupts, and goes on.

python scripts/archive_demo.py build/archive-demo
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from dicom_files import small_volume, write_series
from flareseg.archive.table import read_table
from flareseg.io.ledger import ResultLedger
from flareseg.phantom import make_phantom

STUDIES = 12
KILL_AFTER, INTERRUPT_AFTER = 3, 7  # cases
SHAPE, SPACING = (80, 128, 128), (4.0, 3.0, 3.0)  # (k, j, i), mm
SHOWN = ["name", "state", "attempts", "liver_ml", "kidneys_ml", "spleen_ml", "pancreas_ml", "seconds"]


def main(folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    source, output = folder / "source", folder / "output"
    make_studies(source)
    command = [sys.executable, "-m", "flareseg", "archive", str(source), str(output)]
    with subprocess.Popen(command) as process:
        when_ended(output, KILL_AFTER)
        kill_a_worker(process.pid)
        when_ended(output, INTERRUPT_AFTER)
        process.send_signal(signal.SIGINT)
    subprocess.run([*command[:-2], "status", str(output)], check=True)
    say("The same command again:")
    code = subprocess.run(command, check=False).returncode
    subprocess.run([*command[:-2], "status", str(output)], check=True)
    say(read_table(output, SHOWN).to_string(index=False))
    say(f"The page: {output / 'report.html'}")
    return code


def make_studies(source: Path) -> None:
    """CTs of synthetic patients, each with a localizer; one study twice."""
    say(f"Making {STUDIES} studies ...")
    for number in range(STUDIES):
        uid, study = f"1.2.826.0.1.{number}", source / f"patient{number:02}"
        volume = make_phantom(number, SHAPE, SPACING).volume
        facts = {"StudyInstanceUID": uid, "Manufacturer": "Synthetic", "ManufacturerModelName": "Phantom"}
        localizer = {**facts, "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
        write_series(study / "1", small_volume(), series=f"{uid}.1", SeriesNumber=1, **localizer)
        write_series(study / "2", volume, series=f"{uid}.2", SeriesNumber=2, **facts)
    shutil.copytree(source / "patient00", source / "sent again")


def when_ended(output: Path, cases: int) -> None:
    """Return when so many cases have ended."""
    while sum(1 for _ in ResultLedger(output).rows()) < cases:
        time.sleep(0.1)


def kill_a_worker(driver: int) -> None:
    """Kill the process among those of the driver that has the most memory, which is a worker's."""
    family = psutil.Process(driver).children(recursive=True)
    worker = max(family, key=lambda process: process.memory_info().rss)
    say(f"Killing worker process {worker.pid}.")
    worker.kill()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
