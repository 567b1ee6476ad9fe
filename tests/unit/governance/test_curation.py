"""Flags with bonds, answers, decisions, appeals: who may do what, whose the bond is, and that only sales stop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from registry import CID, Licence, Registry
from registry.chain import reverts
from registry.errors import (
    BlockNotFound,
    BondAboveMaximum,
    InputError,
    InsufficientBalance,
    NotFoundError,
    Unverified,
)
from registry.governance.curation import Case, CaseState
from registry.results import CurationStatus, Done

from .support import DAY, settle

ASSET = 1
Decide = Callable[..., None]


@pytest.fixture
def for_sale(author: Registry) -> Registry:
    """The author, with an asset that the buyer may take."""
    author.publish(None, name="Penguins", type="dataset", license="MIT", licences=[Licence.period("month", days=30)])
    return author


@pytest.fixture
def flagged(for_sale: Registry, stranger: Registry) -> Case:
    """The stranger's flag on it."""
    number = stranger.governance.flag(ASSET, "It was copied from elsewhere.").number
    assert number is not None
    return stranger.governance.case(number)


def by_the_dao(client: Registry, what: Callable[[Registry], object]) -> None:
    """Have the DAO do what a verb does."""
    with client.governance.collect() as dao:
        what(dao)
    settle(client, client.governance.draft(dao, title="Decide", body="So."))


def test_a_flag_takes_the_bond_that_was_seen(for_sale: Registry, stranger: Registry) -> None:
    before = stranger.balance("USD")
    preview = stranger.governance.flag(ASSET, "Why.", dry_run=True)
    assert (preview.number, preview.tx) == (None, None) and stranger.balance("USD") == before
    made = stranger.governance.flag(ASSET, "It was copied.\nSee the first commit.")
    assert made.number == 1 and str(made.bond) == "50 USD" and made.approval is not None
    assert before - stranger.balance("USD") == made.bond
    case = stranger.governance.case(1)
    assert (case.claimant, case.state, case.appeal, case.answer) == (stranger.address, CaseState.OPEN, False, None)
    assert case.answer_until == case.opened_at + 7 * DAY and case.lapses_at == case.opened_at + 90 * DAY
    assert stranger.governance.document(case.reason) == "It was copied.\nSee the first commit."
    found = for_sale.get(ASSET).listing
    assert found is not None and found.status is CurationStatus.FLAGGED and found.in_words() == "flagged, 1 open flag"
    assert stranger.governance.cases(ASSET) == stranger.governance.cases(open_only=True) == (case,)


def test_a_bond_is_the_claimants_own_decision(for_sale: Registry, stranger: Registry) -> None:
    governance = stranger.governance
    with pytest.raises(BondAboveMaximum, match="49 USD"):
        governance.flag(ASSET, "Why.", max_bond="49 USD")
    with pytest.raises(InputError, match="No bond is taken in 'EUR'"):
        governance.flag(ASSET, "Why.", token="EUR")
    usd = stranger.erc20(stranger.deployment.tokens["USD"]).functions
    stranger.act("give away", usd.transfer(for_sale.address, stranger.balance("USD").units - 10))
    with pytest.raises(InsufficientBalance, match="50 USD"):
        governance.flag(ASSET, "Why.")
    shown = governance.flag(ASSET, "Why.", dry_run=True)
    assert str(shown.bond) == "50 USD" and "has 0.00001 USD, and this takes 50 USD" in str(shown)
    with pytest.raises(reverts.AssetNotFound):
        for_sale.governance.flag(7, "Why.")
    assert governance.cases() == ()


