"""What is taken into the book, and what nobody gets into it: by another's name, from elsewhere, or in heaps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from selling import MONTH, RESEARCH

from registry import Published, Registry
from registry.chain.signatures import typed_digest
from registry.chain.signers import KeySigner
from registry.documents.signed_statements import (
    AccessAnswer,
    AccessRequest,
    Comment,
    Fold,
    Like,
    SignedStatement,
    TalkStatement,
    Withdrawal,
    read_statement,
)
from registry.documents.typed_data import safe_message
from registry.errors import ConnectionFailed, HubUnavailable, InputError
from registry.index import talk_book
from registry.index.conversation import A_DAY, ASKED, DAY
from registry.index.hearing import heard
from registry.index.home_index import open_local
from registry.index.remote import RemoteHub
from registry.index.statement_sync import UNCHECKED, pull
from registry.index.talk_book import TalkBook

NONE = "0x" + "00" * 32


def signed(said: TalkStatement, by: Registry | KeySigner) -> bytes:
    signer = by.signer if isinstance(by, Registry) else by
    assert signer is not None
    return sealed(said, signer.sign_typed_data(said.message()))


def sealed(said: TalkStatement, signature: bytes) -> bytes:
    return SignedStatement(said=said, signature="0x" + bytes(signature).hex()).to_bytes()  # type: ignore[arg-type]


@dataclass
class Book:
    """A book of the registry, on a clock of the test's own, and what one says of one asset."""

    book: TalkBook
    did: str
    now: int

    def of(self, kind: type[Any], by: Registry | KeySigner | str, *, at: int = 0, **fields: Any) -> Any:
        account = by if isinstance(by, str) else by.address
        given = {"asset": self.did, "account": account.lower(), "time": self.now + at, **fields}
        if kind is Comment:
            given = {"version": 1, "text": "It loads.", **given}
        if kind is AccessRequest:
            given = {"licence": 0, "use": "To count.", **given}
        return kind(**given)

    def take(self, kind: type[Any], by: Registry | KeySigner, *, at: int = 0, fresh: bool = True, **fields: Any) -> Any:
        said = self.of(kind, by, at=at, **fields)
        assert self.book.take(signed(said, by), fresh=fresh)
        return said

    @property
    def all(self) -> list[TalkStatement]:
        page = self.book.of_asset(int(self.did.rpartition("_")[2]), limit=200)
        return [read_statement(one.encode()).said for one in reversed(page.statements)]


