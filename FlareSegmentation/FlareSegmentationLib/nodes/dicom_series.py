"""The DICOM files that a volume node was loaded from, as Slicer's database knows them."""

from __future__ import annotations

import slicer
from flareseg.core.errors import ScanError
from slicer.i18n import tr as _

_INSTANCES = "DICOM.instanceUIDs"  # set by Slicer's DICOM plugins: SOP Instance UIDs, separated by spaces


def filesOf(volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> list[str]:
    """The files of the series, in any order. Raises ScanError when it was not loaded from DICOM, or one is missing."""
    uids = (volumeNode.GetAttribute(_INSTANCES) or "").split() if volumeNode else []
    if not uids:
        raise ScanError(
            _("The scan was not loaded from Slicer's DICOM database, so a DICOM result cannot refer to it."),
            _("Import the series in the DICOM module and load it from there, or save the segments to files."),
        )
    database = getattr(slicer, "dicomDatabase", None)
    files = [database.fileForInstance(uid) for uid in uids] if database is not None else []
    if not files or not all(files):
        raise ScanError(
            _("The files of the scan are not in Slicer's DICOM database any more."),
            _("Import the series in the DICOM module again."),
        )
    return list(dict.fromkeys(files))
