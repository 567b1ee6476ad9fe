"""What is packed into one slot comes out as it went in, to the last bit, and a digest becomes the CID it stands for."""

from __future__ import annotations

import base64
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from .evm import Failure
from .model import HOLD, MAX_ANCESTORS, MAX_LICENCES, MAX_ROYALTY_BPS, PERIOD, USE
from .world import AUTHOR, BUYER, DAO, FRIEND, World, licence_terms

fast = settings(derandomize=True, database=None, deadline=None, max_examples=150)
WORLD = World()
CHAIN, REGISTRY, MARKET = WORLD.chain, WORLD.registry, WORLD.market


def whole(bits: int, *, least: int = 0) -> st.SearchStrategy[int]:
    """Unsigned integers of so many bits, the ends and the bits at the borders more often."""
    edges = [least, least + 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 2, 2**bits - 1]
    return st.sampled_from(edges) | st.integers(least, 2**bits - 1)


def terms_of(kind: int) -> st.SearchStrategy[tuple[int, ...]]:
    amount = st.just(0) if kind == HOLD else whole(32, least=1)
    return st.tuples(whole(96), st.sampled_from([0, 1]), st.just(kind), amount, whole(32), whole(16))


terms = st.sampled_from([HOLD, PERIOD, USE]).flatmap(terms_of)
digests = st.binary(min_size=32, max_size=32).filter(any)
addresses = whole(160, least=1).map(lambda number: f"0x{number:040x}")
royalties = st.tuples(st.booleans(), st.integers(0, MAX_ROYALTY_BPS) | st.just(MAX_ROYALTY_BPS))


def publish(*offers: tuple[int, ...], owner: str = AUTHOR, **fields: Any) -> int:
    """Publish as `owner` and return the id."""
    publication = WORLD.publication(fields.pop("digest", b"\x01" * 32), offers=offers, **fields)
    return int.from_bytes(WORLD.do(REGISTRY, "publish", owner, publication, sender=owner).data)


def stored(offer: tuple[int, ...], **changes: int) -> tuple[int, ...]:
    """As `licenceOf` gives it: price, amount, cap, issued, limit, payment token, kind, open, smallest stay."""
    price, payment, kind, amount, cap, limit = offer
    issued = changes.get("issued", 0) if cap else 0
    return (changes.get("price", price), amount, cap, issued, limit, payment, kind, bool(changes.get("open", 1)), 0)


@fast
@given(offers=st.lists(terms, max_size=4), price=whole(96), data=st.data())
def test_all_terms_of_a_licence_survive_storage_and_every_change_of_another(
    offers: list[tuple[int, ...]], price: int, data: st.DataObject
) -> None:
    with CHAIN.snapshot():
        asset_id = publish(*offers)
        assert CHAIN.call(REGISTRY, "licencesOf", asset_id) == tuple(stored(offer) for offer in offers)
        added = data.draw(terms)
        WORLD.do(REGISTRY, "addLicence", asset_id, licence_terms(added), sender=AUTHOR)
        offers = [*offers, added]
        number = data.draw(st.integers(0, len(offers) - 1))
        WORLD.do(REGISTRY, "setPrice", asset_id, number, price, sender=AUTHOR)
        WORLD.do(REGISTRY, "setOpen", asset_id, number, False, sender=AUTHOR)
        expected = [stored(offer) for offer in offers]
        expected[number] = stored(offers[number], price=price, open=0)
        for i, licence in enumerate(expected):
            assert CHAIN.call(REGISTRY, "licenceOf", asset_id, i) == licence


@fast
@given(
    owner=addresses,
    payout=addresses,
    digest=digests,
    royalty=royalties,
    other=addresses,
    owed=st.none() | st.integers(0, MAX_ROYALTY_BPS),
)
def test_all_fields_of_an_asset_survive_storage_and_transfer(
    owner: str, payout: str, digest: bytes, royalty: tuple[bool, int], other: str, owed: int | None
) -> None:
    with CHAIN.snapshot():
        parents = () if owed is None else (publish(royalty=(True, owed)),)
        fields = {"payout": payout, "digest": digest, "royalty": royalty, "parents": parents}
        asset_id = publish((1, 0, HOLD, 0, 0, 0), owner=owner, **fields)
        end = (owed is not None, owed or 0, royalty)
        assert CHAIN.call(REGISTRY, "assetInfo", asset_id) == (owner, digest, 1, 0, False, 1, payout, 0, *end)
        WORLD.do(REGISTRY, "updateMetadata", asset_id, digest, 1, sender=owner)
        WORLD.do(REGISTRY, "setState", asset_id, 1, sender=owner)
        WORLD.do(REGISTRY, "setDelisted", asset_id, True, sender=DAO)
        WORLD.do(REGISTRY, "transferFrom", owner, other, asset_id, sender=owner)
        held = (payout, 0) if other == owner else (other, 1)
        assert CHAIN.call(REGISTRY, "assetInfo", asset_id) == (other, digest, 2, 1, True, 1, *held, *end)


