"""Selection of the organs to score in each case."""

from __future__ import annotations

from dataclasses import dataclass

from flareseg.core.errors import ConfigError
from flareseg.core.organs import ORGANS

LABELLED, ALL = "labelled", "all"
_LABEL_OF = {organ.name.lower(): organ.label for organ in ORGANS} | {"kidney": 2}


@dataclass(frozen=True)
class OrganSelection:
    """``labels``: label values of the organs that are labelled in every ground truth: where one is empty, the
    organ is not there. None: nothing is known about that, and each case is scored on the organs of its ground truth."""

    labels: frozenset[int] | None = None

    @classmethod
    def named(cls, text: str) -> OrganSelection:
        """ "labelled", "all", or names of organs with commas. Raises ConfigError."""
        names = [name.strip().lower() for name in text.split(",")]
        if names == [LABELLED]:
            return cls()
        if names == [ALL]:
            return cls(frozenset(organ.label for organ in ORGANS))
        if unknown := [name for name in names if name not in _LABEL_OF]:
            known = ", ".join(organ.name.lower() for organ in ORGANS)
            raise ConfigError(
                f'Unknown organ: "{unknown[0]}".',
                f"Give {LABELLED}, {ALL}, or some of {known} with commas between them.",
            )
        return cls(frozenset(_LABEL_OF[name] for name in names))

    def includes(self, label: int, is_in_ground_truth: bool) -> bool:
        """Whether the organ of a label value is scored in a case."""
        return is_in_ground_truth if self.labels is None else label in self.labels

    @property
    def names(self) -> list[str]:
        """The organs that are scored in every case; none when each ground truth decides."""
        return [organ.name.lower() for organ in ORGANS if self.labels is not None and organ.label in self.labels]
