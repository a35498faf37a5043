"""``python -m flareseg``: the command line."""

from flareseg.cli import run

run()