@fast
@given(amount=whole(32, least=1), first=whole(32, least=1), second=whole(32, least=1))
@example(amount=2**32 - 1, first=2**32 - 1, second=1)
def test_uses_units_and_counts_of_a_grant_are_kept_apart(amount: int, first: int, second: int) -> None:
    with CHAIN.snapshot():
        asset_id = publish((0, 0, USE, amount, 2**32 - 1, 0))
        WORLD.do(REGISTRY, "grant", asset_id, 0, BUYER, first, False, sender=AUTHOR)
        assert CHAIN.call(REGISTRY, "accessOf", asset_id, 0, BUYER) == (True, 0, amount * first, False, first, 0)
        outcome = CHAIN.transact(REGISTRY, "grant", asset_id, 0, BUYER, second, False, sender=AUTHOR)
        if first + second < 2**32:
            assert outcome.failure is None
            uses, taken = amount * (first + second), first + second
        else:
            assert outcome.failure == Failure("CapExceeded", (asset_id, 0, second, 2**32 - 1 - first))
            uses, taken = amount * first, first
        assert CHAIN.call(REGISTRY, "accessOf", asset_id, 0, BUYER) == (True, 0, uses, False, taken, 0)
        assert CHAIN.call(REGISTRY, "licenceOf", asset_id, 0)[3] == taken
        assert CHAIN.call(REGISTRY, "accessOf", asset_id, 0, FRIEND) == (False, 0, 0, False, 0, 0)


@fast
@given(amount=whole(32, least=1), units=st.lists(whole(32, least=1), min_size=1, max_size=3))
def test_a_period_ends_at_the_largest_time_rather_than_overflow(amount: int, units: list[int]) -> None:
    with CHAIN.snapshot():
        asset_id = publish((0, 0, PERIOD, amount, 0, 0))
        WORLD.do(REGISTRY, "grant", asset_id, 0, AUTHOR, 1, True, sender=AUTHOR)
        end, taken = CHAIN.timestamp, 0
        for count in units:
            WORLD.do(REGISTRY, "grant", asset_id, 0, BUYER, count, False, sender=AUTHOR)
            end, taken = min(end + amount * count, 2**48 - 1), min(taken + count, 2**32 - 1)
            assert CHAIN.call(REGISTRY, "accessOf", asset_id, 0, BUYER) == (True, end, 0, False, taken, 0)
        # Another licence of the same asset, redeemed: no bit moves over.
        WORLD.do(REGISTRY, "redeem", asset_id, 0, 1, FRIEND, sender=AUTHOR)
        access = CHAIN.call(REGISTRY, "accessOf", asset_id, 0, FRIEND)
        assert access == (True, CHAIN.timestamp + amount, 0, False, 0, 0)


@fast
@given(digest=digests)
@example(digest=b"\xff" * 32)
@example(digest=bytes(31) + b"\x01")
@example(digest=b"\x80" + bytes(31))
def test_the_token_uri_is_the_cid_of_the_digest(digest: bytes) -> None:
    # CIDv1, codec raw, multihash sha2-256 of 32 bytes, in multibase base32 without padding.
    cid = bytes([0x01, 0x55, 0x12, 0x20]) + digest
    text = "b" + base64.b32encode(cid).decode().rstrip("=").lower()
    with CHAIN.snapshot():
        asset_id = publish(digest=digest)
        assert CHAIN.call(REGISTRY, "tokenURI", asset_id) == f"ipfs://{text}"
        WORLD.do(REGISTRY, "setContractURI", digest, sender=DAO)
        assert CHAIN.call(REGISTRY, "contractURI") == f"ipfs://{text}"


@fast
@given(number=st.integers(0, 31), units=whole(32, least=1))
def test_a_datatoken_knows_its_asset_and_licence_and_is_where_anybody_computes_it(number: int, units: int) -> None:
    with CHAIN.snapshot():
        publish()
        asset_id = publish(*[(0, 0, HOLD, 0, 0, 0)] * 32)
        token = WORLD.datatoken(asset_id, number)
        assert CHAIN.call(REGISTRY, "datatokenOf", asset_id, number) == token.address
        assert not CHAIN.has_code(token.address)
        WORLD.do(REGISTRY, "grant", asset_id, number, BUYER, units, True, sender=AUTHOR)
        assert CHAIN.call(token, "assetId") == asset_id
        assert CHAIN.call(token, "licence") == number
        assert CHAIN.call(token, "symbol") == f"DT-{asset_id}-{number}"
        assert CHAIN.call(token, "registry") == REGISTRY.address
        assert CHAIN.call(token, "totalSupply") == CHAIN.call(token, "balanceOf", BUYER) == units * 10**18


def test_an_asset_takes_thirty_two_licences_and_no_more() -> None:
    offer = (0, 0, HOLD, 0, 0, 0)
    with CHAIN.snapshot():
        asset_id = publish(*[offer] * MAX_LICENCES)
        assert len(CHAIN.call(REGISTRY, "licencesOf", asset_id)) == MAX_LICENCES
        too_many = Failure("TooManyLicences", (asset_id, MAX_LICENCES))
        assert CHAIN.transact(REGISTRY, "addLicence", asset_id, licence_terms(offer), sender=AUTHOR).failure == too_many
        publication = WORLD.publication(b"\x01" * 32, offers=[offer] * (MAX_LICENCES + 1))
        too_many = Failure("TooManyLicences", (asset_id + 1, MAX_LICENCES))
        assert CHAIN.transact(REGISTRY, "publish", AUTHOR, publication, sender=AUTHOR).failure == too_many


