"""Test of the main path with the lowest versions that pyproject.toml allows, in a temporary environment.

The lowest PyTorch for Linux comes with CUDA: 3 GB to download, 6 GB installed. Where the computer cannot do that (disk,
network, no Python of that time) the reason is printed; that is a failure, except in CI (``CI=true``), where the job is
left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from interpreters import installed

PLACE = Path("build/lowest")
PYTHONS = ("3.10", "3.11", "3.12")  # the lowest versions were never built for later ones
NEEDED_GB = 12  # the downloads and what is unpacked lie beside each other for a while
MINUTES = 15
TESTS = [
    "core/test_geometry.py",
    "core/test_report.py",
    "core/test_volume.py",
    "io/test_dicom.py",
    "io/test_nifti_headers.py",
    "io/test_reading.py",
    "io/test_text_headers.py",
    "io/test_writing.py",
    "inference/test_networks.py",
    "inference/test_precision.py",
    "inference/test_resample.py",
    "inference/test_weights.py",
    "inference/test_cascade.py::test_the_phantoms_organs_are_found",
    "inference/test_cascade.py::test_the_loaded_cascade_reproduces_the_reference_predictions",
    "inference/test_cascade.py::test_a_slightly_oblique_scan_is_segmented_on_its_own_grid",
    "cli/test_cli.py::test_one_scan_gives_labels_report_and_preview",
    "cli/test_cli.py::test_the_table_shows_volumes_dice_stages_and_memory",
    "cli/test_cli.py::test_nothing_is_printed_when_piped_and_all_is_well",
    "cli/test_cli.py::test_a_folder_of_scans_is_segmented_scan_by_scan",
    "worker/test_worker.py::test_a_job_gives_the_cascades_labels_and_a_report",
    "worker/test_worker.py::test_uncertainty_is_written_beside_the_labels_on_request",
]
_NETWORK = re.compile(
    r"connection broken by|Connection(Error|Reset|Refused)|timed? ?out|name resolution|Network is unreachable"
    r"|ProxyError|SSLError|IncompleteRead|HTTP error 5\d\d|5\d\d Server Error"
)
_RESOLUTION = re.compile(r"ResolutionImpossible|conflicting dependencies")


class LeftOut(Exception):
    """This computer cannot do it; the text says why."""


def main() -> int:
    try:
        python = environment()
        tests = [f"Testing/{test}" for test in TESTS]
        return subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]).returncode
    except LeftOut as reason:
        print(f"The lowest versions were NOT tested: {reason}", file=sys.stderr)
        return 0 if os.environ.get("CI") == "true" else 1
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)


def environment() -> Path:
    """The Python of a new environment with the lowest versions. Raises LeftOut, or CalledProcessError for pip."""
    interpreter = next(iter(installed(PYTHONS).values()), None)
    if interpreter is None:
        raise LeftOut(f"they need Python {' or '.join(PYTHONS)}, and none is on this computer.")
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    require_disk(NEEDED_GB)
    subprocess.run([interpreter, "-m", "venv", PLACE / "venv"], check=True)
    python = PLACE / "venv" / "bin" / "python"
    install(python)
    return python


def require_disk(gigabytes: float) -> None:
    """Raises LeftOut when less is free."""
    free = shutil.disk_usage(PLACE).free / 1e9
    if free < gigabytes:
        raise LeftOut(f"they need {gigabytes} GB of disk for a while, and {free:.1f} GB are free.")


def install(python: Path) -> None:
    pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--constraint", "locks/lowest.txt"]
    temporary = PLACE / "downloads"
    temporary.mkdir()
    try:
        done = subprocess.run(
            [*pip, "--editable", ".", "pytest", "pytest-timeout"],
            env={**os.environ, "TMPDIR": str(temporary.resolve())},
            stderr=subprocess.PIPE,
            text=True,
            timeout=60 * MINUTES,
        )
    except subprocess.TimeoutExpired:
        raise LeftOut(f"they could not be downloaded within {MINUTES} minutes.") from None
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        if network_failed(done.stderr):
            raise LeftOut("the network failed while they were downloaded; pip's own words are above.")
        raise subprocess.CalledProcessError(done.returncode, "pip install")
    shutil.rmtree(temporary)


def network_failed(said: str) -> bool:
    """Whether pip's stderr tells of the network, and not of versions that do not fit together."""
    return bool(_NETWORK.search(said)) and not _RESOLUTION.search(said)


if __name__ == "__main__":
    sys.exit(main())
