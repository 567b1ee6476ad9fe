"""What the tests of the key gateway share: gateways on an anvil, and people who ask them."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyrage
import shamir_mnemonic

from registry import Licence, Published, Registry
from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.signers import KeySigner, dev_signer
from registry.gated.protocol import (
    Auth,
    Deposit,
    Invitation,
    Receipt,
    ReleaseRequest,
    Revocation,
    release_ref,
    sign_in_text,
)
from registry.gateway.gateway_server import GatewayServer
from registry.gateway.keys import FILE as KEYS
from registry.gateway.keys import KeyLock, Keys, make_key_file, seal
from registry.gateway.service import GatewayService
from registry.gateway.settings import Settings
from registry.ipfs.store import LocalStore
from registry.system.serving import listen

MONTH = Licence.period("month", days=30, price="12.5 USD")
SEAT = Licence.hold("seat", price="3 USD")
CALLS = Licence.uses("calls", uses=10, price="0.002 ETH")
ONCE = Licence.uses("once", uses=1, price="0.002 ETH")

_IDENTITY = re.compile(rb"AGE-SECRET-KEY-(PQ-)?1[A-Z0-9]{20}", re.IGNORECASE)
"""With a good part of the key: what it begins with stands in the code that reads one."""

HERE = Path(__file__).parent
AUTHOR, BUYER, STRANGER, OTHER = 0, 1, 2, 3
_GATEWAY_FUNDS = hex(10**18)


@dataclass
class Heard:
    """All that gateways said, and all that nobody must hear."""

    answers: list[bytes] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)


HEARD = Heard()


def no_secret_in(data: bytes) -> None:
    """Fail if any secret of the run is in `data`."""
    for secret in HEARD.secrets:
        assert secret.encode() not in data, "a secret was written"
    assert not _IDENTITY.search(data), "an identity was written"


def shares(threshold: int, count: int) -> list[str]:
    """Shares of a new secret, of which nobody but their gateways may learn."""
    [made] = shamir_mnemonic.generate_mnemonics(1, [(threshold, count)], secrets.token_bytes(32), iteration_exponent=0)
    HEARD.secrets.extend(made)
    return list(made)


class Voice:
    """HTTP to one gateway; remembers every answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=60)
        self.about = self.http.get("/v1/gateway").json()

    def say(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send `body` as JSON."""
        answer = self.http.request(method, path, json=body, **options)
        HEARD.answers.append(answer.content)
        return answer

    def nonce(self, account: str) -> str:
        """A nonce for a sign-in."""
        answer = self.say("POST", "/v1/nonce", {"account": account})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["nonce"])

    def message(self, account: str, did: str, resource: str, **changes: Any) -> str:
        """A sign-in message for this gateway, with `changes` to what is right."""
        now = int(time.time())
        fields: dict[str, Any] = {
            "domain": self.about["domain"],
            "account": account,
            "uri": self.url,
            "chain_id": self.about["chain_id"],
            "issued_at": now,
            "expires_at": now + 300,
            "resources": (did, resource),
            "statement": "Open what is yours.",
        }
        if "nonce" not in changes:
            fields["nonce"] = self.nonce(account)
        return sign_in_text(**{**fields, **changes})

    def auth(self, signer: KeySigner, did: str, resource: str, *, account: str | None = None, **changes: Any) -> Auth:
        """A signed sign-in; `account` for a contract that takes the signer's signatures."""
        text = self.message(account or signer.address, did, resource, **changes)
        return Auth(message=text, signature="0x" + signer.sign_text(text.encode()).hex())

    def signed(self, request: Any, signer: KeySigner, **changes: Any) -> Any:
        """A request with its sign-in."""
        return request.model_copy(update={"auth": self.auth(signer, request.did, request.resource(), **changes)})

    def deposit(self, signer: KeySigner, did: str, share: str, *, version: int = 1, **changes: Any) -> httpx.Response:
        """Hand a share in."""
        parsed = shamir_mnemonic.share.Share.from_mnemonic(share)
        request = Deposit(
            did=did,
            version=version,
            index=parsed.index,
            threshold=parsed.member_threshold,
            sealed=seal(share.encode(), self.about["age_recipient"]),
        )
        return self.say("POST", "/v1/shares", self.signed(request, signer, **changes).to_dict())

    def invite(
        self, owner: KeySigner, did: str, account: str, start: int, end: int, **options: Any
    ) -> tuple[Invitation, Any]:
        """Hand an invitation in."""
        invitation = Invitation(did=did, account=account, start=start, end=end, nonce=secrets.randbits(48))
        signature = "0x" + owner.sign_typed_data(invitation.message()).hex()
        body = {"invitation": invitation.to_dict(), "signature": signature}
        return invitation, self.say("POST", "/v1/invitations", body, **options)

    def revoke(self, signer: KeySigner, invitation: Invitation) -> httpx.Response:
        """Take an invitation back."""
        request = Revocation(did=invitation.did, id=invitation.id)
        return self.say("DELETE", f"/v1/invitations/{invitation.id}", self.signed(request, signer).to_dict())

    def ask(self, signer: KeySigner, did: str, **fields: Any) -> httpx.Response:
        """Ask for a release for a new recipient."""
        return self.release(signer, Wish(did, **fields))

    def release(self, signer: KeySigner, wish: Wish, **changes: Any) -> httpx.Response:
        """Ask for a release, signed in anew."""
        return self.say("POST", "/v1/releases", self.signed(wish.request(), signer, **changes).to_dict())


class Wish:
    """A release that somebody wants, and the key to open the answer."""

    def __init__(self, did: str, *, version: int = 1, licence: int | None = None) -> None:
        self.did, self.version, self.licence = did, version, licence
        self.identity = pyrage.x25519.Identity.generate()
        self.recipient = str(self.identity.to_public())
        self.receipt: Receipt | None = None

    def request(self) -> ReleaseRequest:
        """The request without its sign-in."""
        return ReleaseRequest(
            did=self.did,
            version=self.version,
            recipient=self.recipient,
            licence=self.licence,
            receipt=self.receipt,
        )

    def pay(self, holder: Registry, licence: str | int, **changes: Any) -> Wish:
        """Sign one use away for it."""
        options = {"ref": release_ref(self.did, self.version, self.recipient), **changes}
        signed = holder.sign_receipt(self.did, licence, **options)
        self.receipt = Receipt.model_validate(json.loads(signed.to_json()))
        return self

    def open(self, answer: httpx.Response) -> str:
        """The one share in an answer."""
        [share] = self.open_all(answer)
        return share

    def open_all(self, answer: httpx.Response) -> list[str]:
        """The shares in an answer, the newest first."""
        assert answer.status_code == 200, answer.text
        return bytes(pyrage.decrypt(answer.json()["sealed"].encode(), [self.identity])).decode().splitlines()


class Town:
    """A node with the contracts on it, and the gateways and people of a test."""

    def __init__(self, anvil: Any, deployment: Deployment, folder: Path) -> None:
        self.anvil, self.deployment, self.folder = anvil, deployment, folder
        self.chain = Chain.connect(anvil.url)
        self.stack = ExitStack()
        self.made: dict[str, GatewayService] = {}

    def person(self, number: int, *, home: str = "") -> Registry:
        """A client of one of the accounts for tests; with another `home` it knows nothing of what it sent before."""
        return Registry.connect(
            self.anvil.url,
            signer=dev_signer(number),
            home=self.folder / "homes" / (home or str(number)),
            deployment=self.deployment,
            sources=[LocalStore(self.folder / "homes" / str(AUTHOR) / "blocks")],
        )

    def mine(self, blocks: int = 1) -> None:
        """Let blocks pass."""
        self.anvil.rpc("anvil_mine", hex(blocks))

    def keys(self, name: str) -> Path:
        """The folder of a gateway with keys in it, and coins on its account."""
        folder = self.folder / name
        key_file = self.folder / f"{name}.key"
        if not (folder / KEYS).exists():
            folder.mkdir(parents=True)
            make_key_file(key_file)
            keys = Keys.make(folder / KEYS, KeyLock(key_file=key_file))
            HEARD.secrets.append(keys._secret[2:])
            HEARD.secrets.extend(str(one) for one in keys._identities)
            self.anvil.rpc("anvil_setBalance", keys.address, _GATEWAY_FUNDS)
        return folder

    def gateway(
        self,
        name: str = "one",
        *,
        proxies: tuple[str, ...] = (),
        clock: Callable[[], float] = time.time,
        node: str = "",
        **settings: Any,
    ) -> Voice:
        """A gateway in this process, made if there is none of this name; `node` is the address of another node."""
        folder = self.keys(name)
        keys = Keys.open(folder / KEYS, KeyLock(key_file=self.folder / f"{name}.key"))
        sock = listen("127.0.0.1", 0)
        chosen = {"depth": 2, "head_age": None, "account_rate": 1000, "account_burst": 1000}
        chosen |= {"address_rate": 1000, "address_burst": 1000, **settings}
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        chain = Chain.connect(node or self.anvil.url)
        made = GatewayService(folder, keys, chain, self.deployment, Settings(url, **chosen), clock=clock)
        self.made[name] = made
        self.stack.callback(made.close)
        self.stack.enter_context(GatewayServer(made, sock, proxies=proxies))
        return Voice(url)

    def process(self, name: str, *, depth: int = 2, fault: str = "", patience: float = 20) -> Running:
        """A gateway in a process of its own, which kills itself with SIGKILL at `fault`."""
        folder = self.keys(name)
        record = self.deployment.save(self.folder)
        command = [sys.executable, str(HERE / "mortal.py"), str(folder), str(self.folder / f"{name}.key")]
        command += [self.anvil.url, str(record), str(depth), str(patience), fault]
        running = Running(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        self.stack.callback(running.end)
        return running

    def publish(self, *licences: Licence, by: Registry | None = None) -> Published:
        """A new asset, deep enough for every gateway here."""
        made = (by or self.person(AUTHOR)).publish(
            None, name=f"Asset {secrets.token_hex(4)}", type="dataset", license="CC0-1.0", licences=licences
        )
        self.mine(5)
        return made


class Running:
    """A gateway in a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("http://"), process.stderr.read() if process.stderr else ""
        self.voice = Voice(line.strip())

    def died(self) -> int:
        """Wait for its end and return how it ended."""
        return self.process.wait(timeout=30)

    def end(self) -> str:
        """End it, and return what it wrote."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            out, err = self.process.communicate(timeout=30)
        except (subprocess.TimeoutExpired, ValueError):
            self.process.kill()
            return ""
        no_secret_in((out + err).encode())
        return out + err


def eventually(ready: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
