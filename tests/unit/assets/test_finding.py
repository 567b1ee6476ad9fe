"""Looking assets up: what is returned is what the chain says, or a typed error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selling import CALLS, MONTH, RESEARCH, publish_document, with_store

from registry import CID, DDO, DID, Published, Registry, State
from registry.errors import (
    AssetNotFound,
    BlockNotFound,
    InvalidDDO,
    InvalidDID,
    LicenceNotFound,
    NoSigner,
    Unverified,
    WrongChain,
)
from registry.ipfs.store import MemoryStore


def test_an_asset_is_found_by_did_text_or_number(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH).did
    assert buyer.get(did) == buyer.get(str(did)) == buyer.get(did.asset_id)
    assert buyer.get(did).did == did and buyer.did(did.asset_id) == did


def test_who_can_only_read_finds_everything(publish: Callable[..., Published], author: Registry) -> None:
    done = publish(MONTH)
    reader = author.as_account(None)
    assert reader.get(done.did) == author.get(done.did)
    assert reader.verify(done.did).files == 2
    assert reader.has_access(done.did, account=author.address)
    assert "nobody" in repr(reader) and author.address in repr(author)
    for ask in (lambda: reader.has_access(done.did), lambda: reader.balance(), lambda: reader.open(done.did)):
        with pytest.raises(NoSigner):
            ask()


@pytest.mark.parametrize("asset", [2**64 - 1, 0])
def test_an_asset_that_nobody_published_is_not_found(author: Registry, asset: int) -> None:
    for ask in (author.get, author.licences, author.history, author.resolve, author.has_access, author.suspend):
        with pytest.raises(LookupError):
            ask(asset)
    with pytest.raises(AssetNotFound, match=str(DID(1337, author.deployment.registry, asset))):
        author.get(asset)


def test_an_asset_of_another_chain_is_refused(author: Registry) -> None:
    with pytest.raises(WrongChain) as caught:
        author.get(str(DID(1, author.deployment.registry, 1)))
    assert (caught.value.expected, caught.value.actual) == (1, 1337)


def test_an_asset_of_another_registry_is_refused(author: Registry) -> None:
    with pytest.raises(AssetNotFound, match="another registry"):
        author.get(DID(1337, "0x" + "11" * 20, 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=60), st.none(), st.floats(), st.booleans(), st.integers(max_value=-1)))
def test_whatever_is_no_identifier_is_refused(market_place: Registry, nonsense: object) -> None:
    with pytest.raises(InvalidDID):
        market_place.get(nonsense)  # type: ignore[arg-type]


def test_a_document_that_nobody_has_is_named(publish: Callable[..., Published], buyer: Registry) -> None:
    done = publish()
    with pytest.raises(BlockNotFound) as caught:
        with_store(buyer, MemoryStore()).get(done.did)
    assert caught.value.cid == done.cid


def test_a_forged_document_is_refused(publish: Callable[..., Published], author: Registry) -> None:
    done = publish()

    class Forger:
        name = "a forger"

        def get(self, cid: CID) -> bytes:
            return author.store.get(cid).replace(b"Penguins", b"Pinguine")

    with pytest.raises(Unverified, match="a forger"):
        with_store(author, Forger()).get(done.did)


def test_what_was_published_and_is_no_document_has_its_faults_listed(author: Registry, name: str) -> None:
    class Wrong(DDO):
        def to_bytes(self) -> bytes:
            return super().to_bytes().replace(b'"type":"dataset"', b'"type":"rumour"')

    did = publish_document(author, Wrong(type="dataset", name=name, license="MIT"))
    with pytest.raises(InvalidDDO) as caught:
        author.get(did)
    assert [fault.pointer for fault in caught.value.faults] == ["/type"]


def test_licences_are_found_by_name_number_or_as_they_were_seen(
    publish: Callable[..., Published], buyer: Registry, author: Registry
) -> None:
    did = publish(RESEARCH, MONTH).did
    offers = buyer.licences(did)
    assert buyer.offer(did, "month") == buyer.offer(did, 1) == buyer.offer(did, offers[1]) == offers[1]
    with pytest.raises(LicenceNotFound) as caught:
        buyer.offer(did, "year")
    assert caught.value.known == ("research", "month")
    with pytest.raises(LicenceNotFound):
        buyer.offer(did, 2)
    with pytest.raises(LicenceNotFound, match="without a name"):
        buyer.offer(did, None)
    author.close_licence(did, "research")
    assert buyer.offer(did, None).name == "month"


def test_a_licence_seen_at_another_asset_is_not_taken(publish: Callable[..., Published], buyer: Registry) -> None:
    here, there = publish(MONTH), publish(MONTH)
    with pytest.raises(ValueError, match="is a licence of"):
        buyer.buy(here.did, buyer.offer(there.did, "month"))


def test_licences_without_words_get_a_name(author: Registry, name: str) -> None:
    did = publish_document(author, DDO(type="dataset", name=name, license="MIT"))
    author.act("add", author.assets.functions.addLicence(did.asset_id, (5, 1, 1, 60, 0, 0, 0, "0x" + "00" * 20)))
    (offer,) = author.licences(did)
    assert offer.name == "licence 0" and offer.in_words() == "1 minute of access for 0.000005 USD"


def test_the_history_has_every_document(publish: Callable[..., Published], author: Registry, name: str) -> None:
    done = publish(name=name)
    author.update(done.did, description="second")
    author.update(done.did, description="third")
    assert author.history(done.did)[0].cid == done.cid and len(author.history(done.did)) == 3
    assert author.history(done.did)[-1].cid == author.get(done.did).cid
    texts = [DDO.from_bytes(author.store.get(one.cid)).description for one in author.history(done.did)]
    assert texts == ["", "second", "third"]


def test_a_did_resolves_to_its_document(publish: Callable[..., Published], author: Registry, buyer: Registry) -> None:
    done = publish()
    author.transfer(done.did, buyer.address)
    document = buyer.resolve(done.did)
    assert document["id"] == str(done.did)
    assert document["controller"] == f"did:pkh:eip155:1337:{buyer.address}"
    ends = [service["serviceEndpoint"] for service in document["service"]]
    assert ends == [f"ipfs://{done.cid}", f"ipfs://{done.content}"]


def test_files_are_listed_for_everybody(publish: Callable[..., Published], stranger: Registry) -> None:
    assert [file.path for file in stranger.files(publish(MONTH).did)] == ["penguins.csv", "raw/notes.txt"]


def test_delisting_by_the_curators_is_seen(publish: Callable[..., Published], dao: Registry, buyer: Registry) -> None:
    done = publish(CALLS)
    dao.act("delist", dao.assets.functions.setDelisted(done.did.asset_id, True))
    asset = buyer.get(done.did)
    assert asset.delisted and asset.state is State.ACTIVE and not asset.for_sale
