"""What made a DICOM result: program, version and weights, for the equipment and algorithm attributes of an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highdicom as hd
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from flareseg import __version__
from flareseg.core.report import WeightsFacts

NAME = "FlareSegmentation"
LABEL = "ORGANS"
CONTENT = "Organs segmented by FlareSegmentation; research use only"


@dataclass(frozen=True)
class Algorithm:
    """The program with the ``weights`` of its networks, in the order in which they run."""

    weights: Sequence[WeightsFacts]
    version: str = __version__

    @property
    def parameters(self) -> dict[str, str]:
        """By number of the network: file name and sha256 of its weights."""
        return {f"weights {n}": f"{each.name} sha256 {each.sha256}" for n, each in enumerate(self.weights, start=1)}

    @property
    def serial_number(self) -> str:
        """What tells this program from one with other weights: the first digits of their sha256."""
        return "-".join(each.sha256[:12] for each in self.weights) or "unknown"

    @property
    def device_uid(self) -> str:
        """The same for the same version and weights, everywhere."""
        return str(generate_uid(entropy_srcs=[NAME, self.version, *(each.sha256 for each in self.weights)]))

    def identification(self) -> hd.AlgorithmIdentificationSequence:
        return hd.AlgorithmIdentificationSequence(
            NAME, codes.DCM.ArtificialIntelligence, self.version, source=NAME, parameters=self.parameters
        )

    def attributes(self, series_number: int, description: str) -> dict[str, Any]:
        """Arguments of highdicom for the series and the equipment of a new object; viewers show the description."""
        return {
            "series_instance_uid": hd.UID(),
            "series_number": series_number,
            "series_description": f"{description} (FlareSegmentation, research use only)",
            "sop_instance_uid": hd.UID(),
            "instance_number": 1,
            "manufacturer": NAME,
            "manufacturer_model_name": "flareseg",
            "software_versions": self.version,
            "device_serial_number": self.serial_number,
        }
