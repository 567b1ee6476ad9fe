"""Whoever waits for longer than two seconds is told for what, and how far it is."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from terminal import runner

import registry
from registry.cli import cli
from registry.cli.console import Console
from registry.text import waits
from registry.text.waits import tell_waits, told_waits, waiting_for

PATIENCE = 60.0
ROOT = Path(registry.__file__).parent

SERVERS = ("apps/", "gateway/", "host/", "hub/", "system/serving.py")
"""What runs there is a server, which nobody sits before."""

BLOCKING = (
    *("time.sleep", "self._sleep", "over.wait", "stop.wait", "ready.wait", "wait_for_transaction_receipt"),
    *("lock.acquire", "held.acquire", "threads.acquire", "alone.acquire", "_one.acquire"),
)

SHORT_OR_TOLD = {
    "chain/sender.py _estimated": "a second in all, while a node comes to the block that another was at",
    "chain/sender.py _wait": "tells how many confirmations there are",
    "cli/gateway.py serve": "waits for nobody",
    "collections/packing.py __init__": "waits for nobody",
    "compute/dask_engine.py beat": "a thread that is waited for by nobody",
    "compute/dask_engine.py listen": "a thread that is waited for by nobody",
    "compute/job_desk.py watch": "looks whether a job that runs was ended",
    "compute/job_desk.py work": "waits for nobody",
    "content/block_wait.py pause": "tells how many blocks have come",
    "gated/passphrases.py opened": "a second in all, on a machine that is busy",
    "governance/lookup.py watch": "gives what changes as it changes",
    "index/finding.py watch": "gives what happens as it happens",
    "index/indexer.py follow": "is a server's",
    "index/roots.py _alone": "is a server's",
    "ipfs/replicas.py ensure": "tells how many services keep it",
    "ipfs/staging.py make": "has a name that nobody else has",
    "sandbox/bubblewrap.py _await": "milliseconds, until a process is there",
    "sandbox/cgroup.py remove": "milliseconds, until a process is gone",
    "sandbox/confine.py end": "milliseconds, until a process is gone",
    "sandbox/ingress/forwarder.py __enter__": "milliseconds, until a thread listens",
    "sandbox/ingress/forwarder.py _work": "a thread that is waited for by nobody",
    "sandbox/mounting.py staged": "milliseconds, until a thread has mounted",
    "sandbox/mounting.py work": "a thread that is waited for by nobody",
    "sandbox/process.py _talk": "tells what the program writes",
    "sandbox/started.py end": "milliseconds, until a process is gone",
    "text/waits.py _look": "what tells it",
}
"""Functions that wait, and why nothing of theirs is silent for long."""


def test_every_wait_in_the_package_says_what_it_waits_for() -> None:
    silent = {
        where: line
        for file in sorted(ROOT.rglob("*.py"))
        for where, line in waits_of(file)
        if not where.startswith((*SERVERS, "sandbox/inside/"))
    }
    assert set(silent) == set(SHORT_OR_TOLD)


def waits_of(file: Path) -> Iterator[tuple[str, int]]:
    """Each function that sleeps, or waits for a lock, other than below `waiting_for`."""

    def walk(node: ast.AST, function: str, told: bool) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function, told = node.name, False
        if isinstance(node, ast.With):
            told = told or any("waiting_for(" in ast.unparse(one) for one in node.items)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            waits_here = called.endswith(BLOCKING)
            if waits_here and not told:
                yield f"{file.relative_to(ROOT)} {function}", node.lineno
        for below in ast.iter_child_nodes(node):
            yield from walk(below, function, told)

    yield from walk(ast.parse(file.read_text(encoding="utf-8")), "", False)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test waits for no two seconds."""
    monkeypatch.setattr(waits, "LONG", 0.0)
    monkeypatch.setattr(waits, "_LOOK", 0.01)


def test_what_is_waited_for_is_told_once_with_how_long_and_of_waits_within_others_the_longest(soon: None) -> None:
    told: list[tuple[str, int, int]] = []
    heard = threading.Event()

    def tell(*what: str | int) -> None:
        told.append(what)  # type: ignore[arg-type]
        heard.set()

    with told_waits(tell), waiting_for("the owner of the job", 600), waiting_for("the node", 30):
        assert heard.wait(PATIENCE)
    with told_waits(tell):
        pass  # nothing is waited for any more
    assert told == [("waiting for the owner of the job, seconds", 0, 600)]


class Client:
    """Who shows progress, and is told of waits."""

    def __init__(self, progress: Callable[[str, int, int], None]) -> None:
        self.progress = progress
        tell_waits(self)


def test_what_a_client_shows_progress_with_is_told_of_waits_for_as_long_as_the_client_is_there(
    soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients that share a progress are one; what goes wrong in one is nothing to the others; a command tells alone."""
    monkeypatch.setattr(waits, "_clients", [])
    heard = threading.Event()
    told: list[tuple[str, int, int]] = []

    def progress(*what: str | int) -> None:
        told.append(what)  # type: ignore[arg-type]
        heard.set()

    def broken(*_: str | int) -> None:
        raise RuntimeError("not mine")

    clients = [Client(broken), Client(progress), Client(progress)]
    with waiting_for("the node of a client", 30):  # another test may have told of one by another name just now
        assert heard.wait(PATIENCE)
    heard.clear()
    with told_waits(lambda *_: heard.set()), waiting_for("a gateway"):
        assert heard.wait(PATIENCE)
    assert [(what, most) for what, _, most in told] == [("waiting for the node of a client, seconds", 30)]
    clients.clear()
    assert waits._clients == []


def test_a_command_says_that_it_waits_for_its_node(soon: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said, answers = threading.Event(), []
    real = Console.waiting

    def waiting(console: Console, what: str, done: int, total: int) -> None:
        real(console, what, done, total)
        said.set()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answers.append(said.wait(PATIENCE))  # only then an answer comes
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(Console, "waiting", waiting)
    with HTTPServer(("127.0.0.1", 0), Slow) as node:
        threading.Thread(target=node.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{node.server_port}"
        ended = runner().invoke(cli, ["--rpc", url, "--home", str(tmp_path), "show", "1"])
        node.shutdown()
    assert answers[0] and f"waiting for the node at {url}, seconds: 0 of " in ended.stderr
    assert "is no node" in ended.stderr and "Check its path" in ended.stderr, "and what answers is none"
