"""Trying the sandbox from the inside: what a tier stops on this machine, found out and not assumed."""

from __future__ import annotations

import json
import os
import secrets
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.errors import SandboxFailed, SandboxUnavailable
from registry.sandbox.calling import INSIDE, PROGRAMS
from registry.sandbox.container import ContainerEngine, engine
from registry.sandbox.machine import Reach, reach
from registry.sandbox.process import run
from registry.sandbox.spec import MIB, OUT, TMP, Limits, Spec, Tier
from registry.sandbox.started import interpreter

__all__ = ["Checked", "check", "probe"]

LIMITS: Final = Limits(seconds=60, memory=256 * MIB, processes=16, output=8 * MIB, scratch=8 * MIB, log=256 * 1024)


WATCHED: Final = ("forks_past_limit", "writes_dev_shm_past_cap", "takes_more_memory_than_its_limit")
"""What may end the probe, in this order, where somebody watches it and nothing refuses it."""

LAST: Final = WATCHED[-1]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: the `reach` of this machine; by tier what was tried there, ``""`` for what was blocked; why
    another tier could not be tried; and the `engine` of containers, or None and what would `help`."""

    reach: Reach
    tiers: dict[int, dict[str, str]]
    untried: dict[int, str]
    engine: ContainerEngine | None
    help: str

    @property
    def sound(self) -> bool:
        """Whether tier 2 is reached, and blocked all that was tried."""
        found = self.tiers.get(Tier.BUBBLEWRAP.value)
        return found is not None and not any(found.values())


def check() -> Checked:
    """Run the probe in each tier that this machine reaches. Raises what `run` raises."""
    found = reach()
    tiers: dict[int, dict[str, str]] = {}
    untried: dict[int, str] = {}
    for tier in (Tier.BUBBLEWRAP, Tier.PROCESS):
        if tier > found.tier:
            continue
        try:
            tiers[tier.value] = probe(tier)
        except SandboxUnavailable as error:
            untried[tier.value] = error.reason
    containers, helps = None, ""
    try:
        containers = engine()
    except SandboxUnavailable as error:
        untried[Tier.CONTAINER.value], helps = error.reason, error.hint
    return Checked(found, tiers, untried, containers, helps)


def probe(tier: Tier, *, python: Path | None = None) -> dict[str, str]:
    """Put things up to be found, run the probe in a tier, and return what it got: ``""`` for what was blocked.

    Raises `SandboxFailed` if the probe did not come to its end, and what `run` raises.
    """
    secret = secrets.token_hex(16)
    program = interpreter(python)
    pieces: list[bytes] = []
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0registry-{secret[:8]}")
        abstract.listen(1)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        file = folder / "file"
        file.write_text("outside")
        handle = os.open(file, os.O_RDONLY)
        stack.callback(os.close, handle)
        os.set_inheritable(handle, True)
        os.environ["REGISTRY_PROBE"] = secret
        stack.callback(os.environ.pop, "REGISTRY_PROBE", None)
        inode = os.fstat(handle)
        orders = {
            "secret": secret[::-1],
            "port": listener.getsockname()[1],
            "udp": udp.getsockname()[1],
            "abstract": f"registry-{secret[:8]}",
            "file": str(file),
            "inode": [inode.st_dev, inode.st_ino],
            "runner": os.getpid(),
            **{name: getattr(LIMITS, name) for name in ("memory", "processes", "output", "scratch")},
        }
        outcome = run(
            Spec(
                command=(str(program), "-I", "-S", f"{INSIDE}/probe.py", json.dumps(orders)),
                mounts={INSIDE: PROGRAMS},
                python=program,
                variables={"OUT": OUT, "TMPDIR": TMP},
                limits=LIMITS,
                least=tier,
            ),
            tier=tier,
            on_output=pieces.append,
        )
    found = dict(map(json.loads, b"".join(pieces).splitlines()))
    if LAST not in found and outcome.ended not in ("processes", "scratch", "output", "memory"):
        raise SandboxFailed(f"the probe {outcome.in_words()}: {outcome.text()[-500:]}")
    # What stopped it was the watch over what it did last.
    return {**found, **{name: "" for name in WATCHED if name not in found}}
