"""Changing an asset, and who may: documents, licences, states, roles, payout, hands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selling import CALLS, MONTH, RESEARCH, SEAT

from registry import Licence, Published, Registry, State
from registry.chain import reverts
from registry.errors import (
    InputError,
    InvalidAddress,
    InvalidAmount,
    InvalidContent,
    InvalidDDO,
    LicenceNotFound,
    NoSigner,
)

# --- Documents -----------------------------------------------------------------------------------


def test_a_new_version_replaces_fields_and_content(
    publish: Callable[..., Published], author: Registry, folder: Path
) -> None:
    did = publish(MONTH).did
    (folder / "penguins.csv").write_text("species,mass\nChinstrap,3700\n")
    done = author.update(did, path=folder, description="better", tags=["new"])
    asset = author.get(did)
    assert (asset.version, asset.ddo.description, asset.ddo.tags) == (2, "better", ("new",))
    assert author.open(did, "penguins.csv").read() == b"species,mass\nChinstrap,3700\n"
    assert [offer.name for offer in asset.licences] == ["month"]
    assert "to version 2" in str(done) and done.tx is not None


def test_nothing_is_lost_if_somebody_was_faster(publish: Callable[..., Published], author: Registry) -> None:
    did = publish().did
    seen = author.get(did)
    author.update(did, description="theirs")
    with pytest.raises(reverts.VersionConflict) as caught:
        author.update(did, description="ours", expected_version=seen.version)
    assert caught.value.values["actual"] == 2
    assert author.get(did).ddo.description == "theirs"
    with pytest.raises(InputError):
        author.update(did, description="x", expected_version=-1)


def test_a_wrong_change_changes_nothing(publish: Callable[..., Published], author: Registry, tmp_path: Path) -> None:
    did = publish().did
    for fields in ({"name": ""}, {"colour": "red"}, {"parents": ["x"]}):
        with pytest.raises(InvalidDDO):
            author.update(did, **fields)  # type: ignore[arg-type]
    with pytest.raises(InvalidContent):
        author.update(did, path=tmp_path / "missing")
    assert author.get(did).version == 1


def test_a_dry_run_of_each_change_costs_and_changes_nothing(
    publish: Callable[..., Published], author: Registry, buyer: Registry, folder: Path
) -> None:
    did = publish(MONTH, CALLS).did
    before, seen = author.chain.block().number, author.get(did)
    (folder / "more.txt").write_text("more")
    tried = [
        author.update(did, path=folder, dry_run=True),
        author.add_licence(did, SEAT, dry_run=True),
        author.reprice(did, "month", "1 USD", dry_run=True),
        author.close_licence(did, "month", dry_run=True),
        author.suspend(did, dry_run=True),
        author.retire(did, dry_run=True),
        author.transfer(did, buyer.address, dry_run=True),
        author.set_roles(did, buyer.address, ["editor"], dry_run=True),
        author.set_payout(did, buyer.address, dry_run=True),
        author.grant(did, "month", to=buyer.address, dry_run=True),
        author.approve("5 USD", dry_run=True),
    ]
    assert author.chain.block().number == before and author.get(did) == seen
    for done in tried:
        assert done.tx is None and done.cost.gas > 21_000 and "nothing was sent" in str(done)


# --- Licences ------------------------------------------------------------------------------------


def test_a_licence_is_added_with_its_words_in_one_transaction(
    publish: Callable[..., Published], author: Registry
) -> None:
    did = publish(MONTH).did
    before = author.chain.block().number
    author.add_licence(did, Licence.hold("seat", price="3 USD", cap=5, description="One desk."))
    assert author.chain.block().number == before + 1
    asset = author.get(did)
    assert asset.version == 2 and asset.ddo.licences[1].description == "One desk."
    assert asset.licences[1].in_words() == "access for as long as it is held, for 3 USD, at most 5 sold"


def test_a_licence_of_a_name_that_is_taken_is_refused(publish: Callable[..., Published], author: Registry) -> None:
    did = publish(MONTH).did
    with pytest.raises(InvalidDDO):
        author.add_licence(did, MONTH)
    assert len(author.licences(did)) == 1


def test_a_price_changes_for_those_who_buy_from_now_on(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    did = publish(MONTH, CALLS).did
    author.reprice(did, "month", "20 USD")
    author.reprice(did, "calls", author.amount("1 ETH"))
    assert [str(buyer.quote(did, name).total) for name in ("month", "calls")] == ["20 USD", "1 ETH"]
    author.reprice(did, "month", "0")
    assert author.offer(did, "month").price is None
    author.reprice(did, "month", "7 USD")
    assert str(author.offer(did, "month").price) == "7 USD"
    again = author.reprice(did, "month", "7 USD")
    assert again.before and again.tx is None  # nobody pays for what is so already
    for wrong in ("5 ETH", "1.0000001 USD", "-1", 1.5):
        with pytest.raises(InvalidAmount):
            author.reprice(did, "month", wrong)  # type: ignore[arg-type]


def test_a_licence_closes_and_opens(publish: Callable[..., Published], author: Registry, buyer: Registry) -> None:
    did = publish(MONTH).did
    seen = author.offer(did, "month")
    author.close_licence(did, "month")
    assert author.offer(did, "month").in_words().endswith("(closed)")
    with pytest.raises(reverts.LicenceClosed):
        buyer.buy(did, seen)
    author.open_licence(did, seen)
    buyer.buy(did, seen)


# --- State ---------------------------------------------------------------------------------------


def test_orders_stop_and_go_on_and_end(publish: Callable[..., Published], author: Registry, buyer: Registry) -> None:
    did = publish(MONTH).did
    buyer.buy(did)
    author.suspend(did)
    assert author.get(did).state is State.SUSPENDED
    with pytest.raises(reverts.NotForSale):
        buyer.buy(did)
    assert buyer.has_access(did), "what was bought goes on"
    with pytest.raises(reverts.IllegalStateChange):
        author.suspend(did)
    author.resume(did)
    buyer.buy(did)
    author.retire(did)
    for act in (author.resume, author.suspend, author.retire):
        with pytest.raises((reverts.IllegalStateChange, reverts.AssetIsRetired)):
            act(did)
    with pytest.raises(reverts.AssetIsRetired):
        author.update(did, description="too late")
    with pytest.raises(reverts.NotForSale):
        buyer.buy(did)
    assert buyer.open(did, "penguins.csv").readline() == b"species,mass\n"


# --- Who may -------------------------------------------------------------------------------------


def test_a_stranger_may_change_nothing(
    publish: Callable[..., Published], author: Registry, stranger: Registry, folder: Path
) -> None:
    did = publish(MONTH).did
    before = stranger.chain.block().number
    refused: list[tuple[Callable[[], Any], Any]] = [
        (lambda: stranger.update(did, description="mine"), reverts.MissingAssetRole),
        (lambda: stranger.add_licence(did, SEAT), reverts.MissingAssetRole),
        (lambda: stranger.reprice(did, "month", "0"), reverts.MissingAssetRole),
        (lambda: stranger.close_licence(did, "month"), reverts.MissingAssetRole),
        (lambda: stranger.grant(did, "month", to=stranger.address), reverts.MissingAssetRole),
        (lambda: stranger.suspend(did), reverts.NotAssetOwner),
        (lambda: stranger.retire(did), reverts.NotAssetOwner),
        (lambda: stranger.set_roles(did, stranger.address, ["seller"]), reverts.NotAssetOwner),
        (lambda: stranger.set_payout(did, stranger.address), reverts.NotAssetOwner),
        (lambda: stranger.transfer(did, stranger.address), PermissionError),
    ]
    for act, error in refused:
        with pytest.raises(error) as caught:
            act()
        assert isinstance(caught.value, PermissionError)
    assert stranger.chain.block().number == before
    with pytest.raises(NoSigner):
        stranger.as_account(None).suspend(did)


def test_roles_let_others_work_until_they_are_taken_back(
    publish: Callable[..., Published], author: Registry, market_place: Registry, buyer: Registry
) -> None:
    did, editor = publish(MONTH, RESEARCH).did, market_place.as_account("editor")
    assert author.roles(did, editor.address) == ()
    author.set_roles(did, editor.address, ["editor", "editor"])
    assert author.roles(did, editor.address) == ("editor",)
    editor.update(did, description="by the editor")
    with pytest.raises(reverts.MissingAssetRole):
        editor.reprice(did, "month", "1 USD")
    author.set_roles(did, editor.address, ("minter", "seller"))
    assert author.roles(did, editor.address) == ("seller", "minter")
    editor.reprice(did, "month", "1 USD")
    editor.grant(did, "month", to=buyer.address)
    with pytest.raises(reverts.MissingAssetRole):
        editor.add_licence(did, SEAT)
    author.set_roles(did, editor.address, [])
    assert author.roles(did, editor.address) == ()
    with pytest.raises(reverts.MissingAssetRole):
        editor.reprice(did, "month", "2 USD")
    with pytest.raises(InputError, match="'owner' is not a role"):
        author.set_roles(did, editor.address, ["editor", "owner"])


def test_the_revenue_goes_where_the_owner_says(
    publish: Callable[..., Published], author: Registry, buyer: Registry, market_place: Registry
) -> None:
    did, bob = publish(MONTH).did, market_place.as_account("bob")
    author.set_payout(did, bob.address)
    before = bob.balance("USD")
    sold = buyer.buy(did)
    assert bob.balance("USD") - before == sold.price.revenue
    author.set_payout(did, None)
    assert author.get(did).payout == author.address


def test_access_is_asked_for_the_account_that_is_meant(
    publish: Callable[..., Published], author: Registry, buyer: Registry, stranger: Registry
) -> None:
    did = publish(MONTH).did
    buyer.buy(did, "month")
    for who in (author, buyer, stranger):
        assert who.has_access(did, account=author.address) and who.has_access(did, account=buyer.address)
        assert not who.has_access(did, account=stranger.address)
        assert [held.taken for held in who.holdings(did, account=buyer.address)] == [1]
        assert [held.taken for held in who.holdings(did, account=stranger.address)] == [0]


def test_a_transfer_ends_roles_and_payout_and_leaves_access(
    publish: Callable[..., Published], author: Registry, buyer: Registry, stranger: Registry, market_place: Registry
) -> None:
    did, bob = publish(MONTH, CALLS).did, market_place.as_account("bob")
    author.set_roles(did, stranger.address, ["editor", "seller", "minter"])
    author.set_payout(did, stranger.address)
    buyer.buy(did, "month")
    author.transfer(did, bob.address)
    asset = bob.get(did)
    assert (asset.owner, asset.payout, asset.transfers) == (bob.address, bob.address, 1)
    assert bob.roles(did, stranger.address) == ()
    assert buyer.has_access(did) and bob.has_access(did) and not author.has_access(did)
    with pytest.raises(reverts.NotAssetOwner):
        author.suspend(did)
    before = bob.balance("USD")
    sold = buyer.buy(did, "month")
    assert bob.balance("USD") - before == sold.price.revenue


@pytest.mark.parametrize("receiver", ["0x" + "00" * 20, "0x12", "bob"])
def test_an_asset_is_not_sent_where_it_would_be_lost(
    publish: Callable[..., Published], author: Registry, receiver: str
) -> None:
    did = publish().did
    with pytest.raises((InvalidAddress, reverts.ERC721InvalidReceiver)):
        author.transfer(did, receiver)
    with pytest.raises(reverts.ERC721InvalidReceiver):
        author.transfer(did, author.deployment.marketplace)
    assert author.get(did).owner == author.address


def test_a_licence_that_is_not_there_cannot_be_changed(publish: Callable[..., Published], author: Registry) -> None:
    did = publish(MONTH).did
    for act in (author.close_licence, author.open_licence):
        with pytest.raises(LicenceNotFound):
            act(did, "year")
    with pytest.raises(LicenceNotFound):
        author.reprice(did, 7, "1 USD")