@pytest.fixture
def book(publish: Callable[..., Published], author: Registry, buyer: Registry) -> Book:
    """An asset that the buyer has paid for, ten days after it was published, at noon."""
    did = publish(MONTH, RESEARCH).did
    buyer.buy(did, "month")
    index = open_local(author)
    index.catch_up()
    store = index.indexer.store
    with store.writing():
        store.run("DELETE FROM statement")
        store.run("DELETE FROM pulled")
    now = (author.chain.block().timestamp // DAY + 10) * DAY + DAY // 2
    made = TalkBook(index.catalogue.library, index.indexer.contracts, author.chain, clock=lambda: now)
    return Book(made, str(did), now)


def test_owners_and_buyers_speak_and_strangers_do_not(
    book: Book, author: Registry, buyer: Registry, stranger: Registry
) -> None:
    catalogue, id = open_local(author).catalogue, int(book.did.rpartition("_")[2])
    before = catalogue.asset(id)
    said = [book.take(Comment, author), book.take(Comment, buyer), book.take(Like, buyer)]
    assert book.all == said and before is not None
    assert catalogue.asset(id) == before, "nothing that is said moves a hit"
    for kind, by in ((Comment, stranger), (Like, stranger), (Like, author), (Fold, buyer), (AccessAnswer, buyer)):
        fields = {Fold: {"statement": said[0].id}, AccessAnswer: {"request": NONE, "outcome": "granted"}}.get(kind, {})
        with pytest.raises(InputError, match="may not do that"):
            book.take(kind, by, **fields)
    assert book.all == said


def test_who_got_a_licence_for_nothing_comments_and_does_not_like(book: Book, stranger: Registry) -> None:
    stranger.buy(book.did, "research")
    open_local(stranger).catch_up()
    book.take(Comment, stranger)
    with pytest.raises(InputError, match="paid"):
        book.take(Like, stranger)


def test_access_that_ended_gives_no_word(book: Book, buyer: Registry) -> None:
    book.take(Comment, buyer)
    buyer.chain.advance(31 * DAY)
    open_local(buyer).catch_up()
    with pytest.raises(InputError, match="with access"):
        book.book.take(signed(book.of(Comment, buyer, at=20 * DAY), buyer), fresh=False)


def test_what_was_signed_of_another_asset_chain_or_registry_is_not_taken(
    book: Book, publish: Callable[..., Published], author: Registry
) -> None:
    said = book.of(Comment, author)
    signature = author.signer.sign_typed_data(said.message())  # type: ignore[union-attr]
    other = str(publish(MONTH).did)
    open_local(author).catch_up()
    registry = author.deployment.registry.lower()
    replays = {
        other: "did not sign",
        book.did.replace("eip155:1337", "eip155:1"): "no asset",
        book.did.replace(registry, "0x" + "ab" * 20): "no asset",
        f"{book.did.rpartition('_')[0]}_{2**63}": "no asset",
        f"{book.did.rpartition('_')[0]}_{10**9}": "no asset",
    }
    for did, words in replays.items():
        with pytest.raises(InputError, match=words):
            book.book.take(sealed(said.model_copy(update={"asset": did}), signature))
    assert book.book.take(sealed(said, signature)) and not book.book.take(sealed(said, signature)), "twice is once"


def test_nobody_speaks_for_another(book: Book, author: Registry, stranger: Registry) -> None:
    said = book.of(Comment, author)
    good = author.signer.sign_typed_data(said.message())  # type: ignore[union-attr]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(good[32:64], "big")
    for signature in (
        stranger.signer.sign_typed_data(said.message()),  # type: ignore[union-attr]
        bytes(65),
        good[:64],
        good[:32] + s.to_bytes(32, "big") + bytes([55 - good[64]]),
        good + b"\0",
    ):
        with pytest.raises(InputError, match="did not sign"):
            book.book.take(sealed(said, signature))
    for change in ({"text": "It does not load."}, {"version": 2}, {"parent": "0x" + "11" * 32}):
        with pytest.raises(InputError, match="did not sign"):
            book.book.take(sealed(said.model_copy(update=change), good))
    assert book.all == []


def test_a_day_has_twenty_statements_also_in_falling_order(book: Book, author: Registry, buyer: Registry) -> None:
    for number in range(A_DAY):
        book.take(Comment, buyer, at=-number, text=str(number))
    for at in (60, -A_DAY, -3_600, 10 - DAY // 2):
        with pytest.raises(InputError, match="things today"):
            book.take(Comment, buyer, at=at, text="more")
    book.take(Comment, author, text="of somebody else")
    book.take(Comment, buyer, at=1_000 - DAY, text="of the day before")
    said = [one for one in book.all if one.account == buyer.address.lower()]
    for one in said:
        book.take(Withdrawal, buyer, statement=one.id)
    with pytest.raises(InputError, match="things today"):
        book.take(Withdrawal, buyer, at=1, statement=said[0].id)


def test_a_statement_is_of_today_or_told_by_a_hub_and_never_older_than_its_asset(book: Book, author: Registry) -> None:
    with pytest.raises(InputError, match="too old"):
        book.take(Comment, author, at=-DAY - 1)
    with pytest.raises(InputError, match="future"):
        book.take(Comment, author, at=301)
    book.take(Comment, author, at=-DAY - 1, fresh=False)
    for at in (-12 * DAY, -book.now):
        with pytest.raises(InputError, match="too old"):
            book.take(Comment, author, at=at, fresh=False)


def test_one_withdraws_folds_and_answers_what_is_there(
    book: Book, publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    said, like = book.take(Comment, buyer), book.take(Like, buyer)
    ask = book.take(AccessRequest, buyer)
    elsewhere = Book(book.book, str(publish(MONTH).did), book.now)
    open_local(author).catch_up()
    there = elsewhere.take(Comment, author)
    for kind, by, fields in (
        (Withdrawal, author, {"statement": said.id}),
        (Withdrawal, buyer, {"statement": "0x" + "77" * 32}),
        (Withdrawal, author, {"statement": there.id}),
        (Fold, author, {"statement": like.id}),
        (Fold, author, {"statement": there.id}),
        (AccessAnswer, author, {"request": said.id, "outcome": "granted"}),
    ):
        with pytest.raises(InputError, match="There is no statement"):
            book.take(kind, by, **fields)
    book.take(Fold, author, statement=said.id)
    book.take(AccessAnswer, author, request=ask.id, outcome="declined", text="No.")
    book.take(Withdrawal, buyer, statement=said.id)


def test_keys_without_a_coin_fill_no_inbox(book: Book, stranger: Registry) -> None:
    fresh = [KeySigner(f"0x{number:064x}") for number in range(7_001, 7_004)]
    for key in fresh:
        with pytest.raises(InputError, match="never seen"):
            book.take(AccessRequest, key)
    for number in range(ASKED):
        book.take(AccessRequest, stranger, use=str(number))
    for at in (0, 60, -3_600):
        with pytest.raises(InputError, match="3 times"):
            book.take(AccessRequest, stranger, at=at, use="again")
    assert len(book.all) == ASKED


def test_a_book_that_is_full_takes_no_more_and_strangers_fill_half(
    book: Book, author: Registry, buyer: Registry, stranger: Registry
) -> None:
    book.book._room = 4
    said = book.take(Comment, buyer)
    book.take(AccessRequest, stranger)
    with pytest.raises(InputError, match="no room"):
        book.take(AccessRequest, stranger, use="more")
    book.take(AccessRequest, buyer)
    book.take(Comment, author)
    with pytest.raises(InputError, match="no room"):
        book.take(Comment, author, text="more")
    book.take(Withdrawal, buyer, statement=said.id)


def test_a_contract_speaks_by_what_it_takes_for_a_signature(book: Book, author: Registry) -> None:
    """ERC-1271: a Safe that has access comments once both of its owners have signed."""
    ann, bob = author.as_account("ann"), author.as_account("bob")
    team = ann.teams.create([ann.address, bob.address], threshold=2)
    author.grant(book.did, "month", to=team.address)
    open_local(author).catch_up()
    said = book.of(Comment, team.address)
    message = safe_message(author.chain.chain_id, team.address, typed_digest(said.message()))
    parts = sorted((one.address.lower(), one.signer.sign_typed_data(message)) for one in (ann, bob))  # type: ignore[union-attr]
    both = b"".join(bytes(part) for _, part in parts)
    for signature in (b"\0", both[:65], bytes(130), both[65:] + both[:65]):
        with pytest.raises(InputError, match="did not sign"):
            book.book.take(sealed(said, signature))
    assert book.book.take(sealed(said, both)) and book.all == [said]


def test_statements_stay_when_the_index_is_made_anew(book: Book, author: Registry) -> None:
    said = book.take(Comment, author)
    store = open_local(author).indexer.store
    facts = {name: store.facts()[name] for name in ("chain", "registry", "contracts")}
    store.prepare(facts, again=True)
    assert book.book.read(bytes(said.cid.digest)) is not None and book.book.count() == 1
    open_local(author).catch_up()
    assert book.all == [said]


def test_pages_go_on_where_they_ended(book: Book, author: Registry, buyer: Registry) -> None:
    said = [book.take(Comment, by, text=f"{number} " + "x" * 9_000) for number in range(3) for by in (author, buyer)]
    found, after = [], ""
    while True:
        page = book.book.of_asset(int(book.did.rpartition("_")[2]), after=after, limit=4)
        found += [read_statement(one.encode()).said for one in page.statements]
        after = page.after
        if not after:
            break
    assert found == said[::-1]
    names = book.book.names(limit=4)
    rest = book.book.names(after=names.after)
    assert [*names.names, *rest.names] == [str(one.cid) for one in said]
    assert book.book.names(after=rest.after) == rest.model_copy(update={"names": ()})
    for wrong in ("x", "-1", "9" * 30, "1.2"):
        with pytest.raises(InputError, match="where a page ended"):
            book.book.names(after=wrong)


# --- Other hubs ----------------------------------------------------------------------------------


class Telling(RemoteHub):
    """A hub that has some statements, and says of a page that it ended at `after`."""

    def __init__(self, statements: Sequence[bytes], after: str) -> None:
        super().__init__("http://127.0.0.1:9")
        self.after = after
        self.known = {str(read_statement(one).said.cid): one for one in statements}

    def _ask(self, path: str, params: dict[str, str]) -> tuple[int, bytes]:
        if path == "/v1/statements":
            names = list(self.known) if "after" not in params else []
            return 200, json.dumps({"names": names, "after": self.after}).encode()
        if path.endswith("/statements"):
            block = {"number": 1, "hash": "0x" + "00" * 32}
            return 200, json.dumps({"block": block, "statements": [], "after": self.after}).encode()
        return 200, self.known[path.rpartition("/")[2]]


@pytest.mark.parametrize("after", ["²", "٣", "9" * 19, "9" * 2_000, "-1", "1e3", " 1"])
def test_a_place_that_is_none_is_an_answer_that_is_none(book: Book, author: Registry, after: str) -> None:
    hub = Telling([signed(book.of(Comment, author), author)], after)
    with pytest.raises(HubUnavailable, match="its answer is none"):
        pull(book.book, hub)
    with pytest.raises(HubUnavailable, match="its answer is none"):
        heard(hub, author.chain, 1)


def test_what_our_node_stumbles_over_keeps_nobody_from_the_rest(
    book: Book, author: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a contract that one statement names a node may fail to say anything."""
    said = [book.of(Comment, author, text=f"number {number}") for number in range(UNCHECKED + 2)]
    hub = Telling([signed(one, author) for one in said], "9")
    honest = talk_book.unsigned
    odd = {one.id for one in said[: UNCHECKED + 1]}

    def stumbles(statements: Any, *rest: Any) -> set[str]:
        if statements[0].said.id in odd:
            raise ConnectionFailed("the node", "it does not answer a call")
        return honest(statements, *rest)

    monkeypatch.setattr(talk_book, "unsigned", stumbles)
    with pytest.raises(ConnectionFailed):
        pull(book.book, hub)
    assert book.all == [], "it is away: everything is asked for again"
    odd.remove(said[0].id)
    assert pull(book.book, hub) == 2 and book.all == [said[0], said[-1]]
