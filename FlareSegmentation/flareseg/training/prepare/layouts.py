"""The data set layouts, and recognition of the layout of a source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flareseg.core.errors import DataError
from flareseg.training.layout import Layout
from flareseg.training.prepare.arrays import array_cases, has_bodies
from flareseg.training.prepare.building import DEFAULT_MM, Form
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import CaseSource
from flareseg.training.prepare.mapped import mapped_cases
from flareseg.training.prepare.nnunet import FLARE_FOLDERS, FOLDERS, flare_cases, nnunet_cases
from flareseg.training.prepare.phantoms import SCHEME, phantom_cases
from flareseg.training.prepare.totalsegmentator import MASKS, totalsegmentator_cases
from flareseg.training.store import Kind

_FOLDER_LAYOUTS = {
    Layout.FLARE: flare_cases,
    Layout.NNUNET: nnunet_cases,
    Layout.TOTALSEGMENTATOR: totalsegmentator_cases,
    Layout.MAPPED: mapped_cases,
}


@dataclass(frozen=True)
class Found:
    """The cases of a source, and the form they get."""

    cases: list[CaseSource]
    form: Form


def find(source: str, layout: Layout, data_map: DataMap, kind: Kind | None = None, mm: float | None = None) -> Found:
    """The cases of a source (a folder, a .npz file, or ``phantom:4``).

    ``kind`` None: what they are. ``mm`` None: DEFAULT_MM. Raises DataError when there are none, and
    ConfigError for a map that lacks something.
    """
    try:
        layout = _recognised(source, data_map) if layout is Layout.AUTO else layout
        kind = kind or _kind(source, layout, data_map)
        form = Form(kind, DEFAULT_MM[kind] if mm is None else mm)
        cases = _cases(source, layout, data_map, form)
    except OSError as error:
        raise DataError(
            f"{source} cannot be read: {error.strerror}.", "Check the path, and that you may read it."
        ) from error
    if not cases:
        raise DataError(f"{source} holds no cases of the layout {layout.value}.", "Check the folder, or give --layout.")
    return Found(cases, form)


def _cases(source: str, layout: Layout, data_map: DataMap, form: Form) -> list[CaseSource]:
    if layout is Layout.PHANTOM:
        return phantom_cases(source.removeprefix(SCHEME), data_map, form)
    path = Path(source)
    if not path.exists():
        raise DataError(f"File or folder not found: {source}.", "Check the path.")
    if layout is Layout.ARRAYS:
        return array_cases(path, data_map)
    if not path.is_dir():
        raise DataError(f"{source} is not a folder.", f"The layout {layout.value} is a folder.")
    return _FOLDER_LAYOUTS[layout](path, data_map)


def _recognised(source: str, data_map: DataMap) -> Layout:
    path = Path(source)
    signs = {
        Layout.PHANTOM: source.startswith(SCHEME),
        Layout.ARRAYS: path.suffix == ".npz",
        Layout.MAPPED: data_map.labels is not None,
        Layout.FLARE: all((path / name).is_dir() for name in FLARE_FOLDERS),
        Layout.NNUNET: all((path / name).is_dir() for name in FOLDERS),
        Layout.TOTALSEGMENTATOR: (path / MASKS).is_dir() or any(path.glob(f"*/{MASKS}")),
    }
    found = next((layout for layout, seen in signs.items() if seen), None)
    if found is None:
        raise DataError(
            f"The layout of {source} is not known.",
            f"Give --layout ({', '.join(layout.value for layout in Layout)}), or describe it in a YAML file (--map).",
        )
    return found


def _kind(source: str, layout: Layout, data_map: DataMap) -> Kind:
    if layout is Layout.ARRAYS and Path(source).is_file():
        return Kind.BODY if has_bodies(Path(source)) else Kind.ORGANS
    if layout is Layout.MAPPED and not data_map.images:
        return Kind.ORGANS
    return Kind.SCAN
