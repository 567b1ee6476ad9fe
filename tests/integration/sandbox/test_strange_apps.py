"""Apps of strangers in the sandbox: what their servers reach, how they are reached, and that nothing of them stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest
from terminal import first_answer

from integration.sandbox.people import alive
from registry.errors import InputError, RunFailed, SandboxUnavailable
from registry.ipfs.store import MemoryStore
from registry.sandbox.ingress.app_server import RunningApp, serve_app
from registry.sandbox.machine import Reach
from registry.sandbox.runs.running import Workshop
from registry.sandbox.spec import Tier
from registry.system.serving import listen

STRANGER = Path(__file__).with_name("stranger.py")


def ask(app: RunningApp, path: str) -> str:
    """What the app answers, as a page of its own asks."""
    parts = httpx.URL(app.origin)
    told = {"host": f"{parts.host}:{parts.port}"}
    return httpx.get(f"http://127.0.0.1:{parts.port}{path}", headers=told, timeout=60, trust_env=False).text


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "stranger.py").write_bytes(STRANGER.read_bytes())
    (folder / "run.toml").write_text('entry = "stranger.py"\nserves = "program"\n[limits]\nmemory = 268435456\n')
    return folder


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(MemoryStore(), tmp_path / "home")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What a machine has that a stranger would like: a node, another app, a socket of its engine, a key in a file."""
    monkeypatch.setenv("REGISTRY_KEY", "0x" + "11" * 32)
    (tmp_path / "key").write_text("secret")
    engine = socket.socket(socket.AF_UNIX)
    engine.bind(str(tmp_path / "docker.sock"))
    engine.listen()
    with listen("127.0.0.1", 0) as node, socket.create_server(("::1", 0), family=socket.AF_INET6) as other, engine:
        yield {
            "ports": {"node": node.getsockname()[1], "other": other.getsockname()[1]},
            "paths": [str(tmp_path / "key"), str(tmp_path / "docker.sock"), "/etc/passwd", "/proc/1/environ"],
        }


def test_an_app_is_looked_at_and_its_server_reaches_nothing(
    workshop: Workshop, code: Path, machine: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("x\n")
    machine["paths"].append("/data/in/own/x.csv")
    with serve_app(workshop, code, {"own": tmp_path / "data"}, params=machine) as app:
        assert ask(app, "/") == "<h1>Good day</h1>"
        assert app.url == f"http://localhost:{httpx.URL(app.origin).port}/" and app.wait(0) is None
        found = json.loads(ask(app, "/reached"))
    assert set(found) <= {"/data/in/own/x.csv", "/proc/1/environ"} and "/data/in/own/x.csv" in found
    assert "11" * 8 not in found.get("/proc/1/environ", "")
    ended = app.wait(60)
    assert ended is not None and (ended.ended, ended.tier) == ("cancelled", Tier.BUBBLEWRAP)
    with pytest.raises(httpx.ConnectError):
        ask(app, "/")


def test_two_apps_have_two_origins_and_none_is_reached_by_the_name_of_the_other(workshop: Workshop, code: Path) -> None:
    other = code.with_name("other")
    other.mkdir()
    for file in code.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (other / "more.txt").write_text("another app")
    with serve_app(workshop, code) as first, serve_app(workshop, other) as second:
        hosts = [httpx.URL(one.origin).host for one in (first, second)]
        assert len(set(hosts)) == 2 and all(host.endswith(".localhost") for host in hosts)
        told = {"host": f"{hosts[0]}:{httpx.URL(second.origin).port}"}
        port = httpx.URL(second.origin).port
        assert httpx.get(f"http://127.0.0.1:{port}/", headers=told, timeout=60, trust_env=False).status_code == 421


def test_an_app_that_puts_a_link_in_the_place_of_its_socket_is_not_followed(
    workshop: Workshop, code: Path, machine: dict[str, Any]
) -> None:
    told = {"instead": machine["paths"][1], "seconds": 1}
    with pytest.raises(RunFailed, match="it was not led astray"), serve_app(workshop, code, params=told):
        pass


def test_what_is_no_app_is_refused_before_it_runs(workshop: Workshop, code: Path) -> None:
    (code / "run.toml").write_text('entry = "stranger.py"')
    with pytest.raises(InputError, match=r"serves nothing.*serves ="), serve_app(workshop, code):
        pass
    with pytest.raises(InputError, match="plain address"), serve_app(workshop, code, shown_at=["http://evil.example"]):
        pass
    (code / "run.toml").write_text('entry = "stranger.py"\nserves = "program"')
    with pytest.raises(InputError, match=r"is an app, and comes to no end.*registry app run"):
        workshop.run(code, outputs=code.with_name("out"))


def test_an_app_that_ends_before_it_listens_says_why(workshop: Workshop, code: Path) -> None:
    (code / "stranger.py").write_text("raise SystemExit('there is no model')")
    with pytest.raises(RunFailed, match="there is no model"), serve_app(workshop, code):
        pass


def test_where_tier_2_is_not_reached_it_is_not_run_and_what_is_missing_is_told(
    workshop: Workshop, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.sandbox import process

    found = Reach(Tier.PROCESS, "the program 'bwrap' is not installed", "Install it: sudo apt-get install bubblewrap")
    monkeypatch.setattr(process, "reach", lambda: found)
    with pytest.raises(SandboxUnavailable, match=r"bwrap.*apt-get install bubblewrap"), serve_app(workshop, code):
        pass
    assert not (workshop.home / "environments").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_on_the_command_line_it_is_up_until_it_is_stopped_and_nothing_of_it_stays(
    code: Path, tmp_path: Path, how: signal.Signals
) -> None:
    mark = f"mark-{tmp_path.name}-{how}"
    (code / "run.toml").write_text(f'entry = "stranger.py"\nserves = "program"\narguments = ["{mark}"]')
    command = [
        sys.executable,
        "-c",
        "from registry.cli import main; main()",
        "app",
        "run",
        str(code),
        "--port",
        "0",
        "--json",
    ]
    env = {**os.environ, "REGISTRY_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    watch = threading.Timer(120, process.kill)
    watch.start()
    told = first_answer("app run", process)
    assert ask(RunningApp(told["url"], told["origin"], None, Future()), "/") == "<h1>Good day</h1>"
    assert alive(mark)
    process.send_signal(how)
    said = process.communicate(timeout=60)
    watch.cancel()
    assert process.returncode == (0 if how != signal.SIGKILL else -9), said
    until = threading.Event()
    for _ in range(600):
        if not alive(mark):
            break
        until.wait(0.1)
    assert alive(mark) == []
    if how != signal.SIGKILL:
        assert not list(tmp_path.glob("asset-registry-run-*"))
