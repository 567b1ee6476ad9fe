"""The client itself: who acts, money, and what it is connected to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry import DDO, Amount, Registry
from registry.assets.collection_verbs import CollectionOptions, Collections
from registry.assets.drafting import DocumentFields
from registry.chain.addresses import Deployment
from registry.chain.signers import dev_signer
from registry.client import PEOPLE
from registry.content.publishing import AssetOptions, BatchOptions
from registry.errors import (
    InputError,
    InvalidAddress,
    InvalidAmount,
    NoSigner,
    NotDeployed,
    UnknownAccount,
    UnknownToken,
    WrongChain,
)


def test_the_people_of_a_local_registry_have_money(market_place: Registry) -> None:
    for name in PEOPLE:
        person = market_place.as_account(name)
        assert person.balance("USD").units > 0 and person.balance("ETH").units > 10**18
    assert len({market_place.as_account(name).address for name in PEOPLE}) == len(PEOPLE)


def test_accounts_are_names_keys_or_signers(market_place: Registry) -> None:
    from eth_account import Account

    key = "0x" + "7b" * 32
    assert market_place.as_account("author").address == dev_signer(0).address
    assert market_place.as_account(dev_signer(3)).address == dev_signer(3).address
    assert market_place.as_account(key).address == market_place.as_account(Account.from_key(key)).address
    with pytest.raises(UnknownAccount) as caught:
        market_place.as_account("nobody")
    assert "author" in caught.value.known
    with pytest.raises(InputError):
        market_place.as_account(5)
    reader = market_place.as_account(None)
    with pytest.raises(NoSigner):
        _ = reader.address


def test_changing_the_account_changes_nothing_else(market_place: Registry) -> None:
    bob = market_place.as_account("bob")
    assert (bob.chain, bob.store, bob.deployment) == (market_place.chain, market_place.store, market_place.deployment)
    assert bob.address != market_place.address


def test_amounts_are_exact_and_in_known_tokens(market_place: Registry) -> None:
    assert market_place.amount("12.5 USD").units == 12_500_000
    assert str(market_place.amount("0.002 ETH")) == "0.002 ETH"
    assert market_place.amount(5, token="USD") == Amount(5, market_place.amount("0 USD").token)
    for wrong in ("12.5", "1.0000001 USD", "-1 USD", "1,5 USD", 1.5):
        with pytest.raises(InvalidAmount):
            market_place.amount(wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownToken) as caught:
        market_place.amount("1 EUR")
    assert {"ETH", "USD"} <= set(caught.value.known)


def test_balances_are_of_anybody_in_any_token(market_place: Registry) -> None:
    bob = market_place.as_account("bob")
    assert market_place.balance("USD", account=bob.address) == bob.balance("USD")
    assert bob.balance(bob.deployment.tokens["USD"]) == bob.balance("USD")
    with pytest.raises(UnknownToken):
        bob.balance("EUR")
    with pytest.raises(InvalidAddress):
        bob.balance("USD", account="bob")


def test_play_money_is_made_for_anybody(market_place: Registry) -> None:
    someone = "0x" + "ab" * 20
    assert str(market_place.fund("7 USD", account=someone)) == "7 USD"
    with pytest.raises(InputError):
        market_place.fund("1 ETH")


def test_a_deployment_of_another_chain_is_refused(market_place: Registry) -> None:
    there = market_place.deployment
    fields = {name: getattr(there, name) for name in there.__dataclass_fields__}
    with pytest.raises(WrongChain):
        Registry(
            market_place.chain,
            Deployment(**{**fields, "chain_id": 5}),
            store=market_place.store,
            journal=market_place.journal,
        )


def test_a_local_registry_leaves_nothing_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGISTRY_HOME", str(tmp_path / "home"))
    one, two = Registry.local(), Registry.local()
    assert one.deployment == two.deployment, "each starts equal"
    did = one.publish(None, name="Mine", type="other", license="MIT").did
    with pytest.raises(LookupError):
        two.get(did)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({}, "names no chain"),
        ({"RPC": "http://127.0.0.1:1", "KEY": "0x" + "7b" * 32, "KEYFILE": "key.json"}, "more than one signer"),
        ({"RPC": "http://127.0.0.1:1", "CHAIN_ID": "one"}, "'one' is not a number for REGISTRY_CHAIN_ID"),
        ({"RPC": "http://127.0.0.1:1", "CHAIN_ID": "\uff11"}, "not a number"),
        ({"RPC": "http://127.0.0.1:1", "TIP": "much"}, "'much' is not a number of gwei for tip"),
        ({"RPC": "http://127.0.0.1:1", "TIP": "1", "GAS_PRICE": "1"}, "cannot be set beside"),
        ({"RPC": "http://127.0.0.1:1", "MAX_FEE": "0.0000000001"}, "no max_fee that anybody pays"),
        ({"RPC": "http://127.0.0.1:1", "CONFIRMATIONS": "-1"}, "'-1' is not a number for REGISTRY_CONFIRMATIONS"),
    ],
)
def test_slips_in_the_environment_are_told_before_anybody_is_asked(
    variables: dict[str, str], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "RPC",
        "KEY",
        "KEYFILE",
        "DEPLOYMENT",
        "HOME",
        "CHAIN_ID",
        "CONFIRMATIONS",
        "MAX_FEE",
        "TIP",
        "GAS_PRICE",
    ):
        monkeypatch.delenv(f"REGISTRY_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"REGISTRY_{name}", value)
    with pytest.raises(InputError, match=word):
        Registry.from_environment()


def test_a_registry_that_is_not_where_it_was_recorded_is_not_used(market_place: Registry, tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match="has a file 1337"):
        Registry.on(market_place.chain, home=tmp_path)
    moved = replace(market_place.deployment, registry=market_place.address)
    with pytest.raises(NotDeployed, match="there is no contract at"):
        Registry.on(market_place.chain, deployment=moved, home=tmp_path)


def test_type_checkers_are_told_the_options_that_verbs_take() -> None:
    """They are said once for all overloads of a verb; its defaults are where `help` shows them, in the verb itself."""

    def options(told: Any) -> set[str]:
        return set(told.__required_keys__ | told.__optional_keys__)

    def taken(verb: Callable[..., object]) -> set[str]:
        found = inspect.signature(verb).parameters.values()
        return {one.name for one in found if one.kind is one.KEYWORD_ONLY} - {"dry_run"}

    fields = options(DocumentFields)
    named = {"version", "type", "name", "license", "content", "licences", "parents", "made_by", "compute"}
    assert fields == set(DDO.model_fields) - named
    assert options(AssetOptions) == taken(Registry.publish) | fields
    assert options(BatchOptions) == taken(Registry.publish_many)
    assert options(CollectionOptions) | {"name"} == taken(Collections.publish) | fields
    assert inspect.signature(Registry.publish).parameters["licences"].default == ()
