"""The workers of an archive: how many, on which GPUs, of this computer or of a site's cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster, Scheduler, SpecCluster, Worker, get_worker
from flareseg.archive.cluster import Workers, check_workers, gpus_of, local_client, plan_workers, remote_client
from flareseg.archive.driver import ArchiveCounts, Driver
from flareseg.archive.job import SegmentArchive
from flareseg.archive.table import read_table
from flareseg.archive.window import Window
from flareseg.core.errors import FlareError
from flareseg.inference.options import SegmentationOptions
from jobs import CheapJob

AddStudy = Callable[[Path, int], Path]


def worker_name(number: int) -> str:
    return str(get_worker().name)


@pytest.mark.parametrize(
    ("asked", "gpus", "cores", "ram_mb", "workers"),
    [
        (None, (), 16, 64_000.0, Workers(8, 2, 8000.0)),
        (None, (), 64, 10_000.0, Workers(4, 16, 2500.0)),  # as many as have room
        (None, (), 1, 8000.0, Workers(1, 1, 8000.0)),
        (None, (), 4, 2000.0, Workers(1, 4, 2000.0)),
        (3, (), 4, 9000.0, Workers(3, 1, 3000.0)),
        (None, ("0", "1"), 16, 64_000.0, Workers(2, 8, 32_000.0, ("0", "1"))),
        (1, ("GPU-a", "GPU-b"), 16, 64_000.0, Workers(1, 16, 64_000.0, ("GPU-a",))),
    ],
)
def test_workers_follow_from_gpus_cores_and_memory(
    asked: int | None, gpus: tuple[str, ...], cores: int, ram_mb: float, workers: Workers
) -> None:
    assert plan_workers(asked, gpus, cores, ram_mb) == workers


@pytest.mark.parametrize(
    ("asked", "gpus", "message"),
    [
        (0, (), "needs one worker"),
        (3, ("0", "1"), "has 2 usable GPUs"),
        (9, (), "need about 22 GB, and 8.0 GB are free"),
    ],
)
def test_more_workers_than_there_is_room_for_are_refused(asked: int, gpus: tuple[str, ...], message: str) -> None:
    with pytest.raises(FlareError, match=message) as caught:
        plan_workers(asked, gpus, 16, 8000.0)
    assert caught.value.hint


def test_without_a_gpu_none_is_named_whatever_the_environment_says() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this computer has a GPU")
    assert gpus_of({"CUDA_VISIBLE_DEVICES": "0,1"}) == ()


def test_each_process_sees_a_gpu_of_its_own_and_has_one_thread() -> None:
    workers = Workers(count=2, threads=1, ram_mb=3000, gpus=("GPU-a", "GPU-b"))
    with local_client(workers) as client:
        assert set(client.run(os.getenv, "CUDA_VISIBLE_DEVICES").values()) == {"GPU-a", "GPU-b"}
        assert set(client.nthreads().values()) == {1}
        check_workers(client, workers.resources)  # each has what a case takes
        assert dict(Window(client, workers.resources).map(len, ["a", "bb"])) == {"a": 1, "bb": 2}


def test_cases_go_to_the_workers_with_a_gpu() -> None:
    def options(**more: Any) -> dict[str, Any]:
        return {"cls": Worker, "options": {"nthreads": 1, **more}}

    scheduler = {"cls": Scheduler, "options": {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}}
    workers = {"plain": options(), "gpu": options(resources={"GPU": 1})}
    with SpecCluster(workers, scheduler) as cluster, Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        answers = Window(client, {"GPU": 1}).map(worker_name, range(20))
        assert {answer for _, answer in answers} == {"gpu"}


def test_a_window_submits_a_few_calls_however_many_there_are(client: Client) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    window = Window(client)
    for _ in zip(range(3), window.map(abs, items())):
        assert len(window.items) <= 6
    assert taken <= 3 + 6
    window.cancel()


def test_an_archive_runs_on_a_cluster_at_an_address(client: Client, add_study: AddStudy, tmp_path: Path) -> None:
    add_study(tmp_path / "source" / "study", 0)
    job = SegmentArchive(tmp_path / "source", tmp_path / "output", ".nii.gz", SegmentationOptions(), "cpu")
    driver = Driver.of(job, None, client.scheduler.address, False, lambda counts: None)
    assert driver.run(tmp_path / "source").table == {"done": 1}
    assert read_table(tmp_path / "output", ["liver_ml"])["liver_ml"][0] == pytest.approx(1327, abs=60)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"device": "tpu"}, 'Unknown device: "tpu"'),
        ({"precision": "int3"}, 'Unknown precision: "int3"'),
        ({"weights": Path("nowhere")}, "network weights is missing: nowhere"),
        ({"network": "full-size"}, "No weights for the whole scan in one pass"),
    ],
)
def test_networks_that_cannot_be_loaded_are_said_before_the_search(
    changed: dict[str, Any], message: str, client: Client, tmp_path: Path
) -> None:
    job = SegmentArchive(tmp_path, tmp_path / "output", ".nii.gz", SegmentationOptions(), **changed)
    with pytest.raises(FlareError, match=message):
        Driver(job, lambda: nullcontext(client)).run(tmp_path)
    assert not (tmp_path / "output" / "left_out.csv").exists()


def test_a_scheduler_without_workers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", processes=False) as cluster,
        pytest.raises(FlareError, match="has no workers"),
        remote_client(cluster.scheduler_address, seconds=0.5),
    ):
        pass


@pytest.mark.parametrize(
    ("threads", "resources", "message"),
    [(2, None, "more than one thread"), (1, {"GPU": 1.0}, "No Dask worker has the resource GPU")],
)
def test_workers_that_could_do_no_case_are_refused_before_the_search(
    threads: int, resources: dict[str, float] | None, message: str, tmp_path: Path
) -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=threads, dashboard_address="127.0.0.1:0", processes=False
    ) as cluster:
        driver = Driver(
            CheapJob(tmp_path, tmp_path / "output"), lambda: remote_client(cluster.scheduler_address), resources
        )
        with pytest.raises(FlareError, match=message):
            driver.run(tmp_path)


def test_a_scheduler_that_ends_during_the_run_is_said(add_study: AddStudy, tmp_path: Path) -> None:
    for number in range(6):
        add_study(tmp_path / "source" / str(number), number)
    clusters: list[LocalCluster] = []

    @contextmanager
    def connect() -> Iterator[Client]:
        with (
            LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
            remote_client(cluster.scheduler_address) as client,
        ):
            clusters.append(cluster)
            yield client

    def end(counts: ArchiveCounts) -> None:
        clusters[0].close()

    driver = Driver(CheapJob(tmp_path / "source", tmp_path / "output"), connect, on_change=end)
    with pytest.raises(FlareError, match="The connection to the Dask scheduler was lost"):
        driver.run(tmp_path / "source")
