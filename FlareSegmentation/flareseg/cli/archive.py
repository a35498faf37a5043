"""The commands flareseg archive SOURCE OUT and flareseg archive status OUT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typer.core import TyperGroup

from flareseg.cli.options import DeviceOption, NetworkOption, PrecisionOption, WeightsOption
from flareseg.core.extras import needs

_RUN = "run"


class _RunByDefault(TyperGroup):
    """``flareseg archive SOURCE OUT`` is ``flareseg archive run SOURCE OUT``."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:  # of click, or of the copy that later typers have
        is_named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if is_named else [_RUN, *args])


archive = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    help="Segment all CT series of a tree of files, on many processes and computers: flareseg archive SOURCE OUT.",
)
_Output = Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the results.")]


@archive.command(_RUN)
def run(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", readable=False, help="A tree of DICOM and image files, or a .csv or .parquet list."
        ),
    ],
    output: _Output,
    form: Annotated[
        str,
        typer.Option("--format", metavar="nii.gz|nii|nrrd|mha|seg.nrrd|dicom-seg", help="Format of the label maps."),
    ] = "nii.gz",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    weights: WeightsOption = None,
    network: NetworkOption = "cascade",
    split_kidneys: Annotated[bool, typer.Option("--split-kidneys", help="Give the left kidney the label 5.")] = False,
    workers: Annotated[
        Optional[int], typer.Option(help="Processes; by default by cores and memory, or one for each GPU.")
    ] = None,
    scheduler: Annotated[
        Optional[str],
        typer.Option(metavar="tcp://...", help="A Dask scheduler; by default processes of this computer."),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Do cases again that failed in an earlier call.")] = False,
) -> None:
    """Segment an archive; the same call goes on where it was interrupted. Exit code 1: some scan was not done."""
    from flareseg.cli import console
    from flareseg.core.limits import Limits

    with console.failures_said():
        Limits().check_engine()
        with needs("archive"):
            from flareseg.archive.driver import Driver
            from flareseg.archive.job import SegmentArchive

        from flareseg.cli.archive_console import interruptible, show_counts, show_progress
        from flareseg.dicom_export.targets import DicomTargets
        from flareseg.inference.full_size import Networks
        from flareseg.inference.options import SegmentationOptions
        from flareseg.io.tasks import DICOM, DICOM_SEG
        from flareseg.io.writing import suffix_of

        if form == DICOM_SEG:
            DicomTargets(output / f"name{DICOM}").check_packages()
        suffix = DICOM if form == DICOM_SEG else suffix_of(Path(f"name.{form.lstrip('.')}"))
        options = SegmentationOptions(split_kidneys=split_kidneys)
        job = SegmentArchive(source, output, suffix, options, device, precision, weights, Networks.of(network).value)
        with interruptible(), show_progress() as on_change:
            counts = Driver.of(job, workers, scheduler, retry, on_change).run(source)
        show_counts(counts, output)
    raise typer.Exit(int(counts.table["failed"] > 0 or counts.faults > 0))


@archive.command()
def status(output: _Output) -> None:
    """Show how far an archive is: progress, speed, time left, and failures by kind."""
    from flareseg.cli import console

    with console.failures_said():
        with needs("archive"):
            from flareseg.archive.status import status_of

        from flareseg.cli.archive_console import show_status

        show_status(status_of(output))
