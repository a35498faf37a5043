"""The cases of an archive: image files and DICOM series, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from flareseg.io.dicom.series import images_of
from flareseg.io.dicom.stack import Stack
from flareseg.io.ledger import file_key, series_key

UNREADABLE, DAMAGED, NOT_SEARCHED = "cannot be read", "damaged or cut short", "cannot be looked through"


@dataclass(frozen=True)
class ArchiveCase:
    """One scan.

    ``name``: as in the table of results. ``target``: the path of its results inside the output folder, without suffix.
    ``folder``: where ``files`` lie, inside the source or absolute, with slashes. ``part``: which stack of a DICOM
    series it is (see io.dicom.series.in_parts); None for an image file. ``images``: a digest of the stack's images.
    """

    key: str
    name: str
    target: str
    folder: str
    files: tuple[str, ...]
    part: int | None = None
    study_uid: str = ""
    series_uid: str = ""
    images: str = ""

    def paths(self, source: Path) -> list[Path]:
        """The files, in a source that may lie elsewhere on another computer."""
        return [source / self.folder / name for name in self.files]

    @property
    def facts(self) -> dict[str, str]:
        """What is known of a DICOM series, as in its row."""
        facts = {"study_uid": self.study_uid, "series_uid": self.series_uid, "images": self.images}
        return {name: fact for name, fact in facts.items() if fact}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ArchiveCase:
        return cls(**{**data, "files": tuple(data["files"])})


@dataclass(frozen=True)
class LeftOut:
    """What of the source is not segmented. ``what``: the path of a file, or of a folder with ``images`` images."""

    what: str
    reason: str
    detail: str = ""
    images: int = 0
    series_uid: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether there may be a scan that could not be read, rather than something else."""
        return self.reason in (UNREADABLE, DAMAGED, NOT_SEARCHED)


@dataclass
class FoundCases:
    """Cases, and what was left out."""

    cases: list[ArchiveCase] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FoundCases:
        return cls(
            [ArchiveCase.from_json(case) for case in data["cases"]], [LeftOut(**each) for each in data["left_out"]]
        )


def image_case(folder: str, file: str, with_suffix: str) -> ArchiveCase:
    """The case of an image file. ``with_suffix``: the name of its results, without suffix."""
    name, target = path_in(folder, file), path_in(folder, with_suffix)
    key, inside = file_key(name), inside_output(target)
    unique = inside if inside == target else f"{inside}-{key[:8]}"
    return ArchiveCase(key, name, unique, folder, (file,))


def series_case(identity: str, stack: Stack, folder: str, files: Iterable[str], part: int) -> ArchiveCase:
    """The case of one part of a DICOM series, named by its folder, the number of the series and the key.

    ``identity``: the Series Instance UID, or what stands for it.
    """
    key, header = series_key(identity, part), stack.header
    digits = "".join(letter for letter in header.text("SeriesNumber") if letter.isalnum())[:8]
    name = path_in(folder, f"S{digits or '0'}-{key[:8]}")
    uids = header.text("StudyInstanceUID"), header.text("SeriesInstanceUID")
    return ArchiveCase(key, name, inside_output(name), folder, tuple(files), part, *uids, images_of(stack))


def path_in(folder: str, name: str) -> str:
    """The path of what lies in a folder of the source, which is "" for the source itself."""
    return str(PurePosixPath(folder, name))


def inside_output(path: str) -> str:
    """A path that stays inside: without drive and root, and with "_" in place of ".."."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return "/".join("_" if part == ".." else part.replace(":", "") for part in parts if part not in ("/", "."))
