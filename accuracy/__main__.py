"""The commands ``python -m accuracy score | slabs | calibrate | publish | results``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Optional

import typer
from flareseg import __version__
from flareseg.cli import console
from flareseg.cli.options import DeviceOption, PrecisionOption, WeightsOption
from flareseg.core.errors import DataError
from flareseg.core.extras import needs
from flareseg.core.limits import Limits
from flareseg.inference.cascade import Cascade
from flareseg.inference.weights import shipped_folder
from flareseg.io.outputs import make_folder, write_text
from rich.progress import track

from accuracy import tables
from accuracy.cases import ScoredCase, labelled_cts
from accuracy.patients import PATIENTS, plans
from accuracy.results import (
    CALIBRATION,
    RESULTS,
    Accuracy,
    CalibrationFigures,
    CaseFigures,
    read_figures,
    write_figures,
)
from accuracy.slabs import segmented, slabs_of

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

PAGE = "accuracy.md"


@app.command()
def score(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for tables, reports and label maps.")],
    cts: Annotated[
        Optional[Path], typer.Option(help="Folder of labelled CTs: CASE/ct.nii.gz with CASE/label.nii.gz.")
    ] = None,
    patients: Annotated[int, typer.Option(min=0, max=PATIENTS, help="How many synthetic patients.")] = PATIENTS,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    weights: WeightsOption = None,
    html: Annotated[bool, typer.Option("--html/--no-html", help="Write the HTML reports with their pictures.")] = True,
) -> None:
    """Score weights on labelled CTs and on fixed synthetic patients by the FLARE21 protocol."""
    with console.failures_said():
        Limits().check_engine()
        labelled = labelled_cts(cts) if cts else []
        if not labelled and not patients:
            raise DataError("There is nothing to score.", "Give labelled CTs with --cts, or a number of --patients.")
        make_folder(output)
        cascade = Cascade.load(device, weights, precision=precision)
        results = _scored(cascade, output, labelled, patients, html)
        write_figures(output / RESULTS, results)
        write_text(output / PAGE, tables.page(results, html))
    console.out.print(tables.comparison_table(results), soft_wrap=True)
    console.err.print(f"Written: {output / PAGE}", soft_wrap=True)


@app.command()
def slabs(
    cts: Annotated[Path, typer.Argument(metavar="CTS", help="Folder of labelled CTs, as for score.")],
    heights: Annotated[
        list[float], typer.Option("--height", min=10, help="Height of the slabs in mm; may be given several times.")
    ] = [60.0, 120.0],  # noqa: B006, Typer takes it as the default
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    weights: WeightsOption = None,
) -> None:
    """Score weights on low parts of labelled CTs, at every height that shows an organ."""
    with console.failures_said():
        Limits().check_engine()
        cases = labelled_cts(cts)
        cascade = Cascade.load(device, weights, precision=precision)
        rows = [
            (f"{tables.title_of(case)}, {height:g} mm", segmented(cascade, slabs_of(case, height)))
            for height in heights
            for case in cases
        ]
    console.out.print(tables.slab_table(rows), soft_wrap=True)


@app.command()
def calibrate(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Training store with organ maps and bodies.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help=f"Folder for {CALIBRATION}.")],
    maps: Annotated[str, typer.Option(help="Pattern of the names of the organ maps; unseen ones are best.")] = "*",
    bodies: Annotated[str, typer.Option(help="Pattern of the names of the bodies.")] = "*",
    patients: Annotated[int, typer.Option(min=2, help="How many synthetic patients.")] = 72,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    weights: WeightsOption = None,
) -> None:
    """Fit the calibration of confidence, and write it into the manifest of the weights."""
    with console.failures_said():
        Limits().check_engine()
        with needs("train"):
            from flareseg.training.store import Store

            from accuracy import fitting
            from accuracy.mapped_patients import MappedPatients, uncalibrated
            from accuracy.publishing import write_calibration

        make_folder(output)
        cascade = uncalibrated(weights, device, precision)
        found = MappedPatients(Store.open(store), maps, bodies).observed(cascade, patients)
        observations = [each for patient in _tracked(found, "Patients", patients) for each in patient]
        calibrations = fitting.fitted(observations)
        fitted_on = f"{patients} synthetic patients made from the organ maps {maps} and the bodies {bodies}"
        pairs = fitting.cross_validated(observations)
        write_figures(output / CALIBRATION, CalibrationFigures(cascade.weights[1].sha256, fitted_on, pairs))
        write_calibration(weights or shipped_folder(), calibrations, fitted_on)
    console.out.print(tables.calibration_table(pairs), soft_wrap=True)


@app.command()
def publish(
    scores: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that score wrote.")],
    calibration: Annotated[Path, typer.Argument(metavar="CALIBRATION", help="Folder that calibrate wrote.")],
) -> None:
    """Write the figures into README.md, docs/model-card.md, its pictures and docs/accuracy.json."""
    with console.failures_said():
        with needs("evaluate"):
            from accuracy import publishing

        results = read_figures(Accuracy, scores / RESULTS)
        fitted = read_figures(CalibrationFigures, calibration / CALIBRATION)
        if fitted.weights not in results.weights:
            raise DataError("Scores and calibration are of different weights.", "Run both with the same weights.")
        shown = replace(results, calibration=fitted.pairs, fitted_on=fitted.fitted_on)
        for path in publishing.publish(shown, scores):
            console.err.print(f"Wrote {path}.", soft_wrap=True)


@app.command("results")
def results_page(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for results.md and its picture, such as docs.")],
    he_luo: Annotated[Optional[Path], typer.Option(help="Folder that score wrote with weights of he-luo.")] = None,
    he_luo_weights: Annotated[Optional[Path], typer.Option(help="Those weights, to say how they were trained.")] = None,
    flareseg: Annotated[Optional[Path], typer.Option(help="Folder that score wrote with weights of flareseg.")] = None,
    flareseg_weights: Annotated[Optional[Path], typer.Option(help="Those weights.")] = None,
    cts: Annotated[Optional[Path], typer.Option(help="The labelled CTs that were scored, for the picture.")] = None,
) -> None:
    """Write DSC and NSD of trained weights beside the published figures, as He and Luo's Table 5 has them."""
    with console.failures_said():
        with needs("evaluate"):
            from accuracy import comparison, showing

        given = {"he-luo": (he_luo, he_luo_weights), "flareseg": (flareseg, flareseg_weights)}
        scored, trained = {}, {}
        for name, (scores, weights) in given.items():
            if (scores is None) != (weights is None):
                raise DataError(f"--{name} and --{name}-weights belong together.", "Give both of them, or neither.")
            if scores is not None and weights is not None:
                scored[name] = read_figures(Accuracy, scores / RESULTS)
                trained[name] = comparison.training_of(weights, scored[name])
        make_folder(output)
        for shown in [each for each in (flareseg, he_luo) if each is not None][:1]:
            make_folder((output / comparison.PICTURE).parent)
            showing.draw(output / comparison.PICTURE, shown, read_figures(Accuracy, shown / RESULTS), cts)
        write_text(output / "results.md", comparison.page(scored, trained, bool(scored)))
    console.err.print(f"Written: {output / 'results.md'}", soft_wrap=True)


def _scored(cascade: Cascade, output: Path, labelled: list[ScoredCase], patients: int, html: bool) -> Accuracy:
    with needs("evaluate"):
        from accuracy.scoring import Scoring, written_ahead

    def group(name: str, cases: Iterable[ScoredCase], count: int) -> list[CaseFigures]:
        if not count:
            return []
        scoring = Scoring(cascade, output / name, html, lambda case: console.say([tables.case_line(case)]))
        found, messages = scoring.run(_tracked(cases, name, count))
        console.say(messages)
        return found

    cts = group("cts", labelled, len(labelled))
    with tempfile.TemporaryDirectory() as folder:
        synthetic = group("synthetic", written_ahead(plans(patients), Path(folder)), patients)
    device = f"{cascade.device.name}, {cascade.device.dtype}"
    return Accuracy(__version__, [facts.sha256 for facts in cascade.weights], device, cts, synthetic)


def _tracked(items: Iterable, name: str, count: int) -> Iterable:
    return track(items, name, count, console=console.err, transient=True, disable=not console.err.is_terminal)


if __name__ == "__main__":
    app()
