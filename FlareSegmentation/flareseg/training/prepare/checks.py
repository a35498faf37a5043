"""Checks of training cases: mislabelled ones are refused, unusual ones reported."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from flareseg.core.errors import DataError
from flareseg.core.organs import ORGANS
from flareseg.training.store import Kind, StoredCase
from flareseg.training.tissues import ORGAN_OF, ORGAN_TISSUES, Tissue

_LOOSE = 1.5  # how far beyond an organ's plausible volume is still ordinary; scans that cut it are common
_PAIRS = ((Tissue.LIVER, Tissue.SPLEEN), (Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY))  # right, left
Boxes = list[tuple[slice, slice, slice] | None]
_KIDNEYS = (Tissue.RIGHT_KIDNEY, Tissue.LEFT_KIDNEY)


def require_organs(tissues: np.ndarray) -> None:
    """Raise DataError for a map without any of the organs."""
    if not tissues.any():
        raise DataError("The label map is empty.", "Leave the case out, or label it.")
    if not np.isin(tissues, ORGAN_TISSUES).any():
        raise DataError("The labels hold none of the organs.", "Leave the case out, or correct what each label means.")


def require_sides(tissues: np.ndarray) -> None:
    """Raise DataError when left and right are swapped."""
    boxes = ndimage.find_objects(tissues)
    for right, left in _PAIRS:
        first, second = (_centre(tissues, boxes, (tissue,)) for tissue in (right, left))
        if first is not None and second is not None and first[2] > second[2]:
            raise DataError(
                f"The {_words(right)} lies left of the {_words(left)}: left and right are swapped.",
                "Correct the header's directions or the labels (or leave out a patient with situs inversus).",
            )


def warnings_of(case: StoredCase) -> list[str]:
    """Return messages about unusual volumes and positions."""
    named = {tissue.name.lower() for tissue in ORGAN_TISSUES} & set(case.facts.untrusted)
    messages = [f"not learned: {', '.join(sorted(named))}"] if named and case.facts.kind is not Kind.BODY else []
    for organ in ORGANS:
        ml = organ_ml(case.facts.volumes_ml, organ.label)
        low, high = organ.plausible_ml
        if not ml:
            messages.append(f"no {organ.name.lower()}")
        elif not low / _LOOSE <= ml <= high * _LOOSE:
            messages.append(f"{organ.name.lower()}: {ml:.0f} mL is unusual")
    return messages + _unusual_places(case.tissues)


def organ_ml(volumes_ml: dict[str, float], label: int) -> float:
    """mL of an organ of flareseg.core.organs, by its label value."""
    return sum(volumes_ml.get(tissue.name.lower(), 0.0) for tissue, owner in ORGAN_OF.items() if owner == label)


def _unusual_places(tissues: np.ndarray) -> list[str]:
    boxes = ndimage.find_objects(tissues)
    groups = (_KIDNEYS, (Tissue.PANCREAS,), (Tissue.LIVER,))
    kidneys, pancreas, liver = (_centre(tissues, boxes, group) for group in groups)
    messages = []
    if kidneys is not None and pancreas is not None and kidneys[1] < pancreas[1]:
        messages.append("the kidneys lie in front of the pancreas")
    if kidneys is not None and liver is not None and kidneys[0] > liver[0]:
        messages.append("the kidneys lie above the liver")
    return messages


def _centre(tissues: np.ndarray, boxes: Boxes, group: tuple[Tissue, ...]) -> tuple[float, float, float] | None:
    """Mean index (k, j, i) of some tissues; None if there are none. ``boxes``: of each code from 1."""
    total, sums = 0, np.zeros(3)
    for tissue in group:
        box = boxes[tissue - 1] if tissue <= len(boxes) else None
        if box is not None:
            indices = np.nonzero(tissues[box] == tissue)
            total += len(indices[0])
            sums += [float(index.sum()) + span.start * len(index) for index, span in zip(indices, box)]
    if not total:
        return None
    k, j, i = (float(value) for value in sums / total)
    return (k, j, i)


def _words(tissue: Tissue) -> str:
    return tissue.name.lower().replace("_", " ")
