"""The commands of cli_evaluate, inside the test or (``python -m evaluation_commands``) in a process of their own."""

from __future__ import annotations

from pathlib import Path

import typer
from flareseg import cli_evaluate
from typer.testing import CliRunner, Result

app = typer.Typer()
app.command()(cli_evaluate.evaluate)
app.command()(cli_evaluate.rank)
app.command()(cli_evaluate.segment_folder)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


if __name__ == "__main__":
    app()
