"""The client on a real node: keys, several people at once, and processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from registry import CID, Draft, Licence, Published, Registry
from registry.chain import reverts
from registry.chain.addresses import Deployment
from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.signers import DEV_MNEMONIC, PASSWORD_VARIABLE, dev_signer
from registry.errors import (
    AccessDenied,
    BlockNotFound,
    ConnectionFailed,
    DeploymentError,
    InsufficientBalance,
    NotDeployed,
    PriceChanged,
    RegistryError,
    SignerError,
    UnknownAccount,
    Unverified,
    WrongChain,
    WrongPassword,
)
from registry.ipfs.store import LocalStore

EXAMPLES = Path(__file__).parents[2] / "examples"
MONTH = Licence.period("month", days=30, price="12.5 USD")
CALLS = Licence.uses("calls", uses=10, price="0.002 ETH")


def key_of(index: int) -> str:
    Account.enable_unaudited_hdwallet_features()
    return "0x" + bytes(Account.from_mnemonic(DEV_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").key).hex()


@pytest.fixture
def deployment(anvil: Any) -> Deployment:
    return deploy_local(Chain.connect(anvil.url))


@pytest.fixture
def connect(anvil: Any, deployment: Deployment, tmp_path: Path) -> Callable[..., Registry]:
    """Connect with a home of one's own, or one that is shared."""

    def make(signer: object, *, home: str = "home", **options: Any) -> Registry:
        return Registry.connect(anvil.url, signer=signer, home=tmp_path / home, deployment=deployment, **options)

    return make


@pytest.fixture
def author(connect: Callable[..., Registry]) -> Registry:
    return connect(dev_signer(0))


@pytest.fixture
def buyer(connect: Callable[..., Registry], tmp_path: Path) -> Registry:
    """Has a home of its own, and asks the author's store for blocks."""
    person = connect(dev_signer(1), home="buyer", sources=[LocalStore(tmp_path / "home" / "blocks")])
    person.fund("1_000_000 USD")
    return person


def drafts(number: int, name: str = "draft") -> list[Draft]:
    return [Draft(name=f"{name} {i}", type="dataset", license="MIT", licences=[CALLS]) for i in range(number)]


def publications(client: Registry) -> dict[CID, int]:
    """How often each document was published, by anybody."""
    found: dict[CID, int] = {}
    for event in client.chain.events(client.assets.events.MetadataPublished):
        cid = CID.from_digest(bytes(event.args["digest"]))
        found[cid] = found.get(cid, 0) + 1
    return found


def test_purchases_of_one_account_at_once_do_not_spend_one_permit(
    connect: Callable[..., Registry], author: Registry, buyer: Registry, tmp_path: Path
) -> None:
    """Each signs a permit, and a token takes each number of them once; in processes as in threads."""
    offered = [author.publish(None, name=f"Asset {i}", type="dataset", license="MIT", licences=[MONTH]) for i in (1, 2)]
    again = connect(dev_signer(1), home="buyer", sources=[LocalStore(tmp_path / "home" / "blocks")])
    orders = [(client, asset, f"{i}") for asset in offered for i, client in enumerate((buyer, again))]
    with ThreadPoolExecutor(4) as pool:
        bought = list(pool.map(lambda one: one[0].buy(one[1].did, "month", max_total="12.5 USD", once=one[2]), orders))
    assert all(one.approval is None and one.price.total.units == 12_500_000 for one in bought)
    assert [buyer.holding(asset.did, "month").taken for asset in offered] == [2, 2]


# --- The story -----------------------------------------------------------------------------------


