"""Datatoken: an ordinary ERC-20 with permit that only the registry mints and burns."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils import keccak

from .support import UNIT, USE, logs, now, refusal, sign_permit, terms

LICENCE = 31


@pytest.fixture
def asset_id(registry: Any, author: Any, buyer: Any, publish: Any) -> int:
    number = publish(*[terms(kind=USE)] * 32)
    registry.grant(number, LICENCE, buyer, 10, True, sender=author)
    return int(number)


@pytest.fixture
def token(registry: Any, project: Any, asset_id: int) -> Any:
    return project.Datatoken.at(registry.datatokenOf(asset_id, LICENCE))


def test_it_says_what_it_stands_for(registry: Any, token: Any, asset_id: int) -> None:
    assert (token.name(), token.symbol(), token.decimals()) == ("AI Asset Datatoken", f"DT-{asset_id}-{LICENCE}", 18)
    assert (token.registry(), token.assetId(), token.licence()) == (registry, asset_id, LICENCE)


def test_only_the_registry_mints_and_burns(registry: Any, project: Any, token: Any, author: Any, buyer: Any) -> None:
    implementation = project.Datatoken.at(registry.datatokenImplementation())
    for contract in (token, implementation):
        for method in (contract.mint, contract.burn):
            for caller in (author, buyer):
                assert refusal(method, buyer, UNIT, sender=caller) == ("NotRegistry", caller)


def test_it_moves_like_any_token(token: Any, buyer: Any, stranger: Any, seller: Any) -> None:
    tx = token.transfer(stranger, 3 * UNIT, sender=buyer)
    assert logs(tx, token.Transfer) == [{"from": buyer, "to": stranger, "value": 3 * UNIT}]
    got = refusal(token.transferFrom, buyer, seller, 1, sender=seller)
    assert got == ("ERC20InsufficientAllowance", seller, 0, 1)
    token.approve(seller, UNIT, sender=buyer)
    token.transferFrom(buyer, seller, UNIT, sender=seller)
    assert [token.balanceOf(who) // UNIT for who in (buyer, stranger, seller)] == [6, 3, 1]
    assert token.totalSupply() == 10 * UNIT
    got = refusal(token.transfer, buyer, 2 * UNIT, sender=seller)
    assert got == ("ERC20InsufficientBalance", seller, UNIT, 2 * UNIT)


def test_a_permit_lets_a_spender_take(token: Any, buyer: Any, seller: Any, stranger: Any) -> None:
    permit = sign_permit(buyer, token, seller, UNIT, deadline=now() + 1_000)
    token.permit(buyer, seller, *permit[1:], sender=stranger)
    assert token.allowance(buyer, seller) == UNIT
    again = refusal(token.permit, buyer, seller, *permit[1:], sender=stranger)
    assert again[0] == "ERC2612InvalidSigner"


def test_an_expired_permit_is_refused(token: Any, buyer: Any, seller: Any) -> None:
    deadline = now() - 1
    permit = sign_permit(buyer, token, seller, UNIT, deadline=deadline)
    got = refusal(token.permit, buyer, seller, *permit[1:], sender=seller)
    assert got == ("ERC2612ExpiredSignature", deadline)


def test_a_permit_for_one_token_is_none_for_another(
    registry: Any, project: Any, token: Any, author: Any, buyer: Any, seller: Any, asset_id: int
) -> None:
    """All clones share code and name; the domain still tells them apart, by address."""
    registry.grant(asset_id, 0, buyer, 1, True, sender=author)
    other = project.Datatoken.at(registry.datatokenOf(asset_id, 0))
    permit = sign_permit(buyer, token, seller, UNIT, deadline=now() + 1_000)
    assert refusal(other.permit, buyer, seller, *permit[1:], sender=seller)[0] == "ERC2612InvalidSigner"
    assert token.DOMAIN_SEPARATOR() != other.DOMAIN_SEPARATOR()
    described = other.eip712Domain()
    assert (described.name, described.version, described.verifyingContract) == (other.name(), "1", other)


def test_it_is_a_minimal_clone_with_its_terms_in_the_code(registry: Any, chain: Any, token: Any, asset_id: int) -> None:
    code = bytes(chain.provider.get_code(token.address))
    target = bytes.fromhex(registry.datatokenImplementation()[2:])
    arguments = asset_id.to_bytes(8, "big") + bytes([LICENCE])
    assert (
        code
        == bytes.fromhex("363d3d373d3d3d363d73") + target + bytes.fromhex("5af43d82803e903d91602b57fd5bf3") + arguments
    )


def test_its_address_can_be_computed_by_anyone(registry: Any, chain: Any, token: Any, asset_id: int) -> None:
    target = bytes.fromhex(registry.datatokenImplementation()[2:])
    arguments = asset_id.to_bytes(8, "big") + bytes([LICENCE])
    size = 45 + len(arguments)
    creation = (
        b"\x61"
        + size.to_bytes(2, "big")
        + bytes.fromhex("3d81600a3d39f3363d3d373d3d3d363d73")
        + target
        + bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
        + arguments
    )
    deployer = bytes.fromhex(registry.address[2:])
    address = keccak(b"\xff" + deployer + chain.chain_id.to_bytes(32) + keccak(creation))[12:]
    assert "0x" + address.hex() == token.address.lower()
