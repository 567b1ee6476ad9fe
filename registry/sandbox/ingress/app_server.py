"""An app that runs in the sandbox and is looked at in a browser: started, reached, ended."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from registry.errors import InputError, RunFailed
from registry.sandbox.ingress.forwarder import Forwarder
from registry.sandbox.ingress.ingress_rules import AppOrigin, IngressRules
from registry.sandbox.process import reached, run
from registry.sandbox.runs.code import RUN_FILE, read_code
from registry.sandbox.runs.environment import place_of
from registry.sandbox.runs.lock import fetch_wheels
from registry.sandbox.runs.running import Laid, Workshop, calm_variables, spool_of
from registry.sandbox.spec import MIB, Limits, Outcome, Spec, Tier
from registry.system.serving import listen
from registry.text.html import Shown
from registry.text.waits import waiting_for

__all__ = ["RunningApp", "serve_app"]

HOURS: Final = 12.0

MOST: Final = Limits(memory=4096 * MIB, processes=256, output=1024 * MIB, files=10_000, scratch=1024 * MIB, log=MIB)
"""What an app may ask for in its run.toml, but for `seconds`: how long it runs is the word of whoever runs it."""

_PATIENCE: Final = 120.0
"""Seconds until an app must listen."""


@dataclass(frozen=True, slots=True)
class RunningApp(Shown):
    """An app that is up: `url` is the page to open, `origin` what the operator of a hub names to have it shown there,
    `asset` its DID, or None."""

    url: str
    origin: str
    asset: str | None
    _run: Future[Outcome]

    def wait(self, seconds: float | None = None) -> Outcome | None:
        """How it ended; None if it is still up after so many seconds. Raises what `registry.sandbox.run` raises."""
        done, _ = wait([self._run], seconds)
        return self._run.result() if done else None


@contextmanager
def serve_app(
    workshop: Workshop,
    what: str | Path,
    on: Mapping[str, str | Path] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    port: int = 0,
    public_url: str | None = None,
    shown_at: Sequence[str] = (),
    seconds: float = HOURS * 3600,
    memory: int | None = None,
    on_log: Callable[[bytes], object] | None = None,
) -> Iterator[RunningApp]:
    """Run an app in tier 2 of the sandbox, and serve its pages on a `port` of this machine (0: any) while it lasts.

    `what` and what is laid `on` it are a path, a DID or a CID, as for `Workshop.run`. Its pages are shown in a frame
    alone: in the page at `RunningApp.url`, and in pages of the origins that `shown_at` names (hubs). With a
    `public_url`, an origin that a reverse proxy gives it, there is no page of ours around it. It is ended after so many
    `seconds`, above so many bytes of `memory`, and when the block is left.

    Raises `SandboxUnavailable` where this machine does not reach tier 2, `InputError` for what is no app and for
    addresses that are none, `RunFailed` for one that does not come to listen, and what `Workshop.lay` and
    `registry.sandbox.runs.environment.environment` raise."""
    reached(Tier.BUBBLEWRAP)
    around = [AppOrigin(one) for one in shown_at]
    public = AppOrigin(public_url) if public_url is not None else None
    with ExitStack() as stack:
        sock = stack.enter_context(listen("127.0.0.1", port))
        laid, spec = _laid_out(workshop, what, on or {}, params or {}, spool_of(stack), seconds, memory)
        rules = _rules(laid, sock.getsockname()[1], public, around)
        door = Forwarder(sock, rules, name=laid.name, what=laid.did or str(laid.cid))
        cancel = threading.Event()
        stack.enter_context(door)
        # Whoever leaves ends the run first, then waits for it, and then nobody is led to it any more.
        pool = stack.enter_context(ThreadPoolExecutor(1, "registry-app"))
        stack.callback(cancel.set)
        running = pool.submit(run, spec, on_begin=door.begin, on_log=on_log, cancel=cancel)
        app = RunningApp(f"{rules.page or rules.origin}/", str(rules.origin), laid.did, running)
        _until_it_listens(app, door)
        yield app


def _laid_out(
    workshop: Workshop,
    what: str | Path,
    on: Mapping[str, str | Path],
    params: Mapping[str, Any],
    spool: Path,
    seconds: float,
    memory: int | None,
) -> tuple[Laid, Spec]:
    laid = workshop.lay(what, spool / "code")
    program = read_code(laid.path)
    if program.serves is None:
        raise InputError(
            f"{laid.name or str(what)!r} serves nothing: it is code that is run ('registry run').",
            hint=f'An app says in its {RUN_FILE} by what it is served, as in: serves = "streamlit"',
        )
    if program.lock is not None and not place_of(program.lock, workshop.home).is_dir():
        fetch_wheels(program.lock, workshop.store, workshop.progress)
    limits = replace(program.limits.within(MOST), seconds=seconds)
    if memory:
        limits = replace(limits, memory=memory)
    inputs = {name: workshop.lay(one, spool / "in" / name).path for name, one in on.items()}
    spec = workshop.spec(
        program,
        inputs,
        params=params,
        arguments=program.arguments,
        variables=calm_variables(0),
        outputs=None,
        limits=limits,
        spool=spool,
    )
    return laid, spec


def _rules(laid: Laid, port: int, public: AppOrigin | None, around: Sequence[AppOrigin]) -> IngressRules:
    """An origin of its own for each app, so that none finds the cookies or the storage of another, or of what else
    this machine serves: these are kept by host, whatever the port."""
    if public is not None:
        return IngressRules(public, tuple(around))
    own = hashlib.sha256((laid.did or str(laid.cid)).encode()).hexdigest()[:12]
    page = AppOrigin(f"http://localhost:{port}")
    return IngressRules(AppOrigin(f"http://app-{own}.localhost:{port}"), (page, *around), page)


def _until_it_listens(app: RunningApp, door: Forwarder) -> None:
    until = time.monotonic() + _PATIENCE
    with waiting_for("the app to listen", _PATIENCE):
        while not door.answers():
            ended = app.wait(0.05)
            if ended is not None:
                ended.check()
                raise RunFailed("ended before it listened", ended.text()[-2_000:].strip())
            if time.monotonic() > until:
                raise RunFailed(f"did not listen within {_PATIENCE:g} seconds", "")
