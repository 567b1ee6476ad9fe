"""A chain inside the process: reading, events, time."""

from __future__ import annotations

from typing import Any

import pytest
from eth_typing import HexStr
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3.exceptions import Web3RPCError

from registry.chain import reverts
from registry.chain.addresses import Deployment
from registry.chain.artifacts import artifact
from registry.chain.connection import Chain
from registry.chain.logs import UNSENT, TxReceipt, decode_log, topic_of
from registry.chain.sender import Sender
from registry.chain.signers import KeySigner, dev_signer
from registry.errors import ChainError, ConnectionFailed, InputError, NotDeployed, TransactionReverted
from registry.types import TxHash, to_address


def _mint(chain: Chain, deployment: Deployment, signer: KeySigner, amount: int) -> None:
    dollar = chain.contract("LocalDollar", deployment.tokens["USD"])
    Sender(chain, signer).send(dollar.functions.mint(signer.address, amount))


def test_a_chain_starts_with_ten_rich_accounts_at_a_fixed_time() -> None:
    chain = Chain.in_process()
    assert (chain.chain_id, chain.url) == (1337, "in-process")
    assert chain.block().timestamp == 1_767_225_600
    assert all(chain.balance(dev_signer(i).address) == 10**24 for i in range(10))


def test_time_passes_only_when_told(chain: Chain) -> None:
    before = chain.block()
    after = chain.advance(86_400)
    assert (after.number, after.timestamp) == (before.number + 1, before.timestamp + 86_400)
    assert chain.advance(1).timestamp == after.timestamp + 1
    with pytest.raises(InputError):
        chain.advance(0)


def test_a_refusal_of_a_contract_arrives_as_its_error(chain: Chain, deployment: Deployment) -> None:
    registry = chain.contract("AssetRegistry", deployment.registry)
    with pytest.raises(reverts.AssetNotFound) as caught:
        chain.call(registry.functions.assetInfo(99))
    assert caught.value.values == {"assetId": 99}
    # The same through web3 itself.
    with pytest.raises(reverts.AssetNotFound):
        registry.functions.assetInfo(99).call()


def test_a_foreign_log_under_a_topic_of_ours_is_no_event(chain: Chain) -> None:
    """Whoever runs foreign code, a token or a target of the DAO, must still be able to read the receipt."""
    # PUSH32 topic, PUSH1 0 PUSH1 0, LOG1, STOP: no data where the event has some.
    creation = "0x7f" + keccak(text="FeeChanged(uint256)").hex() + "60006000a100"
    sent = chain.w3.eth.send_transaction({"from": chain.w3.eth.accounts[0], "data": HexStr(creation)})
    assert chain.receipt("0x" + bytes(sent).hex()).events == ()


@pytest.mark.parametrize("name", ["LocalDollar", "AssetRegistry", "Datatoken", "Marketplace"])
def test_a_log_with_more_or_fewer_topics_than_are_indexed_is_no_event(name: str) -> None:
    """ERC-20 and ERC-721 share the topic of Transfer, and anybody can log under it with as many topics as he likes."""
    where = {"blockNumber": 1, "logIndex": 0, "transactionHash": bytes(32), "address": "0x" + "11" * 20}
    events = [entry for entry in artifact(name).abi if entry["type"] == "event" and not entry.get("anonymous")]
    assert events
    for event in events:
        indexed = sum(part["indexed"] for part in event["inputs"])
        data = bytes(32 * 40)  # whatever its other parts are, zeros are them
        for more in range(4):
            log = {**where, "topics": [HexBytes(topic_of(event)), *[bytes(32)] * more], "data": data}
            assert (decode_log(log, event) is not None) == (more == indexed), (event["name"], more)


def test_what_was_only_written_down_was_not_sent() -> None:
    for tx_hash, sent in ((UNSENT, False), ("0x" + "00" * 31 + "01", True), ("0x" + "ff" * 32, True)):
        receipt = TxReceipt(TxHash(tx_hash), 0, 0, 0, (), to_address("0x" + "11" * 20))
        assert receipt.sent == sent


def test_a_log_of_another_event_is_not_taken_for_the_one_that_was_asked_for() -> None:
    """A node may answer with logs that nobody asked for."""
    where = {"blockNumber": 1, "logIndex": 0, "transactionHash": bytes(32), "address": "0x" + "11" * 20}
    events = [entry for entry in artifact("AssetRegistry").abi if entry["type"] == "event"]
    for asked in events:
        for event in events:
            indexed = sum(part["indexed"] for part in event["inputs"])
            log = {**where, "topics": [HexBytes(topic_of(event)), *[bytes(32)] * indexed], "data": bytes(32 * 40)}
            assert (decode_log(log, asked) is not None) == (asked is event), (asked["name"], event["name"])


def test_a_call_is_made_as_its_sender(
    chain: Chain, deployment: Deployment, dao: KeySigner, stranger: KeySigner
) -> None:
    assets = chain.contract("AssetRegistry", deployment.registry)
    chain.call(assets.functions.setFee(5), sender=dao.address)
    with pytest.raises(reverts.AccessManagedUnauthorized) as caught:
        chain.call(assets.functions.setFee(5), sender=stranger.address)
    assert caught.value.values["caller"] == stranger.address


