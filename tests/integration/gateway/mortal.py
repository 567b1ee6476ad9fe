"""A gateway in a process of its own that is killed, as by kill -9, right after a chosen step of its first release."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.journal import Journal
from registry.chain.sender import Sender
from registry.gateway.consuming import ReceiptConsumer
from registry.gateway.gas_budget import Budget
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.keys import FILE, KeyLock, Keys
from registry.gateway.nonces import Nonces
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.system.serving import listen

STEPS: dict[str, tuple[type, str, Any]] = {
    "after the nonce is spent": (Nonces, "spend", "urn:registry:release:"),
    "after the use is asked for": (ReceiptConsumer, "_ask", None),
    "after its gas is counted": (Budget, "reserve", None),
    "after the transaction is in the journal": (Journal, "write", None),
    "after the node took the transaction": (Sender, "_broadcast", None),
    "after the transaction was mined": (ReceiptConsumer, "_send", None),
    "after the use is marked as consumed": (ReceiptConsumer, "_move", "consumed"),
    "after the use is marked as released": (ReceiptConsumer, "_move", "released"),
    "after the release is written down": (GatewayService, "_note", "release"),
}
"""Which method's end is the step, and for some what must be in one of its arguments."""


def die_after(step: str) -> None:
    """Let this process end at the end of a step."""
    owner, name, argument = STEPS[step]
    before = getattr(owner, name)

    def then_die(*args: Any, **named: Any) -> Any:
        result = before(*args, **named)
        if argument is None or any(argument in (arg.decode() if isinstance(arg, bytes) else str(arg)) for arg in args):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, then_die)


def main() -> None:
    """Serve with the arguments: folder, key file, node, deployment, depth, patience, step ("" for none)."""
    folder, key_file, node, record, depth, patience, step = sys.argv[1:]
    if step:
        die_after(step)
    sock = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    settings = Settings(
        url, depth=int(depth), patience=float(patience), head_age=None, address_rate=1000, address_burst=1000
    )
    keys = Keys.open(Path(folder) / FILE, KeyLock(key_file=Path(key_file)))
    gateway = GatewayService(Path(folder), keys, Chain.connect(node), Deployment.load(record), settings)
    server = GatewayServer(gateway, sock)
    print(url, flush=True)  # noqa: T201
    server.run()
    gateway.close()


if __name__ == "__main__":
    main()
