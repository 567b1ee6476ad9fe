"""What a voter reads: calls of the DAO in words, and what is dangerous about them."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak

from registry import Registry
from registry.calls.dangers import PUBLIC_ROLE
from registry.calls.words import CallInWords, Words, duration
from registry.chain.artifacts import artifact
from registry.chain.call import Call
from registry.chain.safe import safe_contract

ZERO = "0x" + "0" * 40


def data_of(call: Any) -> bytes:
    return bytes.fromhex(call._encode_transaction_data()[2:])


def told(client: Registry, call: Any) -> CallInWords:
    treasury = client.governance.dao.timelock
    return Words(client, {treasury: "the treasury"}, by=treasury).of(Call(call.address, data_of(call)))


def test_every_contract_of_the_dao_has_its_name(author: Registry) -> None:
    dao = author.governance.dao
    named = {told(author, author.chain.contract("Curation", dao.curation).functions.lapse(1)).contract}
    named.add(told(author, author.governance.governor.functions.setVotingDelay(7200)).contract)
    named.add(told(author, author.governance.token.functions.delegate(author.address)).contract)
    standards = author.chain.contract("Standards", dao.standards).functions
    named.add(told(author, standards.adopt(b"x" * 32, 1, b"\1" * 32)).contract)
    named.add(told(author, author.chain.contract("Brake", dao.brake).functions.rearm()).contract)
    assert named == {"Curation", "RegistryGovernor", "RegistryToken", "Standards", "Brake"}


def test_values_are_told_as_people_mean_them(author: Registry) -> None:
    dao, rules = author.governance.dao, author.governance.governor.functions
    curation = author.chain.contract("Curation", dao.curation).functions
    standards = author.chain.contract("Standards", dao.standards).functions
    asset = author.publish(None, name="Model", type="model", license="MIT").did.asset_id
    assert dict(told(author, rules.setVotingPeriod(90_000)).arguments) == {"newVotingPeriod": "1 day 1 h"}
    assert dict(told(author, rules.setProposalThreshold(5 * 10**18)).arguments) == {"threshold": "5 votes"}
    delisted = dict(told(author, curation.delist(asset, b"\x01" * 32, 1_801_396_800)).arguments)
    assert delisted["assetId"] == f"{asset} 'Model'" and delisted["reason"].startswith("bafkrei")
    assert delisted["until"] == "2027-01-31 12:00:00 UTC"
    adopted = dict(told(author, standards.adopt(b"metadata".ljust(32, b"\0"), 3, b"\1" * 32)).arguments)
    assert adopted.pop("digest").startswith("bafkrei")
    assert adopted == {"name": "metadata", "version": "3"}
    role = keccak(text="PROPOSER_ROLE")
    assert dict(told(author, author.governance.timelock.functions.grantRole(role, author.address)).arguments) == {
        "role": "PROPOSER",
        "account": author.address,
    }


def test_calls_within_calls_are_told(author: Registry) -> None:
    dao, inner = author.governance.dao, author.assets.functions.setFee(50)
    data = bytes.fromhex(inner._encode_transaction_data()[2:])
    target = author.deployment.registry
    authority = author.chain.contract("RegistryAuthority", author.deployment.authority).functions
    timelock, relay = author.governance.timelock.functions, author.governance.governor.functions.relay
    outer = (
        authority.execute(target, data),
        relay(target, 0, data),
        timelock.scheduleBatch([target], [0], [data], b"\0" * 32, b"\0" * 32, 86_400),
        timelock.execute(target, 0, data, b"\0" * 32, b"\0" * 32),
    )
    for call in outer:
        (within,) = told(author, call).inner
        assert (within.contract, within.function) == ("AssetRegistry", "setFee"), call
    assert told(author, relay(dao.token, 0, data)).inner[0].warnings


def test_what_is_dangerous_is_said(author: Registry, stranger: Registry) -> None:
    authority = author.chain.contract("RegistryAuthority", author.deployment.authority).functions
    timelock, rules = author.governance.timelock.functions, author.governance.governor.functions
    dollar = author.erc20(author.deployment.tokens["USD"]).functions
    market, role = author.deployment.marketplace, keccak(text="EXECUTOR_ROLE")
    safe = safe_contract(author.chain, stranger.address).functions
    dangerous = {
        "acts past the votes": timelock.grantRole(role, stranger.address),
        "lose the power": timelock.revokeRole(role, author.governance.dao.governor),
        "hands the rule": authority.updateAuthority(market, stranger.address),
        "change every rule": authority.grantRole(0, stranger.address, 0),
        "everybody may call": authority.setTargetFunctionRole(market, [b"\x12\x34\x56\x78"], PUBLIC_ROLE),
        "no bound": dollar.approve(stranger.address, 2**256 - 1),
        "every token": author.assets.functions.setApprovalForAll(stranger.address, True),
        "ends the guardianship": rules.setGuardian(ZERO, 0),
        "how long people have": timelock.updateDelay(86_400),
        "as the governor itself": rules.relay(market, 0, b""),
        "delegatecall": safe.execTransaction(market, 0, b"", 1, 0, 0, 0, ZERO, ZERO, b""),
    }
    for said, call in dangerous.items():
        found = " ".join(told(author, call).warnings)
        assert said in found, found
    harmless = [author.assets.functions.setFee(50), dollar.approve(stranger.address, 0), rules.setVotingDelay(7200)]
    assert [told(author, call).warnings for call in harmless] == [()] * 3


def test_what_gives_a_power_is_said_and_what_takes_it_away_is_not(author: Registry, stranger: Registry) -> None:
    """Else people would learn to read past warnings."""
    authority = author.chain.contract("RegistryAuthority", author.deployment.authority).functions
    assets, rules, who = author.assets.functions, author.governance.governor.functions, stranger.address
    market, seen = author.deployment.marketplace, [b"\x12\x34\x56\x78"]
    pairs = {
        f"{who} may act for the owner": (assets.setRoles(1, who, 1), assets.setRoles(1, who, 0)),
        f"{who} could give out units": (assets.setSeller(who, True), assets.setSeller(who, False)),
        "every token": (assets.setApprovalForAll(who, True), assets.setApprovalForAll(who, False)),
        f"{who} could take asset": (assets.approve(who, 1), assets.approve(ZERO, 1)),
        "nobody may call": (authority.setTargetClosed(market, True), authority.setTargetClosed(market, False)),
        "everybody may call": (
            authority.setTargetFunctionRole(market, seen, PUBLIC_ROLE),
            authority.setTargetFunctionRole(market, seen, 2),
        ),
        "lose the power": (authority.revokeRole(0, who), authority.revokeRole(2, who)),
    }
    for said, (gives, takes) in pairs.items():
        assert said in " ".join(told(author, gives).warnings), said
        assert told(author, takes).warnings == (), said
    # Not as bad as an administrator, or as no guardian, and still something to know.
    assert f"{who} may call what is for the role" in told(author, authority.grantRole(2, who, 0)).warnings[0]
    assert f"{who} can stop every proposal" in told(author, rules.setGuardian(who, 2**47)).warnings[0]
    safe = safe_contract(author.chain, who).functions
    (refund,) = told(author, safe.execTransaction(market, 0, b"", 0, 0, 0, 7, ZERO, who, b"")).warnings[-1:]
    assert f"{who} is paid by the Safe for gas, 7 units" in refund


def test_every_approval_is_said_with_its_amount_and_what_is_there(author: Registry, stranger: Registry) -> None:
    dollar, treasury = author.erc20(author.deployment.tokens["USD"]).functions, author.governance.dao.timelock
    author.act("fund the treasury", dollar.transfer(treasury, 9_000_000))
    within = told(author, dollar.approve(stranger.address, 9_000_000)).warnings
    assert within == (f"{stranger.address} could take 9 USD from then on",)
    above = told(author, dollar.approve(stranger.address, 9_000_001)).warnings
    assert above[0].endswith(
        "9.000001 USD from then on: more than the 9 USD that is there, so that the approval has no bound"
    )
    # Whatever somebody takes for "without a bound": the most of a word, of half of it, of an address, of a price.
    for most in (2**256 - 1, 2**255, 2**160 - 1, 2**128 - 1, 2**96 - 1, 2**64):
        permit = dollar.permit(treasury, stranger.address, most, 2**48, 27, bytes(32), bytes(32))
        for call in (dollar.approve(stranger.address, most), permit):
            assert "so that the approval has no bound" in told(author, call).warnings[-1], call
            foreign = Words(author).of(Call(stranger.address, data_of(call)))
            assert foreign.warnings[-1].endswith("from then on: the approval has no bound"), call
    few = Words(author).of(Call(stranger.address, data_of(dollar.approve(stranger.address, 2**64 - 1))))
    assert "no bound" not in few.warnings[-1] and f"{2**64 - 1:,} of this token" in few.warnings[-1]


def test_a_proxy_is_told_by_its_slot(author: Registry) -> None:
    """A team's Safe is a proxy of another kind; this one keeps its implementation where ERC-1967 says."""
    # PUSH20 x, PUSH32 slot, SSTORE, and one byte of code: STOP.
    slot = "360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"
    creation = bytes.fromhex("73" + "ab" * 20 + "7f" + slot + "55" + "600160005360016000f3")
    sent = author.chain.w3.eth.send_transaction({"from": author.chain.w3.eth.accounts[0], "data": creation})
    proxy = author.chain.w3.eth.get_transaction_receipt(sent)["contractAddress"]
    found = Words(author).of(Call(str(proxy), b"\x12\x34\x56\x78"))
    assert "not one of the registry's" in found.warnings[0]
    assert "this is a proxy (implementation 0x" + "ab" * 20 in found.warnings[1]


def test_what_nobody_can_read_is_shown_as_bytes(author: Registry) -> None:
    found = Words(author).of(Call(author.deployment.marketplace, b"\xde\xad\xbe\xef" + b"\x01" * 100))
    assert found.function == "" and "0xdeadbeef" in found.arguments[0][1]
    assert "no such function" in found.warnings[0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (3600, "1 h"), (86_400, "1 day"), (180_000, "2 days 2 h"), (90_061, "1 day 1 h")],
)
def test_times_that_pass(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_every_role_and_contract_that_is_named_exists() -> None:
    from registry.calls.dangers import TIMELOCK_ROLES
    from registry.calls.words import DAO_CONTRACTS

    for name in DAO_CONTRACTS.values():
        assert artifact(name).abi
    for role, name in TIMELOCK_ROLES.items():
        assert role in (keccak(text=f"{name}_ROLE"), bytes(32))
