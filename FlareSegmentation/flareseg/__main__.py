"""``python -m flareseg``: the command line."""

from flareseg.cli import app

app(prog_name="flareseg")
