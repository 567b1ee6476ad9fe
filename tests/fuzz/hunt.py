"""Feeds a parser with made-up bytes for as long as it is told, led by the branches that they reach (atheris).

    PYTHONPATH=tests .venv-fuzz/bin/python -m fuzz.hunt car .deep/corpus/car -max_total_time=100

The rest of the command line is libFuzzer's: a folder where what reached new branches is kept, and flags. Without
atheris, `python -m fuzz.replay` runs inputs again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["registry", "siwe"]):
    from .targets import TARGETS, inputs


def main(name: str, corpus: str, *flags: str) -> None:
    """Hunt with one target; libFuzzer ends the process, with 0 if nothing was found in its time."""
    target = TARGETS[name]
    folder = Path(corpus)
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs(name)):
        (folder / f"seed-{number}").write_bytes(data)

    def check(data: bytes) -> None:
        target.check(data)

    # An input that takes seconds or gigabytes is a finding as any other.
    limits = [f"-max_len={target.longest}", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], corpus, *limits, *flags], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
