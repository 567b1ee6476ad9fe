"""Gated assets from end to end: published with a key in shares, opened by those with access."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from registry import CID, DataBudget, Gated, Licence, Published, Registry, ResultFile, Terms
from registry.assets.drafting import Draft
from registry.content.entrusting import Shares
from registry.content.unlocking import GatewayWarning
from registry.errors import (
    AccessDenied,
    GatewayError,
    InputError,
    RegistryError,
    TooFewShares,
    Unverified,
    WrongKey,
)
from registry.gated.gated_content import GatedContent
from registry.gated.identity import Identity, seal, unseal
from registry.gated.share_client import GatewayClient
from registry.gated.shares import commitment, split
from registry.session import Session
from registry.teams.safe_signer import SafeSigner

from .support import CALLS, MONTH, SEAT, Guard

CSV = b"species,mass\nAdelie,3750\nGentoo,5000\n"


@pytest.mark.parametrize("hide_names", [False, True])
def test_a_buyer_opens_what_a_stranger_cannot(
    publish: Callable[..., Published], buyer: Registry, stranger: Registry, author: Registry, hide_names: bool
) -> None:
    asset = publish(MONTH, hide_names=hide_names)
    with pytest.raises(AccessDenied, match="month"):
        stranger.open(asset.did, "penguins.csv")
    buyer.buy(asset.did, "month")
    assert buyer.open(asset.did, "penguins.csv").read() == CSV
    assert author.open(asset.did, "raw/notes.txt").read().startswith(b"seen near")
    assert [file.path for file in buyer.files(asset.did)] == ["penguins.csv", "raw/notes.txt"]


def test_what_is_said_of_long_work_ends_with_all_of_it(
    publish: Callable[..., Published], author: Registry, folder: Path, tmp_path: Path
) -> None:
    """Of plain bytes, which are fewer than those of the encrypted files."""
    last: dict[str, tuple[int, int]] = {}
    author.progress = lambda what, done, total: last.update({what.split()[0]: (done, total)})
    did = publish(SEAT).did
    author.verify(did)
    author.verify(did, folder)
    author.download(did, tmp_path / "copy")
    assert {"encrypting", "verifying", "opening", "comparing", "downloading"} <= set(last)
    assert {what: ended for what, ended in last.items() if ended[0] != ended[1]} == {}


def test_who_has_access_exports_it_and_a_stranger_does_not(
    publish: Callable[..., Published], author: Registry, stranger: Registry, folder: Path, tmp_path: Path
) -> None:
    did = publish(SEAT, hide_names=True).did
    for refused in (stranger.exports.croissant, lambda did: stranger.exports.hf_cache(did, tmp_path / "cache")):
        with pytest.raises(AccessDenied):
            refused(did)
    with pytest.raises(InputError, match="is encrypted"):
        author.exports.croissant(did, gateway="https://ipfs.example.org")
    made = {one["contentUrl"]: one for one in author.exports.croissant(did).document["distribution"]}
    for path in ("penguins.csv", "raw/notes.txt"):
        assert made[path]["sha256"] == sha256((folder / path).read_bytes()).hexdigest() and "sameAs" not in made[path]
    snapshot = author.exports.hf_cache(did, tmp_path / "cache").snapshot
    assert (snapshot / "raw" / "notes.txt").read_bytes() == (folder / "raw" / "notes.txt").read_bytes()


@pytest.mark.parametrize("hide_names", [False, True])
def test_pandas_reads_it_by_its_url(
    publish: Callable[..., Published], buyer: Registry, stranger: Registry, hide_names: bool
) -> None:
    import fsspec
    import pandas as pd

    asset = publish(MONTH, hide_names=hide_names)
    buyer.buy(asset.did, "month")
    frame = pd.read_csv(f"asset://{asset.did}/penguins.csv", storage_options={"registry": buyer})
    assert list(frame.mass) == [3750, 5000]
    fs = fsspec.filesystem("asset", registry=buyer)
    assert sorted(fs.find(str(asset.did))) == [f"{asset.did}/penguins.csv", f"{asset.did}/raw/notes.txt"]
    assert fs.isdir(f"{asset.did}/raw") and fs.size(f"{asset.did}/penguins.csv") == len(CSV)
    assert (
        fs.cat_file(f"{asset.did}/raw/notes.txt", 100_000, 100_004)
        == (b"seen near Palmer Station\n" * 9000)[100_000:100_004]
    )
    with pytest.raises(AccessDenied):
        pd.read_csv(f"asset://{asset.did}/penguins.csv", storage_options={"registry": stranger})


# --- Gateways that fail ------------------------------------------------------------------------------


def test_with_one_gateway_down_the_key_is_had_and_its_name_told(
    publish: Callable[..., Published], buyer: Registry, guards: list[Guard]
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    guards[0].stop()
    with pytest.warns(GatewayWarning, match=guards[0].url):
        assert buyer.open(asset.did, "penguins.csv").read() == CSV


def test_with_two_of_three_down_it_is_an_error_that_says_what_each_did(
    publish: Callable[..., Published], buyer: Registry, guards: list[Guard]
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    guards[0].stop()
    guards[2].stop()
    with pytest.raises(TooFewShares) as refused:
        buyer.open(asset.did, "penguins.csv")
    assert (refused.value.got, refused.value.threshold) == (1, 2)
    assert guards[0].url in str(refused.value) and guards[2].url in str(refused.value)


def test_a_publisher_whose_gateway_is_down_is_told_and_finishes_by_running_it_again(
    author: Registry, folder: Path, guards: list[Guard], buyer: Registry
) -> None:
    gated = Gated(gateways=[guard.url for guard in guards], threshold=3)
    terms = {"name": "All three", "type": "dataset", "license": "MIT", "licences": [MONTH], "gated": gated}
    assert [d.content.encryption for d in author.publish(folder, dry_run=True, **terms).documents] != [None]
    given = GatewayClient.deposit

    def broken(client: GatewayClient, *rest: Any) -> None:
        if client.url == guards[1].url:
            raise GatewayError(client.url, "it is not there")
        given(client, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GatewayClient, "deposit", broken)
        with pytest.raises(TooFewShares, match=guards[1].url):
            author.publish(folder, **terms)
    made = author.publish(folder, **terms)
    assert made.tx is None, "it was published by the first run"
    buyer.buy(made.did, "month")
    assert buyer.open(made.did, "penguins.csv").read() == CSV
    assert author.publish(folder, **terms).did == made.did


def test_on_a_chain_that_is_no_play_a_gateway_on_this_machine_is_asked_only_if_its_user_says_so(
    publish: Callable[..., Published], buyer: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    monkeypatch.setattr("registry.session.TEST_CHAINS", frozenset())
    with pytest.raises(TooFewShares, match="of this machine or of a private network"):
        buyer.open(asset.did, "penguins.csv")
    monkeypatch.setenv("REGISTRY_REACH", "127.0.0.1")
    assert buyer.open(asset.did, "penguins.csv").read() == CSV


@pytest.mark.parametrize("licence", [MONTH, CALLS], ids=["period", "uses"])
def test_a_first_read_loads_asset_and_document_once(
    publish: Callable[..., Published], buyer: Registry, monkeypatch: pytest.MonkeyPatch, licence: Licence
) -> None:
    asset = publish(licence)
    buyer.buy(asset.did, licence.name)
    asked: list[str] = []
    call, get, reader = buyer.chain.call, buyer.store.get, threading.current_thread()

    def note(what: str) -> None:
        if threading.current_thread() is reader:  # the gateways ask the same chain, in threads of theirs
            asked.append(what)

    monkeypatch.setattr(buyer.chain, "call", lambda fn, **how: (note(fn.fn_name), call(fn, **how))[1])
    monkeypatch.setattr(buyer.store, "get", lambda cid: (note(str(cid)), get(cid))[1])
    with buyer.open(asset.did, "penguins.csv") as file:
        assert file.read() == CSV
    assert {what: asked.count(what) for what in ("assetInfo", "licencesOf", str(asset.cid))} == {
        "assetInfo": 1,
        "licencesOf": 1,
        str(asset.cid): 1,
    }


@pytest.mark.parametrize("other", [{"chain_id": 5}, {"registry": "0x" + "11" * 20}])
def test_no_key_is_given_to_a_gateway_of_another_registry_or_chain(
    publish: Callable[..., Published], author: Registry, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    about, before = GatewayClient.about, author.chain.block().number
    monkeypatch.setattr(GatewayClient, "about", lambda client: about(client).model_copy(update=other))
    with pytest.raises(GatewayError, match="it serves"):
        publish(MONTH)
    assert author.chain.block().number == before


def test_a_licence_that_is_newer_than_the_asset_in_hand_opens_it(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    found = buyer.get(publish(MONTH).did)
    author.add_licence(found.did, SEAT)
    buyer.buy(found.did, "seat")
    assert buyer.unlock(found) == author.unlock(found)


# --- Licences ----------------------------------------------------------------------------------------


def test_whoever_passes_the_token_on_passes_the_access_on(
    publish: Callable[..., Published], buyer: Registry, ann: Registry
) -> None:
    asset = publish(SEAT)
    buyer.buy(asset.did, "seat", as_tokens=True)
    file = buyer.open(asset.did, "penguins.csv")
    assert file.read() == CSV
    token = buyer.chain.call(buyer.assets.functions.datatokenOf(asset.did.asset_id, 0))
    buyer.act("pass it on", buyer.erc20(token).functions.transfer(ann.address, 10**18))
    with pytest.raises(AccessDenied):
        buyer.open(asset.did, "penguins.csv")
    with pytest.raises(AccessDenied):
        buyer.as_account("buyer").download(asset.did, "nowhere")
    assert ann.open(asset.did, "penguins.csv").read() == CSV


@pytest.mark.parametrize("licences", [(CALLS, MONTH), (SEAT, CALLS)], ids=["uses and a period", "a hold and uses"])
def test_no_use_is_spent_by_who_has_lasting_access_too(
    publish: Callable[..., Published], buyer: Registry, licences: tuple[Licence, ...]
) -> None:
    asset = publish(*licences)
    for licence in licences:
        buyer.buy(asset.did, licence.name)
    for client in (buyer, buyer.as_account("buyer")):
        assert client.open(asset.did, "penguins.csv").read() == CSV
    assert buyer.holding(asset.did, "calls").uses == 2


# --- Owners ------------------------------------------------------------------------------------------


def test_new_content_has_a_new_key_and_the_old_one_does_not_open_it(
    publish: Callable[..., Published], author: Registry, buyer: Registry, folder: Path
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    first = buyer.get(asset.did)
    old = buyer.unlock(first)
    (folder / "penguins.csv").write_text("species,mass\nAdelie,1\n")
    author.update(asset.did, path=folder)
    second = buyer.get(asset.did)
    assert second.ddo.content.encryption.key_version == 2
    urls = [[gateway.url for gateway in found.ddo.content.encryption.gateways] for found in (first, second)]
    assert urls[0] == urls[1]
    with pytest.raises(WrongKey):
        GatedContent(second.ddo.content, old, buyer.store).file("penguins.csv")
    assert buyer.open(asset.did, "penguins.csv").read() == b"species,mass\nAdelie,1\n"


def test_a_word_changed_in_the_document_changes_no_key(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    asset = publish(MONTH)
    author.update(asset.did, description="Better words")
    buyer.buy(asset.did, "month")
    assert buyer.open(asset.did, "penguins.csv").read() == CSV


@pytest.mark.parametrize("moment", ["before it is published", "before its shares are given"])
def test_an_update_that_is_stopped_and_run_again_has_one_key(
    publish: Callable[..., Published], author: Registry, buyer: Registry, folder: Path, moment: str
) -> None:
    asset, kept = publish(MONTH), []
    (folder / "penguins.csv").write_text("species,mass\nAdelie,1\n")
    put = author.keys.put

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(author.keys, "put", lambda account, key: (kept.append(key), put(account, key)))
        with patch.context() as killing:
            killing.setattr(*((Session, "act") if "published" in moment else (GatewayClient, "deposit")), die)
            with pytest.raises(Killed):
                author.update(asset.did, path=folder)
        done = author.update(asset.did, path=folder)
    assert author.get(asset.did).version == 2 and len(kept) == 1
    assert (done.tx is None) == (moment == "before its shares are given")
    buyer.buy(asset.did, "month")
    assert buyer.open(asset.did, "penguins.csv").read() == b"species,mass\nAdelie,1\n"
    assert b"3750" in buyer.open(f"{asset.did}@1", "penguins.csv").read()  # by the key of then
    # What has changed since is an update of its own.
    (folder / "penguins.csv").write_text("species,mass\nAdelie,2\n")
    author.update(asset.did, path=folder)
    assert author.get(asset.did).version == 3
    assert buyer.open(asset.did, "penguins.csv").read() == b"species,mass\nAdelie,2\n"


@pytest.mark.parametrize("threshold", [1, 3])
def test_each_gateway_gets_the_share_that_the_document_commits_to(
    publish: Callable[..., Published], author: Registry, guards: list[Guard], threshold: int
) -> None:
    did = publish(MONTH, threshold=threshold).did
    encryption = author.get(did).ddo.content.encryption
    for place, guard in enumerate(guards):
        [kept] = guard.service.database.shares_of(str(did), 1)
        share = guard.keys.open_share(kept.sealed).decode()
        assert commitment(share, encryption.recipient, place) == encryption.gateways[place].commitment


def test_a_document_of_before_there_were_commitments_still_opens(
    publish: Callable[..., Published], author: Registry, buyer: Registry
) -> None:
    asset = publish(MONTH, threshold=3)
    content = author.get(asset.did).ddo.content
    old = [gateway.with_changes(commitment=None) for gateway in content.encryption.gateways]
    author.update(asset.did, content=content.with_changes(encryption=content.encryption.with_changes(gateways=old)))
    assert "commitment" not in buyer.get(asset.did).ddo.to_bytes().decode()
    buyer.buy(asset.did, "month")
    assert buyer.open(asset.did, "penguins.csv").read() == CSV


@pytest.mark.parametrize("committed", [True, False], ids=["committed to", "of a document without commitments"])
def test_what_was_sold_opens_whatever_is_deposited_later(
    publish: Callable[..., Published],
    author: Registry,
    editor: Registry,
    buyer: Registry,
    ann: Registry,
    committed: bool,
) -> None:
    """Of its owner, an editor and a later owner none can shut out who bought, not even all together."""
    asset = publish(MONTH)
    encryption = author.get(asset.did).ddo.content.encryption
    if not committed:
        content = author.get(asset.did).ddo.content
        old = [gateway.with_changes(commitment=None) for gateway in encryption.gateways]
        author.update(asset.did, content=content.with_changes(encryption=encryption.with_changes(gateways=old)))
    buyer.buy(asset.did, "month")
    author.set_roles(asset.did, editor.address, ["editor"])
    Shares(editor).deposit(asset.did, encryption, split(Identity.generate(), 2, 3))
    Shares(author).deposit(asset.did, encryption, split(Identity.generate(), 2, 3))
    author.transfer(asset.did, ann.address)
    for _ in range(3):
        Shares(ann).deposit(asset.did, encryption, split(Identity.generate(), 2, 3))
    assert buyer.open(asset.did, "penguins.csv").read() == CSV


def test_shares_can_be_given_to_other_gateways(
    publish: Callable[..., Published], author: Registry, buyer: Registry, guards: list[Guard]
) -> None:
    asset = publish(MONTH, threshold=3)
    guards[0].stop()
    found = author.reissue(asset.did, [guard.url for guard in guards[1:]], threshold=2)
    assert [gateway.url for gateway in found.ddo.content.encryption.gateways] == [g.url for g in guards[1:]]
    buyer.buy(asset.did, "month")
    assert buyer.open(asset.did, "penguins.csv").read() == CSV


def test_without_gateways_the_owner_alone_opens_it_and_appoints_some_later(
    author: Registry, buyer: Registry, folder: Path, guards: list[Guard]
) -> None:
    made = author.publish(folder, name="Mine", type="dataset", license="MIT", licences=[MONTH], gated=Gated())
    buyer.buy(made.did, "month")
    assert author.open(made.did, "penguins.csv").read() == CSV
    with pytest.raises(TooFewShares, match="recovery file"):
        buyer.open(made.did, "penguins.csv")
    author.reissue(made.did, [guards[0].url])
    assert buyer.open(made.did, "penguins.csv").read() == CSV


def test_what_nobody_can_buy_says_so_unless_an_offering_sells_runs_on_it(author: Registry, folder: Path) -> None:
    terms = Terms(
        code=(CID.raw(b"mean.py"),), outputs=(ResultFile(path="mean", bytes=9),), budget=DataBudget(runs=1, bytes=9)
    )
    fields = {"name": "Nobody's", "type": "dataset", "license": "MIT", "gated": Gated()}
    [note] = author.publish(folder, dry_run=True, **fields).notes
    assert "only its owner and who is invited can open it" in note and note == author.publish(folder, **fields).note
    assert author.publish(folder, compute=terms, dry_run=True, **fields).notes == ()


def test_plain_content_has_no_key_to_hand_out(author: Registry, folder: Path, tmp_path: Path) -> None:
    plain = author.publish(folder, name="Plain", type="dataset", license="MIT")
    with pytest.raises(InputError, match="is not encrypted"):
        author.export_key(plain.did, tmp_path / "recovery.age", "correct horse")
    assert not (tmp_path / "recovery.age").exists()


def test_the_recovery_file_is_enough(author: Registry, folder: Path, tmp_path: Path) -> None:
    made = author.publish(folder, name="Lost", type="dataset", license="MIT", gated=Gated())
    author.export_key(made.did, tmp_path / "recovery.age", "correct horse")
    assert author.forget_keys() >= 1
    with pytest.raises(TooFewShares):
        author.open(made.did, "penguins.csv")
    author.import_key(tmp_path / "recovery.age", "correct horse")
    assert author.open(made.did, "penguins.csv").read() == CSV


def test_an_invited_account_reads_without_a_licence_until_the_time_is_over(
    publish: Callable[..., Published], author: Registry, stranger: Registry, bob: Registry
) -> None:
    asset = publish(MONTH)
    invited = author.invite(asset.did, stranger.address, days=1)
    assert stranger.open(asset.did, "penguins.csv").read() == CSV
    with pytest.raises(TooFewShares, match="started"):
        author.revoke(invited)
    later = author.invite(asset.did, bob.address, days=1, start=int(time.time()) + 3600)
    with pytest.raises(AccessDenied):
        bob.open(asset.did, "penguins.csv")
    assert len(author.revoke(later)) == 3
    with pytest.raises(TooFewShares):
        stranger.invite(asset.did, bob.address)


def test_runs_on_gated_data_give_no_key_and_a_host_has_one_while_it_is_invited(
    publish: Callable[..., Published], author: Registry, buyer: Registry, stranger: Registry, bob: Registry
) -> None:
    """consumer_of_offering_gets_no_key, host_not_invited, dismissed_host_no_new_version"""
    terms = Terms(
        code=(CID.raw(b"mean.py"),), outputs=(ResultFile(path="mean", bytes=9),), budget=DataBudget(runs=1, bytes=9)
    )
    offer = publish(Licence.uses("runs", uses=5, price="1 USD"), compute=terms).did
    data = author.get(offer).ddo.compute.data  # type: ignore[union-attr]
    assert data is not None
    buyer.buy(offer, "runs")
    for nobody in (buyer, stranger):
        with pytest.raises(AccessDenied):
            nobody.open(data, "penguins.csv")
    author.invite(data, stranger.address, days=1)
    assert stranger.open(data, "penguins.csv").read() == CSV

    ends = int(time.time()) + 3  # who is not invited again is dismissed
    author.invite(data, bob.address, days=1, start=ends - 86_400)
    while time.time() < ends + 1:
        time.sleep(0.2)
    author.update(data, description="A new version")
    with pytest.raises(AccessDenied):
        bob.open(data, "penguins.csv")


def test_a_safe_opens_what_it_bought(
    publish: Callable[..., Published], market_place: Registry, ann: Registry, bob: Registry, author: Registry
) -> None:
    asset = publish(MONTH)
    team = ann.teams.create([ann.address, bob.address], threshold=2)
    author.grant(asset.did, "month", to=team.address)
    owners = [ann.signer, bob.signer]
    as_safe = market_place.as_account(SafeSigner(team.address, owners, chain_id=market_place.chain.chain_id))
    assert as_safe.open(asset.did, "penguins.csv").read() == CSV
    one = market_place.as_account(SafeSigner(team.address, owners[:1], chain_id=market_place.chain.chain_id))
    one.forget_keys()
    with pytest.raises((TooFewShares, AccessDenied)):
        one.open(asset.did, "penguins.csv")


def test_what_a_team_proposes_cannot_be_gated_but_what_it_gets_can(
    ann: Registry, bob: Registry, folder: Path, guards: list[Guard], buyer: Registry
) -> None:
    gated = Gated(gateways=[guards[0].url])
    draft = Draft(name="Ours", type="dataset", license="MIT", path=folder, licences=[MONTH], gated=gated)
    with pytest.raises(InputError, match="belong to a team"):
        ann.teams.create([ann.address, bob.address], threshold=2, publish=draft)
    team = ann.teams.create([ann.address, bob.address], threshold=2)
    with ann.teams.collect(team) as act, pytest.raises(InputError, match="a team proposes"):
        act.publish_many([draft])
    with pytest.raises(InputError, match="does not sign"):
        ann.publish_many([draft], owner=team.address)
    (made,) = ann.publish_many([draft])
    ann.transfer(made.did, team.address)
    buyer.buy(made.did, "month")
    assert buyer.open(made.did, "penguins.csv").read() == CSV


# --- Bytes -------------------------------------------------------------------------------------------


def test_a_copy_is_verified_against_what_the_content_opens_to(
    publish: Callable[..., Published], buyer: Registry, stranger: Registry, tmp_path: Path
) -> None:
    asset = publish(MONTH)
    buyer.buy(asset.did, "month")
    assert stranger.verify(asset.did).files == 2, "blocks are hashed by everybody"
    files = buyer.download(asset.did, tmp_path / "copy")
    assert [file.path for file in files] == ["penguins.csv", "raw/notes.txt"]
    assert (tmp_path / "copy" / "penguins.csv").read_bytes() == CSV
    assert buyer.verify(asset.did, tmp_path / "copy").size == len(CSV) + 25 * 9000
    assert buyer.verify(asset.did).size == len(CSV) + 25 * 9000
    data = bytearray((tmp_path / "copy" / "raw" / "notes.txt").read_bytes())
    data[70_000] ^= 1
    (tmp_path / "copy" / "raw" / "notes.txt").write_bytes(data)
    with pytest.raises(Unverified, match="not what the encrypted file opens to"):
        buyer.verify(asset.did, tmp_path / "copy")
    (tmp_path / "copy" / "raw" / "notes.txt").unlink()
    with pytest.raises(Unverified, match="cannot be read"):
        buyer.verify(asset.did, tmp_path / "copy")
    (tmp_path / "copy" / "more.txt").write_text("slipped in")
    with pytest.raises(Unverified, match=r"it has 'more\.txt', which the asset does not have"):
        buyer.verify(asset.did, tmp_path / "copy")
    with pytest.raises(InputError, match="exists already"):
        buyer.download(asset.did, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_copy_that_is_longer_or_shorter_is_not_verified(
    publish: Callable[..., Published], author: Registry, tmp_path: Path
) -> None:
    asset, copy = publish(MONTH), tmp_path / "copy"
    author.download(asset.did, copy)
    for kept in (CSV + b"and more\n", CSV[:-1], b""):
        (copy / "penguins.csv").write_bytes(kept)
        with pytest.raises(Unverified, match="not what the encrypted file opens to"):
            author.verify(asset.did, copy)
    (copy / "penguins.csv").write_bytes(CSV)
    assert author.verify(asset.did, copy).files == 2


def test_no_key_and_no_share_is_in_any_error_warning_log_or_file(
    publish: Callable[..., Published],
    author: Registry,
    buyer: Registry,
    stranger: Registry,
    guards: list[Guard],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    asset = publish(MONTH)
    key = author.unlock(author.get(asset.did))
    buyer.buy(asset.did, "month")
    said: list[str] = []
    for act in (
        lambda: stranger.open(asset.did, "penguins.csv"),
        lambda: buyer.open(asset.did, "no such file"),
        lambda: author.import_key(tmp_path / "nothing", "correct horse"),
        lambda: Identity.parse(key.reveal()[:-1]),
        lambda: Identity(key.secret_bytes()[:-1]),
        lambda: unseal(seal("x", Identity.generate().recipient), key),
    ):
        try:
            act()
        except RegistryError as error:
            said += [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    assert len(said) == 6 * 4
    shares = [guard.keys.open_share(guard.service.database.shares()[0].sealed).decode() for guard in guards]
    secrets = [key.reveal(), key.secret_bytes().hex(), *shares]
    texts = [*said, caplog.text, repr(author.keys), repr(buyer), repr(key)]
    for secret in secrets:
        assert not any(secret in text for text in texts)
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert kept == []
