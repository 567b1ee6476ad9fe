"""The person's script: eight acts through the public client, to be run again until it ends well."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaos.disk import Disk
from chaos.plan import Plan
from chaos.stage import CALLS, HOUR, LIVE, MONTH, PASSPHRASE, THRESHOLD, Stage, client, write
from registry import Draft, Gated, Licence, Registry
from registry.compute.host_offer import HostOffer
from registry.errors import AlreadyVoted, ContractError, RegistryError

_TOUCHED = {
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "os.utime",
    "os.listdir",
    "os.scandir",
}
_TOUCHED |= {"sqlite3.connect", "socket.connect", "fcntl.flock"}


def source(folder: Path, plan: Plan) -> Path:
    """The folder that the person publishes."""
    dice = random.Random(plan.seed + 2)
    place = folder / "source"
    write(place, {"table.csv": dice.randbytes(dice.randint(1, 200_000)), "big/tensor.bin": dice.randbytes(1_300_000)})
    return place


def drafts(stage: Stage, plan: Plan, folder: Path) -> list[Draft]:
    """What the person publishes."""
    gated = Gated(gateways=stage.gateway_urls, threshold=THRESHOLD) if plan.gated else None
    licences = [Licence.period("month", days=30, price="3 USD"), Licence.free("trial", limit=1)]
    first = Draft(
        name=f"Data of run {plan.seed}",
        type="dataset",
        license="MIT",
        path=folder,
        licences=licences,
        payout=stage.splitter,
        gated=gated,
    )
    others = [Draft(name=f"Note {n} of run {plan.seed}", type="other", license="MIT") for n in range(1, plan.drafts)]
    return [first, *others]


def items(plan: Plan) -> list[Draft]:
    """What the person publishes as a collection."""
    return [Draft(name=f"Item {n} of run {plan.seed}", type="other", license="MIT") for n in range(1, 6)]


def out(home: Path) -> Path:
    """Where what was opened is written."""
    return home.parent / "downloaded"


class Script:
    """One life of the process."""

    def __init__(self, stage: Stage, plan: Plan, url: str, home: Path, folder: Path, told: Path, who: str) -> None:
        self._stage, self._plan, self._url, self._home, self._folder = stage, plan, url, home, folder
        self._told, self._who = told, who

    def run(self) -> int:
        """All acts in the order of the plan; 0 if all ended well."""
        os.environ.update(REGISTRY_HOME=str(self._home), REGISTRY_KEYS="file", REGISTRY_KEYS_PASSPHRASE=PASSPHRASE)
        act = "connect"
        try:
            registry = client(self._stage, self._url, self._home, confirmations=self._plan.confirmations)
            for act in self._plan.acts:
                getattr(self, f"_{act}")(registry)
                self.tell(f"{act}: done")
        except RegistryError as error:
            self.tell(f"{act}: {type(error).__name__}: {error.message}", error=type(error).__name__, act=act)
            return 1
        except BaseException as error:
            trace = traceback.format_exc()
            self.tell(f"{act}: UNTYPED {type(error).__name__}: {error}", untyped=trace, error=type(error).__name__)
            return 2
        return 0

    def tell(self, what: str, **more: Any) -> None:
        """A line of the story, written where the disk never fills."""
        line = json.dumps({"time": time.monotonic(), "who": self._who, "what": what, **more}) + "\n"
        handle = os.open(self._told, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, line.encode())
        os.close(handle)

    def _publish(self, registry: Registry) -> None:
        registry.publish_many(drafts(self._stage, self._plan, self._folder), batch=2)

    def _collect(self, registry: Registry) -> None:
        registry.collections.publish(items(self._plan), name=f"Collection of run {self._plan.seed}")

    def _subscribe(self, registry: Registry) -> None:
        with _done_before("StreamRuns"):
            registry.streams.subscribe(self._stage.wire, LIVE.name, time=HOUR, max_total="3.6 USD")

    def _hire(self, registry: Registry) -> None:
        with _done_before("JobIs"):
            registry.jobs.escrow.open(HostOffer.from_bytes(self._stage.host_offer), max_total="1.2 USD")

    def _buy(self, registry: Registry) -> None:
        registry.buy(self._stage.shop, MONTH.name, max_total="12.5 USD", once="the data that I need")

    def _distribute(self, registry: Registry) -> None:
        registry.revenue.distribute(self._stage.splitter)

    def _vote(self, registry: Registry) -> None:
        try:
            registry.governance.vote(self._stage.proposal, self._plan.choice, reason="I have read it.")
        except AlreadyVoted:
            return

    def _open(self, registry: Registry) -> None:
        registry.buy(self._stage.secret, CALLS.name, max_total="0.002 ETH", once="ten calls")
        if not out(self._home).exists():
            registry.download(self._stage.secret, out(self._home))


@contextmanager
def _done_before(refusal: str) -> Iterator[None]:
    """What the contracts refuse since it was done by an earlier run is done."""
    try:
        yield
    except ContractError as error:
        if error.name != refusal:
            raise


def quicken() -> None:
    """Let processes that are forked off this one wait less, as tests do; what they do stays the same."""
    import registry.content.block_wait
    import registry.content.unlocking
    import registry.gated.share_client
    from registry.chain import sender
    from registry.gated import key_store

    sender._REBROADCAST_SECONDS = 0.25
    sender._POLL_MIN, sender._POLL_MAX = 0.02, 0.06
    registry.content.block_wait.FRESH_POLL = 0.1  # type: ignore[misc]
    registry.content.block_wait.FRESH_SECONDS = 30.0  # type: ignore[misc]
    registry.content.unlocking._RECEIPT_DEADLINE = 8.0  # type: ignore[misc]
    registry.gated.share_client.DEADLINE = 5.0  # type: ignore[misc]
    registry.gated.share_client.HEDGE = 0.4  # type: ignore[misc]
    read, write_, known = key_store.read_recovery, key_store.write_recovery, dict[tuple[bytes, str], Any]()

    # A passphrase takes a second on purpose: what this process has written or read before it forks is known.
    def written(path: Path, identity: Any, passphrase: str, **options: Any) -> None:
        write_(path, identity, passphrase, **options)
        known[path.read_bytes(), passphrase] = identity

    def read_once(path: Path, passphrase: str) -> Any:
        file = path.read_bytes() if path.exists() else b"", passphrase
        if file not in known:
            known[file] = read(path, passphrase)
        return known[file]

    key_store.read_recovery, key_store.write_recovery = read_once, written


def live(script: Script, disk: Disk, events: int) -> Callable[[], int]:
    """What the process does that is forked off: it dies at an event of its own if `events` says which."""

    def run() -> int:
        disk.limit_me()
        if events:
            left = events

            def watch(event: str, _arguments: Any) -> None:
                nonlocal left
                if event in _TOUCHED:
                    left -= 1
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(watch)
        return script.run()

    return run
