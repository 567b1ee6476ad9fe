"""One market place for all tests of the client, on a chain in this process; each test publishes assets of its own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from registry import DDO, DID, Licence, Published, Registry
from registry.chain.call import Call
from registry.chain.plan import FACTORY
from registry.chain.sender import Sender
from registry.types import to_address

RESEARCH = Licence.free("research", limit=1)
MONTH = Licence.period("month", days=30, price="12.5 USD")
CALLS = Licence.uses("calls", uses=10, price="0.002 ETH")
SEAT = Licence.hold("seat", price="3 USD")
LIVE = Licence.stream("live", price="30 USD", per="30 days", minimum="1 day")

_numbers = count(1)


@pytest.fixture
def name() -> str:
    """A name that no other asset has."""
    return f"Penguins {next(_numbers)}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them in a folder."""
    made = tmp_path / "penguins"
    (made / "raw").mkdir(parents=True)
    (made / "penguins.csv").write_text("species,mass\nAdelie,3750\nGentoo,5000\n")
    (made / "raw" / "notes.txt").write_text("seen near Palmer Station\n")
    return made


@pytest.fixture
def publish(author: Registry, folder: Path) -> Callable[..., Published]:
    """Publish the folder as a new asset of the author, with the licences given."""

    def make(*licences: Licence, path: Path | None = folder, by: Registry = author, **fields: Any) -> Published:
        title = fields.pop("name", f"Penguins {next(_numbers)}")
        return by.publish(path, name=title, type="dataset", license="CC0-1.0", licences=licences, **fields)

    return make


def publish_document(client: Registry, ddo: DDO, *, data: bytes | None = None) -> DID:
    """Publish a document as it is, past all checks of the client; `data` takes the place of its bytes."""
    call = client.assets.functions.publish(client.address, (ddo.digest, "0x" + "00" * 20, (False, 0), [], 0, []))
    done = client.act("publish", call)
    assert done.tx is not None
    client.store.put(ddo.cid, data or ddo.to_bytes())
    return client.did(done.tx.named("MetadataPublished")[0].args["assetId"])


# --- Tokens that the package does not ship ---------------------------------------------------------


PERMIT = "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"


def odd_token(
    dao: Registry,
    implementation: str,
    *,
    symbol: bytes | None,
    lacks: tuple[str, ...] = ("eip712Domain()", "nonces(address)"),
    resets: bool = False,
) -> str:
    """Deploy a token that works like the dollar at `implementation` but for what it `lacks`, and have it allowed.

    It answers `symbol` to ``symbol()``, or refuses to answer. One that `resets` is as the first big stablecoin: an
    allowance that is not 0 can only become 0.
    """
    code = _odd_token_code(to_address(implementation), symbol, lacks, resets)
    # Creation code: copy what follows these 12 bytes, and return it.
    creation = bytes.fromhex("61") + len(code).to_bytes(2, "big") + bytes.fromhex("80600c6000396000f3") + code
    salt = next(_numbers).to_bytes(32, "big")
    Sender(dao.chain, dao.signer, dao.journal).send(Call(FACTORY, salt + creation))  # type: ignore[arg-type]
    address = keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + salt + keccak(creation))[12:]
    token = to_address(address)
    dao.act("allow it", dao.assets.functions.setPaymentToken(token, True))
    return token


def _odd_token_code(implementation: str, symbol: bytes | None, lacks: tuple[str, ...], resets: bool) -> bytes:
    def push(value: bytes) -> bytes:
        return bytes([0x5F + len(value)]) + value

    def selector(signature: str) -> bytes:
        return push(keccak(text=signature)[:4])

    def branches(symbol_at: int, fail_at: int, approve_at: int) -> bytes:
        code = bytes.fromhex("5f3560e01c")  # the selector of the call
        places = {"symbol()": symbol_at, **dict.fromkeys(lacks, fail_at)}
        places |= {"approve(address,uint256)": approve_at} if resets else {}
        for signature, place in places.items():
            code += b"\x80" + selector(signature) + b"\x14" + push(place.to_bytes(2, "big")) + b"\x57"
        return code

    def forward(fail_at: int) -> bytes:
        code = (
            bytes.fromhex("5b365f5f37" + "5f5f365f") + push(bytes.fromhex(implementation[2:])) + bytes.fromhex("5af4")
        )
        return code + bytes.fromhex("3d5f5f3e15") + push(fail_at.to_bytes(2, "big")) + bytes.fromhex("573d5ff3")

    def approve(forward_at: int) -> bytes:
        onward = "1561" + forward_at.to_bytes(2, "big").hex() + "57"
        # An amount of 0 goes on, and so does one where _allowances[caller][spender] is 0, which is in slot 1.
        slot = "335f52" + "6001602052" + "60405f20" + "602052" + "6004355f52" + "60405f20" + "54"
        return bytes.fromhex("5b602435" + onward + slot + onward + "5f5ffd")

    forward_at = len(branches(0, 0, 0))
    fail_at = forward_at + len(forward(0))
    fail = bytes.fromhex("5b3d5ffd")
    symbol_at = fail_at + len(fail)
    answer = b"\x5b"
    if symbol is None:
        answer += bytes.fromhex("5f5ffd")
    else:
        for at, word in (
            (0, (32).to_bytes(32, "big")),
            (32, len(symbol).to_bytes(32, "big")),
            (64, symbol.ljust(32, b"\0")),
        ):
            answer += push(word) + push(bytes([at])) + b"\x52"
        answer += bytes.fromhex("60605ff3")
    approve_at = symbol_at + len(answer)
    return branches(symbol_at, fail_at, approve_at) + forward(fail_at) + fail + answer + approve(forward_at)


def with_store(client: Registry, store: object) -> Registry:
    """The same client with other blocks at hand."""
    return type(client)(
        client.chain,
        client.deployment,
        signer=client.signer,
        store=store,
        journal=client.journal,  # type: ignore[arg-type]
    )
