"""``python -m chaos``: many runs, each of a seed, and a table of what happened.

    python -m chaos --runs 500            # what `make chaos` does
    python -m chaos --runs 1 --seed 4711  # one again, with its story

Ends with 1 and the story of each run in which something was lost or doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from integration.support import Anvil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from chaos import disk, processes
from chaos.disk import Disk
from chaos.line import LineControl
from chaos.plan import FAULTS
from chaos.run import Outcome, Run
from chaos.script import quicken
from chaos.stage import Stage, make_home_keys, prepare, warm

_MORE = ("reorg", "transactions out of their block", "transactions lost in a reorg")
_MORE += ("kills", "gateway kills", "gateways that gave up", "disk full", "lives", "retries")


class Theatre:
    """A node, a line and disks, on which runs follow each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.node = Anvil()
        make_home_keys(folder / "stage")
        self.stage: Stage = processes.apart(lambda: prepare(self.node, folder / "stage"), seconds=180)
        warm(self.stage)
        self.node.rpc("evm_setAutomine", False)
        self._snapshot = self.node.rpc("evm_snapshot")
        self._line = LineControl(self.node.port)
        self._disks = Disk(folder / "home"), Disk(folder / "gateways")

    @property
    def is_disk_real(self) -> bool:
        """Whether the disks are file systems of their own."""
        return all(one.is_real for one in self._disks)

    def missed(self) -> list[str]:
        """What the checker does not find when it is there; see `chaos.sabotage`."""
        return self._run(0).spoilt()

    def play(self, seed: int) -> Outcome:
        """The run of a seed."""
        return self._run(seed).play()

    def _run(self, seed: int) -> Run:
        self.node.rpc("evm_revert", self._snapshot)
        self.node.rpc("anvil_dropAllTransactions")
        self._snapshot = self.node.rpc("evm_snapshot")
        return Run(self.stage, self._line, self.node, seed, *self._disks, self._folder / "run")

    def close(self) -> None:
        """End all of it."""
        self._line.close()
        self.node.stop()
        for one in self._disks:
            one.close()


@contextlib.contextmanager
def theatre() -> Iterator[Theatre]:
    """One for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        made = Theatre(Path(folder))
        try:
            yield made
        finally:
            made.close()


def table(outcomes: list[Outcome], counts: Counter[str], errors: Counter[str], seconds: float, real: bool) -> Table:
    """The counts of all runs."""
    shown = Table("what", "count", "", title=f"{len(outcomes)} runs in {seconds:,.0f} s")
    for name in ("runs", "acts"):
        shown.add_row(name, f"{counts[name]:,}")
    shown.add_section()
    for name, words in FAULTS.items():
        shown.add_row(name, f"{counts[name]:,}", words)
    shown.add_section()
    for name in _MORE:
        note = "" if name != "disk full" or real else "a limit on files stands in: nothing could be mounted"
        shown.add_row(name, f"{counts[name]:,}", note)
    shown.add_section()
    for name, count in errors.most_common():
        shown.add_row(name, f"{count:,}", "")
    shown.add_section()
    shown.add_row("runs with findings", f"{sum(bool(one.findings) for one in outcomes):,}")
    return shown


def _perform(seeds: list[int], into: Connection, check: bool) -> None:
    """In a process of its own: a theatre for some seeds, which may have to show first what its checker misses."""
    # Whoever started it ends it, and then the node and the disks go first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with theatre() as made:
        if check:
            into.send(made.missed())
        into.send(made.is_disk_real)
        for seed in seeds:
            into.send(made.play(seed))
    into.close()


def perform(seeds: Sequence[int], workers: int) -> Iterator[list[str] | bool | Outcome]:
    """The outcomes of all seeds as they come, from several theatres at once; of each whether its disks are real, and of
    the first what its checker misses.

    Raises RuntimeError if one of them ends early.
    """
    context = multiprocessing.get_context("fork")
    ends: dict[Connection, BaseProcess] = {}
    for number in range(min(workers, len(seeds))):
        out, into = context.Pipe(duplex=False)
        process = context.Process(target=_perform, args=(list(seeds[number::workers]), into, number == 0))
        process.start()
        into.close()
        ends[out] = process
    try:
        while ends:
            for out in wait(list(ends)):
                try:
                    yield out.recv()  # type: ignore[union-attr]
                except EOFError:
                    process = ends.pop(out)  # type: ignore[call-overload]
                    process.join()
                    if process.exitcode:
                        raise RuntimeError("a theatre has burnt down") from None
    finally:
        for process in ends.values():
            process.terminate()
        for process in ends.values():
            process.join(30)


def main() -> int:
    """Run, show, and say by the exit code whether anything was found."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=500, help="how many (500)")
    parser.add_argument("--seed", type=int, default=1, help="that of the first run; the others follow (1)")
    parser.add_argument("--workers", type=int, default=1, help="how many at once (1)")
    parser.add_argument("--json", action="store_true", help="counts for machines")
    parser.add_argument("--story", action="store_true", help="tell all runs, not only those with findings")
    chosen = parser.parse_args()
    disk.apart()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # also where a shell started it in the background
    os.environ["IPFS_GATEWAY"] = ""  # nothing that the user has set up
    warnings.simplefilter("ignore")  # of gateways that are down: the story has them
    quicken()
    outcomes: list[Outcome] = []
    counts: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    real = True
    missed: list[str] = []
    began = time.monotonic()
    coming = perform(range(chosen.seed, chosen.seed + chosen.runs), chosen.workers)
    # The theatres are forked off before anything here has threads.
    first = next(coming)
    columns = TextColumn("chaos"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    # Ctrl-C ends it with the table of what was run.
    with (
        contextlib.suppress(KeyboardInterrupt),
        Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as bars,
    ):
        bar = bars.add_task("", total=chosen.runs)
        for outcome in itertools.chain([first], coming):
            if isinstance(outcome, list):
                missed = outcome
                continue
            if isinstance(outcome, bool):
                real = real and outcome
                continue
            outcomes.append(outcome)
            counts += outcome.counts
            errors += outcome.errors
            if outcome.findings or chosen.story:
                bars.console.print(outcome.told(), markup=False, highlight=False, soft_wrap=True)
            found = sum(bool(one.findings) for one in outcomes)
            words = f"seed {outcome.plan.seed}: {outcome.seconds:.1f} s" + (f", {found} with findings" if found else "")
            bars.update(bar, advance=1, description=words)
            if not bars.console.is_terminal and len(outcomes) % 25 == 0:
                bars.console.print(f"{len(outcomes)} runs in {time.monotonic() - began:,.0f} s, {found} with findings")
    seconds = time.monotonic() - began
    bad = [one for one in outcomes if one.findings]
    out = Console()
    if chosen.json:
        told = {"counts": dict(counts), "errors": dict(errors), "seconds": round(seconds, 1), "real_disk": real}
        told["the checker misses"] = missed
        out.print_json(json.dumps({**told, "findings": {one.plan.seed: one.findings for one in bad}}))
    else:
        out.print(table(outcomes, counts, errors, seconds, real))
        for what in missed:
            out.print(f"The checker does not see it when somebody does this: {what}.")
        for one in bad:
            out.print(f"make chaos RUNS=1 SEED={one.plan.seed}", markup=False)
    return 1 if bad or missed or len(outcomes) != chosen.runs else 0


if __name__ == "__main__":
    sys.exit(main())
