"""nnU-Net's folders (imagesTr, labelsTr, dataset.json, versions 1 and 2) and FLARE21's (TrainingImg, TrainingMask)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flareseg.core.errors import DataError
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import CaseSource
from flareseg.training.prepare.names import tissue_name
from flareseg.training.prepare.pairs import folder_pairs
from flareseg.training.prepare.values import FLARE21, LARGEST_LABEL, LabelValues

DATASET = "dataset.json"
FOLDERS = ("imagesTr", "labelsTr")
FLARE_FOLDERS = ("TrainingImg", "TrainingMask")


def flare_cases(folder: Path, data_map: DataMap) -> list[CaseSource]:
    """FLARE21's training set: 1 liver, 2 kidneys, 3 spleen, 4 pancreas."""
    images, labels = _folders(folder, FLARE_FOLDERS, FOLDERS)
    return folder_pairs(images, labels, data_map.with_defaults("FLARE21"), FLARE21)


def nnunet_cases(folder: Path, data_map: DataMap) -> list[CaseSource]:
    """A data set of nnU-Net's layout; the meaning of its labels is in dataset.json, or in the map."""
    images, labels = _folders(folder, FOLDERS)
    dataset = _dataset(folder / DATASET) if (folder / DATASET).exists() or not data_map.values else {}
    licence = _text(dataset, "licence") or _text(dataset, "license")
    described = data_map.with_defaults(_text(dataset, "name") or folder.resolve().name, licence)
    values = data_map.label_values if data_map.values else _label_values(dataset)
    return folder_pairs(images, labels, described, values)


def _folders(folder: Path, *pairs: tuple[str, str]) -> tuple[Path, Path]:
    for images, labels in pairs:
        if (folder / images).is_dir() and (folder / labels).is_dir():
            return folder / images, folder / labels
    wanted = " or ".join(f"{images} and {labels}" for images, labels in pairs)
    raise DataError(f"{folder} has no folders {wanted}.", "Give the folder that holds them, or another --layout.")


def _dataset(path: Path) -> dict[str, Any]:
    try:
        dataset = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(dataset, dict) or not isinstance(dataset.get("labels"), dict):
            raise ValueError('it has no "labels" that map values to names or names to values')
    except FileNotFoundError as error:
        raise DataError(
            f"{path} is missing, so the meaning of the label values is not known.",
            "Use --layout flare for 1 liver, 2 kidneys, 3 spleen, 4 pancreas, or state it in a YAML file (--map).",
        ) from error
    except RecursionError as error:
        raise DataError(f"{path} is not valid: it is nested too deeply.", "Correct it, or use --map.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not valid ({error}).", "Correct it, or use --map.") from error
    return dataset


def _text(dataset: dict[str, Any], key: str) -> str:
    return value if isinstance(value := dataset.get(key), str) else ""


def _label_values(dataset: dict[str, Any]) -> LabelValues:
    """Return tissues by label value. A value in several regions means the smallest, which is the most exact.

    Raises DataError for labels that are not values or have an unknown meaning, and for a value with two meanings.
    """
    structures = sorted(_structures(dataset["labels"]), key=lambda structure: len(structure.values))
    values: dict[int, str] = {}
    sizes: dict[int, int] = {}
    unknown: dict[int, str] = {}
    for structure in structures:
        for value in structure.values:
            if structure.tissue is None:
                unknown[value] = structure.name
            elif values.setdefault(value, structure.tissue) != structure.tissue:
                _require_smaller(sizes[value], structure, value, values[value])
            else:
                sizes.setdefault(value, len(structure.values))
    _require_known({value: name for value, name in unknown.items() if value not in values})
    return LabelValues(values)


@dataclass(frozen=True)
class _Structure:
    """A name of dataset.json, the label values that belong to it, and the tissue it is (None: unknown)."""

    name: str
    values: list[int]

    @property
    def tissue(self) -> str | None:
        return tissue_name(self.name)


def _structures(labels: dict[str, Any]) -> list[_Structure]:
    """Version 1 maps values to names, version 2 names to values or (regions) to lists of them."""
    return [
        _Structure(str(entry), [_value(key)])
        if key.isdecimal() and isinstance(entry, str) and not entry.isdecimal()
        else _Structure(key, [_value(n) for n in (entry if isinstance(entry, list) else [entry])])
        for key, entry in labels.items()
    ]


def _value(number: object) -> int:
    """Return a label value. Raises DataError for anything else."""
    is_whole = isinstance(number, int) and not isinstance(number, bool)
    if not is_whole and not (isinstance(number, str) and number.isdecimal() and len(number) < 10):
        raise DataError(f"{DATASET} has the label value {json.dumps(number)}, which is not a whole number.", _MAP)
    value = int(str(number))
    if not 0 <= value <= LARGEST_LABEL:
        raise DataError(f"{DATASET} has the label value {value}, which is not between 0 and {LARGEST_LABEL}.", _MAP)
    return value


def _require_smaller(size: int, structure: _Structure, value: int, other: str) -> None:
    if len(structure.values) == size:
        raise DataError(f"{DATASET} gives the value {value} two meanings: {other} and {structure.tissue}.", _MAP)


def _require_known(unknown: dict[int, str]) -> None:
    if unknown:
        named = ", ".join(f"{value} ({name})" for value, name in sorted(unknown.items()))
        raise DataError(f"{DATASET} has labels of unknown meaning: {named}.", _MAP)


_MAP = "State the tissues of the values in a YAML file (--map)."
