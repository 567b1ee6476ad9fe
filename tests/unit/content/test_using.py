"""Using what was bought: access, files, uses, receipts, and every byte checked."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selling import CALLS, MONTH, RESEARCH, SEAT, publish_document

from registry import CID, DDO, DID, Licence, Published, Registry, SignedReceipt
from registry.chain import reverts
from registry.documents.ddo import Content, ContentFile
from registry.errors import (
    AccessDenied,
    BlockNotFound,
    FileNotInAsset,
    InputError,
    InvalidAddress,
    InvalidDID,
    LicenceNotFound,
    Unverified,
)
from registry.ipfs.store import MemoryStore

EXAMPLES = Path(__file__).parents[3] / "examples"


class Missing(MemoryStore):
    """A store that has lost one block, or gives out another one in its place."""

    verifies = False  # type: ignore[misc]

    def __init__(self, whole: Any, lost: CID, instead: bytes | None = None) -> None:
        super().__init__()
        self._whole, self._lost, self._instead = whole, lost, instead

    def get(self, cid: CID) -> bytes:
        if cid != self._lost:
            return bytes(self._whole.get(cid))
        if self._instead is None:
            raise BlockNotFound(cid)
        return self._instead


def with_store(client: Registry, store: Any) -> Registry:
    return type(client)(client.chain, client.deployment, signer=client.signer, store=store, journal=client.journal)


def file_cid(client: Registry, did: DID, path: str) -> CID:
    return next(file.cid for file in client.files(did) if file.path == path)


# --- Access --------------------------------------------------------------------------------------


def test_access_ends_in_the_very_second_that_was_bought(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(Licence.period("hour", hours=1, price="1 USD")).did
    end = buyer.buy(did).holding.expires_at
    now = buyer.chain.advance(end - 1 - buyer.chain.block().timestamp)
    assert now.timestamp == end - 1 and buyer.has_access(did) and buyer.holding(did).active
    assert buyer.open(did, "penguins.csv").read(7) == b"species"
    assert buyer.holding(did).in_words().startswith("access until 20")
    assert buyer.chain.advance(1).timestamp == end
    assert not buyer.has_access(did) and not buyer.holding(did).active
    with pytest.raises(AccessDenied, match=r"under 'hour' it has access ended at 20.* UTC"):
        buyer.open(did, "penguins.csv")
    again = buyer.buy(did)
    assert again.holding.expires_at == buyer.chain.block().timestamp + 3600 and buyer.has_access(did)


def test_a_period_that_runs_is_made_longer(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(MONTH).did
    first = buyer.buy(did).holding.expires_at
    assert buyer.buy(did).holding.expires_at == first + 30 * 86_400


def test_an_owner_has_access_without_a_licence(publish: Callable[..., Published], author: Registry) -> None:
    did = publish().did
    assert author.has_access(did) and author.open(did, "raw/notes.txt").read().startswith(b"seen")


def test_holdings_read_as_words(publish: Callable[..., Published], author: Registry, buyer: Registry) -> None:
    did = publish(RESEARCH, MONTH, CALLS, Licence.uses("single", uses=1)).did
    assert [held.in_words() for held in buyer.holdings(did)] == [
        "has no access",
        "has no access",
        "0 uses left",
        "0 uses left",
    ]
    for name in ("research", "calls", "single"):
        buyer.buy(did, name)
    words = [held.in_words() for held in buyer.holdings(did)]
    assert words == ["holds it", "has no access", "10 uses left", "1 use left"]
    assert author.holdings(did, account=buyer.address) == buyer.holdings(did)
    assert buyer.holding(did, "research").held and buyer.holding(did, "research").taken == 1


def test_who_bought_nothing_is_told_what_is_on_offer(
    publish: Callable[..., Published], author: Registry, stranger: Registry
) -> None:
    did = publish(RESEARCH, MONTH).did
    author.close_licence(did, "research")
    with pytest.raises(AccessDenied) as caught:
        stranger.open(did, "penguins.csv")
    assert caught.value.account == stranger.address and caught.value.did == str(did)
    assert "'month' (30 days of access for 12.5 USD)" in caught.value.hint and "research" not in caught.value.hint
    with pytest.raises(PermissionError, match="Nothing is on offer"):
        stranger.open(publish().did, "penguins.csv")
    with pytest.raises(AccessDenied):
        stranger.download(did, "nowhere")
    assert not Path("nowhere").exists()


# --- Opening -------------------------------------------------------------------------------------


def test_pandas_reads_what_was_bought(author: Registry, buyer: Registry, name: str) -> None:
    import pandas as pd

    source = EXAMPLES / "penguins"
    did = author.publish(source, name=name, type="dataset", license="CC0-1.0", licences=[RESEARCH]).did
    buyer.buy(did)
    with buyer.open(f"asset://{did}/penguins.csv") as file:
        frame = pd.read_csv(file)
    assert len(frame) == 344
    pd.testing.assert_frame_equal(frame, pd.read_csv(source / "penguins.csv"))


def test_a_single_file_needs_no_path(publish: Callable[..., Published], author: Registry, folder: Path) -> None:
    did = publish(path=folder / "penguins.csv").did
    expected = (folder / "penguins.csv").read_bytes()
    assert author.open(did).read() == author.open(did, "penguins.csv").read() == expected
    assert author.open(f"asset://{did}").read() == expected


def test_a_file_that_is_not_there_is_named_with_those_that_are(
    publish: Callable[..., Published], author: Registry
) -> None:
    did = publish().did
    for path in ("penguin.csv", "", "raw", "../penguins.csv", "penguins.csv/x"):
        with pytest.raises(FileNotInAsset) as caught:
            author.open(did, path)
        assert caught.value.known == ("penguins.csv", "raw/notes.txt")
    assert author.open(did, "/raw/notes.txt").read().startswith(b"seen"), "a leading slash does no harm"
    with pytest.raises(FileNotInAsset):
        author.open(publish(path=None).did, "x")
    with pytest.raises(InvalidDID):
        author.open("asset://penguins/penguins.csv")


def test_a_folder_of_many_files_is_read_through_its_blocks(
    publish: Callable[..., Published], author: Registry, tmp_path: Path
) -> None:
    many = tmp_path / "many"
    (many / "sub").mkdir(parents=True)
    for number in range(1_001):
        (many / "sub" / f"{number}.txt").write_text(str(number))
    did = publish(path=many).did
    content = author.get(did).ddo.content
    assert content is not None and content.files == ()
    assert author.open(did, "sub/77.txt").read() == b"77"
    assert len(author.files(did)) == 1_001 and author.verify(did).files == 1_001
    with pytest.raises(FileNotInAsset):
        author.open(did, "sub/1001.txt")
    with pytest.raises(InputError):
        author.open(did, "sub")


@pytest.fixture
def large(tmp_path: Path, author: Registry) -> tuple[Registry, DID, bytes]:
    """A file of three blocks."""
    data = random.Random(7).randbytes(2 * 2**20 + 12_345)
    path = tmp_path / "large.bin"
    path.write_bytes(data)
    return author, author.publish(path, name="Large", type="other", license="MIT").did, data


@pytest.fixture
def opened(large: tuple[Registry, DID, bytes]) -> Iterator[tuple[Any, bytes]]:
    client, did, data = large
    with client.open(did) as file:
        yield file, data


_WHENCE = st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(_WHENCE, st.integers(-(2**21), 2**22), st.integers(-1, 2**21)), max_size=6))
def test_seeking_and_reading_is_as_with_any_file(opened: tuple[Any, bytes], moves: list[tuple[int, int, int]]) -> None:
    """The file stays open from one walk to the next: whatever was read before, the same is read after."""
    file, data = opened
    plain = io.BytesIO(data)
    assert file.readable() and file.seekable() and not file.writable()
    file.seek(0)
    for whence, offset, length in moves:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: plain.tell(), io.SEEK_END: len(data)}[whence]
        if base + offset < 0:
            with pytest.raises((ValueError, OSError)):
                file.seek(offset, whence)
            continue
        assert file.seek(offset, whence) == plain.seek(offset, whence)
        assert file.read(length) == plain.read(length)
        assert file.tell() == plain.tell()


def test_only_the_blocks_that_are_read_are_fetched(large: tuple[Registry, DID, bytes]) -> None:
    client, did, data = large
    asked: list[CID] = []

    class Counting(MemoryStore):
        def get(self, cid: CID) -> bytes:
            asked.append(cid)
            return bytes(client.store.get(cid))

    with with_store(client, Counting()).open(did) as file:
        asked.clear()
        file.seek(len(data) - 10)
        assert file.read() == data[-10:]
    assert len(asked) == 1, "the last leaf; the root is remembered since the file was opened"


def test_a_closed_file_is_not_read(publish: Callable[..., Published], author: Registry) -> None:
    file = author.open(publish().did, "penguins.csv")
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.read()


def test_a_forged_or_lost_block_stops_the_reader(publish: Callable[..., Published], author: Registry) -> None:
    did = publish().did
    csv = file_cid(author, did, "penguins.csv")
    forged = author.store.get(csv).replace(b"Adelie", b"Gentoo")
    with pytest.raises(Unverified):
        with_store(author, Missing(author.store, csv, forged)).open(did, "penguins.csv").read()
    with pytest.raises(BlockNotFound):
        with_store(author, Missing(author.store, csv)).open(did, "penguins.csv").read()


# --- Downloading and verifying -------------------------------------------------------------------


def test_a_download_is_the_folder_that_was_published(
    publish: Callable[..., Published], buyer: Registry, folder: Path, tmp_path: Path
) -> None:
    did = publish(MONTH).did
    buyer.buy(did)
    target = tmp_path / "deep" / "copy"
    files = buyer.download(did, target)
    assert sorted(file.path for file in files) == ["penguins.csv", "raw/notes.txt"]
    for file in files:
        assert (target / file.path).read_bytes() == (folder / file.path).read_bytes()
    assert buyer.verify(did, target).size == sum(file.size for file in files)
    with pytest.raises(InputError, match="exists already"):
        buyer.download(did, target)


def test_a_download_that_fails_leaves_nothing(
    publish: Callable[..., Published], author: Registry, tmp_path: Path
) -> None:
    did = publish().did
    lost = file_cid(author, did, "raw/notes.txt")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BlockNotFound):
        with_store(author, Missing(author.store, lost)).download(did, tmp_path / "copy")
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(FileNotInAsset):
        author.download(publish(path=None).did, tmp_path / "copy")


def test_what_is_whole_is_verified(publish: Callable[..., Published], stranger: Registry, folder: Path) -> None:
    done = publish(MONTH)
    checked = stranger.verify(done.did)
    assert (checked.document, checked.content, checked.files) == (done.cid, done.content, 2)
    assert checked == stranger.verify(done.did, folder)
    assert str(checked).startswith("2 files, ")
    assert stranger.verify(publish(path=None).did).content is None


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    where=st.floats(0, 1, exclude_max=True),
    mask=st.integers(1, 255),
    name=st.sampled_from(["penguins.csv", "raw/notes.txt"]),
)
def test_one_changed_byte_is_refused(
    changeable: tuple[Registry, DID, Path], where: float, mask: int, name: str
) -> None:
    client, did, folder = changeable
    whole = (folder / name).read_bytes()
    data = bytearray(whole)
    data[int(where * len(data))] ^= mask
    (folder / name).write_bytes(data)
    try:
        with pytest.raises(Unverified, match=f"'{name}' is changed"):
            client.verify(did, folder)
    finally:
        (folder / name).write_bytes(whole)
    store = Missing(client.store, file_cid(client, did, name), bytes(data))
    with pytest.raises(Unverified, match=f"'{name}' is damaged"):
        with_store(client, store).verify(did)


@pytest.fixture
def changeable(publish: Callable[..., Published], author: Registry, folder: Path) -> tuple[Registry, DID, Path]:
    return author, publish().did, folder


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("more", "'more.txt' does not belong to it"),
        ("less", "'raw/notes.txt' is missing"),
        ("renamed", "'penguins.csv' is missing; 'Penguins.csv' does not belong to it"),
        ("moved", "'penguins.csv' is missing; 'raw/penguins.csv' does not belong to it"),
    ],
)
def test_a_file_more_less_or_elsewhere_is_refused_by_its_name(
    publish: Callable[..., Published], author: Registry, folder: Path, tmp_path: Path, change: str, told: str
) -> None:
    did = publish().did
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    if change == "more":
        (copy / "more.txt").write_text("")
    elif change == "less":
        (copy / "raw" / "notes.txt").unlink()
    elif change == "renamed":
        (copy / "penguins.csv").rename(copy / "Penguins.csv")
    else:
        (copy / "penguins.csv").rename(copy / "raw" / "penguins.csv")
    with pytest.raises(Unverified, match=re.escape(f": {told}.")):
        author.verify(did, copy)


def test_of_many_files_that_differ_a_few_are_named(
    publish: Callable[..., Published], author: Registry, folder: Path
) -> None:
    did = publish().did
    for number in range(12):
        (folder / f"more-{number:02}").write_text("")
    with pytest.raises(Unverified, match="'more-07' does not belong to it; and 4 more"):
        author.verify(did, folder)
    (folder / "penguins.csv").rename(folder.with_name("alone.csv"))
    alone = publish(path=folder.with_name("alone.csv")).did
    folder.with_name("alone.csv").write_text("other")
    with pytest.raises(Unverified, match=r"'alone\.csv' is changed"):
        author.verify(alone, folder.with_name("alone.csv"))


def test_a_missing_block_is_named(publish: Callable[..., Published], author: Registry) -> None:
    did = publish().did
    lost = file_cid(author, did, "raw/notes.txt")
    with pytest.raises(BlockNotFound) as caught:
        with_store(author, Missing(author.store, lost)).verify(did)
    assert caught.value.cid == lost


@pytest.mark.parametrize("lie", ["size", "file size", "file", "path"])
def test_a_document_that_lies_about_its_content_is_refused(
    publish: Callable[..., Published], author: Registry, name: str, lie: str
) -> None:
    honest = author.get(publish().did).ddo
    assert honest.content is not None
    first, *rest = honest.content.files
    fields = {"path": first.path, "size": first.size, "cid": first.cid}
    if lie == "file size":
        fields["size"] = first.size - 1
    elif lie == "file":
        fields["cid"] = CID.raw(b"another file")
    elif lie == "path":
        fields["path"] = "elsewhere.csv"
    size = honest.content.size + (lie == "size")
    content = Content(
        cid=honest.content.cid, size=size, profile=honest.content.profile, files=(ContentFile(**fields), *rest)
    )
    did = publish_document(author, honest.with_changes(content=content, name=name))
    with pytest.raises(Unverified, match="the document"):
        author.verify(did)


def test_a_copy_cannot_be_checked_by_rules_that_are_unknown_here(
    publish: Callable[..., Published], author: Registry, folder: Path, name: str
) -> None:
    honest = author.get(publish().did).ddo
    assert honest.content is not None
    content = Content(cid=honest.content.cid, size=honest.content.size, profile="of-2031", files=honest.content.files)
    did = publish_document(author, honest.with_changes(content=content, name=name))
    assert author.verify(did).files == 2
    with pytest.raises(InputError, match="of-2031"):
        author.verify(did, folder)


def test_long_work_shows_how_far_it_is(
    publish: Callable[..., Published], author: Registry, folder: Path, tmp_path: Path
) -> None:
    did = publish(name="Shown").did
    client, shown = author.as_account("author"), []
    client.progress = lambda *step: shown.append(step)
    client.verify(did)
    client.verify(did, folder)
    client.download(did, tmp_path / "copy")
    total = sum(file.size for file in client.files(did))
    for what in ("verifying Shown", f"hashing {folder}", "downloading Shown"):
        steps = [step for step in shown if step[0] == what]
        assert steps and steps[-1][1:] == (total, total)
        assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)


# --- Uses ----------------------------------------------------------------------------------------


def test_uses_are_consumed_once_each(publish: Callable[..., Published], buyer: Registry) -> None:
    did = publish(CALLS, MONTH).did
    buyer.buy(did, "calls")
    done = buyer.consume(did, "calls", uses=3, ref=b"job 7")
    assert done.tx is not None
    (event,) = done.tx.named("UsesConsumed")
    assert event.args["ref"] == b"job 7".ljust(32, b"\0") and event.args["service"] == buyer.address
    assert buyer.holding(did, "calls").uses == 7
    assert buyer.consume(did, "calls", dry_run=True).tx is None
    with pytest.raises(reverts.NotEnoughUses) as caught:
        buyer.consume(did, "calls", uses=8)
    assert caught.value.values["left"] == 7
    buyer.consume(did, "calls", uses=7)
    with pytest.raises(AccessDenied, match="0 uses left"):
        buyer.open(did, "penguins.csv")
    buyer.buy(did, "month")
    with pytest.raises(reverts.NotConsumable):
        buyer.consume(did, "month")
    with pytest.raises(InputError, match="33 bytes"):
        buyer.consume(did, "calls", ref=b"x" * 33)
    for uses in (0, -1, 2**32, 1.5):
        with pytest.raises(InputError, match="not a number of uses"):
            buyer.consume(did, "calls", uses=uses)  # type: ignore[arg-type]


# --- Receipts ------------------------------------------------------------------------------------


@pytest.fixture
def calls(publish: Callable[..., Published], buyer: Registry) -> DID:
    """An asset of whose licence ``calls`` the buyer has ten uses."""
    did = publish(CALLS, SEAT).did
    buyer.buy(did, "calls")
    return did


def test_a_service_hands_a_receipt_in_once(calls: DID, buyer: Registry, author: Registry) -> None:
    block = buyer.chain.block().number
    receipt = buyer.sign_receipt(calls, "calls", uses=2, service=author.address, ref=b"job")
    assert buyer.chain.block().number == block, "signing sends nothing"
    assert receipt.deadline == buyer.chain.block().timestamp + 86_400
    read = SignedReceipt.from_json(receipt.to_json())
    assert read == receipt
    done = author.submit_receipt(read)
    assert "consume 2 uses" in done.what and buyer.holding(calls, "calls").uses == 8
    with pytest.raises(reverts.InvalidAccountNonce):
        author.submit_receipt(read)
    assert buyer.holding(calls, "calls").uses == 8


def test_receipts_are_handed_in_in_any_order_by_anybody(calls: DID, buyer: Registry, stranger: Registry) -> None:
    receipts = [buyer.sign_receipt(calls, "calls") for _ in range(3)]
    for receipt in reversed(receipts):
        stranger.submit_receipt(receipt)
    assert buyer.holding(calls, "calls").uses == 7


def test_a_receipt_for_another_service_is_refused(
    calls: DID, buyer: Registry, author: Registry, stranger: Registry
) -> None:
    receipt = buyer.sign_receipt(calls, "calls", service=author.address)
    with pytest.raises(reverts.WrongService):
        stranger.submit_receipt(receipt)
    author.submit_receipt(receipt)


def test_a_receipt_ends_after_its_last_second(calls: DID, buyer: Registry, author: Registry) -> None:
    receipt = buyer.sign_receipt(calls, "calls", seconds=60)
    # The transaction is in the block after the one that is left.
    author.chain.advance(59)
    late = buyer.sign_receipt(calls, "calls", seconds=1)
    author.submit_receipt(receipt)
    with pytest.raises(reverts.ReceiptExpired):
        author.submit_receipt(late)
    assert buyer.holding(calls, "calls").uses == 9


@pytest.mark.parametrize(
    "change",
    [
        {"uses": 10},
        {"licence": 1},
        {"ref": b"\1" * 32},
        {"deadline": 2**48 - 1},
        {"nonce": 1 << 64},
        {"service": "0x" + "00" * 19 + "01"},
        {"signature": b"\0" * 65},
        {"signature": b""},
    ],
)
def test_a_receipt_that_was_tampered_with_is_refused(
    calls: DID, buyer: Registry, author: Registry, change: dict[str, Any]
) -> None:
    receipt = buyer.sign_receipt(calls, "calls")
    refused = (reverts.InvalidReceiptSignature, reverts.NotConsumable, reverts.WrongService)
    with pytest.raises(refused):
        author.submit_receipt(replace(receipt, **change))
    assert buyer.holding(calls, "calls").uses == 10


def test_nobody_signs_for_another(calls: DID, buyer: Registry, stranger: Registry, author: Registry) -> None:
    receipt = replace(stranger.sign_receipt(calls, "calls"), account=buyer.address)
    with pytest.raises(reverts.InvalidReceiptSignature):
        author.submit_receipt(receipt)
    with pytest.raises(reverts.NotEnoughUses):
        author.submit_receipt(stranger.sign_receipt(calls, "calls"))


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        SignedReceipt,
        did=st.builds(lambda n: DID(1337, "0x" + "11" * 20, n), st.integers(0, 2**64 - 1)),
        licence=st.integers(0, 255),
        account=st.just("0x" + "11" * 20),
        uses=st.integers(1, 2**32 - 1),
        service=st.just("0x" + "00" * 20),
        ref=st.binary(min_size=32, max_size=32),
        nonce=st.integers(0, 2**256 - 1),
        deadline=st.integers(0, 2**48 - 1),
        signature=st.binary(max_size=300),
    )
)
def test_every_receipt_survives_the_way_to_the_service(receipt: SignedReceipt) -> None:
    assert SignedReceipt.from_json(receipt.to_json()) == receipt


_GOOD = {
    "did": f"did:nft:eip155:1337_erc721:0x{'11' * 20}_1",
    "licence": 0,
    "account": "0x" + "11" * 20,
    "uses": 1,
    "service": "0x" + "00" * 20,
    "ref": "00" * 32,
    "nonce": "5",
    "deadline": 5,
    "signature": "",
}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", "{}"]
    + [
        json.dumps({**_GOOD, **wrong})
        for wrong in (
            {"did": "x"},
            {"did": 5},
            {"account": "0x12"},
            {"account": None},
            {"ref": "00"},
            {"ref": "xy"},
            {"ref": 7},
            {"uses": -1},
            {"uses": 2**32},
            {"licence": 256},
            {"nonce": "many"},
            {"nonce": -1},
            {"deadline": 2**48},
            {"signature": [1]},
            {"uses": float("inf")},
        )
    ],
)
def test_what_is_no_receipt_is_refused(text: str) -> None:
    assert SignedReceipt.from_json(json.dumps(_GOOD)).nonce == 5
    with pytest.raises(InputError):
        SignedReceipt.from_json(text)


def test_receipts_are_signed_for_whole_uses_and_seconds(calls: DID, buyer: Registry) -> None:
    with pytest.raises(InputError):
        buyer.sign_receipt(calls, "calls", uses=0)
    for seconds in (0, -5, 10**30, 2**48):
        with pytest.raises(InputError):
            buyer.sign_receipt(calls, "calls", seconds=seconds)
    with pytest.raises(InvalidAddress):
        buyer.sign_receipt(calls, "calls", service="service")
    with pytest.raises(LicenceNotFound):
        buyer.sign_receipt(calls, "other")


def test_a_ddo_without_files_is_fine(author: Registry, name: str) -> None:
    assert author.verify(publish_document(author, DDO(type="app", name=name, license="MIT"))).files == 0
