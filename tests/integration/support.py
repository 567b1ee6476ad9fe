"""A real node, which a test starts and stops."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests
from skips import built, program

_LOCAL = Path(__file__).parents[2] / ".bin" / "anvil"


class _Node:
    """A node in a process of its own; `rpc` is for its own methods, `url` to connect."""

    process: subprocess.Popen[bytes]
    url: str
    timeout = 10
    """Seconds for an answer."""
    patience = 10
    """Seconds that it has to start."""

    def rpc(self, method: str, *params: Any) -> Any:
        """Call a method of the node; raises `RuntimeError` with its error."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = requests.post(self.url, json=body, timeout=self.timeout).json()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def stop(self) -> None:
        """Kill the process; safe to repeat."""
        self.process.kill()
        self.process.wait()
        atexit.unregister(self.stop)

    def _answers(self) -> bool:
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(requests.RequestException):
                return bool(self.rpc("eth_chainId"))
            time.sleep(0.02)
        return False


class Anvil(_Node):
    """One anvil process on a free port; use `rpc` for its own methods, `url` to connect."""

    def __init__(self, *options: str) -> None:
        binary = str(_LOCAL) if _LOCAL.exists() else program("anvil", hint="Run: make node_modules/installed")
        for _ in range(5):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            chosen = options if "--hardfork" in options else ("--hardfork", "cancun", *options)
            chosen = chosen if "--chain-id" in options else ("--chain-id", "1337", *chosen)
            command = [binary, "--port", str(self.port), "--silent", *chosen]
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # Killed even if the test run ends before the fixture does.
            atexit.register(self.stop)
            self.url = f"http://127.0.0.1:{self.port}"
            if self._answers():
                return
            self.stop()
        raise RuntimeError("anvil does not start")


class Hardhat(_Node):
    """One node of Hardhat as it comes, with the same accounts; methods go by the names that anvil has for them."""

    timeout = 30
    patience = 120

    def __init__(self) -> None:
        folder = Path(__file__).parents[1] / "hardhat"
        program_of = built(folder / "node_modules" / "hardhat" / "internal" / "cli" / "bootstrap.js", target="deep")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [
            program("node", hint="Install Node."),
            str(program_of),
            "node",
            "--hostname",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        environment = {**os.environ, "HARDHAT_DISABLE_TELEMETRY_PROMPT": "true", "CI": "1"}
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        atexit.register(self.stop)
        self.url = f"http://127.0.0.1:{port}"
        if not self._answers():
            self.stop()
            raise RuntimeError("hardhat does not start")

    def rpc(self, method: str, *params: Any) -> Any:
        """Call a method of the node; raises `RuntimeError` with its error."""
        return super().rpc(method.replace("anvil_", "hardhat_"), *params)


@contextlib.contextmanager
def ticking(mine: Callable[[], object]) -> Iterator[None]:
    """A block every half a second, as chains have them; `mine` makes one."""
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.5):
            mine()

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
