"""nnU-Net's folders (imagesTr, labelsTr, dataset.json, versions 1 and 2) and FLARE21's (TrainingImg, TrainingMask)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import FoundCase, bad_data
from flareseg.training.prepare.names import tissue_name
from flareseg.training.prepare.pairs import folder_pairs
from flareseg.training.prepare.values import FLARE21, LabelValues

DATASET = "dataset.json"
FOLDERS = ("imagesTr", "labelsTr")
FLARE_FOLDERS = ("TrainingImg", "TrainingMask")


def flare_cases(folder: Path, data_map: DataMap) -> list[FoundCase]:
    """FLARE21's training set: 1 liver, 2 kidneys, 3 spleen, 4 pancreas."""
    images, labels = _folders(folder, FLARE_FOLDERS, FOLDERS)
    return folder_pairs(images, labels, data_map.with_defaults("FLARE21"), FLARE21)


def nnunet_cases(folder: Path, data_map: DataMap) -> list[FoundCase]:
    """A data set of nnU-Net's layout; the meaning of its labels is in dataset.json, or in the map."""
    images, labels = _folders(folder, FOLDERS)
    dataset = _dataset(folder / DATASET) if (folder / DATASET).exists() or not data_map.values else {}
    licence = str(dataset.get("licence") or dataset.get("license") or "")
    described = data_map.with_defaults(str(dataset.get("name") or folder.resolve().name), licence)
    values = data_map.label_values if data_map.values else _label_values(dataset)
    return folder_pairs(images, labels, described, values)


def _folders(folder: Path, *pairs: tuple[str, str]) -> tuple[Path, Path]:
    for images, labels in pairs:
        if (folder / images).is_dir() and (folder / labels).is_dir():
            return folder / images, folder / labels
    wanted = " or ".join(f"{images} and {labels}" for images, labels in pairs)
    raise bad_data(f"{folder} has no folders {wanted}.", "Give the folder that holds them, or another --layout.")


def _dataset(path: Path) -> dict[str, Any]:
    try:
        dataset = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(dataset, dict) or not isinstance(dataset.get("labels"), dict):
            raise ValueError("it has no labels")
    except FileNotFoundError as error:
        raise bad_data(
            f"{path} is missing: nothing says what the label values mean.",
            "Use --layout flare for 1 liver, 2 kidneys, 3 spleen, 4 pancreas, or say it in a YAML file (--map).",
        ) from error
    except (OSError, ValueError) as error:
        raise bad_data(f"{path} cannot be understood ({error}).", "Correct it, or use --map.") from error
    return dataset


def _label_values(dataset: dict[str, Any]) -> LabelValues:
    """Version 1 maps values to names, version 2 names to values or (regions) to lists of them."""
    values: dict[int, str] = {}
    unknown: dict[int, str] = {}
    for key, entry in dataset["labels"].items():
        name, numbers = (str(entry), [key]) if str(key).isdigit() else (str(key), entry)
        tissue = tissue_name(name)
        for number in numbers if isinstance(numbers, list) else [numbers]:
            if tissue:
                values.setdefault(int(number), tissue)
            else:
                unknown[int(number)] = name
    missing = [f"{value} ({name})" for value, name in sorted(unknown.items()) if value not in values]
    if missing:
        raise bad_data(
            f"{DATASET} has labels of unknown meaning: {', '.join(missing)}.",
            "Say which tissues they are in a YAML file (--map).",
        )
    return LabelValues(values)
