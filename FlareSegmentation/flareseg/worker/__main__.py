"""``python -m flareseg.worker``: see service.py."""

from flareseg.worker.service import main

main()
