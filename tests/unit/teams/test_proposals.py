"""Proposals: what was tampered with is refused wherever it arrives, and what is signed can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry import Registry
from registry.chain.call import Call
from registry.chain.safe import safe_contract
from registry.chain.signers import dev_signer
from registry.errors import InputError, InvalidProposal, NotAnOwner, TamperedProposal, UnsafeCall, WrongChain
from registry.teams.proposal_file import Signature, TeamProposal, merged
from registry.teams.team_results import NewTeam
from registry.types import ZERO_ADDRESS, to_address

ADDRESSES = st.binary(min_size=20, max_size=20).map(to_address)
PROPOSALS = st.builds(
    TeamProposal,
    chain_id=st.integers(1, 2**40),
    safe=ADDRESSES,
    version=st.just("1.4.1"),
    to=ADDRESSES,
    value=st.integers(0, 2**256 - 1),
    data=st.binary(max_size=200),
    operation=st.integers(0, 1),
    nonce=st.integers(0, 2**53 - 1),
    note=st.text(max_size=50, alphabet=st.characters(exclude_categories=["Cs"])),
)


@settings(deadline=None, max_examples=30)
@given(PROPOSALS, st.sets(st.integers(0, 9)), st.booleans())
def test_a_proposal_is_read_as_it_was_written(made: TeamProposal, signers: set[int], text: bool) -> None:
    signatures = []
    for number in signers:
        signer = dev_signer(number)
        if text:
            raw = signer.sign_text(bytes.fromhex(made.safe_tx_hash[2:]))
            signatures.append(Signature(signer.address, "eth_sign", raw[:64] + bytes([raw[64] + 4])))
        else:
            signatures.append(Signature(signer.address, "eip712", signer.sign_typed_data(made.typed_data)))
    whole = made.with_signatures(signatures)
    assert TeamProposal.from_bytes(whole.to_bytes()) == whole


def test_the_hash_is_the_one_of_the_contract(ann: Registry, team: NewTeam, proposal: TeamProposal) -> None:
    safe = safe_contract(ann.chain, team.address).functions
    asked = safe.getTransactionHash(
        proposal.to,
        proposal.value,
        proposal.data,
        proposal.operation,
        0,
        0,
        0,
        ZERO_ADDRESS,
        ZERO_ADDRESS,
        proposal.nonce,
    ).call()
    assert "0x" + asked.hex() == proposal.safe_tx_hash
    assert "0x" + safe.domainSeparator().call().hex() == proposal.domain_hash


@pytest.mark.parametrize(
    "change",
    [
        {"data": "flip"},
        {"value": "1"},
        {"nonce": 1},
        {"chainId": 1},
        {"operation": 1},
        {"to": "0x" + "11" * 20},
        {"safe": "0x" + "11" * 20},
        {"safeTxHash": "0x" + "11" * 32},
    ],
)
def test_a_changed_file_is_refused_by_its_hash(signed: TeamProposal, tmp_path: Path, change: dict[str, Any]) -> None:
    body = json.loads(signed.to_bytes())
    if change == {"data": "flip"}:
        change = {"data": body["data"][:-1] + ("0" if body["data"][-1] != "0" else "1")}
    path = tmp_path / "changed.json"
    path.write_text(json.dumps({**body, **change}))
    with pytest.raises(TamperedProposal) as caught:
        TeamProposal.load(path)
    assert [fault.pointer for fault in caught.value.faults] == ["/safeTxHash"]


def test_a_changed_file_with_a_new_hash_loses_its_signatures(signed: TeamProposal) -> None:
    other = replace(signed, data=signed.data[:-1] + b"\x09")
    with pytest.raises(TamperedProposal) as caught:
        TeamProposal.from_bytes(other.to_bytes())
    assert [fault.pointer for fault in caught.value.faults] == ["/signatures/0/data", "/signatures/1/data"]


def test_a_signature_twice_or_of_another_is_refused(signed: TeamProposal) -> None:
    first, second = signed.signatures
    for signatures in ((first, first), (replace(first, owner=second.owner),), (replace(first, data=bytes(65)),)):
        with pytest.raises(TamperedProposal) as caught:
            TeamProposal.from_bytes(replace(signed, signatures=signatures).to_bytes())
        assert caught.value.faults[0].pointer.startswith("/signatures/")


def test_signatures_of_another_transaction_are_not_merged(ann: Registry, signed: TeamProposal) -> None:
    other = ann.teams.sign(ann.teams.reject(signed.safe, 3))
    with pytest.raises(TamperedProposal, match="another transaction"):
        ann.teams.merge(signed, other)
    with pytest.raises(InputError):
        merged([])


def test_a_signature_of_a_stranger_is_refused_by_name(
    ann: Registry, stranger: Registry, proposal: TeamProposal
) -> None:
    signer = dev_signer(2)
    assert signer.address == stranger.address
    forged = proposal.with_signatures(
        [Signature(signer.address, "eip712", signer.sign_typed_data(proposal.typed_data))]
    )
    for act in (ann.teams.sign, ann.teams.merge, ann.teams.execute, ann.teams.describe):
        with pytest.raises(NotAnOwner, match=stranger.address):
            act(forged)  # type: ignore[operator]


def test_a_proposal_of_another_chain_is_refused(ann: Registry, proposal: TeamProposal) -> None:
    elsewhere = replace(proposal, chain_id=1)
    for act in (ann.teams.sign, ann.teams.merge, ann.teams.execute, ann.teams.describe):
        with pytest.raises(WrongChain) as caught:
            act(elsewhere)  # type: ignore[operator]
        assert (caught.value.expected, caught.value.actual) == (1, 1337)


def test_a_signature_for_another_chain_or_team_is_no_signature_here(ann: Registry, signed: TeamProposal) -> None:
    other = ann.teams.create([ann.address], threshold=1, salt=9)
    for changed in (replace(signed, chain_id=5), replace(signed, safe=other.address)):
        with pytest.raises(TamperedProposal, match="did not sign"):
            changed.verify()


def test_row_29_no_delegatecall_but_the_batch_is_ever_signed(
    ann: Registry, team: NewTeam, proposal: TeamProposal
) -> None:
    """Bybit: owners signed a delegatecall that they could not read."""
    multisend = ann.deployment.safe["multisend"]
    safe = safe_contract(ann.chain, multisend, "multisend")
    inner = b"\x01" + bytes(20) + bytes(32) + bytes(32)
    nested = bytes.fromhex(str(safe.encode_abi("multiSend", [inner]))[2:])
    baits = [
        replace(proposal, operation=1),
        replace(proposal, operation=1, to=ann.deployment.safe["singleton"]),
        replace(proposal, operation=1, to=multisend),
        replace(proposal, operation=1, to=multisend, data=b""),
        replace(proposal, operation=1, to=multisend, data=nested),
        replace(proposal, operation=1, to=multisend, data=nested[:-1]),
        replace(proposal, operation=1, to=multisend, data=nested + b"\0"),
    ]
    for bait in baits:
        for act in (ann.teams.sign, ann.teams.approve_hash, ann.teams.execute, ann.teams.describe, ann.teams.merge):
            with pytest.raises(UnsafeCall):
                act(bait)  # type: ignore[operator]
    # And what is signed is shown with its hashes, computed here.
    told = str(ann.teams.describe(proposal))
    for word in ("setPrice of AssetRegistry", "1 'Model'", "0 'month'", "15 USD", proposal.safe_tx_hash):
        assert word in told


def test_calls_are_told_with_names_amounts_and_warnings(ann: Registry, team: NewTeam) -> None:
    usd = ann.erc20(ann.deployment.tokens["USD"])
    ann.act("fund", usd.functions.transfer(team.address, 9_000_000))
    safe = safe_contract(ann.chain, team.address)
    calls = [
        usd.functions.transfer(ann.address, 2_500_000),
        usd.functions.approve(ann.deployment.marketplace, 2**256 - 1),
        safe.functions.changeThreshold(1),
        Call(team.splitter or "", bytes.fromhex("63453ae1") + bytes(12) + bytes.fromhex(str(usd.address)[2:])),
        Call(ann.address, b""),
        Call(ann.address, b"\x01", 5 * 10**17),
    ]
    collected = ann.teams.propose(team, calls, nonce=5, allow_unread=True)
    told = str(ann.teams.describe(collected, allow_unread=True))
    assert "2.5 USD" in told
    assert "unlimited USD" in told
    assert f"owner 1 {ann.address}" in told
    assert "this changes who decides" in told
    assert "distribute of unknown account" in told
    assert "a guess" in told
    assert "0.5 ETH" in told
    assert "nobody here can read" in told


def test_words_of_others_cannot_write_to_the_terminal(ann: Registry, team: NewTeam) -> None:
    made = ann.teams.reject(team, note="\x1b[2Jfine\nsafeTxHash   0x00")
    told = str(ann.teams.describe(made))
    assert "\x1b" not in told
    assert sum(line.startswith("safeTxHash") for line in told.splitlines()) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ("{", ""),
        ("[]", ""),
        ("{}", "/format"),
        ({"extra": 1}, "/extra"),
        ({"value": 0}, "/value"),
        ({"value": "-1"}, "/value"),
        ({"value": "01"}, "/value"),
        ({"data": "0xABCD"}, "/data"),
        ({"data": "0x1"}, "/data"),
        ({"nonce": True}, "/nonce"),
        ({"operation": 2}, "/operation"),
        ({"chainId": 2**70}, "/chainId"),
        ({"safe": "0x12"}, "/safe"),
        ({"safeVersion": "1.0.0"}, "/safeVersion"),
        ({"note": 3}, "/note"),
        ({"note": "x" * 3000}, "/note"),
        ({"signatures": {}}, "/signatures"),
        ({"signatures": [1]}, "/signatures/0"),
        ({"signatures": [{"owner": "0x" + "11" * 20, "kind": "eip712"}]}, "/signatures/0/data"),
        ({"signatures": [{"owner": "0x" + "11" * 20, "kind": [], "data": "0x"}]}, "/signatures/0/kind"),
        ({"signatures": [{"owner": "0x" + "11" * 20, "kind": "eip712", "data": "0x12"}]}, "/signatures/0/data"),
    ],
)
def test_malformed_files_are_refused_with_the_place(proposal: TeamProposal, body: Any, pointer: str) -> None:
    text = body if isinstance(body, str) else json.dumps({**json.loads(proposal.to_bytes()), **body})
    with pytest.raises(InvalidProposal) as caught:
        TeamProposal.from_bytes(text.encode())
    assert caught.value.faults[0].pointer == pointer


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(InvalidProposal):
        TeamProposal.from_bytes(data)


def test_files_that_cannot_be_read_or_are_too_long_are_refused(proposal: TeamProposal, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        TeamProposal.load(tmp_path / "none.json")
    long = tmp_path / "long.json"
    long.write_bytes(b" " * (2**20 + 5))
    with pytest.raises(InvalidProposal, match="over"):
        TeamProposal.load(long)
    with pytest.raises(InputError, match="cannot be written"):
        proposal.save(tmp_path / "no" / "folder" / "p.json")
    assert TeamProposal.load(proposal.save(tmp_path / "p.json")) == proposal
