"""What must hold of any bytes that are read as a document, a sign-in message or a proposal, and of what was read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import rfc8785
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from safe_eth.safe.safe_tx import SafeTx
from siwe import SiweMessage

from registry.chain.signers import dev_signer
from registry.did import DID
from registry.documents.canonical import MAX_DEPTH, parse_json
from registry.documents.ddo import DDO, Content, ContentFile, Encryption, KeyGateway, LicenceText
from registry.errors import DDOTooLarge, InvalidDDO, InvalidProposal, TamperedProposal
from registry.gated.protocol import Auth, sign_in_text
from registry.gateway.refusal import Refusal
from registry.gateway.signin import Doorkeeper
from registry.ipfs.cid import CID
from registry.teams.proposal_file import Signature, TeamProposal
from registry.types import ZERO_ADDRESS, to_address

from .blocks import attempt

# --- DDO -----------------------------------------------------------------------------------------


def ddo_seeds() -> Iterator[bytes]:
    signer = dev_signer(0).address
    gateways = (KeyGateway(url="https://keys.example", recipient="age1" + "q" * 58, signer=signer),)
    encryption = Encryption(recipient="age1" + "q" * 58, key_version=1, gateways=gateways)
    file = ContentFile(path="data/a.csv", size=12, cid=CID.raw(b"csv"), media_type="text/csv")
    content = Content(cid=CID.raw(b"folder"), size=12, profile="unixfs-v1-2025", files=(file,))
    plain = DDO(type="dataset", name="Penguins", license="CC0-1.0")
    full = DDO(
        type="model",
        name="Größe 漢",
        description="Two\nlines.",
        image="https://example.org/a.png",
        external_url="https://example.org/",
        author="K. Gorman",
        created="2026-11-23T17:00:00Z",
        license="MIT OR (Apache-2.0 AND CC-BY-4.0)",
        tags=("a", "b"),
        content=content,
        licences=(LicenceText(name="research", terms="For study only."), LicenceText(name="month")),
        parents=(DID(1, "0x06012c8cf97BEaD5deAe237070F9587f8E7A266d", 42),),
        conforms_to=(CID.raw(b"standard"),),
        additional={"n": [1, -2.5, 1e21, None, True], "€": {"": "\u2028"}},
    )
    gated = full.with_changes(content=content.with_changes(encryption=encryption))
    yield from (ddo.to_bytes() for ddo in (plain, full, gated))


def check_ddo(data: bytes) -> bool:
    """Bytes that are a document are written again as they are, by us and by rfc8785; a document in another spelling
    comes to rest in one step. All else is refused with its faults, each of which can be shown."""
    value, faults = parse_json(data)
    ddo = _ddo(lambda: DDO.from_bytes(data))
    if ddo is not None:
        assert not faults and ddo.to_bytes() == data == rfc8785.dumps(json.loads(data))
        assert ddo.cid == CID.raw(data) and ddo.digest == ddo.cid.digest
        assert ddo == DDO.from_dict(value) and hash(ddo) == hash(DDO.from_dict(value))
    elif isinstance(value, dict):
        loose = _ddo(lambda: DDO.from_dict(value))
        written = _ddo(loose.to_bytes) if loose is not None else None
        if written is not None:
            assert DDO.from_bytes(written) == loose and DDO.from_bytes(written).to_bytes() == written
    return ddo is not None


def _ddo(read: Any) -> Any:
    try:
        return read()
    except InvalidDDO as error:
        assert error.faults and str(error).encode()
        assert all(fault.pointer.count("/") <= MAX_DEPTH + 1 for fault in error.faults)
    except DDOTooLarge:
        pass
    return None


# --- Sign-in -------------------------------------------------------------------------------------

NOW: Final = 1_800_000_000
GATEWAY: Final = "https://keys.example:8454"
ASKED: Final = ("did:nft:eip155:1_erc721:0x06012c8cf97bead5deae237070f9587f8e7a266d_42", "urn:registry:release:1")
_DOOR: Final = Doorkeeper(domain="keys.example:8454", url=GATEWAY, chain_id=1, clock=lambda: NOW)
# Of EIP-4361 nothing but what a person reads: who asks, as whom, and below it the lines with a name.
_SHOWN: Final = re.compile(
    r"(?:https://)?keys\.example:8454 wants you to sign in with your Ethereum account:\n"
    r"(?P<account>0x[0-9a-fA-F]{40})\n\n(?:[ -~]+\n)?\n"
    r"URI: https://keys\.example:8454/*\nVersion: 1\nChain ID: 0*1\nNonce: (?P<nonce>[0-9A-Za-z]{8,})\n"
    r"Issued At: [0-9T:Z.+-]+\nExpiration Time: [0-9T:Z.+-]+(?:\nNot Before: [0-9T:Z.+-]+)?(?:\nRequest ID: [!-~]*)?\n"
    rf"Resources:\n- {re.escape(ASKED[0])}\n- {re.escape(ASKED[1])}",
    re.IGNORECASE,
)


def sign_in_seeds() -> Iterator[bytes]:
    text = sign_in_text(
        domain="keys.example:8454",
        account=dev_signer(0).address,
        uri=GATEWAY,
        chain_id=1,
        nonce="a1b2c3d4e5",
        issued_at=NOW - 10,
        expires_at=NOW + 200,
        resources=ASKED,
        statement="Open what is yours.",
    )
    yield text.encode()
    yield ("https://" + text).encode()
    yield text.replace("Open what is yours.\n", "").encode()
    yield text.replace("\nResources", "\nNot Before: 2027-01-15T07:59:50Z\nRequest ID: a-1\nResources").encode()


def check_sign_in(data: bytes) -> bool:
    """A message that is let in names this gateway, chain, asset and request, shows nobody anything else, and is one by
    the grammar of EIP-4361; account and nonce are those that it shows."""
    try:
        text = data.decode()
        auth = Auth(message=text, signature="0x" + "11" * 65)
        found = _DOOR.read(auth, *ASKED)
    except (UnicodeDecodeError, Refusal):
        return False
    except ValueError:  # of the model: empty, or too long
        assert not 0 < len(text) <= 8192
        return False
    shown = _SHOWN.fullmatch(text)
    assert shown, "it says something else than what was read"
    assert (found.account, found.nonce) == (shown["account"], shown["nonce"]) and found.text == data
    assert not found.proven, "nobody signed it"
    assert SiweMessage.from_message(text).prepare_message() == text
    return True


# --- Proposals -----------------------------------------------------------------------------------


def proposal_seeds() -> Iterator[bytes]:
    ann, bob = dev_signer(0), dev_signer(1)
    plain = TeamProposal(1, ann.address, "1.4.1", bob.address, 0, b"", 0, 0)
    busy = replace(
        plain, chain_id=11155111, value=2**200, data=b"\x12\x34\x56\x78" + bytes(32), nonce=7, note="Pay 5 €."
    )
    text = ann.sign_text(bytes.fromhex(busy.safe_tx_hash[2:]))
    signed = busy.with_signatures(
        [
            Signature(ann.address, "eth_sign", text[:64] + bytes([text[64] + 4])),
            Signature(bob.address, "eip712", bob.sign_typed_data(busy.typed_data)),
            Signature(to_address(ZERO_ADDRESS[:-1] + "5"), "contract", b"\1\2\3"),
            Signature(to_address(ZERO_ADDRESS[:-1] + "6"), "approved"),
        ]
    )
    yield from (proposal.to_bytes() for proposal in (plain, busy, signed))


def check_proposal(data: bytes) -> bool:
    """A file that is taken has the hash that safe-eth-py and eth-account compute of its words, and is read again as it
    was. One with another hash is refused as tampered with; with theirs put in, the hash is no reason any more."""
    found = attempt(lambda: TeamProposal.from_bytes(data), InvalidProposal)
    if found is not None:
        _proposal_is_what_it_says(found, json.loads(data))
        return True
    value, faults = parse_json(data)
    try:
        if not faults and isinstance(value, dict):
            value["safeTxHash"] = "0x" + "0" * 64
            TeamProposal.from_bytes(json.dumps(value).encode())
    except TamperedProposal:
        value["safeTxHash"] = _hash_by_others(value)
        try:
            _proposal_is_what_it_says(TeamProposal.from_bytes(json.dumps(value).encode()), value)
        except TamperedProposal as error:
            assert all(fault.pointer.startswith("/signatures/") for fault in error.faults), str(error)
    except InvalidProposal:
        pass
    return False


def _proposal_is_what_it_says(proposal: TeamProposal, value: dict[str, Any]) -> None:
    assert proposal.safe_tx_hash == value["safeTxHash"] == _hash_by_others(value)
    assert len(set(proposal.signers)) == len(proposal.signers) == len(value["signatures"])
    assert TeamProposal.from_bytes(proposal.to_bytes()) == proposal
    assert proposal.to_bytes() == rfc8785.dumps(json.loads(proposal.to_bytes()))


def _hash_by_others(value: dict[str, Any]) -> str:
    """What the owners sign, from the words of the file: by safe-eth-py, and by eth-account of the Safe's types."""
    to, amount, data = value["to"], int(value["value"]), bytes.fromhex(value["data"][2:])
    safe_tx = SafeTx(
        None, value["safe"], to, amount, data, value["operation"], 0, 0, 0, None, None,
        safe_nonce=value["nonce"], safe_version=value["safeVersion"], chain_id=value["chainId"],
    )  # fmt: skip
    words = [("to", "address"), ("value", "uint256"), ("data", "bytes"), ("operation", "uint8")]
    words += [(name, "uint256") for name in ("safeTxGas", "baseGas", "gasPrice")]
    words += [("gasToken", "address"), ("refundReceiver", "address"), ("nonce", "uint256")]
    gas = {"safeTxGas": 0, "baseGas": 0, "gasPrice": 0, "gasToken": ZERO_ADDRESS, "refundReceiver": ZERO_ADDRESS}
    message = encode_typed_data(
        {"chainId": value["chainId"], "verifyingContract": value["safe"]},
        {"SafeTx": [{"name": name, "type": kind} for name, kind in words]},
        {"to": to, "value": amount, "data": data, "operation": value["operation"], "nonce": value["nonce"], **gas},
    )
    by_account = keccak(b"\x19" + message.version + message.header + message.body)
    assert bytes(safe_tx.safe_tx_hash) == by_account
    return "0x" + by_account.hex()
