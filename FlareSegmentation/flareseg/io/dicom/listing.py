"""The listing of ``flareseg segment FOLDER --list``: every DICOM series of a folder, and the one that is read."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from flareseg.core.errors import ScanError
from flareseg.io.dicom.choice import best, description
from flareseg.io.dicom.files import shown
from flareseg.io.dicom.folder import Contents, contents_of
from flareseg.io.dicom.grid import is_even
from flareseg.io.dicom.header import without_pydicoms_warnings
from flareseg.io.dicom.stack import Stack
from flareseg.io.image_files.header import check_regular
from flareseg.io.reading import check_there


@without_pydicoms_warnings()
def listing_of(path: Path) -> tuple[Table, list[str]]:
    """A table of the series in a DICOM file or folder, and messages on what is not a series.

    Raises ScanError when the folder holds no DICOM at all.
    """
    try:
        check_there(path)
        if not path.is_dir():
            check_regular(path)
        contents = contents_of(path)
    except OSError as error:
        raise ScanError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    if not contents.stacks and not contents.unplaced:
        raise ScanError(f"{path} holds no DICOM images.", "Give the folder that holds the DICOM files.")
    return _table(contents), _sentences(contents)


def _table(contents: Contents) -> Table:
    taken = best(contents.stacks)[0] if contents.stacks else None
    table = Table("Taken", "Series", "Description", "Kind", box=None, pad_edge=False, header_style="bold")
    for column in ("Slices", "Size", "Spacing (mm)"):
        table.add_column(column, justify="right")
    table.add_column("Note", style="yellow")
    for stack in contents.stacks:
        rows, columns = stack.header.size
        spacing = " x ".join(f"{mm:.3g}" for mm in (*stack.first.spacing[::-1], stack.step))
        table.add_row(
            "yes" if stack is taken else "",
            stack.header.text("SeriesNumber"),
            description(stack),
            stack.header.modality,
            str(len(stack)),
            f"{columns} x {rows}",
            spacing,
            _note(stack),
        )
    return table


def _note(stack: Stack) -> str:
    if stack.same_place:
        return "several images of the same place"
    if len(stack) < 2:
        return "a single slice"
    return "" if is_even(stack) else "slices are missing"


def _sentences(contents: Contents) -> list[str]:
    messages = [f"{count} x {reason}" for reason, count in contents.reasons.most_common()]
    messages += [f"{shown(file)} is damaged or cut short." for file in contents.damaged]
    return messages + contents.remarks
