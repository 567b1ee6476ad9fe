"""One run: the world is put back, the script is started, killed and started again until it ends, and all is checked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from chaos import processes
from chaos.checker import Checker, Places
from chaos.disk import Disk
from chaos.line import LineControl
from chaos.plan import Plan
from chaos.sabotage import spoil, unnamed
from chaos.script import Script, live, source
from chaos.stage import GATEWAYS, PERSON, Stage, copy_files, keep_keys
from registry.chain.signers import dev_signer

DEADLINE: Final = 90.0
"""Seconds that a run may take; a script that has not ended by then is a finding."""

_CALM: Final = 6.0
"""Seconds after which nothing goes wrong any more."""

_TICK: Final = 0.004


@dataclass
class Outcome:
    """What came of a run: `findings` of the checker, `counts` for the table, the `story` in its order."""

    plan: Plan
    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    story: list[tuple[float, str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def told(self) -> str:
        """The story for people: what was planned, what happened, what is wrong."""
        lines = [f"Seed {self.plan.seed}", *(f"  {name}: {value}" for name, value in self.plan.to_dict().items()), ""]
        began = min((when for when, _, _ in self.story), default=0.0)
        lines += [f"  {when - began:7.3f} s  {who:<9} {what}" for when, who, what in sorted(self.story)]
        return "\n".join([*lines, "", "Found:", *(f"  - {one}" for one in self.findings)])


class Run:
    """A run of one seed on a stage."""

    def __init__(self, stage: Stage, line: LineControl, node: Any, seed: int, home: Disk, gateways: Disk, work: Path):
        self._stage, self._line, self._node = stage, line, node
        self._plan = Plan.of(seed)
        self._home_disk, self._gateway_disk = home, gateways
        self._work = work
        self._told = work / "told.jsonl"
        self._outcome = Outcome(self._plan)
        self._gateways: dict[int, int] = {}
        self._began = 0.0

    @property
    def _home(self) -> Path:
        return self._home_disk.path / "home"

    @property
    def _kept(self) -> Path:
        return self._gateway_disk.path / "gateways"

    def spoilt(self) -> list[str]:
        """A calm run that is spoilt at its end; returns what the checker did not find."""
        self._plan = self._plan.calm()
        try:
            self._set_up(faulty=False)
            self._act()
            processes.apart(lambda: spoil(self._stage, self._plan, self._places()))
            self._check()
            return unnamed(self._outcome.findings)
        finally:
            self._tear_down()

    def play(self) -> Outcome:
        """All of it."""
        self._began = time.monotonic()
        outcome = self._outcome
        try:
            self._set_up()
            self._act()
            self._line.tell("settle")
            self._finish("all is well again")
            if self._plan.acts.index("distribute") < self._plan.acts.index("buy"):
                self._finish("what was bought only now is distributed")
            self._check()
            before = self._sent()
            self._finish("run once more")
            if (after := self._sent()) != before:
                outcome.findings.append(f"run again, it sent more: {before} became {after}")
        except RuntimeError as error:
            outcome.findings.append(str(error))
        finally:
            self._tear_down()
        outcome.seconds = time.monotonic() - self._began
        outcome.counts["acts"] += len(self._plan.acts) * (2 if self._plan.twins else 1)
        outcome.counts["runs"] += 1
        return outcome

    # --- Before and after ------------------------------------------------------------------------

    def _set_up(self, *, faulty: bool = True) -> None:
        for disk in (self._home_disk, self._gateway_disk):
            disk.clear()
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True)
        copy_files(self._stage, self._home, self._kept, with_keys=not self._plan.new_keys)
        self._source = source(self._work, self._plan)
        self._line.tell("begin", seed=self._plan.seed, faulty=faulty)
        for which in range(len(GATEWAYS)):
            self._start_gateway(which)

    def _tear_down(self) -> None:
        for pid in self._gateways.values():
            processes.kill(pid)
        done = self._line.tell("end")
        self._outcome.counts.update(done["counts"])
        self._outcome.story += [(when, "line", what) for when, what in done["story"]]
        self._read_told()

    def _read_told(self) -> None:
        if not self._told.exists():
            return
        for text in self._told.read_text().splitlines():
            line = json.loads(text)
            self._outcome.story.append((line["time"], line["who"], line["what"]))
            if "untyped" in line:
                self._outcome.findings.append(f"an error of no type of ours:\n{line['untyped']}")
                self._outcome.errors[f"untyped {line['error']}"] += 1
            elif "error" in line:
                self._outcome.errors[line["error"]] += 1

    def _start_gateway(self, which: int) -> None:
        name, stage = GATEWAYS[which], self._stage
        serve = partial(keep_keys, self._kept, stage.folder, name, stage.ports[which], self._line.url, stage.deployment)
        self._gateways[which] = processes.start(_quiet(serve, self._work / f"{name}.log"))

    def _tell(self, who: str, what: str) -> None:
        self._outcome.story.append((time.monotonic(), who, what))

    # --- The script ------------------------------------------------------------------------------

    def _act(self) -> None:
        """Run the script until it ends well, with all that the plan has against it."""
        plan, counts = self._plan, self._outcome.counts
        names = ["person", "twin"] if plan.twins else ["person"]
        kills = list(plan.kills)
        fills, outages = list(plan.fills), list(plan.outages)
        reliefs: list[tuple[float, Disk]] = []
        returns: list[tuple[float, int]] = []
        running: dict[str, tuple[int, float]] = {}
        waiting = dict.fromkeys(names, 0.0)
        start = time.monotonic()
        calm = False
        while waiting or running:
            now = time.monotonic() - start
            if now > DEADLINE:
                for pid, _ in running.values():
                    processes.kill(pid)
                raise RuntimeError(f"the script did not end within {DEADLINE:g} s")
            if now > _CALM and not calm:
                calm = True
                self._line.tell("calm")
            for name, since in list(waiting.items()):
                if since <= now:
                    del waiting[name]
                    kill = kills.pop(0) if kills else None
                    script = Script(self._stage, plan, self._line.url, self._home, self._source, self._told, name)
                    pid = processes.start(live(script, self._home_disk, kill.events if kill else 0))
                    until = now + kill.seconds if kill and kill.seconds else float("inf")
                    running[name] = pid, until
                    counts["lives"] += 1
            for name, (pid, until) in list(running.items()):
                code = processes.ended(pid)
                if code is None and now >= until:
                    os.kill(pid, signal.SIGKILL)
                    running[name] = pid, float("inf")
                elif code is not None:
                    del running[name]
                    if code == 0:
                        continue
                    if code == -signal.SIGKILL:
                        counts["kills"] += 1
                        self._tell(name, "killed")
                    elif code < 0:
                        self._outcome.findings.append(f"{name} died of signal {-code}")
                    else:
                        counts["retries"] += 1
                    waiting[name] = now + 0.02
            while fills and fills[0].start <= now:
                fill = fills.pop(0)
                disk = self._home_disk if fill.disk == "home" else self._gateway_disk
                disk.fill(fill.room)
                counts["disk full"] += 1
                self._tell("disk", f"the disk of {fill.disk} has {fill.room:,} bytes left")
                reliefs.append((fill.end, disk))
            for when, disk in list(reliefs):
                if when <= now or calm:
                    reliefs.remove((when, disk))
                    disk.relieve()
                    self._tell("disk", "there is room again")
            while outages and outages[0].start <= now:
                outage = outages.pop(0)
                if outage.which in self._gateways:
                    processes.kill(self._gateways.pop(outage.which))
                    counts["gateway kills"] += 1
                    self._tell(GATEWAYS[outage.which], "killed")
                    returns.append((now + outage.down, outage.which))
            self._watch_gateways()
            for back, which in list(returns):
                if back <= now:
                    returns.remove((back, which))
                    self._start_gateway(which)
                    self._tell(GATEWAYS[which], "started")
            time.sleep(_TICK)
        for _, disk in reliefs:
            disk.relieve()
        for _, which in returns:
            self._start_gateway(which)
        self._line.tell("calm")

    def _watch_gateways(self) -> None:
        """One that ends by itself, since it finds no node or no room, is started again, as any keeper of services
        does."""
        for which, pid in list(self._gateways.items()):
            if processes.ended(pid) is not None:
                self._outcome.counts["gateways that gave up"] += 1
                self._tell(GATEWAYS[which], "gave up, and is started again")
                self._start_gateway(which)

    def _finish(self, why: str) -> None:
        """Run the script on a good line, until it ends well."""
        self._tell("person", why)
        until = time.monotonic() + DEADLINE / 2
        script = Script(self._stage, self._plan, self._line.url, self._home, self._source, self._told, "person")
        while True:
            pid = processes.start(live(script, self._home_disk, 0))
            while (code := processes.ended(pid)) is None:
                self._watch_gateways()
                if time.monotonic() > until:
                    processes.kill(pid)
                    raise RuntimeError(f"the script did not end ({why})")
                time.sleep(_TICK)
            if code == 0:
                return
            if time.monotonic() > until:
                raise RuntimeError(f"the script did not end well ({why})")

    # --- Counting --------------------------------------------------------------------------------

    def _places(self) -> Places:
        return Places(self._home, self._kept, self._source, self._work)

    def _check(self) -> None:
        self._outcome.findings += processes.apart(lambda: Checker(self._stage, self._plan, self._places()).findings())

    def _sent(self) -> dict[str, int]:
        accounts = {"person": dev_signer(PERSON).address, **dict(zip(GATEWAYS, self._stage.accounts, strict=True))}
        return {who: int(self._node.rpc("eth_getTransactionCount", a, "pending"), 16) for who, a in accounts.items()}


def _quiet(act: Any, log: Path) -> Any:
    """Let what a process writes go to a file."""

    def run() -> int:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 2)
        return int(act())

    return run
