"""The workers: a LocalCluster of this computer that listens on the loopback only, or a cluster that a site has."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dask
import psutil
from distributed import Client, LocalCluster, TimeoutError, Worker
from distributed.scheduler import DEFAULT_EXTENSIONS

from flareseg.core.errors import InsufficientMemoryError, JobError, WorkerError
from flareseg.core.free_memory import MB, attainable_mb
from flareseg.core.repeating import repeated

_THREADS = 2  # of a process on a CPU; reading and writing a scan take one
_WORKER_MB = 2500.0  # of a CT with 1,000 slices of 512 x 512: the scan, its labels, the networks
_CONNECT_SECONDS = 60.0
_START_SECONDS = 600.0  # of all processes of this computer, which read PyTorch from what may be a slow disk
_KEPT_SECONDS = 10.0  # between two looks at whether all workers are there
_SETTINGS = {
    "distributed.scheduler.allowed-failures": 10,  # attempts of a case are counted in the ledger, on disk
    "distributed.worker.memory.target": False,  # results are small; nothing is worth writing to disk
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.work-stealing": True,
    "distributed.comm.timeouts.connect": f"{_CONNECT_SECONDS:.0f}s",
}
_EXTENSIONS = {  # "spans", on both sides, would keep something of every call that was ever submitted
    name: extension for name, extension in DEFAULT_EXTENSIONS.items() if name not in ("spans", "shuffle")
}


@dataclass(frozen=True)
class Workers:
    """``threads``: of PyTorch in each process. ``gpus``: the CUDA device of each process; none of them on a CPU."""

    count: int
    threads: int
    ram_mb: float
    gpus: tuple[str, ...] = ()

    @property
    def resources(self) -> dict[str, float] | None:
        """What a case takes of a worker."""
        return {"GPU": 1} if self.gpus else None


def plan_workers(asked: int | None, gpus: tuple[str, ...], cores: int, ram_mb: float) -> Workers:
    """How many worker processes a computer takes: one for each GPU, or by its cores and the memory that is free.

    ``asked``: how many the caller asked for, None for as many as make sense. Raises JobError, InsufficientMemoryError.
    """
    most = int(ram_mb // _WORKER_MB)
    if asked is not None and asked < 1:
        raise JobError("An archive needs one worker or more.", "Give --workers 1 or a larger number.")
    if gpus and asked is not None and asked > len(gpus):
        raise JobError(
            f"{asked} workers were asked for, and this computer has {len(gpus)} usable GPU{'s' * (len(gpus) > 1)}.",
            "Give a smaller number to --workers: each process has a GPU of its own.",
        )
    if asked is not None and asked > max(1, most):
        raise InsufficientMemoryError(
            f"{asked} workers need about {asked * _WORKER_MB / 1000:.0f} GB, and {ram_mb / 1000:.1f} GB are free.",
            f"Give --workers {max(1, most)}, or close other programs.",
        )
    count = asked or max(1, min(len(gpus) or max(1, cores // _THREADS), most))
    return Workers(count, max(1, cores // count), ram_mb / count, gpus[:count])


def this_computer(asked: int | None, device: str) -> Workers:
    """The workers of this computer. Raises FlareError."""
    cores = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else psutil.cpu_count()
    return plan_workers(asked, () if device == "cpu" else gpus_of(os.environ), cores or 1, attainable_mb())


def gpus_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The CUDA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = environment.get("CUDA_VISIBLE_DEVICES")
    if not torch.cuda.is_available():
        return ()
    if named is not None:
        return tuple(part.strip() for part in named.split(",") if part.strip())
    return tuple(str(number) for number in range(torch.cuda.device_count()))


class ArchiveCluster(LocalCluster):
    """Processes of one thread each; with GPUs each sees its own one alone and has the resource GPU."""

    def __init__(self, workers: Workers) -> None:
        self._gpus = workers.gpus
        super().__init__(
            n_workers=0,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # of the scheduler's HTTP server, which Dask starts in any case
            scheduler_kwargs={"dashboard": False, "extensions": _EXTENSIONS},
            memory_limit=int(workers.ram_mb * MB),
            extensions={},  # of the workers
            preload=["flareseg.archive.local_worker"],
            silence_logs=logging.CRITICAL,  # what happens to a case is in its row
        )
        self.scale(workers.count)

    def new_worker_spec(self) -> dict[int, dict[str, Any]]:
        """Dask asks for this for each process that it starts."""
        ((name, spec),) = super().new_worker_spec().items()
        if self._gpus:
            gpu = self._gpus[name % len(self._gpus)]
            options = {**spec["options"], "env": {"CUDA_VISIBLE_DEVICES": gpu}, "resources": {"GPU": 1}}
            spec = {**spec, "options": options}
        return {name: spec}


@contextlib.contextmanager
def local_client(workers: Workers) -> Iterator[Client]:
    """A client of a cluster of this computer, which ends with the block."""
    with dask.config.set(_SETTINGS), ArchiveCluster(workers) as cluster, Client(cluster) as client:
        try:
            client.wait_for_workers(workers.count, timeout=_START_SECONDS)
        except TimeoutError as error:
            message = f"The worker processes did not start within {_START_SECONDS:.0f} seconds."
            raise WorkerError(message, "Run the same command again.") from error
        # Dask gives up a process that is killed while it starts
        with repeated(lambda: cluster.scale(workers.count), lambda: _KEPT_SECONDS):
            yield client


@contextlib.contextmanager
def remote_client(address: str, seconds: float = _CONNECT_SECONDS) -> Iterator[Client]:
    """A client of the cluster at an address. Raises JobError where no scheduler or worker answers in some seconds."""
    try:
        client = Client(address, timeout=seconds)
    except (OSError, TimeoutError, ValueError) as error:
        raise JobError(f"No Dask scheduler answers at {address} ({error}).", "Check the address.") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=seconds)
        except TimeoutError as error:
            raise JobError(f"The Dask scheduler at {address} has no workers.", "Start some workers first.") from error
        yield client


def check_workers(client: Client, resources: Mapping[str, float] | None) -> None:
    """Raise JobError for workers that would do several cases at a time, and where none has the resources of a case."""
    if any(threads > 1 for threads in client.nthreads().values()):
        raise JobError("There are Dask workers with more than one thread.", "Start them with --nthreads 1.")
    lacking = [name for name in resources or () if not any(name in each for each in client.run(_resources_of).values())]
    for name in lacking:
        raise JobError(f"No Dask worker has the resource {name}.", f"Start the workers with --resources {name}=1.")


def _resources_of(dask_worker: Worker) -> dict[str, float]:
    return dict(dask_worker.state.total_resources)
