"""``python -m flareseg``: the command line."""

from flareseg.cli.app import run

run()
