"""One job of the benchmark in a process of its own: python -m flareseg.benchmark.child JOB.json ACCOUNT.json"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from flareseg.benchmark.catalogue import FLARE21, WARM
from flareseg.benchmark.job import CONTEXT, MACHINE, Account, Job
from flareseg.core import own_process
from flareseg.core.errors import FlareError


def main() -> None:
    account = Account(entered=time.time())
    own_process.prepare()
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    job, path = Job.load(Path(sys.argv[1])), Path(sys.argv[2])
    try:
        _do(job, account)
    except FlareError as error:
        account.problem = str(error)
    except (MemoryError, RuntimeError) as error:  # a GPU's lack of memory, too
        account.problem = f"{type(error).__name__}: {error}".splitlines()[0]
    account.ended = time.time()
    account.save(path)


def _end_with_parent() -> None:
    while os.read(0, 1):  # the benchmark holds the other end; sys.stdin would hold a lock when we end
        pass
    os._exit(1)


def _do(job: Job, account: Account) -> None:
    """Each protocol imports what it needs only now: imports are part of what is measured."""
    if job.kind == FLARE21:
        from flareseg.benchmark import cold

        cold.measure(job, account)
    elif job.kind == WARM:
        from flareseg.benchmark import warm

        warm.measure(job, account)
    elif job.kind == MACHINE:
        from flareseg.benchmark import machine

        account.facts = machine.facts(job.device)
    elif job.kind == CONTEXT:
        from flareseg.benchmark import machine

        machine.hold_context()


if __name__ == "__main__":
    main()
