"""The memory that is available to this process.

Four things bound it: the computer, the container (control group) that the process runs in, the process's own limits
of address space and data (``ulimit -v`` and ``-d``), and a limit that the caller chose.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MB = 1e6
_NO_LIMIT = 1 << 60  # bytes; version 1 of control groups writes a number near 2^63 for none


@dataclass(frozen=True)
class Bound:
    """What one limit leaves, in MB.

    ``free_mb`` is negative where more is used than the limit allows. ``where`` names the limit and ``hint`` says what
    makes it larger, each as part of a message. ``of_addresses``: the limit counts memory that is mapped, used or not.
    """

    free_mb: float
    where: str
    hint: str
    of_addresses: bool = False

    @property
    def free(self) -> str:
        """Return the free memory as part of a message: "600 MB"."""
        return f"{max(0.0, self.free_mb):.0f} MB"


def bounds(ram_limit_mb: float | None = None, system: Path = Path("/")) -> list[Bound]:
    """What each limit leaves, the smallest first.

    ``ram_limit_mb``: the most resident memory that this process may have. ``system``: the folder that holds
    proc/self/cgroup and sys/fs/cgroup.
    """
    used = _used()
    found = [*_of_computer(), *_of_container(system), *_of_process(used)]
    if ram_limit_mb is not None:
        found.append(Bound(ram_limit_mb - used.rss / MB, " within the RAM limit", "Raise the RAM limit"))
    return sorted(found, key=lambda bound: bound.free_mb)


def free_mb() -> float:
    """Memory that this process may still take; infinite where nothing is known to bound it."""
    return min((bound.free_mb for bound in bounds()), default=float("inf"))


def attainable_mb() -> float:
    """Return the memory that this process can reach: what it holds, and what is free."""
    used = _used()
    return (used.rss - getattr(used, "shared", 0)) / MB + free_mb()


def are_addresses_limited() -> bool:
    """Whether this process may map only so much memory (``ulimit -v`` or ``-d``)."""
    return bool(_of_process(_used()))


def _used() -> Any:
    """Bytes that this process uses: psutil's memory_info()."""
    import psutil  # here, because Slicer loads this module before it has the package

    return psutil.Process().memory_info()


def _of_computer() -> list[Bound]:
    """Memory and swap; nothing on macOS, which makes more swap as it is needed."""
    if sys.platform == "darwin":
        return []
    import psutil

    free = psutil.virtual_memory().available + psutil.swap_memory().free
    return [Bound(free / MB, "", "Free memory by closing other programs")]


def _of_process(used: Any) -> list[Bound]:
    """The process's own limits, on Linux, where it knows what it uses of them. ``used``: as of _used()."""
    if not sys.platform.startswith("linux"):
        return []
    import resource

    found = []
    for kind, bytes_used, option in ((resource.RLIMIT_AS, used.vms, "-v"), (resource.RLIMIT_DATA, used.data, "-d")):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            where = f" within the limit of the process (ulimit {option})"
            found.append(Bound((limit - bytes_used) / MB, where, "Raise that limit", of_addresses=True))
    return found


def _of_container(system: Path) -> list[Bound]:
    """The limits of the control groups that the process is in, those around them included."""
    found = [free for free in map(_free_of_group, _groups(system)) if free is not None]
    return [Bound(free / MB, " within the container's limit", "Raise the container's limit") for free in found]


def _groups(system: Path) -> Iterator[Path]:
    """Folders of the process's control groups, innermost first; a container may see its own as the root alone."""
    try:
        lines = (system / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = system / "sys/fs/cgroup" / ("memory" if controllers else "")
        inside = Path(path.lstrip("/"))
        yield from (root / part for part in (inside, *inside.parents) if ".." not in part.parts)


def _free_of_group(group: Path) -> float | None:
    """Bytes that a control group of version 2 or 1 leaves; None for one without a limit."""
    limits = [_number(group / name) for name in ("memory.max", "memory.high", "memory.limit_in_bytes")]
    limit = min((limit for limit in limits if limit is not None and limit < _NO_LIMIT), default=None)
    used = _number(group / "memory.current") or _number(group / "memory.usage_in_bytes")
    return None if limit is None or used is None else limit - used + _file_cache(group / "memory.stat")


def _file_cache(stat: Path) -> float:
    """Bytes of files that the kernel keeps for a group and drops when memory is short."""
    try:
        fields = dict(line.split() for line in stat.read_text().splitlines())
    except (OSError, ValueError):
        return 0.0
    prefix = "total_" if "total_inactive_file" in fields else ""  # version 1; there the plain ones leave out subgroups
    return float(fields.get(f"{prefix}inactive_file", 0)) + float(fields.get(f"{prefix}active_file", 0))


def _number(path: Path) -> float | None:
    """The number in a file; None where there is no such file or it says "max"."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None
