"""A connection to a chain: a node anywhere, or a whole chain inside this process.

Every request has a time limit. What goes wrong on the way arrives as `ConnectionFailed`, what a
contract refuses as the exceptions of `registry.chain.reverts`, also through `Chain.w3`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast
from uuid import uuid4

from web3 import EthereumTesterProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import (
    BadFunctionCallOutput,
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3RPCError,
    Web3ValidationError,
)
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers import BaseProvider
from web3.types import FilterParams, RPCEndpoint, TxParams, Wei

from registry.chain.artifacts import artifact
from registry.chain.decoding import strict
from registry.chain.fees import FeeMarket
from registry.chain.lazy_contract import LazyContract
from registry.chain.logs import Event, TxReceipt, decode_log, read_receipt, topics_for
from registry.chain.node_answers import LogRange, quantity
from registry.chain.node_line import NodeLine, Question, asking, short
from registry.chain.reverts import reverted
from registry.chain.transport import ShownHTTP, ShownIPC, ShownWebSocket, TesterProvider
from registry.errors import ChainError, ConnectionFailed, InputError, NotDeployed, RegistryError, WrongChain
from registry.errors.redaction import conceal, shown
from registry.types import CHAIN_ID_MAX, Address, ChainId, to_address
from registry.types import Wei as WeiAmount

__all__ = ["Block", "Chain", "Event", "TxReceipt"]

TEST_CHAINS: Final = frozenset({1337, 31337})
"""Numbers of ape's, anvil's and hardhat's chains: their money is for play, their clocks may stand or be turned back."""

TIMEOUT: Final = 30.0
"""Seconds that a question has."""

ANSWER_MAX: Final = 64 * 1024 * 1024
"""Bytes of an answer over a web socket: what services give at once over HTTP."""

LAST_BLOCK: Final[Question] = ("eth_getBlockByNumber", ("latest", False))
"""What `Chain.block` asks, for `Chain.ahead`."""

FIRST_RANGE: Final = 10_000
"""Blocks asked for at once when events are read; fewer where the node refuses."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its number, time (seconds since 1970), base fee (wei a unit of gas; None before EIP-1559), and how much
    gas it may take."""

    number: int
    timestamp: int
    base_fee: int | None
    gas_limit: int


