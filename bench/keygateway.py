"""Key gateways: releases a second with the chain asked twice, what 64 clients wait for, and what stays in memory.

One gateway, one anvil and the clients share the machine. The gateway is a process of its own, on loopback, with its
limits out of the way; each client signs in beforehand (wallets do that elsewhere), so what is measured is all that a
gateway does for a release: reading, checking the signature, asking the chain at two blocks, opening and sealing the
share, signing the answer, and writing it down.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pyrage
from web3.types import RPCEndpoint

from bench.anvil import anvil
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import KeySigner, dev_signer
from registry.client import Registry
from registry.documents.licence import Licence
from registry.gated.protocol import Auth, Deposit, ReleaseRequest, sign_in_text
from registry.gateway.keys import FILE, KeyLock, Keys, make_key_file, seal

CLIENTS: Final = 64
RELEASES: Final = 3_000
LONG: Final = 100_000

BARS: Final = {
    "releases_per_second": (">=", 150),
    "gateway_memory_last_to_first_tenth": ("<=", 1.1),
}

WORDS: Final = {
    "releases_per_second": f"keys released by {CLIENTS} clients at once, each asked of the chain twice, a second",
    "release_p50_ms": "half of them within, ms",
    "release_p99_ms": "99 % of them within, ms",
    "gateway_memory_mib": f"memory of the gateway after {LONG:,} releases, MiB",
    "gateway_memory_last_to_first_tenth": f"of its memory after {LONG // 10:,}",
}

_SERVE = """
import sys
from pathlib import Path
from registry.chain.connection import Chain
from registry.chain.addresses import Deployment
from registry.gateway.keys import FILE, KeyLock, Keys
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.system.serving import listen
folder, node, record = sys.argv[1:]
sock = listen("127.0.0.1", 0)
url = f"http://127.0.0.1:{sock.getsockname()[1]}"
free = dict(address_rate=1e9, address_burst=10**9, account_rate=1e9, account_burst=10**9)
free |= dict(address_connections=10**4, address_heads=10**4)
keys = Keys.open(Path(folder) / FILE, KeyLock(key_file=Path(folder) / "lock.key"))
gateway = GatewayService(
    Path(folder), keys, Chain.connect(node), Deployment.load(record), Settings(url, head_age=None, **free)
)
server = GatewayServer(gateway, sock)
print(url, flush=True)
server.run()
"""


@dataclass(frozen=True)
class Stage:
    """A gateway in a process, an asset whose key it keeps, and somebody who has access."""

    url: str
    about: dict[str, Any]
    did: str
    reader: KeySigner
    pid: int


@contextmanager
def stage() -> Iterator[Stage]:
    """A gateway beside an anvil with the contracts on it."""
    import shamir_mnemonic

    with anvil() as w3, tempfile.TemporaryDirectory() as home:
        node = str(w3.provider.endpoint_uri)  # type: ignore[attr-defined]
        deployment = deploy_local(Chain.connect(node))
        author, reader = dev_signer(0), dev_signer(1)
        client = Registry.connect(node, signer=author, deployment=deployment, home=home)
        month = Licence.period("month", days=30, price="0 USD")
        made = client.publish(None, name="Gated", type="dataset", license="CC0-1.0", licences=[month])
        client.grant(made.did, "month", to=reader.address)
        w3.provider.make_request(RPCEndpoint("anvil_mine"), [hex(10)])
        folder = Path(home) / "gateway"
        folder.mkdir()
        make_key_file(folder / "lock.key")
        Keys.make(folder / FILE, KeyLock(key_file=folder / "lock.key"))
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(folder), node, str(deployment.save(home))],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            about = httpx.get(f"{url}/v1/gateway").json()
            [[share]] = shamir_mnemonic.generate_mnemonics(1, [(1, 1)], secrets.token_bytes(32), iteration_exponent=0)
            sealed = seal(share.encode(), about["age_recipient"])
            deposit = Deposit(did=str(made.did), version=1, index=0, threshold=1, sealed=sealed)
            place = Stage(url, about, str(made.did), reader, process.pid)
            nonce = httpx.post(f"{url}/v1/nonce", json={"account": author.address}).json()["nonce"]
            body = deposit.model_copy(update={"auth": _auth(place, author, deposit.resource(), nonce)}).to_dict()
            httpx.post(f"{url}/v1/shares", json=body).raise_for_status()
            yield place
        finally:
            process.terminate()
            process.wait(60)


def measure() -> dict[str, Any]:
    """Every row, see `WORDS`; `gateway_memory_mib_by_releases` is how the memory came to what it is."""
    return {**_releases(), **_memory()}


def _releases() -> dict[str, Any]:
    with stage() as place:
        bodies = asyncio.run(_prepare(place, RELEASES + CLIENTS))
        asyncio.run(_ask(place, bodies[:CLIENTS]))  # warm
        started = time.perf_counter()
        waits = sorted(asyncio.run(_ask(place, bodies[CLIENTS:])))
        spent = time.perf_counter() - started
    return {
        "releases_per_second": round(len(waits) / spent, 1),
        "release_p50_ms": round(1000 * statistics.median(waits), 1),
        "release_p99_ms": round(1000 * waits[int(0.99 * len(waits))], 1),
    }


def _memory() -> dict[str, Any]:
    """Resident memory of the gateway on the way to `LONG` releases.

    Each tenth asks a few hundred new requests again and again. For a gateway a repeat is a whole release, chain and
    audit log included; only its nonce is not written down anew.
    """
    marks: dict[int, float] = {}
    with stage() as place:
        for done in range(LONG // 10, LONG + 1, LONG // 10):
            bodies = asyncio.run(_prepare(place, 4 * CLIENTS))
            asyncio.run(_ask(place, [bodies[number % len(bodies)] for number in range(LONG // 10)]))
            marks[done] = round(_resident(place.pid), 1)
    return {
        "gateway_memory_mib": marks[LONG],
        "gateway_memory_last_to_first_tenth": round(marks[LONG] / marks[LONG // 10], 3),
        "gateway_memory_mib_by_releases": {str(number): size for number, size in marks.items()},
    }


async def _prepare(place: Stage, count: int) -> list[bytes]:
    """Requests that are signed, each with a nonce and a recipient of its own."""
    async with httpx.AsyncClient(base_url=place.url, timeout=60) as http:

        async def one() -> bytes:
            answer = await http.post("/v1/nonce", json={"account": place.reader.address})
            recipient = str(pyrage.x25519.Identity.generate().to_public())
            request = ReleaseRequest(did=place.did, version=1, recipient=recipient)
            auth = _auth(place, place.reader, request.resource(), answer.json()["nonce"])
            return json.dumps(request.model_copy(update={"auth": auth}).to_dict()).encode()

        made: list[bytes] = []
        while len(made) < count:
            made += await asyncio.gather(*(one() for _ in range(min(CLIENTS, count - len(made)))))
        return made


async def _ask(place: Stage, bodies: list[bytes]) -> list[float]:
    """Ask for all of them by `CLIENTS` clients with a connection each; returns what each waited, in seconds."""
    waiting, waits = iter(bodies), []

    async def client() -> None:
        host = place.url.rpartition("/")[2]
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.rpartition(":")[2]))
        for body in waiting:
            head = f"POST /v1/releases HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n\r\n"
            began = time.perf_counter()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
            waits.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return waits


def _auth(place: Stage, signer: KeySigner, resource: str, nonce: str) -> Auth:
    now = int(time.time())
    text = sign_in_text(
        domain=place.about["domain"],
        account=signer.address,
        uri=place.url,
        chain_id=place.about["chain_id"],
        nonce=nonce,
        issued_at=now,
        expires_at=now + 600,
        resources=(place.did, resource),
        statement="Measure a release.",
    )
    return Auth(message=text, signature="0x" + signer.sign_text(text.encode()).hex())


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the system does not say how much memory a process has")
