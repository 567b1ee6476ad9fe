"""``python -m bench``: both halves on one chain in one run, then the speeds from Python and of content; `results/`.

Ends with 1 when our half is over a bar, and with 2 when the benchmark could not be run.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict
from importlib.util import find_spec

from rich.console import Console
from web3.types import RPCEndpoint

from bench import access, collection, compute, governance, hub, importing, ipfs, ocean, pages, sandbox, speed, startup
from bench.anvil import anvil
from bench.gas import RESULTS, Gas, figures, missed, show, write
from bench.stage import Stage, set_stage
from registry.chain.artifacts import artifact
from registry.errors import RegistryError


def main() -> int:
    """Measure, show and write; returns the exit code."""
    console = Console()
    try:
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
                    _measure_ours(stage, ours, incumbent)
    except RegistryError as error:
        console.print(f"[red]{error}[/red]", highlight=False, soft_wrap=True)
        return 2
    show(console, ours=ours, incumbent=incumbent, incumbent_version=version)
    write(figures(ours=ours, incumbent=incumbent, incumbent_version=version))
    with console.status("measuring the speed from Python"):
        fast = speed.measure()
    speed.show(console, fast)
    speed.write(fast)
    with console.status("measuring what a command costs before it does anything"):
        started = startup.measure()
    startup.show(console, started)
    startup.write(started)
    with console.status("measuring the content layer"):
        content = ipfs.measure()
    ipfs.show(console, content)
    ipfs.write(content)
    with console.status("measuring imports"):
        brought = importing.measure()
    importing.show(console, brought)
    importing.write(brought)
    with console.status("measuring gated content"):
        opened = access.measure()
    access.show(console, opened)
    access.write(opened)
    with console.status("measuring the sandbox"):
        boxed = sandbox.measure()
    sandbox.show(console, boxed)
    sandbox.write(boxed)
    with console.status("measuring jobs on data that stay"):
        jobs = compute.measure()
    compute.show(console, jobs)
    compute.write(jobs)
    with console.status("measuring collections"):
        listed = collection.measure()
    collection.show(console, listed)
    collection.write(listed)
    console.print(f"Written to {RESULTS.parent}", soft_wrap=True)
    with console.status("measuring the index"):
        found = hub.measured_alone()
    hub.show(console, found)
    with console.status("measuring the pages"):
        shown = pages.measure()
    pages.show(console, shown)
    pages.write(shown)
    missing = [
        *started["missed"],
        *content["missed"],
        *brought["missed"],
        *opened["missed"],
        *boxed["missed"],
        *jobs["missed"],
        *listed["missed"],
        *found["missed"],
        *shown["missed"],
    ]
    if over := [*missed(ours, incumbent), *missing]:
        console.print(f"[red]Over the bar: {', '.join(over)}[/red]")
        return 1
    return 0


def _measure_ours(stage: Stage, gas: Gas, incumbent: Gas) -> None:
    """Found when it is called: the incumbent can be measured alone."""
    importlib.import_module("bench.ours").measure(stage, gas)
    governance.measure(stage, ours=gas, incumbent=incumbent)


if __name__ == "__main__":
    sys.exit(main())