def test_documents_are_kept_and_are_what_their_digest_says(
    for_sale: Registry, stranger: Registry, tmp_path: Path
) -> None:
    governance = stranger.governance
    file = tmp_path / "why.md"
    file.write_text("From a file.")
    assert governance.flag(ASSET, file).reason == CID.raw(b"From a file.")
    assert governance.flag(ASSET, CID.raw(b"From a file.")).reason == CID.raw(b"From a file.")
    for bad, kind in (
        ("", InputError),
        ("x" * (2**20 + 1), InputError),
        (tmp_path / "none", InputError),
        (CID.raw(b"nobody has this"), BlockNotFound),
        (CID.parse("QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"), InputError),
    ):
        with pytest.raises(kind):
            governance.flag(ASSET, bad)  # type: ignore[arg-type]


def test_a_store_that_lies_is_found_out(for_sale: Registry, stranger: Registry, flagged: Case) -> None:
    class Liar:
        name, verifies = "a liar", False

        def get(self, cid: CID) -> bytes:
            return b"Everything is fine."

        def put(self, cid: CID, data: bytes) -> None: ...

        def has(self, cid: CID) -> bool:
            return True

    deceived = Registry(
        stranger.chain, stranger.deployment, signer=stranger.signer, store=Liar(), journal=stranger.journal
    )
    with pytest.raises(Unverified):
        deceived.governance.document(flagged.reason)
    with pytest.raises(Unverified):
        deceived.governance.flag(ASSET, "Why.")


def test_the_owner_answers_once_and_in_time(for_sale: Registry, stranger: Registry, flagged: Case) -> None:
    with pytest.raises(reverts.NotOwnerOfAsset):
        stranger.governance.answer(1, "It is mine.")
    assert isinstance(for_sale.governance.answer(1, "It was mine first."), Done)
    answer = for_sale.governance.case(1).answer
    assert answer is not None and for_sale.governance.document(answer) == "It was mine first."
    with pytest.raises(reverts.CannotAnswer, match="appeal"):
        for_sale.governance.answer(1, "And.")
    for_sale.governance.flag(ASSET, "Another.")
    for_sale.chain.advance(7 * DAY + 1)
    with pytest.raises(reverts.CannotAnswer):
        for_sale.governance.answer(2, "Late.")
    with pytest.raises(NotFoundError):
        for_sale.governance.answer(3, "What?")


def test_what_nobody_decides_lapses_and_the_bond_goes_back(flagged: Case, stranger: Registry, buyer: Registry) -> None:
    with pytest.raises(reverts.NotLapsed):
        buyer.governance.lapse(1)
    stranger.chain.advance(90 * DAY + 1)
    buyer.governance.lapse(1)
    assert stranger.governance.case(1).state is CaseState.LAPSED
    assert [str(bond) for bond in stranger.governance.bonds_of()] == ["50 USD"]
    before = stranger.balance("USD")
    (done,) = stranger.governance.withdraw_bonds()
    assert str(stranger.balance("USD") - before) == "50 USD" and done.tx is not None
    with pytest.raises(InputError, match="No bonds"):
        stranger.governance.withdraw_bonds("USD")


def test_an_upheld_flag_stops_sales_and_nothing_else(
    for_sale: Registry, stranger: Registry, buyer: Registry, flagged: Case
) -> None:
    buyer.buy(ASSET, "month")
    for_sale.governance.answer(1, "No.")
    dao = for_sale.governance.timelock.address
    end = for_sale.chain.block().timestamp + 40 * DAY
    by_the_dao(for_sale, lambda place: place.governance.decide_flag(1, upheld=True, reason="It is.", until=end))
    asset = for_sale.get(ASSET)
    assert asset.listing is not None and asset.listing.status is CurationStatus.DELISTED and asset.delisted
    assert asset.listing.delisted_until == end and "delisted until" in asset.listing.in_words()
    with pytest.raises(reverts.NotForSale):
        stranger.buy(ASSET, "month")
    assert buyer.has_access(ASSET)
    for_sale.transfer(ASSET, buyer.address)
    assert [str(bond) for bond in stranger.governance.bonds_of()] == ["50 USD"]
    assert stranger.governance.bonds_of(dao) == ()
    with pytest.raises(reverts.AccessManagedUnauthorized):
        buyer.governance.relist(ASSET)
    buyer.chain.advance(41 * DAY)
    stranger.governance.relist(ASSET)
    assert stranger.get(ASSET).for_sale