def test_an_asset_is_published_sold_opened_and_handed_over(author: Registry, buyer: Registry, tmp_path: Path) -> None:
    import pandas as pd

    dataset = author.publish(
        EXAMPLES / "penguins", name="Penguins", type="dataset", license="CC0-1.0", licences=[MONTH]
    )
    model = author.publish(EXAMPLES / "penguin_model", name="Model", type="model", license="MIT", licences=[CALLS])
    with pytest.raises(AccessDenied):
        buyer.open(dataset.did, "penguins.csv")
    preview = buyer.buy(str(dataset.did), dry_run=True)
    blocks = buyer.chain.block().number
    bought = buyer.buy(dataset.did, max_total=preview.price.total)
    assert buyer.chain.block().number == blocks + 1 and bought.approval is None
    assert bought.tx is not None and preview.cost.gas >= bought.tx.gas_used
    assert bought.tx.fee_wei <= preview.cost.max_fee_wei
    with buyer.open(dataset.did, "penguins.csv") as file:
        assert len(pd.read_csv(file)) == 344
    assert buyer.verify(dataset.did).files == 3
    buyer.download(dataset.did, tmp_path / "copy")
    data = bytearray((tmp_path / "copy" / "penguins.csv").read_bytes())
    data[1000] ^= 1
    (tmp_path / "copy" / "penguins.csv").write_bytes(data)
    with pytest.raises(Unverified):
        buyer.verify(dataset.did, tmp_path / "copy")

    buyer.buy(model.did, "calls")
    receipt = buyer.sign_receipt(model.did, "calls", uses=2, service=author.address)
    assert author.submit_receipt(receipt, dry_run=True).tx is None
    author.submit_receipt(receipt)
    assert buyer.holding(model.did, "calls").uses == 8
    with pytest.raises(reverts.InvalidAccountNonce):
        author.submit_receipt(receipt)

    author.update(dataset.did, description="344 penguins")
    author.transfer(dataset.did, buyer.address)
    assert buyer.get(dataset.did).owner == buyer.address and len(buyer.history(dataset.did)) == 2
    author.chain.advance(31 * 86_400)
    assert not buyer.holding(dataset.did, "month").active and buyer.has_access(dataset.did)
    done = author.publish_many(drafts(2))
    assert author.publish_many(drafts(2)) == tuple(
        Published(one.did, one.cid, None, author.address, None) for one in done
    )


def test_blocks_come_from_the_sources_and_are_kept(author: Registry, buyer: Registry, tmp_path: Path) -> None:
    done = author.publish(EXAMPLES / "penguins", name="Penguins", type="dataset", license="CC0-1.0", licences=[MONTH])
    buyer.buy(done.did)
    expected = (EXAMPLES / "penguins" / "penguins.csv").read_bytes()
    assert buyer.open(done.did, "penguins.csv").read() == expected
    alone = type(buyer)(
        buyer.chain,
        buyer.deployment,
        signer=buyer.signer,
        store=LocalStore(tmp_path / "buyer" / "blocks"),
        journal=buyer.journal,
    )
    assert alone.open(done.did, "penguins.csv").read() == expected
    empty = type(buyer)(
        buyer.chain, buyer.deployment, signer=buyer.signer, store=LocalStore(tmp_path / "new"), journal=buyer.journal
    )
    with pytest.raises(BlockNotFound):
        empty.get(done.did)


# --- Connecting ----------------------------------------------------------------------------------


