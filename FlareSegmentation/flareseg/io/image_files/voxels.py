"""Reading of the voxels that a header describes."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import numpy as np

from flareseg.core.errors import ScanError
from flareseg.core.free_memory import MB
from flareseg.io.image_files.header import Compression, FileHeader, Storage

_CHUNK = 1 << 18  # bytes read at a time
_MOST_COMPRESSED = {"": 1, "gzip": 1040, "bzip2": 50_000_000}  # bytes out for each byte in, at most
_MAGIC = {"gzip": b"\x1f\x8b", "bzip2": b"BZh"}
GZIP_OR_ZLIB = 47  # zlib's window bits: either format, told by its first bytes


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def read_voxels(header: FileHeader, warnings: list[str]) -> np.ndarray:
    """The voxels (k, j, i) in their header's units, and a warning when the file holds more than its header says.

    Integers stay as they are stored; scaled ones become float32.
    Raises ScanError for a file cut short or damaged, OSError, MemoryError.
    """
    voxels, more = _stored(header.storage)
    if more >= header.storage.nbytes // header.storage.shape[0]:  # a slice; less is padding
        warnings.append(f"The file holds {more} more bytes than its header says; they were left out.")
    if (header.slope, header.intercept) == (1.0, 0.0):
        return voxels
    scaled = voxels.astype(np.float64 if voxels.dtype == np.float64 else np.float32, copy=False)
    with np.errstate(all="ignore"):  # values that are too large become infinite, which is told of later
        scaled *= header.slope
        scaled += header.intercept
    return scaled


def memory_mb(header: FileHeader) -> tuple[float, float]:
    """MB of the voxels that read_voxels gives, and of all that it holds meanwhile."""
    stored = header.storage.nbytes / MB
    if (header.slope, header.intercept) == (1.0, 0.0) or header.storage.dtype.kind == "f":
        return stored, stored
    scaled = stored * np.dtype(np.float32).itemsize / header.storage.dtype.itemsize
    return scaled, stored + scaled


def check_voxels(storage: Storage) -> None:
    """Read the voxels to their end without keeping them. Raises as read_voxels does."""
    check_promise(storage)
    found = sum(len(chunk) for chunk in _chunks(storage)) - max(storage.skip, 0)
    if found < storage.nbytes:
        raise _cut_short(storage, found)


def _stored(storage: Storage) -> tuple[np.ndarray, int]:
    """The voxels in this machine's byte order, and the number of bytes behind them."""
    check_promise(storage)
    voxels = np.empty(storage.shape, storage.dtype)
    room = voxels.reshape(-1).view(np.uint8)
    found = -max(storage.skip, 0)
    for chunk in _chunks(storage):
        first, last = max(found, 0), min(found + len(chunk), room.size)
        if last > first:
            room[first:last] = np.frombuffer(chunk, np.uint8)[first - found : last - found]
        found += len(chunk)
    if found < room.size:
        raise _cut_short(storage, max(found, 0))
    if not storage.dtype.isnative:
        voxels = voxels.byteswap(inplace=True).view(storage.dtype.newbyteorder("="))
    return voxels, found - room.size


def check_promise(storage: Storage) -> None:
    """Raise ScanError for a file too short for its header, before memory is taken for its voxels."""
    there = storage.file.stat().st_size - storage.start
    skip = max(storage.skip, 0)
    if there * _MOST_COMPRESSED[storage.compression] < storage.nbytes + skip:
        raise _cut_short(storage, max(0, there - skip))


def _cut_short(storage: Storage, found: int) -> ScanError:
    name = storage.file.name
    if storage.compression:
        return ScanError(f"{name} is damaged or cut short.", "Copy or export the scan again.")
    return ScanError(
        f"{name} is cut short: {found} of {storage.nbytes} bytes of voxels are there.", "Copy or export the scan again."
    )


def _chunks(storage: Storage) -> Iterator[bytes]:
    start = storage.start
    if storage.skip < 0:
        start = storage.file.stat().st_size - storage.nbytes
    with storage.file.open("rb") as stream:
        stream.seek(start)
        try:
            yield from _decompressed(stream, storage.compression)
        except (EOFError, zlib.error) as error:
            raise _cut_short(storage, 0) from error


def _decompressed(stream: BinaryIO, compression: Compression) -> Iterator[bytes]:
    """Raises EOFError for a compressed stream without its end, zlib.error for one that is damaged."""
    if not compression:
        yield from iter(lambda: stream.read(_CHUNK), b"")
        return
    new: Callable[[], _Decompressor] = bz2.BZ2Decompressor if compression == "bzip2" else _inflater
    decompressor = new()
    for data in iter(lambda: stream.read(_CHUNK // 4), b""):
        while data:
            if decompressor.eof:
                if not data.startswith(_MAGIC[compression]):  # bytes behind the compressed ones do no harm
                    return
                decompressor = new()
            yield _part(decompressor, data)
            data = decompressor.unused_data
    if not decompressor.eof:
        raise EOFError


def _inflater() -> _Decompressor:
    return zlib.decompressobj(GZIP_OR_ZLIB)


def _part(decompressor: _Decompressor, data: bytes) -> bytes:
    try:
        return decompressor.decompress(data)
    except (OSError, ValueError) as error:  # bz2 says so of damaged data
        raise EOFError from error
