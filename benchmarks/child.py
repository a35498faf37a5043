"""One job of the benchmark in a process of its own: python -m benchmarks.child JOB.json ACCOUNT.json"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from flareseg.core import own_process
from flareseg.core.errors import FlareError

from benchmarks.job import CONTEXT, MACHINE, Account, ChildJob, load_job, save
from benchmarks.methods import FLARE21, WARM
from benchmarks.protocols import measure_cold, measure_warm


def main() -> None:
    entered = time.time()
    own_waiting = os.environ.get("GOMP_SPINCOUNT")
    own_process.prepare()
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    job = load_job(Path(sys.argv[1]))
    if job.method not in ("", "ours") and own_waiting is None:
        os.environ.pop("GOMP_SPINCOUNT", None)  # the peers' threads wait as in their own processes
    try:
        account = _account(job)
    except FlareError as error:
        account = Account(replace(job.row, problem=str(error)))
    except (MemoryError, RuntimeError) as error:  # a GPU's lack of memory, too
        account = Account(replace(job.row, problem=f"{type(error).__name__}: {error}".splitlines()[0]))
    account.entered, account.ended = entered, time.time()
    save(account, Path(sys.argv[2]))


def _end_with_parent() -> None:
    while os.read(0, 1):  # the benchmark holds the other end; sys.stdin would hold a lock when we end
        pass
    os._exit(1)


def _account(job: ChildJob) -> Account:
    if job.kind in (FLARE21, WARM):
        return (measure_cold if job.kind == FLARE21 else measure_warm)(job)
    from benchmarks import machine

    if job.kind == CONTEXT:
        machine.hold_context()
    return Account(job.row, facts=machine.facts(job.device) if job.kind == MACHINE else {})


if __name__ == "__main__":
    main()
