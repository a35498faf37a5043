"""Conversion of a case as found to a case of the store: sides, spacing, cropping, checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flareseg.core.errors import ConfigError, DataError
from flareseg.training.prepare.bodies import BodyParts, make_body
from flareseg.training.prepare.checks import require_organs, require_sides
from flareseg.training.prepare.found import ImportedAnatomy, Provenance, Spacing
from flareseg.training.prepare.resampling import hu_on, labels_on, new_grid
from flareseg.training.prepare.sides import with_sides
from flareseg.training.store import CaseFacts, Kind, StoredCase, volumes_ml

FINEST_MM, COARSEST_MM = 0.1, 20.0
DEFAULT_MM = {Kind.SCAN: 1.5, Kind.ORGANS: 1.5, Kind.BODY: 2.0}
# Round organ maps, before and after resampling: the store holds little air, and an organ never ends at the border
# unless the scan cuts it there.
_MARGIN_BEFORE_MM, _MARGIN_MM = 6.0, 4.5
_SAME_MM = 0.02  # spacings this close are the same


@dataclass(frozen=True)
class Form:
    """How cases are kept: as what, and with voxels of how many mm. Raises ConfigError."""

    kind: Kind
    mm: float

    def __post_init__(self) -> None:
        if not FINEST_MM <= self.mm <= COARSEST_MM:  # false for NaN too
            raise ConfigError(
                f"A voxel size of {self.mm:g} mm is invalid.", f"Give {FINEST_MM:g} to {COARSEST_MM:g} mm."
            )


def build(anatomy: ImportedAnatomy, provenance: Provenance, form: Form) -> StoredCase:
    """The case in the store's form. Raises DataError for one that cannot be used so."""
    tissues = with_sides(anatomy)
    require_organs(tissues)
    require_sides(tissues)
    if form.kind is Kind.SCAN:
        return _scan(tissues, anatomy, provenance, form)
    if form.kind is Kind.ORGANS:
        return _organs(tissues, anatomy, provenance, form)
    return _body(tissues, anatomy, provenance, form)


def _scan(tissues: np.ndarray, anatomy: ImportedAnatomy, provenance: Provenance, form: Form) -> StoredCase:
    if anatomy.hu is None:
        raise DataError("These labels have no CT.", "Import them with --as organs.")
    size, spacing = _grid(tissues, anatomy.spacing, form.mm)
    tissues = labels_on(size, tissues)
    require_organs(tissues)
    facts, kept = _facts(tissues, spacing, anatomy, provenance, form.kind)
    return StoredCase(facts, kept, hu=hu_on(size, anatomy.hu))


def _organs(tissues: np.ndarray, anatomy: ImportedAnatomy, provenance: Provenance, form: Form) -> StoredCase:
    tissues = _cropped(tissues, anatomy.spacing, _MARGIN_BEFORE_MM)
    size, spacing = _grid(tissues, anatomy.spacing, form.mm)
    tissues = labels_on(size, tissues)
    require_organs(tissues)
    tissues = _cropped(tissues, spacing, _MARGIN_MM)
    return StoredCase(*_facts(tissues, spacing, anatomy, provenance, form.kind))


def _body(tissues: np.ndarray, anatomy: ImportedAnatomy, provenance: Provenance, form: Form) -> StoredCase:
    size, spacing = _grid(tissues, anatomy.spacing, form.mm)
    if anatomy.filled is not None and anatomy.outside is not None and size == tissues.shape:
        parts = BodyParts(tissues, anatomy.filled, anatomy.outside, provenance.bare)
    else:
        parts = make_body(labels_on(size, tissues), spacing)
    facts, kept = _facts(parts.tissues, spacing, anatomy, provenance, form.kind, parts.bare)
    return StoredCase(facts, kept, filled=parts.filled, outside=parts.outside)


def _grid(tissues: np.ndarray, spacing: Spacing, mm: float) -> tuple[tuple[int, int, int], Spacing]:
    if max(abs(size - mm) for size in spacing) < _SAME_MM:
        k, j, i = tissues.shape
        return (k, j, i), spacing
    return new_grid(tissues.shape, spacing, mm)


def _facts(
    tissues: np.ndarray,
    spacing: Spacing,
    anatomy: ImportedAnatomy,
    provenance: Provenance,
    kind: Kind,
    bare: bool = False,
) -> tuple[CaseFacts, np.ndarray]:
    k, j, i = tissues.shape
    untrusted = set(provenance.untrusted) | (set() if kind is Kind.BODY else set(anatomy.unlabelled))
    facts = CaseFacts(
        provenance.name,
        kind,
        provenance.source,
        provenance.licence,
        spacing,
        (k, j, i),
        volumes_ml(tissues, spacing),
        sorted(untrusted),
        bare,
    )
    return facts, np.ascontiguousarray(tissues)


def _cropped(tissues: np.ndarray, spacing: Spacing, margin_mm: float) -> np.ndarray:
    spans = []
    for axis, mm in enumerate(spacing):
        found = np.flatnonzero(tissues.any(axis=tuple({0, 1, 2} - {axis})))
        margin = int(np.ceil(margin_mm / mm - 1e-6))
        spans.append(slice(max(0, found[0] - margin), found[-1] + 1 + margin))
    return tissues[tuple(spans)]