def test_an_appeal_in_vain_pays_the_dao(for_sale: Registry, stranger: Registry) -> None:
    governance = for_sale.governance
    with pytest.raises(reverts.NotDelisted):
        governance.appeal(ASSET, "Why?")
    by_the_dao(for_sale, lambda place: place.governance.delist(ASSET, "It is harmful."))
    with pytest.raises(reverts.NotOwnerOfAsset):
        stranger.governance.appeal(ASSET, "Why?")
    case = governance.appeal(ASSET, "It is not.")
    assert case.number == 1
    # The owner has spoken by appealing: nobody waits for an answer.
    assert (governance.case(1).answer_until, governance.case(1).appeal) == (0, True)
    with pytest.raises(reverts.AppealOpen):
        governance.appeal(ASSET, "Again.")
    by_the_dao(for_sale, lambda place: place.governance.decide_appeal(1, upheld=False, reason="It is."))
    treasury = governance.timelock.address
    assert [str(bond) for bond in governance.bonds_of(treasury)] == ["50 USD"]
    assert governance.appeal(ASSET, "Look again.").number == 2
    by_the_dao(for_sale, lambda place: place.governance.decide_appeal(2, upheld=True, reason="Right."))
    assert for_sale.get(ASSET).for_sale
    assert [str(bond) for bond in governance.bonds_of()] == ["50 USD"]


def test_a_council_endorses_for_its_time(for_sale: Registry, curator: Registry, stranger: Registry) -> None:
    with pytest.raises(reverts.AccessManagedUnauthorized):
        curator.governance.endorse(ASSET, "Sound.")
    end = curator.chain.block().timestamp + 60 * DAY
    by_the_dao(for_sale, lambda place: place.governance.name_council(curator.address, until=end))
    assert curator.governance.council().account == curator.address
    curator.governance.endorse(ASSET, "Sound, and well described.")
    listing = stranger.governance.listing(ASSET)
    assert listing.status is CurationStatus.ENDORSED and listing.reason is not None
    assert stranger.governance.document(listing.reason) == "Sound, and well described."
    with pytest.raises(reverts.AccessManagedUnauthorized):
        curator.governance.delist(ASSET, "No.")
    curator.governance.unendorse(ASSET, "No more.")
    curator.chain.advance(61 * DAY)
    assert curator.governance.council().account is None
    with pytest.raises(reverts.AccessManagedUnauthorized):
        curator.governance.endorse(ASSET, "Late.")


def test_a_registry_without_a_dao_has_no_listing(
    shared: Registry, rewound: Callable[[Registry], AbstractContextManager[Registry]]
) -> None:
    with rewound(shared) as alone:
        alone.publish(None, name="Alone", type="dataset", license="MIT")
        assert alone.get(1).listing is None


def test_a_council_folds_for_its_time_and_an_owner_does_not_undo_it(for_sale: Registry, curator: Registry) -> None:
    said = for_sale.talk.comment(ASSET, "Buy my other assets!")
    with pytest.raises(InputError, match="may not do that"):
        curator.talk.fold(ASSET, said.cid)
    end = curator.chain.block().timestamp + 60 * DAY
    by_the_dao(for_sale, lambda place: place.governance.name_council(curator.address, until=end))
    curator.talk.fold(ASSET, said.cid)
    for_sale.talk.fold(ASSET, said.cid, folded=False)
    assert for_sale.talk.of(ASSET).remarks[-1].folded
    curator.chain.advance(61 * DAY)
    assert not for_sale.talk.of(ASSET).remarks[-1].folded
    with pytest.raises(InputError, match="may not do that"):
        curator.talk.fold(ASSET, said.cid)
