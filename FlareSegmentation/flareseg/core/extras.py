"""Import of optional packages, with a message that names the extra of pyproject.toml to install."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from flareseg.core.errors import PackagesError


@contextlib.contextmanager
def needs(extra: str) -> Iterator[None]:
    """Around imports: a package that is missing becomes PackagesError that names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("flareseg"):
            raise
        raise PackagesError(
            f"This command needs the Python package {error.name}, which is not installed.",
            f'Install it with: pip install "flareseg[{extra}]"',
        ) from error
