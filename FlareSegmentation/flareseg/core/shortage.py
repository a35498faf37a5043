"""Error messages for a shortage of main memory, before the work where the need is known, else when it occurs."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator

from flareseg.core.errors import InsufficientMemoryError
from flareseg.core.free_memory import Bound, bounds, free_mb

_SHORT_MB = 256.0  # below this an error that may have another cause is put down to memory

_RAN_OUT = re.compile(
    r"std::bad_alloc|bad allocation"  # C++, of GNU and of Microsoft
    r"|DefaultCPUAllocator: (can't allocate|not enough) memory"  # PyTorch
    r"|could not create a (primitive|memory object)(?! desc)"  # oneDNN, which gives no reason
    r"|[Ff]ailed to allocate memory|[Cc]annot allocate memory(?! in static TLS)"  # ITK; the C library
    r"|failed to map segment"  # the dynamic linker
)
_MAY_HAVE_RUN_OUT = re.compile(r"can't start new thread|Resource temporarily unavailable")


def check_room(what: str, needed_mb: float, found: list[Bound], addresses_mb: float | None = None) -> None:
    """Raise InsufficientMemoryError if ``what``, the subject of the message, needs more than one of the bounds leaves.

    ``needed_mb``: on top of what the process holds; ``addresses_mb``: the same of address space, where it is more.
    """
    for bound in found:
        needed = addresses_mb if addresses_mb is not None and bound.of_addresses else needed_mb
        if needed > bound.free_mb:
            raise InsufficientMemoryError(
                f"{what} needs about {needed:.0f} MB of memory; {bound.free} are free{bound.where}.",
                f"{bound.hint} by at least {needed - bound.free_mb:.0f} MB.",
            )


@contextlib.contextmanager
def shortage_said(what: str, ram_limit_mb: float | None = None) -> Iterator[None]:
    """Raise InsufficientMemoryError for each form in which a library reports that memory is exhausted.

    ``what``: what is being done, as the subject of a message.
    """
    before = bounds(ram_limit_mb)
    try:
        yield
    except (MemoryError, RuntimeError, OSError, ImportError) as error:
        if not ran_out(error):
            raise
        raise _needs_more(what, before) from error


def ran_out(error: BaseException) -> bool:
    """Return whether an error reports that main memory (not a GPU's) is exhausted."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    text = str(error)
    return bool(_RAN_OUT.search(text)) or bool(_MAY_HAVE_RUN_OUT.search(text) and free_mb() < _SHORT_MB)


def _needs_more(what: str, before: list[Bound]) -> InsufficientMemoryError:
    """For a need that is known only to be larger than what there was."""
    bound = before[0] if before else Bound(0.0, "", "Free memory by closing other programs")
    message = f"{what} needs more memory than the {bound.free} that were free{bound.where}."
    return InsufficientMemoryError(message, f"{bound.hint}.")
