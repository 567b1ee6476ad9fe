"""Runs inputs again, as the hunt left them: ``PYTHONPATH=tests python -m fuzz.replay car .deep/found/car-crash-...``.

It needs no atheris. An input that breaks a promise ends it with the traceback; the others are counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .targets import TARGETS


def main(name: str, *places: str) -> None:
    """Run files, and all files of folders; says how many of them the parser took."""
    files = [path for place in map(Path, places) for path in (sorted(place.iterdir()) if place.is_dir() else [place])]
    took = 0
    for path in files:
        try:
            took += TARGETS[name].check(path.read_bytes())
        except BaseException as error:
            error.add_note(f"{path} breaks a promise")
            raise
    sys.stdout.write(f"{name}: {len(files)} inputs, of which it took {took}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
