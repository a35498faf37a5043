"""The commands flareseg evaluate | rank | segment-folder."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from flareseg.cli.options import DeviceOption, NetworkOption, PrecisionOption, WeightsOption
from flareseg.core.errors import ConfigError
from flareseg.core.extras import needs

if TYPE_CHECKING:
    from flareseg.evaluation.cases import Matching
    from flareseg.evaluation.evaluator import Evaluator
    from flareseg.evaluation.html_report import HtmlReport
    from flareseg.evaluation.study import Study


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Folder of predicted label maps, or one of them.")],
    ground_truths: Annotated[Path, typer.Argument(help="Folder of true label maps, or one of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tables and the report.")],
    tolerances: Annotated[
        str, typer.Option(help="For the NSD: flare21 (1 mm) or flare22 (5, 3, 3, 5 mm).")
    ] = "flare21",
    organs: Annotated[
        str,
        typer.Option(
            help="Scored organs: labelled (of each case those that its ground truth holds), all, or names with commas, "
            "which count as missing where a ground truth does not hold them."
        ),
    ] = "labelled",
    scans: Annotated[Optional[Path], typer.Option(help="Folder of the CTs, to show them in the pictures.")] = None,
    reports: Annotated[
        Optional[Path], typer.Option(help="Folder of the reports with time and memory; by default the predictions'.")
    ] = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Write the HTML report with its pictures.")] = True,
) -> None:
    """Score label maps by the FLARE21 protocol: Dice, surface Dice, running time and memory."""
    from flareseg.cli import console
    from flareseg.core.limits import check_libraries

    with console.failures_said():
        check_libraries()

    from flareseg.cli import evaluation_tables
    from flareseg.evaluation import tables
    from flareseg.evaluation.cases import match
    from flareseg.evaluation.evaluator import Evaluator
    from flareseg.evaluation.selection import OrganSelection
    from flareseg.evaluation.summary import summarise
    from flareseg.evaluation.surface import tolerances_named
    from flareseg.io.outputs import check_writable, make_folder

    with console.failures_said():
        _import_extra(html)
        allowed, selection = tolerances_named(tolerances), OrganSelection.named(organs)
        matching = match(predictions, ground_truths, scans, reports)
        make_folder(output)
        check_writable(output / tables.SCORES)
        study = _evaluate(matching, output, Evaluator(allowed, selection), html)
    for message in study.warnings:
        console.err.print(message, soft_wrap=True)
    summary = summarise(study.scores)
    console.out.print(evaluation_tables.summary_table(summary), evaluation_tables.resource_line(summary))
    console.err.print(f"Written: {output / 'report' / 'index.html' if html else output}", soft_wrap=True)
    raise typer.Exit(int(study.failed))


def rank(
    methods: Annotated[
        list[str], typer.Argument(metavar="NAME=FOLDER...", help="A name and the folder that evaluate wrote.")
    ],
    output: Annotated[Optional[Path], typer.Option("--output", "-o", help="Write the ranking as CSV.")] = None,
) -> None:
    """Rank several methods as FLARE21 does, on Dice, surface Dice, running time and GPU memory of each case."""
    from flareseg.cli import console
    from flareseg.core.limits import check_libraries

    with console.failures_said():
        check_libraries()

    from flareseg.cli import evaluation_tables
    from flareseg.evaluation import ranking, tables

    with console.failures_said():
        found = ranking.rank(tables.read_methods(_named(methods)))
        if output:
            tables.write_ranking(output, found)
    console.out.print(evaluation_tables.ranking_table(found))
    for metric in found.left_out:
        console.err.print(f"Not ranked on {metric}: a method was not measured on it.", soft_wrap=True)


def segment_folder(
    inputs: Annotated[Path, typer.Argument(help="Folder of scans named X_0000.nii.gz.")],
    outputs: Annotated[Path, typer.Argument(help="Folder for the label maps X.nii.gz.")],
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    weights: WeightsOption = None,
    network: NetworkOption = "cascade",
    reports: Annotated[Optional[Path], typer.Option(help="Folder for the reports X.json.")] = None,
) -> None:
    """Segment every X_0000.nii.gz of a folder into X.nii.gz, the contract of the FLARE challenges."""
    from flareseg.cli import console
    from flareseg.core import own_process
    from flareseg.core.limits import Limits

    own_process.prepare()
    with console.failures_said():
        Limits().check_engine()

        from flareseg.io.folder_contract import plan_contract

        plan = plan_contract(inputs, outputs, reports)

        with own_process.loading():
            from flareseg.inference.cascade import Cascade
            from flareseg.inference.full_size import Networks
            from flareseg.inference.options import SegmentationOptions

            cascade = Cascade.load(device, weights, precision=precision, networks=Networks.of(network))

        from flareseg.cli.segment_files import FileSegmenter, segment_all

    console.say(plan.left_out)
    errors = segment_all(FileSegmenter(cascade, SegmentationOptions()), plan.tasks, _remove_earlier)
    done = errors.count(None)
    console.err.print(f"Segmented {done} of {len(plan.tasks)} scans into {outputs}.", soft_wrap=True)
    raise typer.Exit(0 if done == len(plan.tasks) else 1)


def _remove_earlier(result: Path) -> None:
    """A scan that fails leaves no label map of an earlier run, which would be scored as its result."""
    from flareseg.cli import console

    try:
        result.unlink()
    except OSError as error:
        console.say([f"{result} is of an earlier run and cannot be removed: {error.strerror}. Remove it."])
    else:
        console.say([f"{result} was of an earlier run and has been removed."])


def _evaluate(matching: Matching, output: Path, evaluator: Evaluator, html: bool) -> Study:
    """Score the cases and write the tables and the report."""
    from rich.progress import track

    from flareseg.cli import console
    from flareseg.evaluation import tables
    from flareseg.evaluation.study import Study

    report = _html_report(output / "report", evaluator.tolerances) if html else None
    study = Study(matching.extra, evaluator.selection)
    err = console.err
    cases = track(matching.cases, "Evaluating", console=err, transient=True, disable=not err.is_terminal)
    study.run(cases, evaluator, report.add if report else lambda result: None)
    tables.write_scores(output, study.scores)
    tables.write_summary(output, study, evaluator.tolerances)
    if report:
        report.finish(study)
    return study


def _html_report(folder: Path, tolerances: Mapping[int, float]) -> HtmlReport:
    from flareseg.evaluation.html_report import HtmlReport

    return HtmlReport(folder, tolerances)


def _named(methods: list[str]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for text in methods:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise ConfigError(f'Invalid method: "{text}".', "Give NAME=FOLDER.")
        if name in named:
            raise ConfigError(f"Two methods are named {name}.", "Give each a name of its own.")
        named[name] = Path(folder)
    return named


def _import_extra(html: bool) -> None:
    """Say now rather than after the work which package is missing."""
    with needs("evaluate"):
        importlib.import_module("monai.metrics")
        if html:
            importlib.import_module("flareseg.evaluation.html_report")
