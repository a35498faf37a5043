"""Puts faults into a copy of the code, one at a time, and expects tests to fail.

    PYTHONPATH=Testing python -m mutants [--shard 1/4] [-k WORDS]

Ends with 0 if every fault was seen, with 1 if one survived, and with 2 if the list does not fit the code.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence, Set
from itertools import groupby
from pathlib import Path

from mutants.fault import LISTS, Fault, read_faults
from mutants.tree import GREEN, RED, ROOT, Tree

ALL_SEEN, SURVIVED, UNFIT = 0, 1, 2


def main(arguments: Sequence[str] | None = None, root: Path = ROOT, lists: Path = LISTS) -> int:
    """Run the faults that the arguments choose on a copy of ``root``; the exit code."""
    parser = argparse.ArgumentParser(prog="mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shard", default="1/1", metavar="N/OF", help="the n-th of so many pieces of the list")
    parser.add_argument("-k", default="", metavar="WORDS", help="faults whose name or file holds these words")
    parser.add_argument("--list", action="store_true", help="only show which faults these are")
    options = parser.parse_args(arguments)
    faults = chosen(read_faults(lists), options.shard, options.k)
    if options.list:
        print(*(f"{fault.name} ({fault.file})" for fault in faults), sep="\n")
        return ALL_SEEN
    try:
        with Tree.copied(root) as tree:
            return judged(tree, faults)
    except ValueError as error:
        print(error)
        return UNFIT


def chosen(faults: Sequence[Fault], shard: str, words: str) -> list[Fault]:
    """Those with the words in name or file, and of these every ``of``-th. Raises ValueError for a shard like 5/4."""
    number, of = (int(part) for part in shard.split("/"))
    if not 1 <= number <= of:
        raise ValueError(f"unknown shard {shard}")
    return [fault for fault in faults if words.lower() in f"{fault.name} {fault.file}".lower()][number - 1 :: of]


def judged(tree: Tree, faults: Sequence[Fault]) -> int:
    """Put each fault in and run its tests; the exit code. Raises ValueError when a fault or its tests do not fit."""
    if not faults:
        raise ValueError("no fault is chosen")
    for fault in faults:
        fault.put_into(tree.folder)
    check_untouched(tree, {test for fault in faults for test in fault.tests})
    survivors = [fault for number, fault in enumerate(faults, start=1) if not is_seen(tree, fault, number, len(faults))]
    print(f"{len(faults) - len(survivors)} of {len(faults)} faults were seen.")
    for fault in survivors:
        print(f"SURVIVED: {fault.name} ({fault.file})")
    return SURVIVED if survivors else ALL_SEEN


def check_untouched(tree: Tree, tests: Set[str]) -> None:
    """Raise ValueError if a test fails without any fault. Folder by folder: each has a conftest of its own."""
    for _, together in groupby(sorted(tests), key=lambda test: test.split("/")[0]):
        verdict = tree.test(list(together))
        if verdict.code != GREEN:
            raise ValueError(f"{verdict.said}\nThe tests must pass before a fault is put in.")


def is_seen(tree: Tree, fault: Fault, number: int, count: int) -> bool:
    """Whether a test fails with the fault in the code. Raises ValueError when the tests cannot even be run."""
    begun = time.monotonic()
    with tree.having(fault):
        verdict = tree.test(fault.tests, "-x")
    if verdict.code not in (GREEN, RED):
        raise ValueError(f"{verdict.said}\n{fault.name}: the tests could not be run; a fault must be code that runs.")
    by = f"seen by {verdict.failed[0]}" if verdict.failed else "seen" if verdict.code == RED else "SURVIVED"
    print(f"[{number}/{count}] {time.monotonic() - begun:5.1f} s  {fault.name}: {by}", flush=True)
    return verdict.code == RED


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that copy and tests go, too
    sys.exit(main())
