"""A throw-away chain: the native anvil of the npm packages, on a free loopback port.

npm's own wrapper is not used: it exits 0 when anvil failed, and killing it leaves anvil behind.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from web3 import HTTPProvider, Web3

from registry.errors import ConnectionFailed, RegistryError, WrongChain

CHAIN_ID = 1337
HARDFORK = "cancun"

_ROOT = Path(__file__).resolve().parent.parent
_SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

# Between us and anvil stands a keeper that waits on a pipe only we hold: however we end, SIGKILL included,
# the pipe closes and anvil is killed. It ends by itself when anvil does.
_KEEPER = """
import select, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
try:
    while child.poll() is None and not select.select([sys.stdin], [], [], 0.1)[0]:
        pass
finally:
    child.kill()
    sys.exit(child.wait())
"""


def binary(root: Path = _ROOT) -> Path:
    """The native anvil under ``root/node_modules`` for this machine.

    Raises RegistryError when there is none for the system or npm has not installed it.
    """
    system, machine = platform.system(), platform.machine()
    if system not in _SYSTEMS or machine.lower() not in _MACHINES:
        raise RegistryError(
            f"anvil is not known for {system} on {machine}.", hint="Use Linux or macOS, on x86-64 or arm64."
        )
    package = f"@foundry-rs/anvil-{_SYSTEMS[system]}-{_MACHINES[machine.lower()]}"
    path = root / "node_modules" / package / "bin" / "anvil"
    if not os.access(path, os.X_OK):
        raise RegistryError(f"There is no anvil at {path}.", hint=f"Run `npm install` in {root}.")
    return path


@contextmanager
def anvil(*, hardfork: str = HARDFORK, deadline: float = 20.0, history: bool = True) -> Iterator[Web3]:
    """Run anvil for the length of a ``with`` block and yield a connection to it. Without `history` it has the state at
    the last block only; else states of long chains take gigabytes on the disk meanwhile.

    Ten unlocked accounts of 10,000 ether, chain id 1337, a block for each transaction. `deadline` is in seconds, from
    start to first answer. Raises ConnectionFailed, with anvil's last words, when it is missed or anvil ends before.
    """
    command = [str(binary()), "--host", "127.0.0.1", "--port", "0", "--chain-id", str(CHAIN_ID), "--hardfork", hardfork]
    with tempfile.NamedTemporaryFile("w") as log, tempfile.TemporaryDirectory() as states:
        command += ["--cache-path", states] if history else ["--prune-history"]
        keeper = subprocess.Popen(
            [sys.executable, "-c", _KEEPER, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for us to handle; the keeper watches the pipe.
            start_new_session=True,
        )
        try:
            yield _connect(keeper, Path(log.name), time.monotonic() + deadline)
        finally:
            assert keeper.stdin is not None
            keeper.stdin.close()
            keeper.wait()


def _connect(keeper: subprocess.Popen[bytes], log: Path, until: float) -> Web3:
    """Wait for the port that anvil reports, then for its first answer."""
    while time.monotonic() < until and keeper.poll() is None:
        if port := re.search(r"^Listening on 127\.0\.0\.1:(\d+)$", log.read_text(), re.MULTILINE):
            url = f"http://127.0.0.1:{port[1]}"
            # A proxy named in the environment must not come between us and loopback.
            session = requests.Session()
            session.trust_env = False
            w3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 60}, session=session))
            if w3.eth.chain_id != CHAIN_ID:
                raise WrongChain(CHAIN_ID, w3.eth.chain_id, url)
            return w3
        time.sleep(0.02)
    words = " ".join(log.read_text().split()[-60:]) or "it said nothing"
    raise ConnectionFailed("127.0.0.1 (anvil)", f"anvil ended or was not up before its deadline: {words}")
