"""A registry is opened by its one address: its directory leads to all the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from selling import odd_token

from registry import Registry
from registry.chain.addresses import Deployment
from registry.chain.call import Call
from registry.chain.deploy import entry_words
from registry.chain.discovery import deployment_at, discover
from registry.chain.local import DEPLOYER
from registry.chain.plan import FACTORY, creation
from registry.chain.sender import Sender
from registry.chain.signers import dev_signer
from registry.errors import InvalidAddress, NotDeployed
from registry.types import ZERO_ADDRESS, Address, to_address


@pytest.fixture
def place() -> Registry:
    """A registry of one's own, with nothing in it."""
    return Registry.local()


@pytest.fixture
def dao(place: Registry) -> Registry:
    """Who administers it."""
    return place.signed_by(dev_signer(DEPLOYER))


def test_an_address_tells_what_a_record_says(place: Registry, dao: Registry) -> None:
    dao.act("raise the fee", dao.assets.functions.setFee(300))
    dao.act("move the treasury", dao.assets.functions.setTreasury(place.address))
    # As the record does, it says how the registry began.
    assert discover(place.chain, place.deployment.registry) == place.deployment


def test_an_address_tells_of_the_dao_too() -> None:
    place = Registry.local(dao=True)
    assert place.deployment.dao is not None
    assert discover(place.chain, place.deployment.registry) == place.deployment


def test_a_client_is_opened_by_the_address_alone(place: Registry, tmp_path: Path) -> None:
    did = place.publish(None, name="Penguins", type="dataset", license="MIT").did
    opened = Registry.on(place.chain, deployment=place.deployment.registry, store=place.store, home=tmp_path)
    assert opened.deployment == place.deployment
    assert opened.get(did).owner == place.address


def test_a_file_still_records_a_registry(place: Registry, tmp_path: Path) -> None:
    for given in (place.deployment.save(tmp_path), str(place.deployment.save(tmp_path))):
        assert deployment_at(place.chain, given) == place.deployment


def test_what_is_no_registry_is_not_opened(place: Registry) -> None:
    with pytest.raises(NotDeployed, match="there is no contract at"):
        discover(place.chain, place.address)
    with pytest.raises(NotDeployed, match="is no registry"):
        discover(place.chain, place.deployment.tokens["USD"])
    with pytest.raises(InvalidAddress):
        deployment_at(place.chain, place.deployment.registry[:-1])


def test_a_contract_that_the_directory_lacks_is_named(place: Registry, dao: Registry) -> None:
    directory = place.chain.contract("Directory", place.deployment.directory)
    dao.act("end an entry", directory.functions.setEntries(entry_words({"streams": Address(ZERO_ADDRESS)})))
    with pytest.raises(NotDeployed, match="lists no streams"):
        discover(place.chain, place.deployment.registry)


def test_tokens_that_tell_no_symbol_or_that_of_another_go_by_their_address(place: Registry, dao: Registry) -> None:
    usd = place.deployment.tokens["USD"]
    mute, same, ended = (odd_token(dao, usd, symbol=symbol) for symbol in (None, b"USD", b"END"))
    dao.act("end it", dao.assets.functions.setPaymentToken(ended, False))
    found = discover(place.chain, place.deployment.registry).tokens
    assert found == {"USD": usd, mute: mute, same: same}


def test_code_of_another_package_is_of_an_unknown_version(place: Registry) -> None:
    """Here it is the same code, at an address to which the deployer and the settings do not lead."""
    made = place.deployment
    arguments = [made.authority, made.directory, made.lineage, made.treasury, made.fee_bps]
    salt, code = bytes(31) + b"\x07", creation("AssetRegistry", made.deployer, arguments)[1][32:]
    Sender(place.chain, dev_signer(DEPLOYER)).send(Call(FACTORY, salt + code))
    other = to_address(keccak(b"\xff" + bytes.fromhex(FACTORY[2:]) + salt + keccak(code))[12:])
    found = discover(place.chain, other)
    assert found.version == "unknown"
    expected: Deployment = replace(made, registry=other, version="unknown", block=found.block, tokens={})
    assert found == expected
