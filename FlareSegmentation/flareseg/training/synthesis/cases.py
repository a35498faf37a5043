"""The cases of a store that synthesis draws from: organ maps and bodies on the device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch import Tensor

from flareseg.core.errors import DataError
from flareseg.training.store import CaseFacts, Kind, Store, StoredCase
from flareseg.training.synthesis.config import CasesConfig, CaseSelection
from flareseg.training.synthesis.masks import Spacing
from flareseg.training.tissues import ORGAN_TISSUES, Tissue

# What a body gives up where the organ map has its own.
_REPLACED = (
    Tissue.STOMACH,
    Tissue.GALLBLADDER,
    Tissue.ARTERY,
    Tissue.VEIN,
    Tissue.LUNG,
    Tissue.COLON,
    Tissue.SMALL_BOWEL,
    Tissue.DUODENUM,
    Tissue.ADRENAL,
    Tissue.OESOPHAGUS,
    Tissue.BLADDER,
)
Point = tuple[float, float, float]
"""mm along (k, j, i)."""


@dataclass(frozen=True)
class OrganMap:
    """Organs without a body, in mm from the first voxel's centre.

    ``tissues``: uint8 (k, j, i). ``low``, ``high``: the box of the four organs. ``cut``: whether organs reach the
    lowest and the highest slice. ``centres``: the middle of each organ tissue. ``replaces``: bool (2, tissue code),
    what a body must not show beyond and within the map's height.
    """

    name: str
    sha256: str
    tissues: Tensor
    spacing: Spacing
    low: Point
    high: Point
    cut: tuple[bool, bool]
    centres: dict[Tissue, Point]
    replaces: Tensor

    @property
    def top_mm(self) -> float:
        return (self.tissues.shape[0] - 1) * self.spacing[0]


@dataclass(frozen=True)
class Body:
    """A whole body. ``tissues``, ``filled``: uint8 (k, j, i); ``outside``: mm outside the muscles, float32 on every
    second voxel. ``bare``: skin and fat were never labelled."""

    name: str
    sha256: str
    tissues: Tensor
    filled: Tensor
    outside: Tensor
    spacing: Spacing
    bare: bool
    weight: float

    @property
    def top_mm(self) -> float:
        return (self.tissues.shape[0] - 1) * self.spacing[0]


def organ_maps(store: Store, config: CasesConfig, device: torch.device) -> list[OrganMap]:
    """The organ maps that the config allows. Raises DataError when there are none."""
    kinds = (Kind.ORGANS, Kind.SCAN) if config.scans else (Kind.ORGANS,)
    found = [facts for facts in store if facts.kind in kinds and _selected(facts, config.maps)]
    if not config.untrusted:
        found = [facts for facts in found if not _organ_names() & set(facts.untrusted)]
    if not found:
        raise _nothing(store, "organ maps", "maps")
    return [_organ_map(store.load(facts.name), device) for facts in found]


def bodies(store: Store, config: CasesConfig, device: torch.device) -> list[Body]:
    """The bodies that the config allows. Raises DataError when there are none."""
    found = [facts for facts in store if facts.kind is Kind.BODY and _selected(facts, config.bodies)]
    if not found:
        raise _nothing(store, "bodies", "bodies")
    return [_body(store.load(facts.name), _weight(facts, config.body_weights), device) for facts in found]


def point(values: Iterable[float]) -> Point:
    k, j, i = values
    return (k, j, i)


def _organ_map(case: StoredCase, device: torch.device) -> OrganMap:
    tissues, facts = case.tissues, case.facts
    organs = np.isin(tissues, ORGAN_TISSUES)
    if not organs.any():
        raise DataError(f"The label map {facts.name} holds none of the organs.", f"Exclude {facts.name}.")
    low, high = zip(*(_ends(organs, axis, facts.spacing[axis]) for axis in range(3)))
    present = {Tissue(code) for code in np.unique(tissues) if code < len(Tissue)}
    organ, more = ([tissue in some for tissue in Tissue] for some in (ORGAN_TISSUES, present & set(_REPLACED)))
    return OrganMap(
        facts.name,
        facts.sha256,
        torch.from_numpy(tissues).to(device),
        facts.spacing,
        point(low),
        point(high),
        (bool(organs[:2].any()), bool(organs[-2:].any())),
        {tissue: _centre(tissues == tissue, facts.spacing) for tissue in ORGAN_TISSUES if tissue in present},
        torch.tensor([organ, [one or other for one, other in zip(organ, more)]], device=device),
    )


def _body(case: StoredCase, weight: float, device: torch.device) -> Body:
    if case.filled is None or case.outside is None:
        raise DataError(f"The body {case.facts.name} is incomplete.", "Make the store again.")
    return Body(
        case.facts.name,
        case.facts.sha256,
        torch.from_numpy(case.tissues).to(device),
        torch.from_numpy(case.filled).to(device),
        torch.from_numpy(case.outside).to(device, torch.float32),
        case.facts.spacing,
        case.facts.bare,
        weight,
    )


def _ends(mask: np.ndarray, axis: int, spacing: float) -> tuple[float, float]:
    """mm of the first and the last slice with the mask."""
    found = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
    return float(found[0]) * spacing, float(found[-1]) * spacing


def _centre(mask: np.ndarray, spacing: Spacing) -> Point:
    return point(float(np.mean(indices)) * size for indices, size in zip(np.nonzero(mask), spacing))


def _organ_names() -> set[str]:
    return {tissue.name.lower() for tissue in ORGAN_TISSUES}


def _selected(facts: CaseFacts, selection: CaseSelection) -> bool:
    return _matches(facts, selection.include) and not _matches(facts, selection.exclude)


def _matches(facts: CaseFacts, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(word, pattern) for word in (facts.name, facts.source) for pattern in patterns)


def _weight(facts: CaseFacts, weights: dict[str, float]) -> float:
    return next((weight for pattern, weight in weights.items() if _matches(facts, (pattern,))), 1.0)


def _nothing(store: Store, what: str, setting: str) -> DataError:
    return DataError(
        f"The training store {store.folder} has no {what} that the settings allow.",
        f"Add some with flareseg prepare, or change cases.{setting} in the settings of the synthesis.",
    )
