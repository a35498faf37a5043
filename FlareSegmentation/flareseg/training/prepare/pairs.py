"""Matching of CTs and label maps in separate folders by name."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from flareseg.io.reading import SUFFIXES, stem
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import CaseSource
from flareseg.training.prepare.label_files import LabelFileCase
from flareseg.training.prepare.values import LabelValues

_CT_CHANNEL = "_0000"  # nnU-Net's first image channel


def folder_pairs(images: Path, labels: Path, data_map: DataMap, values: LabelValues) -> list[CaseSource]:
    """``labels``/X.nii.gz with ``images``/X_0000.nii.gz, or X.nii.gz; an image without labels is a case too, for
    being refused by name."""
    by_name = [(stem(path), path) for path in _image_files(labels)]
    scans = [(stem(path).removesuffix(_CT_CHANNEL), path) for path in _image_files(images)]
    return paired(by_name, scans, data_map, values)


def paired(
    labels: list[tuple[str, Path]], images: list[tuple[str, Path]], data_map: DataMap, values: LabelValues
) -> list[CaseSource]:
    """A case for every label map, and for every image that has none, ordered by name."""
    of_name = dict(images)
    cases: list[tuple[str, Path | None, Path | None]] = [(name, path, of_name.get(name)) for name, path in labels]
    labelled = {name for name, _ in labels}
    cases += [(name, None, path) for name, path in images if name not in labelled]
    return [
        LabelFileCase(data_map.provenance(name), label, image, values)
        for name, label, image in sorted(cases, key=lambda case: case[0])
    ]


def matches(folder: Path, pattern: str) -> list[tuple[str, Path]]:
    """(name, file) for every file below the folder that fits a pattern with {name} in it."""
    before, after = pattern.split("{name}")
    regex = re.compile(re.escape(before) + r"([^/]+)" + re.escape(after))
    found = []
    for path in sorted(folder.glob(glob.escape(before) + "*" + glob.escape(after))):
        if match := regex.fullmatch(path.relative_to(folder).as_posix()):
            found.append((match.group(1), path))
    return found


def _image_files(folder: Path) -> list[Path]:
    names = [path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES)]
    return sorted(path for path in names if not path.name.startswith("."))