@pytest.mark.parametrize("kind", [PERIOD, USE])
def test_an_account_may_take_more_units_than_are_counted(kind: int) -> None:
    """Only a limit looks at the count, and a limit is far below the 32 bits of it."""
    with CHAIN.snapshot():
        asset_id = publish((0, 0, kind, 1, 0, 0))
        start = CHAIN.timestamp if kind == PERIOD else 0
        WORLD.do(REGISTRY, "grant", asset_id, 0, BUYER, 2**32 - 1, False, sender=AUTHOR)
        WORLD.do(MARKET, "buyAccess", (asset_id, 0, BUYER, 1, 0, bytes(32)), sender=BUYER)
        _, expires_at, uses, _, taken, _ = CHAIN.call(REGISTRY, "accessOf", asset_id, 0, BUYER)
        assert (expires_at or uses, taken) == (start + 2**32, 2**32 - 1)


def test_uses_end_at_the_largest_number_rather_than_overflow() -> None:
    with CHAIN.snapshot():
        asset_id = publish((0, 0, USE, 2**32 - 1, 0, 0))
        for uses in ((2**32 - 1) ** 2, 2**64 - 1, 2**64 - 1):
            WORLD.do(REGISTRY, "grant", asset_id, 0, BUYER, 2**32 - 1, False, sender=AUTHOR)
            assert CHAIN.call(REGISTRY, "accessOf", asset_id, 0, BUYER) == (True, 0, uses, False, 2**32 - 1, 0)


@fast
@given(asked=st.lists(st.integers(0, MAX_ROYALTY_BPS), min_size=1, max_size=8))
def test_the_table_of_ancestors_survives_storage_up_to_its_eighth_entry(asked: list[int]) -> None:
    with CHAIN.snapshot():
        ancestors = tuple((REGISTRY.address, publish(royalty=(True, bps)), bps) for bps in asked)
        parents = [asset_id for _, asset_id, _ in ancestors]
        if sum(asked) > MAX_ROYALTY_BPS:
            publication = WORLD.publication(b"\x01" * 32, parents=parents)
            too_high = Failure("RoyaltiesTooHigh", (parents[-1] + 1, sum(asked), MAX_ROYALTY_BPS))
            assert CHAIN.transact(REGISTRY, "publish", AUTHOR, publication, sender=AUTHOR).failure == too_high
            return
        child = publish(parents=parents)
        assert CHAIN.call(WORLD.lineage, "ancestorsOf", REGISTRY.address, child) == ancestors
        assert CHAIN.call(WORLD.lineage, "splitterOf", REGISTRY.address, child) == WORLD.lineage_splitter(child)


@pytest.mark.parametrize("obstacle", ["terms", "delisted", "suspended", "retired"])
def test_what_rests_or_is_not_allowed_to_be_derived_from_is_no_parent(obstacle: str) -> None:
    with CHAIN.snapshot():
        parent = publish(royalty=(obstacle != "terms", 100))
        if obstacle == "delisted":
            WORLD.do(REGISTRY, "setDelisted", parent, True, sender=DAO)
        elif obstacle != "terms":
            WORLD.do(REGISTRY, "setState", parent, 1 + (obstacle == "retired"), sender=AUTHOR)
        publication = WORLD.publication(b"\x01" * 32, parents=[parent])
        refused = Failure("DerivativesNotAllowed", (REGISTRY.address, parent))
        assert CHAIN.transact(REGISTRY, "publish", AUTHOR, publication, sender=AUTHOR).failure == refused


def test_a_ninth_ancestor_is_refused_and_a_second_way_to_one_of_eight_is_not() -> None:
    with CHAIN.snapshot():
        parents = [publish(royalty=(True, 100)) for _ in range(MAX_ANCESTORS + 1)]
        publication = WORLD.publication(b"\x01" * 32, parents=parents)
        too_many = Failure("TooManyAncestors", (parents[-1] + 1, MAX_ANCESTORS))
        assert CHAIN.transact(REGISTRY, "publish", AUTHOR, publication, sender=AUTHOR).failure == too_many
        middle = publish(royalty=(True, 0), parents=parents[:7])
        # The terms of one changed since: the dearer way counts.
        WORLD.do(REGISTRY, "setDerivativeTerms", parents[2], (True, 250), sender=AUTHOR)
        WORLD.do(REGISTRY, "setDerivativeTerms", parents[3], (True, 50), sender=AUTHOR)
        child = publish(parents=[parents[3], middle, parents[2]])
        table = CHAIN.call(WORLD.lineage, "ancestorsOf", REGISTRY.address, child)
        assert {asset_id: asked for _, asset_id, asked in table} == (
            dict.fromkeys(parents[:7], 100) | {middle: 0, parents[2]: 250}
        )
