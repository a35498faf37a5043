"""What one folder of the source holds, without its subfolders; only headers are read.

The answer is kept in the ledger with the names, sizes and times of the folder's files: a later call reads the headers
of those folders only that have changed.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from flareseg import __version__
from flareseg.archive.cases import DAMAGED, UNREADABLE, FoundCases, LeftOut, image_case, path_in, series_case
from flareseg.archive.selection import why_not, why_not_file
from flareseg.core.errors import FlareError
from flareseg.io.dicom.files import shown
from flareseg.io.dicom.folder import Contents, contents_of_files
from flareseg.io.dicom.header import without_pydicoms_warnings
from flareseg.io.dicom.series import in_parts
from flareseg.io.dicom.stack import Stack
from flareseg.io.outputs import make_folder, write_text
from flareseg.io.reading import read_header, stem
from flareseg.io.scan_folder import may_be_scan, why_not_scan


@dataclass(frozen=True)
class SourceFolder:
    """A folder to look through, inside the source or absolute; if ``only`` names files, just these.

    ``error``: why its subfolders could not be listed.
    """

    folder: str
    only: tuple[str, ...] = ()
    error: str = ""


@dataclass
class SeriesFound:
    """A DICOM series as far as it lies in one folder: its ``files`` there and what would come of them alone."""

    identity: str
    files: list[str]
    found: FoundCases


@dataclass
class Survey:
    """What a folder holds: parts of DICOM series, and what does not depend on other folders.

    ``is_final``: whether all of its files could be read, so that another look would find the same.
    """

    folder: str
    series: list[SeriesFound] = field(default_factory=list)
    found: FoundCases = field(default_factory=FoundCases)
    is_final: bool = True

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Survey:
        series = [SeriesFound(s["identity"], s["files"], FoundCases.from_json(s["found"])) for s in data["series"]]
        return cls(data["folder"], series, FoundCases.from_json(data["found"]))


def survey(source: Path, place: SourceFolder, cache: Path) -> Survey:
    """What a place holds. ``cache``: folder of the answers of earlier calls. A folder that cannot be read is told.

    A file of ``only`` that is not there is a case, whose row will say so.
    """
    folder = source / place.folder
    if place.error:
        return _not_read(place, place.error)
    try:
        files = [folder / name for name in place.only] or sorted(path for path in folder.iterdir() if _is_meant(path))
        signature = _signature(files)
        kept = cache / _digest(place.folder)[:2] / f"{_digest([place.folder, *place.only])}.json"
        if earlier := _earlier(kept, signature):
            return earlier
        there = [path for path in files if path.exists() or not place.only]
        found = _look(place, there)
        found.found.cases += [image_case(place.folder, p.name, p.name) for p in files if p not in there]
        if found.is_final:
            make_folder(kept.parent)
            write_text(kept, json.dumps({"signature": signature, "survey": found.to_json()}))
        return found
    except OSError as error:
        return _not_read(place, error.strerror or "")


def _not_read(place: SourceFolder, why: str) -> Survey:
    return Survey(place.folder, found=FoundCases(left_out=[LeftOut(place.folder, UNREADABLE, why)]))


def survey_series(identity: str, parts: list[tuple[str, list[str]]], source: Path) -> FoundCases:
    """What comes of one series whose files lie in several folders, each given with its files."""
    home = parts[0][0]
    files = list(dict.fromkeys(source / folder / name for folder, names in parts for name in names))
    with without_pydicoms_warnings():
        contents = contents_of_files(files)
    names = {path: _name_from(source / home, path) for path in files}
    more = [names[path] for path in (*contents.damaged, *contents.others, *contents.unreadable)]
    found = _judged(identity, home, contents, names, more)
    found.left_out += _unplaced(home, contents)
    if not contents.stacks:  # gone since they were found
        found.left_out.append(LeftOut(home, UNREADABLE, "images of a series", len(files), identity))
    copies = sum(stack.copies for stack in contents.stacks)
    if copies:
        others = ", ".join(folder for folder, _ in parts[1:])
        found.left_out.append(LeftOut(others, "duplicates of images elsewhere", f"in {home or '.'}", copies, identity))
    return found


def _look(place: SourceFolder, files: list[Path]) -> Survey:
    folder = place.folder
    images = [path for path in files if may_be_scan(path)]
    others = [path for path in files if not may_be_scan(path) and _may_be_opened(path)]
    survey = Survey(folder, found=_images(place, images))
    with without_pydicoms_warnings():
        contents = contents_of_files(others)
    survey.is_final = not contents.unreadable
    _add_series(survey, folder, contents)
    survey.found.left_out += _unplaced(folder, contents)
    if contents.others:
        survey.found.left_out.append(LeftOut(folder, "neither DICOM nor an image file", images=len(contents.others)))
    return survey


def _add_series(survey: Survey, folder: str, contents: Contents) -> None:
    """The series among the contents. Files without a header may be slices of the series, where there is only one."""
    groups: dict[str, list[Stack]] = defaultdict(list)
    for stack in contents.stacks:
        groups[stack.header.text("SeriesInstanceUID") or f"folder:{folder}"].append(stack)
    suffixes = {plane.header.path.suffix for stack in contents.stacks for plane in stack.planes}
    unknown = (*contents.others, *contents.unreadable)
    alone = len(groups) == 1
    doubtful = [*contents.damaged, *(path for path in unknown if path.suffix in suffixes)] if alone else []
    for identity, stacks in groups.items():
        files = sorted({plane.header.path.name for stack in stacks for plane in stack.planes})
        more = [path.name for path in doubtful]
        found = _judged(identity, folder, Contents(stacks=stacks), {}, more)
        survey.series.append(SeriesFound(identity, files + more, found))
    lost = dict.fromkeys(contents.damaged, (DAMAGED, ""))
    lost |= {path: (UNREADABLE, error.strerror or "") for path, error in contents.unreadable.items()}
    survey.found.left_out += [
        LeftOut(path_in(folder, shown(path)), *why) for path, why in lost.items() if path not in doubtful
    ]


def _judged(identity: str, folder: str, contents: Contents, names: dict[Path, str], more: list[str]) -> FoundCases:
    """Cases and what is left out of one series. ``names``: of files that do not lie in ``folder``. ``more``: files that
    may hold images of it, and could not be read.

    Each case has all files of the series: which of its stacks it is can only be told with them.
    """
    found = FoundCases()
    stacks = in_parts(contents.stacks)
    by_stack = [sorted({names.get(p.header.path, p.header.path.name) for p in stack.planes}) for stack in stacks]
    everything = sorted({*more, *(file for files in by_stack for file in files)})
    for part, (stack, files) in enumerate(zip(stacks, by_stack)):
        reason, detail = why_not(stack, may_be_longer=bool(more) and len(stacks) == 1)
        if reason:
            what = folder if len(files) > 1 else path_in(folder, files[0])
            found.left_out.append(LeftOut(what, reason, detail, len(stack), identity))
        else:
            found.cases.append(series_case(identity, stack, folder, everything, part))
    return found


def _images(place: SourceFolder, images: list[Path]) -> FoundCases:
    """Results have different names. What else lies beside a file of a list is not known: it keeps its suffix."""
    found = FoundCases()
    stems = Counter(stem(path).casefold() for path in images)
    for path in images:
        name = path.name if place.only or stems[stem(path).casefold()] > 1 else stem(path)
        reason, detail = _why_not_image(path)
        if reason:
            found.left_out.append(LeftOut(path_in(place.folder, shown(path)), reason, detail))
        else:
            found.cases.append(image_case(place.folder, path.name, name))
    return found


def _why_not_image(path: Path) -> tuple[str, str]:
    """Why it is not segmented, and a detail of it."""
    if path.is_symlink() and not path.exists():
        return UNREADABLE, "a broken link"
    if reason := why_not_scan(path):
        return reason, ""
    try:
        return why_not_file(read_header(path))
    except (FlareError, OSError):  # a case of its own, whose row will say what is wrong
        return "", ""


def _unplaced(folder: str, contents: Contents) -> list[LeftOut]:
    """One entry for each reason and series."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for header, reason in contents.unplaced:
        groups[(reason, header.text("SeriesInstanceUID"))].append(shown(header.path))
    return [
        LeftOut(folder if len(files) > 1 else path_in(folder, files[0]), reason, "", len(files), uid)
        for (reason, uid), files in groups.items()
    ]


def _is_meant(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:  # reading it says why; a link to itself is told as a folder
        return error.errno != errno.ELOOP


def _may_be_opened(path: Path) -> bool:
    """Whether opening it does not wait, as opening a pipe or a device does."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # reading it says why
        return True


def _name_from(home: Path, path: Path) -> str:
    """A path as seen from a folder."""
    return Path(os.path.relpath(path, home)).as_posix()


def _signature(files: list[Path]) -> str:
    facts: list[object] = [__version__]
    for path in files:
        try:
            status = path.stat()
            facts.append([path.name, status.st_size, status.st_mtime_ns])
        except OSError:
            facts.append([path.name])
    return _digest(facts)


def _digest(content: object) -> str:
    return sha256(json.dumps(content).encode()).hexdigest()[:24]


def _earlier(kept: Path, signature: str) -> Survey | None:
    try:
        data = json.loads(kept.read_text(encoding="utf-8"))
        return Survey.from_json(data["survey"]) if data["signature"] == signature else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