def test_keys_key_files_and_accounts_sign(
    connect: Callable[..., Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    key = key_of(2)
    file = tmp_path / "key.json"
    file.write_text(json.dumps(Account.encrypt(key, "right", kdf="pbkdf2", iterations=2)))
    expected = dev_signer(2).address
    monkeypatch.setenv(PASSWORD_VARIABLE, "right")
    for place, signer in enumerate((key, file, str(file), Account.from_key(key))):
        client = connect(signer)
        assert client.address == expected
        assert client.publish(None, name=f"by {place}", type="other", license="MIT").tx is not None
    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong")
    with pytest.raises(WrongPassword) as caught:
        connect(file)
    assert caught.value.path == file and "wrong" not in str(caught.value).replace("Wrong", "")
    monkeypatch.delenv(PASSWORD_VARIABLE)
    with pytest.raises(SignerError, match="needs a password"):
        connect(file)
    with pytest.raises(UnknownAccount):
        connect(tmp_path / "none.json")


def test_another_chain_than_meant_is_refused(connect: Callable[..., Registry], author: Registry) -> None:
    with pytest.raises(WrongChain):
        connect(dev_signer(0), chain_id=1)
    with pytest.raises(WrongChain):
        author.get(f"did:nft:eip155:1_erc721:{author.deployment.registry.lower()}_1")


def test_a_chain_without_the_registry_is_told_apart(
    anvil: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotDeployed, match="1337"):
        Registry.connect(anvil.url, home=tmp_path / "home")
    deployment = deploy_local(Chain.connect(anvil.url))
    deployment.save(tmp_path / "home" / "deployments")
    assert Registry.connect(anvil.url, home=tmp_path / "home").deployment == deployment
    path = deployment.save(tmp_path / "deployments")
    assert Registry.connect(anvil.url, home=tmp_path / "other").deployment == deployment
    assert Registry.connect(anvil.url, home=tmp_path / "other", deployment=path).deployment == deployment
    path.write_text("{}")
    with pytest.raises(DeploymentError):
        Registry.connect(anvil.url, home=tmp_path / "other")


def test_a_record_of_contracts_that_are_not_there_is_noticed(
    start_anvil: Callable[..., Any], deployment: Deployment, tmp_path: Path
) -> None:
    node = start_anvil()
    with pytest.raises(NotDeployed, match=deployment.registry):
        Registry.connect(node.url, signer=dev_signer(0), home=tmp_path, deployment=deployment)


def test_a_node_that_went_away_is_a_failed_connection(author: Registry, anvil: Any, tmp_path: Path) -> None:
    done = author.publish(None, name="x", type="other", license="MIT", licences=[CALLS])
    anvil.stop()
    for act in (
        lambda: author.get(done.did),
        lambda: author.publish(None, name="y", type="other", license="MIT"),
        lambda: author.buy(done.did),
        lambda: author.balance(),
        lambda: author.history(done.did),
        lambda: Registry.connect(anvil.url, home=tmp_path / "new"),
    ):
        with pytest.raises(ConnectionFailed):
            act()


def test_a_home_that_cannot_be_written_is_a_typed_error(anvil: Any, deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RegistryError, match="file"):
        Registry.connect(anvil.url, signer=dev_signer(0), home=tmp_path / "file" / "home", deployment=deployment)
    # Who reads from elsewhere needs none, until something is sent.
    reader = Registry.connect(
        anvil.url, home=tmp_path / "file" / "home", deployment=deployment, store=LocalStore(tmp_path / "blocks")
    )
    with pytest.raises(RegistryError, match="file"):
        reader.as_account(dev_signer(0)).publish(None, name="x", type="other", license="MIT")


def test_money_is_checked_before_anything_is_sent(
    author: Registry, connect: Callable[..., Registry], anvil: Any
) -> None:
    done = author.publish(None, name="x", type="other", license="MIT", licences=[MONTH, CALLS])
    poor = connect("0x" + "5a" * 32)
    before = author.chain.block().number
    for name in ("month", "calls"):
        with pytest.raises(InsufficientBalance):
            poor.buy(done.did, name)
    with pytest.raises(InsufficientBalance):
        poor.publish(None, name="y", type="other", license="MIT")
    assert author.chain.block().number == before
    shown = poor.publish(None, name="y", type="other", license="MIT", dry_run=True).cost
    assert shown.gas > 0 and shown.short is not None and shown.short.held == "0 wei"
    with pytest.raises(reverts.NotAssetOwner):
        poor.retire(done.did, dry_run=True)


# --- At once -------------------------------------------------------------------------------------


def test_two_people_and_many_threads_do_not_get_into_each_others_way(author: Registry, buyer: Registry) -> None:
    offers = author.publish_many(drafts(8, "offer"))
    start = threading.Barrier(8)

    def publish(number: int) -> Any:
        start.wait()
        return author.publish(None, name=f"thread {number}", type="other", license="MIT")

    def buy(number: int) -> Any:
        start.wait()
        return [buyer.buy(offers[i].did, "calls") for i in (number, number + 4)]

    before = [author.chain.w3.eth.get_transaction_count(who.address) for who in (author, buyer)]  # type: ignore[arg-type]
    with ThreadPoolExecutor(8) as pool:
        published = [pool.submit(publish, number) for number in range(4)]
        bought = [pool.submit(buy, number) for number in range(4)]
        made = [one.result() for one in published]
        purchases = [one for several in bought for one in several.result()]
    after = [author.chain.w3.eth.get_transaction_count(who.address) for who in (author, buyer)]  # type: ignore[arg-type]
    assert len({one.did for one in made}) == 4 and all(one.holding.uses == 10 for one in purchases)
    assert len({one.tx.tx_hash for one in (*made, *purchases)}) == 12
    assert [b - a for a, b in zip(before, after, strict=True)] == [4, 8]


def test_one_document_published_by_many_threads_at_once_is_published_once(author: Registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: author.publish(None, name="same", type="other", license="MIT"), range(4)))
    assert len({one.did for one in done}) == 1 and set(publications(author).values()) == {1}


def test_a_price_that_rises_in_the_block_of_the_purchase_is_refused(
    author: Registry, buyer: Registry, anvil: Any
) -> None:
    done = author.publish(None, name="x", type="other", license="MIT", licences=[MONTH])
    before = buyer.balance("USD")
    anvil.rpc("evm_setAutomine", False)
    with ThreadPoolExecutor(1) as pool:
        bought = pool.submit(buyer.buy, done.did)
        deadline = time.monotonic() + 20
        while int(anvil.rpc("txpool_status")["pending"], 16) == 0:
            assert time.monotonic() < deadline and not bought.done()
            time.sleep(0.02)
        data = author.assets.encode_abi("setPrice", [done.did.asset_id, 0, 13_000_000])
        # A higher tip than the buyer's: the seller goes first.
        fields = {"from": author.address, "to": author.deployment.registry, "data": data, "gas": hex(200_000)}
        fees = {"maxPriorityFeePerGas": hex(10**10), "maxFeePerGas": hex(10**11)}
        anvil.rpc("eth_sendTransaction", {**fields, **fees})
        anvil.rpc("evm_mine")
        anvil.rpc("evm_setAutomine", True)
        with pytest.raises(PriceChanged) as caught:
            bought.result(timeout=30)
    assert (caught.value.price, caught.value.maximum) == ("13 USD", "12.5 USD")
    assert buyer.balance("USD") == before and not buyer.has_access(done.did)
    assert str(buyer.buy(done.did).price.total) == "13 USD", "what failed does not stand in the way"


# --- Killed --------------------------------------------------------------------------------------

PUBLISHER = """
import os, signal, sys
from registry import Draft, Licence, Registry
from registry.chain.addresses import Deployment
from registry.chain.journal import Journal
from registry.chain.signers import dev_signer
from registry.ipfs.store import LocalStore

url, deployment, home, number, die_at = sys.argv[1:]
steps = 0

def mortal(cls, name):
    whole = getattr(cls, name)
    def step(self, *args, **kwargs):
        global steps
        for when in ("before", "after"):
            steps += 1
            if steps == int(die_at):
                os.kill(os.getpid(), signal.SIGKILL)
            if when == "before":
                result = whole(self, *args, **kwargs)
        return result
    setattr(cls, name, step)

# What a run leaves behind is written by these: the process dies before or after each.
for name in ("write", "accept", "settle"):
    mortal(Journal, name)
registry = Registry.connect(url, signer=dev_signer(0), home=home, deployment=deployment)
licences = [Licence.uses("calls", uses=10, price="0.002 ETH")]
drafts = [Draft(name=f"draft {i}", type="dataset", license="MIT", licences=licences) for i in range(int(number))]
for published in registry.publish_many(drafts, batch=2):
    print(published.did)
"""


def _publisher(anvil: Any, deployment: Path, home: Path, number: int, die_at: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PUBLISHER, anvil.url, str(deployment), str(home), str(number), str(die_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_however_often_it_is_killed_each_document_is_published_once(
    anvil: Any, deployment: Deployment, author: Registry, tmp_path: Path
) -> None:
    path, home = deployment.save(tmp_path), tmp_path / "publisher"
    killed = 0
    for die_at in range(1, 30):
        process = _publisher(anvil, path, home, 6, die_at)
        out, err = process.communicate(timeout=60)
        assert set(publications(author).values()) <= {1}
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        killed += 1
    assert killed >= 5
    dids = out.split()
    reader = Registry.connect(anvil.url, home=home, deployment=deployment)
    assert [reader.get(did).name for did in dids] == [f"draft {i}" for i in range(6)]
    assert sorted(publications(author).values()) == [1] * 6


@pytest.mark.parametrize("milliseconds", [30, 150, 400])
def test_killed_at_any_moment_it_finishes_when_it_is_run_again(
    anvil: Any, deployment: Deployment, author: Registry, tmp_path: Path, milliseconds: int
) -> None:
    path, home = deployment.save(tmp_path), tmp_path / "publisher"
    process = _publisher(anvil, path, home, 12, 0)
    deadline = time.monotonic() + 30
    # From the moment that it has begun to send.
    while not (home / "locks").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(milliseconds / 1000)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    again = _publisher(anvil, path, home, 12, 0)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert len(set(out.split())) == 12 and sorted(publications(author).values()) == [1] * 12


def test_a_chain_that_was_restarted_does_not_confuse_the_journal(
    start_anvil: Callable[..., Any], tmp_path: Path
) -> None:
    seen = []
    for start in (1_800_000_000, 1_800_000_777):
        node = start_anvil("--timestamp", str(start))
        deployment = deploy_local(Chain.connect(node.url))
        client = Registry.connect(node.url, signer=dev_signer(0), home=tmp_path, deployment=deployment)
        done = client.publish_many(drafts(3), batch=2)
        assert all(one.tx is not None for one in done), "on this chain nothing was published yet"
        assert all(one.tx is None for one in client.publish_many(drafts(3), batch=2))
        seen.append([one.did for one in done])
        node.stop()
    assert seen[0] == seen[1], "contracts and numbers are the same on both, and yet each is published on each"