def test_where_there_is_no_contract_nothing_is_deployed(chain: Chain) -> None:
    with pytest.raises(NotDeployed):
        chain.call(chain.contract("AssetRegistry", "0x" + "12" * 20).functions.assetInfo(1))
    assert not chain.has_code("0x" + "12" * 20)


def test_an_argument_of_the_wrong_kind_is_an_input_error(chain: Chain, deployment: Deployment) -> None:
    registry = chain.contract("AssetRegistry", deployment.registry)
    with pytest.raises(TransactionReverted):
        chain.call(registry.functions.setState(1, 9))
    with pytest.raises(ChainError):
        chain.block(10**9)
    with pytest.raises(ChainError):
        chain.receipt("0x" + "00" * 32)


def test_events_come_in_order_and_filtered(
    chain: Chain, deployment: Deployment, author: KeySigner, stranger: KeySigner
) -> None:
    for signer, amount in ((author, 1), (stranger, 2), (author, 3)):
        _mint(chain, deployment, signer, amount)
    transfer = chain.contract("LocalDollar", deployment.tokens["USD"]).events.Transfer
    assert [event.args["value"] for event in chain.events(transfer)] == [1, 2, 3]
    assert [e.args["value"] for e in chain.events(transfer, filters={"to": author.address})] == [1, 3]
    both = {"to": [author.address, stranger.address]}
    assert [e.args["value"] for e in chain.events(transfer, filters=both)] == [1, 2, 3]
    last = chain.block().number
    assert [e.args["value"] for e in chain.events(transfer, from_block=last)] == [3]
    assert not list(chain.events(transfer, from_block=last + 1))
    with pytest.raises(InputError, match="indexed by"):
        list(chain.events(transfer, filters={"value": 1}))


def test_a_receipt_has_sender_cost_and_events(chain: Chain, deployment: Deployment, author: KeySigner) -> None:
    dollar = chain.contract("LocalDollar", deployment.tokens["USD"])
    sent = Sender(chain, author).send(dollar.functions.mint(author.address, 5))
    assert chain.receipt(sent.tx_hash) == sent
    assert sent.sender == author.address
    assert sent.named("Transfer")[0].args["to"] == author.address
    assert sent.cost.max_fee_wei == sent.fee_wei > 0
    assert "a fee of 0.0000" in str(sent.cost)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 40), first=st.integers(0, 30), last=st.integers(0, 60), broken=st.sampled_from(["rpc", "http"])
)
def test_no_block_is_left_out_however_short_the_ranges(
    monkeypatch: pytest.MonkeyPatch,
    chain: Chain,
    deployment: Deployment,
    limit: int,
    first: int,
    last: int,
    broken: str,
) -> None:
    asked: list[int] = []
    dollar = chain.contract("LocalDollar", deployment.tokens["USD"])
    topics = [topic_of(dollar.events.Transfer._get_event_abi()), bytes(32), bytes(32)]

    def log_of(block: int) -> dict[str, Any]:
        """A transfer in the block, of as many units as its number."""
        where = {"blockNumber": block, "logIndex": 0, "transactionHash": bytes(32), "address": dollar.address}
        return {**where, "topics": topics, "data": block.to_bytes(32, "big")}

    def few(address: Any, topics: Any, start: int, end: int) -> list[Any]:
        if end - start + 1 > limit:
            if broken == "rpc":
                raise Web3RPCError("query returned more than 10000 results")
            raise ConnectionFailed("x", "it answers 413", status=413)
        asked.extend(range(start, end + 1))
        return [log_of(block) for block in range(start, end + 1)]

    monkeypatch.setattr(chain, "_logs", few)
    found = list(chain.events(dollar.events.Transfer, from_block=first, to_block=last))
    assert [event.args["value"] for event in found] == asked == list(range(first, last + 1))


def test_a_node_that_refuses_even_one_block_is_an_error(
    monkeypatch: pytest.MonkeyPatch, chain: Chain, deployment: Deployment
) -> None:
    def none(*_: Any) -> list[Any]:
        raise Web3RPCError("no logs here")

    monkeypatch.setattr(chain, "_logs", none)
    event = chain.contract("AssetRegistry", deployment.registry).events.Transfer
    with pytest.raises(ChainError, match="block 0"):
        list(chain.events(event))


@pytest.mark.parametrize("url", ["", "ftp://node", "gopher://x"])
def test_an_address_of_no_node_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        Chain.connect(url)


def test_nobody_there_is_a_failed_connection(tmp_path: Any) -> None:
    for url in ("http://127.0.0.1:1", "ws://127.0.0.1:1", str(tmp_path / "no.ipc")):
        with pytest.raises(ConnectionFailed):
            Chain.connect(url, timeout=2)


def test_fewer_than_one_confirmation_is_refused() -> None:
    with pytest.raises(InputError):
        Chain.connect("http://127.0.0.1:1", confirmations=0)


def test_a_node_that_is_named_without_its_scheme_is_told_with_it() -> None:
    for bare in ("127.0.0.1:9", "rpc.example.org:8545"):
        with pytest.raises(InputError, match="Write http:// or https:// before it"):
            Chain.connect(bare, timeout=1)
