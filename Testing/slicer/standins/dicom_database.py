"""``slicer.dicomDatabase``: the CTK database, as far as a caller asks it for files (ctkDICOMDatabase.h)."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread


class DICOMDatabase:
    """Knows the DICOM files of some folders."""

    def __init__(self, *folders: Path) -> None:
        self._files: dict[str, str] = {}
        for path in (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()):
            self._files[str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)] = str(path)

    def fileForInstance(self, sopInstanceUID: str) -> str:
        """Empty for an instance that is not there, as a QString is."""
        if not isinstance(sopInstanceUID, str):
            raise ValueError("Could not find matching overload for given arguments")  # PythonQt's
        return self._files.get(sopInstanceUID, "")
