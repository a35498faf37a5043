"""Reading of any multi-label maps that a YAML file describes."""

from __future__ import annotations

from pathlib import Path

from flareseg.core.errors import ConfigError
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import CaseSource
from flareseg.training.prepare.pairs import matches, paired


def mapped_cases(folder: Path, data_map: DataMap) -> list[CaseSource]:
    """The label maps, and images if the map names them. Raises ConfigError for a map without labels."""
    if not data_map.labels or not data_map.values:
        raise ConfigError("The map does not say where the labels are and what their values mean.", _EXAMPLE)
    images = matches(folder, data_map.images) if data_map.images else []
    described = data_map.with_defaults(folder.resolve().name)
    return paired(matches(folder, data_map.labels), images, described, data_map.label_values)


_EXAMPLE = 'Add for example labels: "labels/{name}.nii.gz" and values: {1: liver, 2: kidneys, 3: spleen, 4: pancreas}.'
