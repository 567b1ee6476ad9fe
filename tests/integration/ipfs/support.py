"""A real node of other people's software, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_PROCESS = Path(__file__).with_name("kubo_process.py")
_PATIENCE = 60.0


class Kubo:
    """A real Kubo node; `call` names a function of its library."""

    def __init__(self, repository: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(_PROCESS), str(repository)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=repository.parent,  # it writes a log to where it runs
        )
        assert self._answer() == "ready"

    def call(self, name: str, *arguments: str | bool) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def add(self, path: Path, *, only_hash: bool = False) -> str:
        """The CID that Kubo gives a file or folder (its defaults: CIDv0)."""
        return str(self.call("AddFile", str(path), only_hash))

    def connect(self, other: Kubo) -> None:
        """Dial another node."""
        address = next(one for one in json.loads(other.call("GetNodeMultiAddrs")) if "127.0.0.1" in one)
        node = other.call("GetNodeID")
        full = address if node in address else f"{address}/p2p/{node}"
        assert self.call("ConnectToPeer", full) == 0

    def download(self, cid: str, target: Path) -> None:
        """Fetch content, over Bitswap if it is another's."""
        assert self.call("Download", cid, str(target)) == 0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        killer = threading.Timer(_PATIENCE, self.process.kill)  # a node that hangs ends, and so does the reading
        killer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            killer.cancel()
        assert line, "the node ended"
        return json.loads(line)
