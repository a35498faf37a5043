"""Reading a scan from an image file or a DICOM folder."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from flareseg.core.errors import ScanError
from flareseg.core.limits import CheckSize, check_reading
from flareseg.core.shortage import ran_out
from flareseg.core.volume import Volume
from flareseg.io.image_files import meta_image, nifti, nrrd_header
from flareseg.io.image_files.header import LONGEST, FileHeader, check_regular
from flareseg.io.image_files.voxels import GZIP_OR_ZLIB, check_promise, check_voxels, memory_mb, read_voxels

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")


def read_volume(path: str | os.PathLike[str], check_size: CheckSize = check_reading) -> Volume:
    """Read a scan from a NIfTI, NRRD, MetaImage or multi-frame DICOM file, or from a folder with DICOM series.

    Of several series in a folder the best CT of the abdomen is read, and a warning of the volume says so. The format
    of a file is recognised by its content.

    Args:
        path: The file or folder.
        check_size: Called before voxels are read, with their number, their size in memory in MB, and the peak while
            they are read in MB. It may raise.

    Returns:
        The scan: voxels (k, j, i) in HU and their grid.

    Raises:
        ScanError: The file is missing, damaged, or is not an image of one volume.
        InsufficientMemoryError: The scan does not fit into memory.
    """  # noqa: DOC501, an OSError that stands for a lack of memory is made one of ours further out
    path = Path(path)
    try:
        check_there(path)
        if path.is_dir() or _is_dicom(path):
            from flareseg.io.dicom.reading import read_dicom

            return read_dicom(path, check_size)
        return _read_file(path, check_size)
    except OSError as error:
        if ran_out(error):
            raise
        raise _unreadable(path, error) from error


def read_series(files: Sequence[str | os.PathLike[str]], check_size: CheckSize = check_reading) -> Volume:
    """Read a scan from files of a DICOM series, which may lie among others.

    Args:
        files: The files. Of several series among them the best CT of the abdomen is read, and a warning says so.
        check_size: As of ``read_volume``.

    Returns:
        The scan, named after the folder of the files.

    Raises:
        ScanError: A file is missing, or the files are not the slices of a volume.
        InsufficientMemoryError: The scan does not fit into memory.
    """  # noqa: DOC501, see read_volume
    from flareseg.io.dicom.reading import read_dicom

    paths = [Path(file) for file in files]
    if not paths:
        raise ScanError("No file is given.", "Give the files of a DICOM series.")
    try:
        for path in paths:
            check_there(path)
        return read_dicom(common_folder(paths), check_size, paths)
    except OSError as error:
        if ran_out(error):
            raise
        raise _unreadable(paths[0], error) from error


def common_folder(paths: Sequence[Path]) -> Path:
    """The innermost folder that holds all of the files; that of the first one, where they lie on several drives."""
    folders = [path.absolute().parent for path in paths]
    same_drive = len({folder.drive.casefold() for folder in folders}) == 1
    return Path(os.path.commonpath(folders)) if same_drive else folders[0]


def is_dicom_slice(path: Path) -> bool:
    """Return whether a file is DICOM with a single image, which makes a volume only with others."""
    if not _is_dicom(path):
        return False
    from flareseg.io.dicom.header import Damaged
    from flareseg.io.dicom.header import read_header as read_dicom_header

    try:
        header = read_dicom_header(path)
    except (OSError, Damaged):  # reading says why
        return False
    return header is not None and header.frames == 1


def check_there(path: Path) -> None:
    """Raise ScanError for a path without a file and for a link that leads nowhere. Raises OSError."""
    if path.is_symlink() and not path.exists():
        raise ScanError(f"{path} is a broken link (to {path.readlink()}).", "Repair the link, or give the file itself.")
    if not path.exists():
        raise ScanError(f"File or folder not found: {path}.", "Check the path.")


def is_scan_file(path: Path) -> bool:
    """Return whether ``path`` is a file with one of SUFFIXES."""
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def _is_dicom(path: Path) -> bool:
    """Whether a file without an image suffix of SUFFIXES is DICOM."""
    if is_scan_file(path) or not path.is_file():
        return False
    from flareseg.io.dicom.header import is_dicom

    try:
        return is_dicom(path)
    except OSError:  # reading says why
        return False


def stem(path: Path) -> str:
    """Return the name of a scan without its image suffix."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def read_header(path: Path) -> FileHeader:
    """Read the header of an image file; its format is recognised by the content, not by the name.

    Args:
        path: A NIfTI, NRRD or MetaImage file.

    Returns:
        The grid, and how the voxels are stored.

    Raises:
        ScanError: The file is damaged, or is not an image of one volume.
        OSError: The file cannot be read.
    """
    check_regular(path)
    head, compressed = _beginning(path)
    if not head:
        raise ScanError(f"{path.name} is empty (0 bytes).", "Copy or export the scan again.")
    if nifti.begins_nifti(head):
        return nifti.parse(path, head, compressed)
    if head.startswith(nrrd_header.MAGIC) and not compressed:
        return nrrd_header.parse(path, head)
    if meta_image.begins_meta_image(head) and not compressed:
        return meta_image.parse(path, head)
    raise ScanError(
        f"{path.name} is damaged, or is not an image file that can be read.",
        f"Give a scan as {', '.join(SUFFIXES)}, or a folder with a DICOM series.",
    )


def _beginning(path: Path) -> tuple[bytes, bool]:
    """The first bytes, decompressed where a file is gzip as a whole, and whether it is."""
    with path.open("rb") as stream:
        head = stream.read(LONGEST)
    if not head.startswith(b"\x1f\x8b"):
        return head, False
    try:
        return zlib.decompressobj(GZIP_OR_ZLIB).decompress(head, LONGEST), True
    except zlib.error as error:
        raise ScanError(f"{path.name} is damaged or cut short.", "Copy or export the scan again.") from error


def check_whole(path: Path) -> None:
    """Read an image file to its end. Raises ScanError if it is cut short or damaged, OSError."""
    check_voxels(read_header(path).storage)


def _read_file(path: Path, check_size: CheckSize) -> Volume:
    if path.suffix.lower() == ".img":
        path = path.with_suffix(".hdr")
        check_there(path)
    header = read_header(path)
    check_promise(header.storage)
    check_size(math.prod(header.storage.shape), *memory_mb(header))
    warnings = list(header.warnings)
    voxels = read_voxels(header, warnings)
    return Volume(voxels, header.geometry, stem(path), warnings)


def _unreadable(path: Path, error: OSError) -> ScanError:
    """What the system says of a file that cannot be read."""
    return ScanError(f"{path.name} cannot be read: {error.strerror or error}.", "Check that you may read it.")
