"""The commands flareseg segment | phantom | info; the other commands are in evaluate.py, prepare.py and train.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, TypeVar

import typer

from flareseg import __version__
from flareseg.cli import evaluate, prepare, train
from flareseg.cli.archive import archive
from flareseg.cli.options import DeviceOption, NetworkOption, PrecisionOption, WeightsOption
from flareseg.core.errors import FlareError, RoiError, ScanError

if TYPE_CHECKING:
    from flareseg.core.geometry import Bounds
    from flareseg.core.limits import Limits
    from flareseg.core.volume import Volume
    from flareseg.inference.cascade import Cascade

Number = TypeVar("Number", int, float)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Liver, kidneys, spleen and pancreas in abdominal CT. For research use; not a medical device.",
)


@app.command()
def segment(
    scans: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCAN...", readable=False, help="Scan files, folders of scans, a DICOM folder or its files."
        ),
    ],
    output: Annotated[
        Optional[Path],
        typer.Option("--output", "-o", help="Label map (.nii.gz .nii .nrrd .mha .seg.nrrd .dcm) or folder."),
    ] = None,
    format: Annotated[
        Optional[str],
        typer.Option(
            metavar="NAME",
            help="Format of OUTPUT: nii.gz, nii, nrrd, mha, seg.nrrd, dicom-seg or dicom-rtstruct; by default as its "
            "name says (.dcm: dicom-seg), in a folder nii.gz.",
        ),
    ] = None,
    dicom_report: Annotated[
        Optional[Path],
        typer.Option("--sr", help="Write volumes and HU as a DICOM structured report on the dicom-seg (file, folder)."),
    ] = None,
    uncertainty: Annotated[
        Optional[Path],
        typer.Option(help="Write the uncertainty of each voxel as a fractional DICOM segmentation (file or folder)."),
    ] = None,
    list_series: Annotated[
        bool, typer.Option("--list", help="Only list the DICOM series of the folders, and which would be taken.")
    ] = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    roi: Annotated[
        Optional[str], typer.Option(metavar="R0,R1,A0,A1,S0,S1", help="Segment inside these RAS bounds (mm).")
    ] = None,
    report: Annotated[Optional[Path], typer.Option(help="Write the report as JSON (file or folder).")] = None,
    preview: Annotated[
        Optional[Path], typer.Option(help="Write a picture of the result as PNG (file or folder).")
    ] = None,
    ground_truth: Annotated[
        Optional[Path],
        typer.Option("--ground-truth", "--truth", help="Ground truth label map of the one scan: adds Dice per organ."),
    ] = None,
    weights: WeightsOption = None,
    network: NetworkOption = "cascade",
    split_kidneys: Annotated[bool, typer.Option("--split-kidneys", help="Give the left kidney the label 5.")] = False,
    organs: Annotated[
        Optional[str], typer.Option(metavar="liver,spleen,...", help="Only these organs; by default all four.")
    ] = None,
    clean_up: Annotated[
        str, typer.Option(metavar="off|normal|strong", help="Remove small parts of organs; strong fills holes, too.")
    ] = "normal",
    borders: Annotated[
        str, typer.Option(metavar="plain|guided", help="Of liver, kidneys and spleen; guided follows the CT.")
    ] = "guided",
    hu_gate: Annotated[
        bool, typer.Option("--hu-gate/--no-hu-gate", help="Remove air, fat, bone and metal from the organs.")
    ] = True,
    gpu_memory_limit: Annotated[
        Optional[float],
        typer.Option(metavar="MB", min=1, help="Limit of GPU memory, without the driver's own."),
    ] = None,
    ram_limit: Annotated[Optional[float], typer.Option(metavar="MB", min=1, help="Limit of main memory.")] = None,
    table: Annotated[
        Optional[bool],
        typer.Option("--table/--no-table", help="Print tables; by default on a terminal only."),
    ] = None,
) -> None:
    """Segment CT scans: label 1 liver, 2 kidneys, 3 spleen, 4 pancreas (5 left kidney with --split-kidneys)."""
    from flareseg.cli import console
    from flareseg.core import own_process
    from flareseg.core.limits import Limits

    if list_series:
        raise typer.Exit(console.list_dicom(scans))
    if output is None:
        raise typer.BadParameter("A label map or a folder is needed.", param_hint="--output")
    own_process.prepare(ram_limit)
    with console.failures_said():
        limits = Limits(ram_limit, gpu_memory_limit)
        limits.check_engine()

        from flareseg.dicom_export.targets import DicomTargets
        from flareseg.inference.components import CleanUp
        from flareseg.inference.options import Borders, SegmentationOptions
        from flareseg.io.tasks import Outputs, plan

        names = None if organs is None else tuple(name.strip() for name in organs.lower().split(","))
        options = SegmentationOptions(
            _bounds(roi),
            split_kidneys,
            CleanUp.of(clean_up),
            uncertainty=uncertainty is not None,
            organs=names,
            borders=Borders.of(borders),
            hu_gate=hu_gate,
        )
        outputs = Outputs(output, report, preview, dicom_report, uncertainty, format)
        planned = plan(scans, outputs, keep=[ground_truth] if ground_truth else [])
        console.say(planned.left_out)
        if ground_truth and len(planned.tasks) > 1:
            raise ScanError("A ground truth goes with one scan.", "Give one scan, or leave out --ground-truth.")
        true = _read(ground_truth) if ground_truth else None
        for task in planned.tasks[:1]:
            DicomTargets.of(task, format).check_packages()
        cascade = _load(device, weights, limits, precision, network)

        from flareseg.cli.segment_files import FileSegmenter, segment_all

    segmenter = FileSegmenter(cascade, options, true, format)
    with_tables = console.out.is_terminal if table is None else table
    errors = segment_all(segmenter, planned.tasks, console.say_earlier, with_tables)
    raise typer.Exit(max(map(console.exit_code, errors)))


@app.command()
def phantom(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for ct.nii.gz and labels.nii.gz.")],
    seed: Annotated[int, typer.Option(help="Each number gives another patient.")] = 0,
    size: Annotated[str, typer.Option(metavar="I,J,K", help="Voxels: columns, rows, slices.")] = "256,256,120",
    spacing: Annotated[str, typer.Option(metavar="I,J,K", help="Voxel size in mm.")] = "1.5,1.5,3",
) -> None:
    """Write a synthetic abdominal CT with its true labels."""
    from flareseg.cli import console
    from flareseg.core.limits import check_libraries

    with console.failures_said():
        check_libraries()

    from flareseg.io.outputs import check_writable, make_folder
    from flareseg.io.writing import write_labels, write_scan
    from flareseg.phantom import make_phantom, require_feasible

    ct, labels = output / "ct.nii.gz", output / "labels.nii.gz"
    with console.failures_said():
        shape, mm = _three(size, "size", int)[::-1], _three(spacing, "spacing", float)[::-1]
        require_feasible(seed, shape, mm)
        make_folder(output)
        for path in (ct, labels):
            check_writable(path)
        made = make_phantom(seed, shape, mm)
        write_scan(ct, made.volume)
        write_labels(labels, made.labels, made.volume.geometry)
    console.err.print(f"Wrote {ct} and {labels}.", soft_wrap=True)


@app.command()
def info(
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    weights: WeightsOption = None,
) -> None:
    """Show the version, the device that would be used, its memory, and the weights."""
    from flareseg.cli import console
    from flareseg.core.limits import Limits

    with console.failures_said():
        Limits().check_engine()
        cascade = _load(device, weights, precision=precision)

        from flareseg.inference.device import select_device

        selected = select_device(device)
    free, total = selected.memory_mb
    console.out.print(f"flareseg {__version__}")
    console.out.print(f"device   {selected.name}, {cascade.device.dtype}", soft_wrap=True)
    console.out.print(f"because  {selected.reason}", soft_wrap=True)
    console.out.print(f"memory   {free / 1000:.1f} GB free of {total / 1000:.1f} GB")
    for facts in cascade.weights:
        console.out.print(f"weights  {facts.name}  sha256 {facts.sha256}", soft_wrap=True)
    if selected.note:
        console.err.print(selected.note, soft_wrap=True)


def _read(path: Path) -> Volume:
    from flareseg.io.reading import read_volume

    return read_volume(path)


def _load(
    device: str, weights: Path | None, limits: Limits | None = None, precision: str = "auto", network: str = "cascade"
) -> Cascade:
    from flareseg.cli import console
    from flareseg.core import own_process

    with console.err.status("Loading the networks ..."), own_process.loading():
        from flareseg.inference.cascade import Cascade
        from flareseg.inference.full_size import Networks

        cascade = Cascade.load(device, weights, limits, precision, Networks.of(network))
    console.say(cascade.emulation)
    return cascade


def _bounds(text: str | None) -> Bounds | None:
    if text is None:
        return None
    try:
        r0, r1, a0, a1, s0, s1 = (float(part) for part in text.split(","))
    except ValueError:
        raise RoiError(f'The ROI "{text}" is not six numbers.', "Give --roi R0,R1,A0,A1,S0,S1 in mm.") from None
    return (r0, r1, a0, a1, s0, s1)


def _three(text: str, what: str, number: Callable[[str], Number]) -> tuple[Number, Number, Number]:
    """Three numbers of a type between commas. Raises ScanError."""
    try:
        i, j, k = (number(part) for part in text.split(","))
    except ValueError:
        numbers = "whole numbers" if number is int else "numbers"
        raise ScanError(f'The {what} "{text}" is not three {numbers}.', f"Give --{what} I,J,K.") from None
    return (i, j, k)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"flareseg {__version__}")
        raise typer.Exit


@app.callback()
def main(version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False) -> None:
    """Liver, kidneys, spleen and pancreas in abdominal CT. For research use; not a medical device."""


for command in (
    evaluate.segment_folder,
    evaluate.evaluate,
    evaluate.rank,
    prepare.prepare,
    train.train,
    train.export,
):
    app.command()(command)
app.add_typer(archive, name="archive")


def run() -> None:
    """The command: what cannot be printed, and memory that is short, end in a message in every command."""
    from flareseg.cli import streams
    from flareseg.core import own_process
    from flareseg.core.shortage import shortage_said

    streams.prepare()
    own_process.prepare()
    try:
        with shortage_said("This command"):
            app(prog_name="flareseg")
    except (FlareError, OSError) as error:
        from flareseg.cli import console

        if isinstance(error, OSError):
            if error.filename is not None:  # of a file, not of what is printed
                raise
            streams.silence(1)
            error = console.unwritable(error)
        console.say_error(error)
        sys.exit(console.BAD_INPUT)


if __name__ == "__main__":
    run()
