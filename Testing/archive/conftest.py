"""An archive of small phantoms as DICOM, and a cluster of two processes that the tests share."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dicom_files import write_series
from flareseg.core.volume import Volume
from flareseg.io.ledger import ResultLedger
from flareseg.phantom import make_phantom

sys.path.insert(0, str(Path(__file__).parent))  # for worker processes, which import jobs.py

from distributed import Client
from flareseg.archive.cluster import Workers, local_client
from flareseg.archive.driver import Driver, OnChange
from jobs import CheapJob

WORKERS = Workers(count=2, threads=1, ram_mb=6000)


@pytest.fixture(scope="session")
def small_phantom() -> Volume:
    """A whole abdomen in voxels of 8 mm, which takes a fraction of a second to segment."""
    return make_phantom(shape=(32, 48, 48), spacing=(8.0, 8.0, 8.0)).volume


@pytest.fixture(scope="session")
def add_study(small_phantom: Volume) -> Callable[[Path, int], Path]:
    """Writes study number n into a folder, as a series of its own."""

    def add(folder: Path, number: int) -> Path:
        uid = f"1.2.826.0.1.{number}"
        return write_series(folder, small_phantom, series=f"{uid}.4", StudyInstanceUID=uid, SeriesNumber=4)

    return add


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    with local_client(WORKERS) as client:
        yield client


@pytest.fixture
def driver(client: Client) -> Callable[..., Driver]:
    """A driver of the cheap job on the shared cluster."""

    def make(source: Path, output: Path, retry: bool = False, on_change: OnChange = lambda counts: None) -> Driver:
        return Driver(
            CheapJob(source, output), lambda: contextlib.nullcontext(client), retry=retry, on_change=on_change
        )

    return make


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def ledger(tmp_path: Path) -> ResultLedger:
    ledger = ResultLedger(tmp_path / "output")
    ledger.prepare()
    return ledger
