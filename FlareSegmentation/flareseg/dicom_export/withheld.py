"""Exceptions of libraries, whose texts may repeat an attribute of the patient, are passed on without these texts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from flareseg.core.errors import FlareError, InternalError
from flareseg.core.shortage import ran_out


@contextlib.contextmanager
def texts_withheld() -> Iterator[None]:
    """Raise InternalError in place of an exception of a library; its cause says where in the code that was.

    What the system reports passes as it is: files that cannot be read or written, and memory that does not suffice.
    """
    try:
        yield
    except FlareError:
        raise
    except Exception as error:
        if ran_out(error) or (isinstance(error, OSError) and error.errno is not None):
            raise
        kind = type(error).__name__
        place = RuntimeError(f"{kind}; its text is withheld, as it may repeat an attribute of the patient")
        raise InternalError(
            f"The DICOM results could not be made ({kind}).", "Please report this with the log."
        ) from place.with_traceback(error.__traceback__)
