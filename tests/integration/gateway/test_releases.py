"""A gateway keeps a share for the asset's owner, and hands it to those with access."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from shamir_mnemonic.share import Share

from integration.gateway.support import (
    AUTHOR,
    BUYER,
    CALLS,
    MONTH,
    OTHER,
    SEAT,
    STRANGER,
    Town,
    Voice,
    Wish,
    eventually,
    shares,
)
from integration.gateway.test_chain_attacks import deploy
from registry import Licence, Published, Registry
from registry.chain.local import DEPLOYER
from registry.chain.signatures import recover, text_digest
from registry.chain.signers import KeySigner, dev_signer
from registry.gated.protocol import Release, Revocation


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["error"]["message"].endswith(".")


def test_a_buyer_gets_the_share_and_a_stranger_does_not(
    bought: Published, gateway: Voice, buyer_key: KeySigner, stranger_key: KeySigner, share: str
) -> None:
    wish = Wish(str(bought.did))
    answer = gateway.release(buyer_key, wish)
    assert wish.open(answer) == share
    refused(gateway.ask(stranger_key, str(bought.did)), 403, "no_access")


def test_the_answer_is_signed_by_the_gateway(bought: Published, gateway: Voice, buyer_key: KeySigner) -> None:
    wish = Wish(str(bought.did))
    release = Release.model_validate(gateway.release(buyer_key, wish).json())
    signed = text_digest(release.signed_text(wish.request()))
    assert recover(signed, bytes.fromhex(release.signature[2:])) == gateway.about["signer"]


def test_the_owner_gets_it_without_a_licence(asset: Published, gateway: Voice, author_key: KeySigner) -> None:
    assert gateway.ask(author_key, str(asset.did)).status_code == 200


def test_the_same_request_is_answered_again_and_only_the_same(
    bought: Published, gateway: Voice, buyer_key: KeySigner, share: str
) -> None:
    wish = Wish(str(bought.did))
    body = gateway.signed(wish.request(), buyer_key).to_dict()
    first, second = (gateway.say("POST", "/v1/releases", body) for _ in range(2))
    assert wish.open(first) == wish.open(second) == share


def test_only_the_owner_or_an_editor_deposits(
    town: Town, asset: Published, gateway: Voice, author: Registry, stranger_key: KeySigner
) -> None:
    did, other = str(asset.did), shares(1, 1)[0]
    refused(gateway.deposit(stranger_key, did, other), 403, "not_owner")
    author.set_roles(asset.did, stranger_key.address, ["editor"])
    refused(gateway.deposit(stranger_key, did, other), 403, "too_fresh")
    town.mine(3)
    assert gateway.deposit(stranger_key, did, other).json() == {"stored": True}
    wish = Wish(did)
    assert other in wish.open_all(gateway.release(dev_signer(AUTHOR), wish))


def test_a_contract_wallet_deposits_what_it_owns_and_nothing_else(
    town: Town, asset: Published, gateway: Voice, author: Registry, author_key: KeySigner
) -> None:
    wallet = deploy(town, b"", author_key.address, name="MockWallet")
    mine, did, other = town.publish(MONTH), str(asset.did), shares(1, 1)[0]
    author.act("pass on", author.assets.functions.transferFrom(author.address, wallet, mine.did.asset_id))
    town.mine(5)
    refused(gateway.deposit(author_key, did, other, account=wallet), 403, "not_owner")
    assert gateway.deposit(author_key, str(mine.did), other, account=wallet).json() == {"stored": True}


def test_no_deposit_of_whoever_may_takes_the_place_of_a_share_that_was_sold(
    town: Town, bought: Published, gateway: Voice, author: Registry, author_key: KeySigner, buyer_key: KeySigner
) -> None:
    """Owner, editor and later owner may all hand shares in: what a buyer gets has the first one among them for ever."""
    did, editor, later = str(bought.did), dev_signer(STRANGER), dev_signer(OTHER)
    author.set_roles(bought.did, editor.address, ["editor"])
    town.mine(3)
    first = Wish(did)
    [share] = first.open_all(gateway.release(buyer_key, first))
    handed_in = [share]

    def fill(signer: KeySigner, most: int) -> None:
        for _ in range(most):
            junk = shares(1, 1)[0]
            assert gateway.deposit(signer, did, junk).status_code == 200
            handed_in.insert(0, junk)
        refused(gateway.deposit(signer, did, shares(1, 1)[0]), 409, "full")

    fill(editor, 4)
    fill(author_key, 3)
    author.transfer(bought.did, later.address)
    town.mine(3)
    fill(later, 4)
    wish = Wish(did)
    assert wish.open_all(gateway.release(buyer_key, wish)) == handed_in
    # The same again is no other one, also of somebody whose shares are counted out.
    assert gateway.deposit(later, did, share).json() == {"stored": True}
    assert gateway.deposit(later, did, handed_in[0]).json() == {"stored": True}
    assert len(town.made["one"].database.shares_of(did, 1)) == len(handed_in)


def test_no_more_shares_of_a_version_are_kept_than_are_handed_out_together(
    asset: Published, town: Town, gateway: Voice, author_key: KeySigner, buyer_key: KeySigner
) -> None:
    did, database = str(asset.did), town.made["one"].database
    [kept] = database.shares_of(did, 1)
    for number in range(15):
        database.put_share(replace(kept, depositor=f"0x{number}"))
    refused(gateway.deposit(author_key, did, shares(1, 1)[0]), 409, "full")
    wish = Wish(did)
    assert len(wish.open_all(gateway.release(author_key, wish))) == 16


def test_what_is_no_share_is_not_kept(asset: Published, gateway: Voice, author_key: KeySigner, share: str) -> None:
    from registry.gated.protocol import Deposit
    from registry.gateway.keys import seal

    did = str(asset.did)

    def hand_in(sealed: str, index: int = 0, threshold: int = 1) -> Any:
        request = Deposit(did=did, version=2, index=index, threshold=threshold, sealed=sealed)
        return gateway.say("POST", "/v1/shares", gateway.signed(request, author_key).to_dict())

    me = gateway.about["age_recipient"]
    refused(hand_in(seal(b"hello", me)), 422, "invalid")
    refused(hand_in(seal(share.encode(), me), index=1), 422, "invalid")
    refused(hand_in(seal(share.encode(), Wish(did).recipient)), 422, "invalid")
    refused(hand_in(seal(share.upper().encode(), me)), 422, "invalid")
    slow = replace(Share.from_mnemonic(share), iteration_exponent=9)
    refused(hand_in(seal(slow.mnemonic().encode(), me)), 422, "invalid")
    refused(gateway.ask(author_key, did, version=2), 404, "not_found")


def test_a_gateway_can_keep_the_shares_of_its_own_publishers_only(
    town: Town, asset: Published, author_key: KeySigner, stranger_key: KeySigner, share: str
) -> None:
    closed = town.gateway("closed", depositors=frozenset({stranger_key.address}))
    did, now = str(asset.did), int(time.time())
    refused(closed.deposit(author_key, did, share), 403, "not_owner")
    refused(closed.invite(author_key, did, stranger_key.address, now, now + 60)[1], 403, "not_owner")
    ours = town.gateway("ours", depositors=frozenset({author_key.address}))
    assert ours.deposit(author_key, did, share).status_code == 200


def test_an_owner_cannot_fill_the_disk_with_versions_that_are_not_there(
    asset: Published, gateway: Voice, author_key: KeySigner, share: str
) -> None:
    assert gateway.deposit(author_key, str(asset.did), share, version=2).status_code == 200
    refused(gateway.deposit(author_key, str(asset.did), share, version=3), 422, "invalid")


def test_a_share_of_each_version(asset: Published, gateway: Voice, author_key: KeySigner, share: str) -> None:
    did, second = str(asset.did), shares(1, 1)[0]
    gateway.deposit(author_key, did, second, version=2)
    for version, expected in ((1, share), (2, second)):
        wish = Wish(did, version=version)
        assert wish.open(gateway.release(author_key, wish)) == expected


def test_what_was_bought_stays_usable_whatever_becomes_of_the_asset(
    town: Town, bought: Published, gateway: Voice, author: Registry, buyer_key: KeySigner
) -> None:
    for act in (author.suspend, author.retire):
        act(bought.did)
        town.mine(3)
        assert gateway.ask(buyer_key, str(bought.did)).status_code == 200
    dao = town.person(DEPLOYER)
    dao.act("delist", dao.assets.functions.setDelisted(bought.did.asset_id, True))
    town.mine(3)
    assert gateway.ask(buyer_key, str(bought.did)).status_code == 200


def test_a_period_ends_and_a_licence_is_that_which_was_named(own_town: Town) -> None:
    town, buyer, key = own_town, own_town.person(BUYER), dev_signer(BUYER)
    gateway, made = town.gateway(), own_town.publish(MONTH, SEAT)
    gateway.deposit(dev_signer(AUTHOR), str(made.did), shares(1, 1)[0])
    buyer.buy(made.did, "month", max_total="12.5 USD")
    town.mine(3)
    assert gateway.ask(key, str(made.did), licence=0).status_code == 200
    refused(gateway.ask(key, str(made.did), licence=1), 403, "no_access")
    refused(gateway.ask(key, str(made.did), licence=9), 404, "not_found")
    town.chain.advance(31 * 24 * 3600)
    refused(gateway.ask(key, str(made.did)), 403, "no_access")


def test_a_stream_gives_keys_while_it_runs(own_town: Town) -> None:
    town, buyer, key = own_town, own_town.person(BUYER), dev_signer(BUYER)
    live = Licence.stream("live", price="30 USD", per="30 days", minimum="1 hour")
    gateway, made = town.gateway(), own_town.publish(live)
    gateway.deposit(dev_signer(AUTHOR), str(made.did), shares(1, 1)[0])
    refused(gateway.ask(key, str(made.did)), 403, "no_access")
    buyer.streams.subscribe(made.did, time="2 days", max_total="2 USD")
    town.mine(3)
    assert gateway.ask(key, str(made.did), licence=0).status_code == 200
    # Within its smallest stay, ending it leaves the rest of the stay.
    buyer.streams.cancel(made.did)
    town.mine(3)
    assert gateway.ask(key, str(made.did)).status_code == 200
    town.chain.advance(3_600)
    refused(gateway.ask(key, str(made.did)), 403, "no_access")


def test_who_passes_a_hold_token_on_has_lost_access_and_the_new_holder_has_it(
    town: Town, gateway: Voice, buyer: Registry, author_key: KeySigner, buyer_key: KeySigner
) -> None:
    made = town.publish(SEAT)
    did, other = str(made.did), dev_signer(OTHER)
    gateway.deposit(author_key, did, shares(1, 1)[0])
    buyer.buy(made.did, "seat", max_total="3 USD", as_tokens=True)
    town.mine(3)
    assert gateway.ask(buyer_key, did).status_code == 200
    token = buyer.chain.call(buyer.assets.functions.datatokenOf(made.did.asset_id, 0))
    buyer.act("pass it on", buyer.erc20(token).functions.transfer(other.address, 10**18))
    refused(gateway.ask(buyer_key, did), 403, "no_access")
    refused(gateway.ask(other, did), 403, "too_fresh")
    town.mine(3)
    assert gateway.ask(other, did).status_code == 200
    refused(gateway.ask(buyer_key, did), 403, "no_access")


@pytest.mark.parametrize("place", [0, 1, 2, None])
def test_whoever_holds_nothing_is_told_whether_a_use_would_do(
    town: Town, gateway: Voice, author_key: KeySigner, stranger_key: KeySigner, place: int | None
) -> None:
    licences = [MONTH, SEAT]
    if place is not None:
        licences.insert(place, CALLS)
    did = str(town.publish(*licences).did)
    gateway.deposit(author_key, did, shares(1, 1)[0])
    refused(gateway.ask(stranger_key, did), 403, "no_access" if place is None else "use_needed")


@pytest.mark.parametrize("named", [False, True], ids=["whichever", "by its number"])
def test_a_licence_that_was_added_later_counts(
    town: Town, asset: Published, gateway: Voice, author: Registry, buyer: Registry, buyer_key: KeySigner, named: bool
) -> None:
    number = len(author.get(asset.did).licences) if named else None
    before = (404, "not_found") if named else (403, "no_access")
    refused(gateway.ask(buyer_key, str(asset.did), licence=number), *before)
    author.add_licence(asset.did, SEAT)
    buyer.buy(asset.did, "seat", max_total="3 USD")
    town.mine(3)
    assert gateway.ask(buyer_key, str(asset.did), licence=number).status_code == 200


# --- Without a sale ------------------------------------------------------------------------------


def test_the_owner_invites_for_a_time_and_revokes_what_has_not_started(
    asset: Published, gateway: Voice, author_key: KeySigner, stranger_key: KeySigner
) -> None:
    did, now = str(asset.did), int(time.time())
    running, answer = gateway.invite(author_key, did, stranger_key.address, now - 10, now + 600)
    assert answer.json() == {"stored": True}
    assert gateway.ask(stranger_key, did).status_code == 200
    refused(gateway.revoke(author_key, running), 409, "started")

    coming, _ = gateway.invite(author_key, did, dev_signer(OTHER).address, now + 500, now + 600)
    body = gateway.signed(Revocation(did=did, id=coming.id), author_key).to_dict()
    for id in ("00" * 32, "ff" * 32):
        refused(gateway.say("DELETE", f"/v1/invitations/{id}", body), 422, "invalid")
    refused(gateway.revoke(stranger_key, coming), 403, "not_owner")
    assert gateway.revoke(author_key, coming).json() == {"stored": True}
    refused(gateway.ask(dev_signer(OTHER), did), 403, "no_access")


def test_what_a_gateway_says_that_it_keeps_outlives_a_power_cut(
    town: Town, asset: Published, gateway: Voice, author_key: KeySigner, share: str
) -> None:
    did, now, database = str(asset.did), int(time.time()), town.made["one"].database
    said: list[str] = []
    with database._guard:
        database._db.set_trace_callback(said.append)
    assert gateway.deposit(author_key, did, shares(1, 1)[0], version=2).json() == {"stored": True}
    invitation, _ = gateway.invite(author_key, did, dev_signer(OTHER).address, now + 500, now + 600)
    assert gateway.revoke(author_key, invitation).json() == {"stored": True}
    with database._guard:
        database._db.set_trace_callback(None)
    settings = [(place, one) for place, one in enumerate(said) if one.startswith("PRAGMA synchronous")]
    for words in ("INSERT INTO shares", "INTO invitations", "UPDATE invitations"):
        (place,) = (place for place, one in enumerate(said) if words in one)
        assert max(one for one in settings if one[0] < place)[1] == "PRAGMA synchronous = FULL"
        assert said.index("COMMIT", place) < min(one for one in settings if one[0] > place)[0]


def test_an_owner_revokes_invitations_to_their_own_assets_only(
    town: Town, asset: Published, gateway: Voice, author_key: KeySigner
) -> None:
    """Its name is a digest, and no secret: whoever knows it could otherwise end it in the name of any asset."""
    other, now = dev_signer(OTHER), int(time.time())
    theirs = town.publish(by=town.person(OTHER))
    coming, _ = gateway.invite(author_key, str(asset.did), dev_signer(STRANGER).address, now + 500, now + 600)
    forged = Revocation(did=str(theirs.did), id=coming.id)
    body = gateway.signed(forged, other).to_dict()
    refused(gateway.say("DELETE", f"/v1/invitations/{coming.id}", body), 404, "not_found")
    assert not town.made["one"].database.invitation(coming.id).revoked  # type: ignore[union-attr]
    assert gateway.revoke(author_key, coming).json() == {"stored": True}


def test_an_owner_cannot_fill_the_disk_with_invitations(
    asset: Published, gateway: Voice, author_key: KeySigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.gateway.service.MAX_INVITED", 3)
    did, guest, now = str(asset.did), dev_signer(OTHER).address, int(time.time())
    for end in (now + 2, now + 600, now + 601):
        assert gateway.invite(author_key, did, guest, now - 10, end)[1].status_code == 200
    refused(gateway.invite(author_key, did, guest, now - 10, now + 602)[1], 409, "full")
    eventually(lambda: gateway.invite(author_key, did, guest, now - 10, now + 602)[1].status_code == 200)


def test_a_revoked_invitation_cannot_be_handed_in_again(
    town: Town, asset: Published, author_key: KeySigner, stranger_key: KeySigner
) -> None:
    gateway = town.gateway("two")
    now = int(time.time())
    coming, _ = gateway.invite(author_key, str(asset.did), stranger_key.address, now + 500, now + 600)
    gateway.revoke(author_key, coming)
    signature = "0x" + author_key.sign_typed_data(coming.message()).hex()
    gateway.say("POST", "/v1/invitations", {"invitation": coming.to_dict(), "signature": signature})
    assert town.made["two"].database.invitation(coming.id).revoked  # type: ignore[union-attr]


def test_only_the_owner_invites_and_invitations_end_with_the_ownership(
    town: Town, asset: Published, gateway: Voice, author: Registry, author_key: KeySigner, stranger_key: KeySigner
) -> None:
    did, now = str(asset.did), int(time.time())
    refused(gateway.invite(stranger_key, did, stranger_key.address, now - 10, now + 600)[1], 401, "signature")
    longest = 10 * 366 * 86400
    for start, end in ((now + 10, now + 5), (now + 10, now + 10), (now - 20, now - 10), (now, now + longest + 60)):
        refused(gateway.invite(author_key, did, stranger_key.address, start, end)[1], 422, "invalid")
    assert gateway.invite(author_key, did, dev_signer(OTHER).address, now, now + longest)[1].status_code == 200
    gateway.invite(author_key, did, stranger_key.address, now - 10, now + 600)
    author.transfer(asset.did, dev_signer(OTHER).address)
    town.mine(3)
    refused(gateway.ask(stranger_key, did), 403, "no_access")
    refused(gateway.ask(author_key, did), 403, "no_access")


@pytest.mark.parametrize("number", [BUYER, STRANGER])
def test_another_registrys_asset_is_not_known(gateway: Voice, number: int) -> None:
    refused(gateway.ask(dev_signer(number), f"did:nft:eip155:1337_erc721:0x{'11' * 20}_1"), 404, "not_found")
    refused(gateway.ask(dev_signer(number), f"did:nft:eip155:1_erc721:0x{'11' * 20}_1"), 404, "not_found")
