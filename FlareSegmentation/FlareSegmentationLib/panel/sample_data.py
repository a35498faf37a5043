"""The synthetic CT in Slicer's Sample Data module: it needs no download, and is made while Slicer goes on.

The Sample Data module calls the custom downloader of a data set when its button is clicked (SampleData.py). Its own
``SampleData.downloadSample`` never does, so scripts call ``loadSyntheticCt`` of FlareSegmentationLib.jobs.phantom.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import slicer
from flareseg.core.errors import Cancelled, FlareError
from slicer.i18n import tr as _

if TYPE_CHECKING:
    import numpy as np
    from flareseg.core.volume import Volume

CATEGORY = "FlareSegmentation"
CT, CT_AND_ORGANS = "SyntheticAbdomen", "SyntheticAbdomenWithOrgans"
_THUMBNAIL = Path(__file__).resolve().parents[2] / "Resources" / "Icons" / "FlareSegmentation.png"


def registerSampleData() -> None:
    """Show both data sets in the Sample Data module. For slicer.app's "startupCompleted()"."""
    import SampleData  # type: ignore[import-not-found]

    for name, withOrgans in ((CT, False), (CT_AND_ORGANS, True)):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=name,
            uris="",  # a string, because a list or None means something else to SampleDataSource
            fileNames=f"{name}.nrrd",
            nodeNames=name,
            customDownloader=_downloaders[withOrgans],
            thumbnailFileName=str(_THUMBNAIL),
        )


class SyntheticCtMaker:
    """Makes the CT behind a progress dialog with a Cancel button; a click meanwhile is ignored."""

    def __init__(self, withOrgans: bool) -> None:
        from ..jobs.phantom import PhantomRun  # here, because Slicer imports this file at each start

        self._withOrgans = withOrgans
        self.run = PhantomRun()
        self.run.progressed.connect(self._onProgress)
        self.run.finished.connect(self._onFinished)
        self.run.failed.connect(self._onFailed)
        self.run.start()
        self.dialog = slicer.util.createProgressDialog(
            windowTitle=_("Sample data"), labelText=_("Drawing a synthetic CT ..."), autoClose=False, autoReset=False
        )
        self.dialog.connect("canceled()", self.run.cancel)

    def _onProgress(self, fraction: float) -> None:
        self.dialog.setValue(round(100 * fraction))

    def _onFinished(self, volume: Volume, labels: np.ndarray) -> None:
        from ..nodes.sample_data import addCt, addOrgans

        self._close()
        volumeNode = addCt(volume)
        if self._withOrgans:
            addOrgans(labels, volumeNode)

    def _onFailed(self, error: FlareError) -> None:
        self._close()
        if not isinstance(error, Cancelled):
            _tell(error)

    def _close(self) -> None:
        self.dialog.close()
        self.dialog.deleteLater()


_makers: dict[bool, SyntheticCtMaker] = {}  # the last of each kind: what Qt calls back has to be held


def _download(withOrgans: bool, _source: object = None) -> None:
    maker = _makers.get(withOrgans)
    if maker is not None and maker.run.active:
        return
    try:
        _makers[withOrgans] = SyntheticCtMaker(withOrgans)
    except FlareError as error:
        _tell(error)


def _tell(error: FlareError) -> None:
    slicer.util.errorDisplay(str(error), windowTitle=_("Sample data"))


_downloaders = {withOrgans: partial(_download, withOrgans) for withOrgans in (False, True)}  # Slicer compares them
