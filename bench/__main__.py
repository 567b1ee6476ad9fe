"""``python -m bench``: all parts one after another, or only those that are named; `results/`.

Ends with 1 when something is over a bar, and with 2 when the benchmark could not be run.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any, Final

from rich.console import Console

from registry.errors import InputError, RegistryError

GAS: Final = "gas"

PARTS: Final = {
    GAS: "gas of the incumbent and of ours",
    "speed": "the speed from Python",
    "startup": "what a command costs before it does anything",
    "ipfs": "the content layer",
    "hamt": "a folder of a million names",
    "importing": "imports",
    "access": "gated content",
    "sandbox": "the sandbox",
    "compute": "jobs on data that stay",
    "collection": "collections",
    "hub": "the index",
    "pages": "the pages",
}
"""What is measured, by the names of the modules."""


def main(names: Sequence[str] = ()) -> int:
    """Measure, show and write the parts of these names, all without one; returns the exit code."""
    console = Console()
    try:
        over = [one for name in chosen(names) for one in _measured(console, name)]
    except RegistryError as error:
        console.print(f"[red]{error}[/red]", highlight=False, soft_wrap=True)
        return 2
    if over:
        console.print(f"[red]Over the bar: {', '.join(over)}[/red]")
    return int(bool(over))


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The parts of these names in their order, all without one. Raises `InputError` for a name that none has."""
    for name in names:
        if name not in PARTS:
            raise InputError(f"{name!r} is no part of the benchmark.", hint=f"Known are: {', '.join(PARTS)}.")
    return tuple(name for name in PARTS if not names or name in names)


def _measured(console: Console, name: str) -> list[str]:
    """Measure, show and write one part; returns what of it is over its bar."""
    if name == GAS:
        return _gas(console)
    part: Any = importlib.import_module(f"bench.{name}")
    with console.status(f"measuring {PARTS[name]}"):
        # Where memory is among the figures, in a process that did nothing else.
        found = getattr(part, "measured_alone", part.measure)()
    part.show(console, found)
    part.write(found)
    return list(found.get("missed", ()))


def _gas(console: Console) -> list[str]:
    """Both halves on one chain in one run; ours are found when they are called, the incumbent can be measured alone."""
    from web3.types import RPCEndpoint

    from bench import governance, ocean
    from bench.anvil import anvil
    from bench.gas import Gas, figures, missed, show, write
    from bench.stage import set_stage
    from registry.chain.artifacts import artifact

    version = ocean.version()
    with anvil() as w3:
        stage = set_stage(w3, asdict(artifact("LocalDollar")))
        incumbent, ours = Gas(w3), Gas(w3) if find_spec("bench.ours") else None
        start = w3.provider.make_request(RPCEndpoint("evm_snapshot"), [])["result"]
        with console.status("measuring the incumbent"):
            ocean.measure(stage, incumbent)
        if ours is not None:
            w3.provider.make_request(RPCEndpoint("evm_revert"), [start])
            with console.status("measuring ours"):
                importlib.import_module("bench.ours").measure(stage, ours)
                governance.measure(stage, ours=ours, incumbent=incumbent)
    show(console, ours=ours, incumbent=incumbent, incumbent_version=version)
    write(figures(ours=ours, incumbent=incumbent, incumbent_version=version))
    return list(missed(ours, incumbent))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