class Chain:
    """One chain, as seen through one node. Made by `connect` or `in_process`, which say what it raises:
    `ConnectionFailed`, `WrongChain`, `ChainError` for a number that no chain may have, and `InputError` for less than
    one confirmation (in blocks). `url` is what it is called; of an address no more than scheme and host."""

    def __init__(
        self,
        provider: BaseProvider,
        url: str,
        *,
        confirmations: int,
        chain_id: int | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if confirmations < 1:
            raise InputError(f"{confirmations} confirmations are too few.", hint="1 is the block itself.")
        for address in (url, str(getattr(provider, "endpoint_uri", ""))):
            if "://" in address:
                conceal(address)
        self.url = url = shown(url) if "://" in url else url
        self._address: str | None = None
        self.confirmations = confirmations
        self.w3 = Web3(provider)
        self.w3.codec = strict(self.w3.codec._registry)
        self.w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        self.line = NodeLine(provider, url, timeout)
        # Innermost: what it raises passes all the others.
        self.w3.middleware_onion.inject(asking(self.line, url, trusted=self.is_in_process), layer=0)
        try:
            actual = self.w3.eth.chain_id
        except RegistryError:
            raise
        except Exception as error:
            raise ConnectionFailed(url, f"it does not answer like an Ethereum node ({short(error)})") from None
        if not 1 <= actual <= CHAIN_ID_MAX:
            raise ChainError(
                f"The chain of the node at {url} has the number {actual}, which no chain may have.",
                hint=f"Numbers are from 1 to {CHAIN_ID_MAX} (EIP-2294): start the node with another.",
            )
        if chain_id is not None and chain_id != actual:
            raise WrongChain(chain_id, actual, "What you asked for")
        self.chain_id = ChainId(actual)
        self.line.turns_back = actual in TEST_CHAINS
        self._with_code: set[Address] = set()
        self._range = LogRange(FIRST_RANGE)
        self.fee_market = FeeMarket()

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        chain_id: int | None = None,
        confirmations: int = 1,
        timeout: float = TIMEOUT,
        fees: FeeMarket | None = None,
    ) -> Chain:
        """Connect to the node at `url`: http, https, ws, wss, or the path of an IPC socket.

        `timeout` (seconds) bounds every request, and how long a node that limits who asks is asked again;
        `confirmations` is how many blocks a transaction waits for, its own included, and `fees` what may be offered
        for it. Raises `ConnectionFailed` if no Ethereum node answers, `WrongChain` if it serves another chain than
        `chain_id`, `ChainError` for a number that no chain may have, `InputError` for what is no address of a node.
        """
        provider: BaseProvider
        conceal(url)
        # web3 asks for the chain's number before every call; it is asked once here, and signed into every transaction.
        cached: dict[str, Any] = {
            "cache_allowed_requests": True,
            "cacheable_requests": {RPCEndpoint("eth_chainId")},
        }
        if url.startswith(("http://", "https://")):
            # What is asked again, and when, is decided by the line.
            provider = ShownHTTP(url, request_kwargs={"timeout": timeout}, exception_retry_configuration=None, **cached)
        elif url.startswith(("ws://", "wss://")):
            # One that was refused for its size is not waited for to say goodbye, for 20 seconds.
            limits = {"max_size": ANSWER_MAX, "close_timeout": 0.1}
            provider = ShownWebSocket(url, websocket_kwargs=limits, websocket_timeout=max(1, round(timeout)), **cached)
        elif re.fullmatch(r"[A-Za-z0-9.-]+:[0-9]{1,5}", url):
            raise InputError("The address of the node has no scheme.", hint="Write http:// or https:// before it.")
        elif "://" in url or not url:
            raise InputError(
                f"{shown(url) if url else url!r} is not the address of a node.",
                hint="It starts with http://, https://, ws:// or wss://, or is the path of an IPC socket.",
            )
        else:
            provider = ShownIPC(url, timeout=max(1, round(timeout)), **cached)
        made = cls(provider, shown(url), confirmations=confirmations, chain_id=chain_id, timeout=timeout)
        made._address = url
        made.fee_market = fees or made.fee_market
        return made

    def again(self, *, timeout: float) -> Chain:
        """Connect to the same node a second time, with another `timeout` (seconds). Raises what `connect` raises, and
        `ChainError` for a chain that was not made by it."""
        if self._address is None:
            raise ChainError(f"The chain {self.url} has no address.", hint="Connect to a node by its address.")
        return Chain.connect(
            self._address,
            chain_id=self.chain_id,
            confirmations=self.confirmations,
            timeout=timeout,
            fees=self.fee_market,
        )

    @classmethod
    def in_process(cls) -> Chain:
        """Start a chain inside this process: each transaction is a block, and nothing is kept.

        The ten accounts of `dev_signer` hold a million coins each. Each chain starts
        equal, and each block is one second after the one before.
        """
        return cls(TesterProvider.fresh(), "in-process", confirmations=1)

    @classmethod
    def from_web3(cls, w3: Web3, url: str, *, confirmations: int = 1) -> Chain:
        """Stand on the connection that somebody else has made, ape for one; `url` is what errors call it.

        Its provider is used and `w3` itself left as it is. Raises what `connect` raises.
        """
        provider = w3.provider
        if isinstance(provider, EthereumTesterProvider) and not isinstance(provider, TesterProvider):
            chain_id = w3.eth.chain_id
            provider = TesterProvider(provider.ethereum_tester, provider.api_endpoints, chain_id=chain_id)
        return cls(provider, url, confirmations=confirmations)

    def __repr__(self) -> str:
        return f"Chain({self.chain_id}, {self.url})"

    # --- What it is ------------------------------------------------------------------------------

    @property
    def is_in_process(self) -> bool:
        """True for a chain inside this process."""
        return isinstance(self.w3.provider, TesterProvider)

    @cached_property
    def identity(self) -> str:
        """Name this very chain: its number and genesis hash, since chains for tests restart under one number."""
        if self.is_in_process:
            return f"{self.chain_id}-{uuid4().hex}"
        return f"{self.chain_id}-{bytes(self.w3.eth.get_block(0)['hash']).hex()}"

    # --- Reading ---------------------------------------------------------------------------------

    def saw(self, block: int) -> None:
        """Read at this block or later from now on, whichever node answers: something of ours is in it."""
        if not self.is_in_process:
            self.line.saw(block)

    def block(self, number: int | str = "latest") -> Block:
        """Return a block by number or name; raises `ChainError` if there is none."""
        if self.is_in_process:
            try:
                found: Any = self.w3.eth.get_block(cast(Any, number))
            except BlockNotFound:
                found = None
        else:
            # Whoever sends asks a few times for each transaction, and web3 formats fields that nobody here reads.
            which = hex(number) if isinstance(number, int) else number
            found = self.w3.manager.request_blocking(RPCEndpoint(LAST_BLOCK[0]), [which, False])
        if found is None:
            raise ChainError(f"Chain {self.chain_id} has no block {number!r}.")
        fee = found.get("baseFeePerGas")
        return Block(
            quantity(found["number"]),
            quantity(found["timestamp"]),
            None if fee is None else quantity(fee),
            quantity(found["gasLimit"]),
        )

    def contract(self, name: str, address: str) -> Contract:
        """Return the contract `name` of the manifest at `address`, for its `functions` and `events`."""
        return cast(Contract, LazyContract(self.w3, to_address(address), artifact(name).abi))

    def call(
        self, fn: ContractFunction, *, sender: str | None = None, value: int = 0, block: int | str = "latest"
    ) -> Any:
        """Return what `fn` returns, as if `sender` called it with `value` wei; nothing is sent.

        Raises the contract's error, `NotDeployed` if there is no contract at the address, `InputError` for arguments
        that do not fit, and `ChainError` for what the node refuses.
        """
        transaction: TxParams = {"value": Wei(value)} if value else {}
        if sender is not None:
            transaction["from"] = cast(Any, to_address(sender))
        if not self.has_code(fn.address):
            raise NotDeployed(self.chain_id, f"there is no contract at {fn.address}")
        try:
            return fn.call(transaction, block_identifier=cast(Any, block))
        except BadFunctionCallOutput:
            raise NotDeployed(self.chain_id, f"the contract at {fn.address} does not answer {fn.fn_name}") from None
        except Web3ValidationError as error:
            raise InputError(f"{fn.fn_name} cannot be called like this: {short(error)}.") from error
        except ContractLogicError as error:
            raise reverted(error) from error
        except Web3RPCError as error:
            raise ChainError(f"The node refused to call {fn.fn_name}: {short(error)}.") from error

    def ahead(self, *asked: ContractFunction | Question) -> AbstractContextManager[None]:
        """Ask now, in one request where the node takes several questions in one, what is going to be asked within; a
        question that is going to be asked twice stands there twice. What `call` and the rest do is the same without."""
        if self.is_in_process:
            return nullcontext()
        questions: list[Question] = []
        for one in asked:
            if isinstance(one, tuple):
                questions.append(one)
                continue
            questions.append(("eth_call", ({"to": one.address, "data": one._encode_transaction_data()}, "latest")))
            if to_address(one.address) not in self._with_code:
                questions.append(("eth_getCode", (one.address, "latest")))
        return self.line.ahead(questions)

    def balance(self, address: str) -> WeiAmount:
        """Return how much of the native coin an account holds, in wei."""
        return WeiAmount(int(self.w3.eth.get_balance(cast(Any, to_address(address)))))

    def has_code(self, address: str, *, block: int | str = "latest") -> bool:
        """Return True if there is a contract at `address`."""
        account = to_address(address)
        if block == "latest" and account in self._with_code:
            return True
        code = bytes(self.w3.eth.get_code(cast(Any, account), cast(Any, block)))
        # Contracts here never destroy themselves; a dropped block is noticed by who waits for it. What acts for an
        # account with a key can go again.
        if code and block == "latest" and not _is_delegation(code):
            self._with_code.add(account)
        return len(code) > 0

    def code_hash(self, address: str) -> str:
        """Return keccak of the code at `address` as hexadecimal text, ``""`` for an account without code of its own.

        An account that delegates (EIP-7702) is one: only its owner can change for what.
        """
        code = bytes(self.w3.eth.get_code(cast(Any, to_address(address))))
        if not code or _is_delegation(code):
            return ""
        return "0x" + bytes(Web3.keccak(code)).hex()

    def storage(self, address: str, slot: int) -> int:
        """Return a word of the storage of a contract."""
        return int.from_bytes(bytes(self.w3.eth.get_storage_at(cast(Any, to_address(address)), slot)), "big")

    def receipt(self, tx_hash: str) -> TxReceipt:
        """Return the receipt of a mined transaction; raises `ChainError` if there is none."""
        try:
            sent = self.w3.eth.get_transaction(cast(Any, tx_hash))
            found = self.w3.eth.get_transaction_receipt(cast(Any, tx_hash))
        except TransactionNotFound:
            raise ChainError(f"Chain {self.chain_id} has no transaction {tx_hash}.") from None
        price = int(sent.get("gasPrice") or 0)
        return read_receipt(cast(Mapping[str, Any], found), value=int(sent["value"]), price=price)

    def forget_code(self) -> None:
        """Ask the node anew where contracts are."""
        self._with_code.clear()

    def events(
        self,
        event: Any,
        *,
        filters: Mapping[str, Any] | None = None,
        from_block: int = 0,
        to_block: int | str = "latest",
    ) -> Iterator[Event]:
        """Yield the events of ``contract.events.Name`` in the order of the chain.

        `filters` maps indexed parameters to a value or a list of values. `to_block` is included;
        a name of a block is resolved once, at the start. The range is read in parts as long as
        the node takes them, which is kept: none is left out, and `ChainError` is raised if it refuses even
        a single block.
        """
        last = to_block if isinstance(to_block, int) else self.block(to_block).number
        abi = event.abi if hasattr(event, "abi") else event._get_event_abi()
        topics = topics_for(abi, filters)
        start = from_block
        while start <= last:
            end = min(start + self._range.size - 1, last)
            try:
                logs = self._logs(event.address, topics, start, end)
            except (Web3RPCError, ConnectionFailed) as error:
                # A node that is gone, or has too much to do, is not one that finds the range too long.
                if isinstance(error, ConnectionFailed) and error.status in (None, 429):
                    raise
                if end == start:
                    raise ChainError(f"The node refused the events of block {start}: {short(error)}.") from error
                self._range.refused(end - start + 1, str(error))
                continue
            for log in sorted(logs, key=lambda found: (found["blockNumber"], found["logIndex"])):
                decoded = decode_log(log, abi)
                if decoded is not None:
                    yield decoded
            self._range.taken(end - start + 1)
            start = end + 1

    # --- Chains for tests ------------------------------------------------------------------------

    def advance(self, seconds: int) -> Block:
        """Let time pass and return the new block; for chains in this process and anvil only.

        Raises `ChainError` on a chain whose time is real, and `InputError` for less than a second.
        """
        if seconds < 1:
            raise InputError(f"Time cannot pass by {seconds} seconds.", hint="Give a whole number from 1.")
        provider = self.w3.provider
        if isinstance(provider, TesterProvider):
            provider.travel(self.block().timestamp + seconds)
            return self.block()
        for method, params in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            if "error" in self.line.ask(method, params):
                raise ChainError(
                    f"The time of chain {self.chain_id} cannot be moved.", hint="Only chains for tests can."
                )
        return self.block()

    # --- Internal --------------------------------------------------------------------------------

    def _logs(self, address: Any, topics: list[Any], start: int, end: int) -> list[Mapping[str, Any]]:
        wanted = cast(FilterParams, {"address": address, "topics": topics, "fromBlock": start, "toBlock": end})
        return cast(list[Mapping[str, Any]], list(self.w3.eth.get_logs(wanted)))


def _is_delegation(code: bytes) -> bool:
    """Whether it says which contract's code acts for an account (EIP-7702): 0xef0100 and an address."""
    return len(code) == 23 and code.startswith(b"\xef\x01\x00")
