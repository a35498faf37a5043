"""The commands of flareseg.cli.evaluate, in the test or (``python -m evaluation_commands``) in their own process."""

from __future__ import annotations

from pathlib import Path

import typer
from flareseg.cli import evaluate
from typer.testing import CliRunner, Result

app = typer.Typer()
app.command()(evaluate.evaluate)
app.command()(evaluate.rank)
app.command()(evaluate.segment_folder)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


if __name__ == "__main__":
    app()
