"""Try this module in the real application, with one command (a folder OUT is made):

    Slicer --additional-module-paths "$PWD/FlareSegmentation" --python-script scripts/try_in_slicer.py OUT

Runs the tests of Testing/Python and the checks of Testing/Python/trial, and takes pictures of the main window around a
run and of the panel at 350, 428 and 600 pixels. OUT then holds trial.txt (a table: a line a check, what was measured,
why it failed or was skipped), the pictures, and Slicer's own log. Slicer ends by itself, with 0 only when every check
has passed and none was skipped.

The run accepts the terms of the weights; afterwards Slicer's settings are as before.
"""

# Slicer deletes names of __main__ while it loads modules: everything that a function needs is imported inside it.


def main(arguments):
    """The exit code."""
    import logging
    import sys
    from pathlib import Path

    if len(arguments) != 1:
        logging.error(__doc__)
        return 2
    folder = Path(__file__).resolve().parents[1] / "Testing" / "Python"
    sys.path.insert(0, str(folder))
    from trial.trial import runTrial

    return runTrial(folder, Path(arguments[0]).resolve())


if __name__ == "__main__":
    import sys

    import slicer

    slicer.util.exit(main(sys.argv[1:]))
