"""The mapping from label values to tissues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from flareseg.core.errors import DataError
from flareseg.core.organs import BACKGROUND, ORGANS
from flareseg.training.tissues import ORGAN_OF, ORGAN_TISSUES, Tissue

KIDNEYS = "kidneys"  # a label that both kidneys share; they are told apart by where they lie
VALID_NAMES = (*(tissue.name.lower() for tissue in Tissue), KIDNEYS)
LARGEST_LABEL = 65535


def tissues_named(name: str) -> tuple[Tissue, ...]:
    """The tissues a name stands for: one, or both kidneys. Raises ValueError that names the valid ones."""
    if name == KIDNEYS:
        return (Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY)
    if name not in VALID_NAMES:
        raise ValueError(f'"{name}" is not a tissue; the tissues are {", ".join(VALID_NAMES)}')
    return (Tissue[name.upper()],)


@dataclass(frozen=True)
class LabelValues:
    """Names of VALID_NAMES by label value. What is ``air`` is not labelled, as is BACKGROUND."""

    names: Mapping[int, str]

    @property
    def kidneys_joined(self) -> bool:
        return KIDNEYS in self.names.values()

    @property
    def unlabelled(self) -> tuple[str, ...]:
        return unlabelled(tissue for name in self.names.values() for tissue in tissues_named(name))

    def tissues(self, labels: np.ndarray) -> np.ndarray:
        """uint8 codes of Tissue for a label map of any number type. Raises DataError for other values."""
        whole = _whole_numbers(labels)
        known = {BACKGROUND: "air", **self.names}
        unknown = sorted(_values(whole) - set(known))
        if unknown:
            raise DataError(
                f"The labels hold the value{'s' * (len(unknown) > 1)} {', '.join(map(str, unknown[:8]))}, "
                f"for which no tissue is given (known are {', '.join(map(str, sorted(known)))}).",
                "State their tissues in a YAML file (--map).",
            )
        table = np.zeros(max(known) + 1, np.uint8)
        for value, name in known.items():
            table[value] = tissues_named(name)[0]
        return table[whole]


FLARE21 = LabelValues({organ.label: organ.name.lower() for organ in ORGANS})


def unlabelled(labelled: Iterable[Tissue]) -> tuple[str, ...]:
    """Names of the organ tissues of every organ that is not among the labelled tissues."""
    organs = {ORGAN_OF[tissue] for tissue in labelled if tissue in ORGAN_OF}
    return tuple(tissue.name.lower() for tissue in ORGAN_TISSUES if ORGAN_OF[tissue] not in organs)


def _whole_numbers(labels: np.ndarray) -> np.ndarray:
    if labels.dtype.kind not in "biuf":
        raise DataError(f"The labels are not numbers ({labels.dtype}).", "Give a label map.")
    if labels.dtype.kind == "f":
        whole = np.rint(labels)
        if not np.array_equal(whole, labels):
            raise DataError("The labels are not whole numbers.", "Give a label map, not an image or probabilities.")
        labels = whole
    if labels.size and (labels.min() < 0 or labels.max() > LARGEST_LABEL):
        raise DataError(
            f"The labels go from {labels.min():g} to {labels.max():g}.", f"Give label values from 0 to {LARGEST_LABEL}."
        )
    return labels if labels.dtype.kind in "iu" and labels.dtype.itemsize <= 2 else labels.astype(np.uint16)


def _values(labels: np.ndarray) -> set[int]:
    """The values in a label map; slice by slice, as numpy counts in 64 bits."""
    found: set[int] = set()
    for plane in labels:
        found.update(np.flatnonzero(np.bincount(plane.ravel())).tolist())
    return found
