"""A connection to a chain: a node anywhere, or a whole chain inside this process.

Every request has a time limit. What goes wrong on the way arrives as `ConnectionFailed`, what a
contract refuses as the exceptions of `registry.chain.reverts`, also through `Chain.w3`.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast
from uuid import uuid4

import requests
from eth_abi.abi import encode
from eth_typing import HexStr
from web3 import EthereumTesterProvider, HTTPProvider, IPCProvider, LegacyWebSocketProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import (
    BadFunctionCallOutput,
    BadResponseFormat,
    BlockNotFound,
    CannotHandleRequest,
    ContractLogicError,
    ProviderConnectionError,
    TransactionNotFound,
    Web3RPCError,
    Web3ValidationError,
)
from web3.middleware import ExtraDataToPOAMiddleware, Web3Middleware
from web3.providers import BaseProvider
from web3.providers.rpc.utils import REQUEST_RETRY_ALLOWLIST, ExceptionRetryConfiguration
from web3.types import FilterParams, RPCEndpoint, RPCResponse, TxParams, Wei

from registry.chain.artifacts import artifact
from registry.chain.decoding import strict
from registry.chain.logs import Event, Receipt, decode_log, read_receipt, topics_for
from registry.chain.reverts import decode
from registry.chain.signers import DEV_ACCOUNTS, DEV_MNEMONIC
from registry.errors import (
    ChainError,
    ConnectionFailed,
    InputError,
    NotDeployed,
    RegistryError,
    TransactionReverted,
    WrongChain,
)
from registry.redaction import conceal, redacted, shown
from registry.types import Address, ChainId, to_address
from registry.types import Wei as WeiAmount

__all__ = ["IN_PROCESS_CHAIN_ID", "Block", "Chain", "Event", "Receipt"]

IN_PROCESS_CHAIN_ID: Final = 1337
"""Chain number of chains inside the process, the one that ape and its test accounts use."""

TEST_CHAINS: Final = frozenset({1337, 31337})
"""Numbers of ape's, anvil's and hardhat's chains: their money is for play, their clocks may stand or be turned back."""

# 2026-01-01 00:00 UTC: a fixed start gives every run the same times.
GENESIS_TIME: Final = 1_767_225_600

FIRST_RANGE: Final = 10_000
"""Blocks asked for at once when events are read; halved whenever the node refuses."""

_READS: Final = frozenset(
    f"eth_{name}"
    for name in ("blockNumber", "chainId", "gasPrice", "getBalance", "getBlockByNumber", "getCode", "getStorageAt")
) | {"eth_getTransactionByHash", "eth_getTransactionCount", "eth_getTransactionReceipt"}
"""Questions that a node which is well answers: an error says something of the node, and nothing of the chain."""

_MAY_BE_NULL: Final = frozenset({"eth_getTransactionByHash", "eth_getTransactionReceipt"})

_UNWELL: Final = frozenset({-32002, -32005, -32603})
"""Codes of EIP-1474 for a node that is overloaded, limits its askers, or failed inside."""

_REVERTED = ("revert", "invalid opcode", "out of gas", "VM Exception", "stack underflow", "invalid jump")


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its number, time (seconds since 1970) and base fee (wei a unit of gas; 0 before EIP-1559)."""

    number: int
    timestamp: int
    base_fee: int


class Chain:
    """One chain, as seen through one node. Made by `connect` or `in_process`, which say what it raises:
    `ConnectionFailed`, `WrongChain` and, for less than one confirmation (in blocks), `InputError`. `url` is what it is
    called; of an address no more than scheme and host."""

    def __init__(self, provider: BaseProvider, url: str, *, confirmations: int, chain_id: int | None = None) -> None:
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
        # Innermost: what it raises passes all the others.
        self.w3.middleware_onion.inject(_typed_errors(url), layer=0)
        try:
            actual = self.w3.eth.chain_id
        except RegistryError:
            raise
        except Exception as error:
            raise ConnectionFailed(url, f"it does not answer like an Ethereum node ({_short(error)})") from None
        if chain_id is not None and chain_id != actual:
            raise WrongChain(chain_id, actual, "What you asked for")
        self.chain_id = ChainId(actual)
        self._with_code: set[Address] = set()

    @classmethod
    def connect(cls, url: str, *, chain_id: int | None = None, confirmations: int = 1, timeout: float = 30.0) -> Chain:
        """Connect to the node at `url`: http, https, ws, wss, or the path of an IPC socket.

        `timeout` (seconds) bounds every request; `confirmations` is how many blocks a transaction
        waits for, its own included. Raises `ConnectionFailed` if no Ethereum node answers,
        `WrongChain` if it serves another chain than `chain_id`, `InputError` for what is no address of a node.
        """
        provider: BaseProvider
        conceal(url)
        # web3 asks for the chain's number before every call; it is asked once here, and signed into every transaction.
        cached: dict[str, Any] = {
            "cache_allowed_requests": True,
            "cacheable_requests": {RPCEndpoint("eth_chainId")},
        }
        if url.startswith(("http://", "https://")):
            # A broadcast is not repeated blindly: the sender looks at the chain first.
            allowed = [method for method in REQUEST_RETRY_ALLOWLIST if method != "eth_sendRawTransaction"]
            allowed.append("eth_feeHistory")
            provider = _HTTPProvider(
                url,
                request_kwargs={"timeout": timeout},
                exception_retry_configuration=ExceptionRetryConfiguration(
                    errors=(requests.ConnectionError, requests.HTTPError),
                    retries=3,
                    backoff_factor=0.1,
                    method_allowlist=allowed,
                ),
                **cached,
            )
        elif url.startswith(("ws://", "wss://")):
            provider = _WebSocketProvider(url, websocket_timeout=max(1, round(timeout)), **cached)
        elif "://" in url or not url:
            raise InputError(
                f"{shown(url) if url else url!r} is not the address of a node.",
                hint="It starts with http://, https://, ws:// or wss://, or is the path of an IPC socket.",
            )
        else:
            provider = _IPCProvider(url, timeout=max(1, round(timeout)), **cached)
        made = cls(provider, shown(url), confirmations=confirmations, chain_id=chain_id)
        made._address = url
        return made

    def again(self, *, timeout: float) -> Chain:
        """Connect to the same node a second time, with another `timeout` (seconds). Raises what `connect` raises, and
        `ChainError` for a chain that was not made by it."""
        if self._address is None:
            raise ChainError(f"The chain {self.url} has no address.", hint="Connect to a node by its address.")
        return Chain.connect(self._address, chain_id=self.chain_id, confirmations=self.confirmations, timeout=timeout)

    @classmethod
    def in_process(cls) -> Chain:
        """Start a chain inside this process: each transaction is a block, and nothing is kept.

        The ten accounts of `dev_signer` hold a million coins each. Each chain starts
        equal, and each block is one second after the one before.
        """
        return cls(_TesterProvider.fresh(), "in-process", confirmations=1)

    @classmethod
    def from_web3(cls, w3: Web3, url: str, *, confirmations: int = 1) -> Chain:
        """Stand on the connection that somebody else has made, ape for one; `url` is what errors call it.

        Its provider is used and `w3` itself left as it is. Raises what `connect` raises.
        """
        provider = w3.provider
        if isinstance(provider, EthereumTesterProvider) and not isinstance(provider, _TesterProvider):
            chain_id = w3.eth.chain_id
            provider = _TesterProvider(provider.ethereum_tester, provider.api_endpoints, chain_id=chain_id)
        return cls(provider, url, confirmations=confirmations)

    def __repr__(self) -> str:
        return f"Chain({self.chain_id}, {self.url})"

    # --- What it is ------------------------------------------------------------------------------

    @property
    def is_in_process(self) -> bool:
        """True for a chain inside this process."""
        return isinstance(self.w3.provider, _TesterProvider)

    @cached_property
    def identity(self) -> str:
        """Name this very chain: its number and genesis hash, since chains for tests restart under one number."""
        if self.is_in_process:
            return f"{self.chain_id}-{uuid4().hex}"
        return f"{self.chain_id}-{bytes(self.w3.eth.get_block(0)['hash']).hex()}"

    # --- Reading ---------------------------------------------------------------------------------

    def block(self, number: int | str = "latest") -> Block:
        """Return a block by number or name; raises `ChainError` if there is none."""
        try:
            found = self.w3.eth.get_block(cast(Any, number))
        except BlockNotFound:
            raise ChainError(f"Chain {self.chain_id} has no block {number!r}.") from None
        return Block(int(found["number"]), int(found["timestamp"]), int(found.get("baseFeePerGas", 0)))

    def contract(self, name: str, address: str) -> Contract:
        """Return the contract `name` of the manifest at `address`, for its `functions` and `events`."""
        checked = cast(Any, to_address(address))
        return cast(Contract, self.w3.eth.contract(address=checked, abi=cast(Any, artifact(name).abi)))

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
            raise InputError(f"{fn.fn_name} cannot be called like this: {_short(error)}.") from error
        except ContractLogicError as error:
            raise _reverted(error) from error
        except Web3RPCError as error:
            raise ChainError(f"The node refused to call {fn.fn_name}: {_short(error)}.") from error

    def balance(self, address: str) -> WeiAmount:
        """Return how much of the native coin an account holds, in wei."""
        return WeiAmount(int(self.w3.eth.get_balance(cast(Any, to_address(address)))))

    def has_code(self, address: str, *, block: int | str = "latest") -> bool:
        """Return True if there is a contract at `address`."""
        account = to_address(address)
        if block == "latest" and account in self._with_code:
            return True
        found = len(self.w3.eth.get_code(cast(Any, account), cast(Any, block))) > 0
        # Contracts here never destroy themselves; a dropped block is noticed by who waits for it.
        if found and block == "latest" and not self._is_delegated(account):
            self._with_code.add(account)
        return found

    def code_hash(self, address: str) -> str:
        """Return keccak of the code at `address` as hexadecimal text, ``""`` for an account without code of its own.

        An account that delegates (EIP-7702) is one: only its owner can change for what.
        """
        code = bytes(self.w3.eth.get_code(cast(Any, to_address(address))))
        if not code or (len(code) == 23 and code.startswith(b"\xef\x01\x00")):
            return ""
        return "0x" + bytes(Web3.keccak(code)).hex()

    def storage(self, address: str, slot: int) -> int:
        """Return a word of the storage of a contract."""
        return int.from_bytes(bytes(self.w3.eth.get_storage_at(cast(Any, to_address(address)), slot)), "big")

    def receipt(self, tx_hash: str) -> Receipt:
        """Return the receipt of a mined transaction; raises `ChainError` if there is none."""
        try:
            sent = self.w3.eth.get_transaction(cast(Any, tx_hash))
            found = self.w3.eth.get_transaction_receipt(cast(Any, tx_hash))
        except TransactionNotFound:
            raise ChainError(f"Chain {self.chain_id} has no transaction {tx_hash}.") from None
        return read_receipt(cast(Mapping[str, Any], found), value=int(sent["value"]))

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
        a name of a block is resolved once, at the start. The range is read in parts that halve
        when the node refuses one: none is left out, and `ChainError` is raised if it refuses even
        a single block.
        """
        last = to_block if isinstance(to_block, int) else self.block(to_block).number
        abi = event.abi if hasattr(event, "abi") else event._get_event_abi()
        topics = topics_for(abi, filters)
        start, size = from_block, FIRST_RANGE
        while start <= last:
            end = min(start + size - 1, last)
            try:
                logs = self._logs(event.address, topics, start, end)
            except (Web3RPCError, ConnectionFailed) as error:
                # A node that is gone is not one that finds the range too long.
                if isinstance(error, ConnectionFailed) and error.status is None:
                    raise
                if end == start:
                    raise ChainError(f"The node refused the events of block {start}: {_short(error)}.") from error
                size = (end - start + 1) // 2
                continue
            for log in sorted(logs, key=lambda found: (found["blockNumber"], found["logIndex"])):
                decoded = decode_log(log, abi)
                if decoded is not None:
                    yield decoded
            start, size = end + 1, min(size * 2, FIRST_RANGE)

    # --- Chains for tests ------------------------------------------------------------------------

    def advance(self, seconds: int) -> Block:
        """Let time pass and return the new block; for chains in this process and anvil only.

        Raises `ChainError` on a chain whose time is real, and `InputError` for less than a second.
        """
        if seconds < 1:
            raise InputError(f"Time cannot pass by {seconds} seconds.", hint="Give a whole number from 1.")
        provider = self.w3.provider
        if isinstance(provider, _TesterProvider):
            provider.travel(self.block().timestamp + seconds)
            return self.block()
        for method, params in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            if "error" in provider.make_request(RPCEndpoint(method), params):
                raise ChainError(
                    f"The time of chain {self.chain_id} cannot be moved.", hint="Only chains for tests can."
                )
        return self.block()

    # --- Internal --------------------------------------------------------------------------------

    def _logs(self, address: Any, topics: list[Any], start: int, end: int) -> list[Mapping[str, Any]]:
        wanted = cast(FilterParams, {"address": address, "topics": topics, "fromBlock": start, "toBlock": end})
        return cast(list[Mapping[str, Any]], list(self.w3.eth.get_logs(wanted)))

    def _is_delegated(self, address: Address) -> bool:
        # EIP-7702: the code of an account that delegates is 0xef0100 and an address, and can go again.
        return bytes(self.w3.eth.get_code(cast(Any, address))).startswith(b"\xef\x01\x00")


class _HTTPProvider(HTTPProvider):
    def __str__(self) -> str:
        return shown(str(self.endpoint_uri))

    __repr__ = __str__


class _WebSocketProvider(LegacyWebSocketProvider):
    def __str__(self) -> str:
        return shown(str(self.endpoint_uri))

    __repr__ = __str__


class _IPCProvider(IPCProvider):
    def __str__(self) -> str:
        return shown("")

    __repr__ = __str__


class _TesterProvider(EthereumTesterProvider):
    """eth-tester over py-evm, answering reverts as a node does, one request at a time."""

    def __init__(self, tester: Any, endpoints: Any = None, *, chain_id: int = IN_PROCESS_CHAIN_ID) -> None:
        super().__init__(tester, endpoints)
        self._chain_id = chain_id
        self._lock = threading.RLock()
        self._free = False

    @classmethod
    def fresh(cls) -> _TesterProvider:
        """Start a chain with the dev accounts, our number and our clock."""
        from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]

        parameters = PyEVMBackend.generate_genesis_params({"timestamp": GENESIS_TIME})
        backend = PyEVMBackend.from_mnemonic(
            DEV_MNEMONIC, num_accounts=DEV_ACCOUNTS, hd_path="m/44'/60'/0'/0", genesis_parameters=parameters
        )
        _tame(backend.chain)
        return cls(EthereumTester(backend))

    def travel(self, timestamp: int) -> None:
        # eth-tester takes off the second that its own clock would add.
        with self._lock:
            cast(Any, self.ethereum_tester).time_travel(timestamp + 1)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        from eth_tester.exceptions import TransactionFailed, ValidationError  # type: ignore[import-untyped]
        from eth_utils.exceptions import ValidationError as InvalidTransaction

        with self._lock:
            if method == "eth_chainId":
                return _response(hex(self._chain_id))
            try:
                if method == "eth_getLogs":
                    return self._logs(params[0])
                return super().make_request(method, params)
            except TransactionFailed as error:
                return _failure(3, "execution reverted", _revert_data(str(error).partition("execution reverted: ")[2]))
            except ContractLogicError as error:
                return _failure(3, "execution reverted", str(error.data))
            except (ValidationError, InvalidTransaction) as error:
                if method == "eth_call" and "cannot afford txn gas" in str(error) and not self._free:
                    return self._call_for_free(params)
                return _failure(-32000, str(error))

    def _call_for_free(self, params: Any) -> RPCResponse:
        """Ask as nodes let an account without coins ask: it is given the fee, and the fee is taken at once."""
        request, *where = params
        chain: Any = cast(Any, self.ethereum_tester).backend.chain
        block = cast(Any, self.ethereum_tester).get_block_by_number("latest")
        gas, price = int(request.get("gas", block["gas_limit"])), 2 * int(block["base_fee_per_gas"])
        account = bytes.fromhex(str(request["from"])[2:])
        get_vm = chain.get_vm

        def with_fee(*args: Any, **kwargs: Any) -> Any:
            vm = get_vm(*args, **kwargs)
            # Of this one look at the state, which is thrown away.
            vm.state.set_balance(account, vm.state.get_balance(account) + gas * price)
            return vm

        kept = {key: value for key, value in request.items() if not key.startswith("max")}
        chain.get_vm, self._free = with_fee, True
        try:
            priced = {**kept, "gas": gas, "gas_price": price}
            return self.make_request(RPCEndpoint("eth_call"), [priced, *where])
        finally:
            del chain.get_vm
            self._free = False

    def _logs(self, wanted: Mapping[str, Any]) -> RPCResponse:
        """Ask eth-tester about the blocks whose bloom filter admits a match.

        It reads every receipt of every block it is asked about, so a chain of a few hundred blocks takes seconds.
        """
        from eth_bloom.bloom import BloomFilter

        chain = cast(Any, self.ethereum_tester).backend.chain
        last = chain.get_canonical_head().block_number
        start, end = (_block_number(wanted.get(key, "latest"), last) for key in ("from_block", "to_block"))
        address = wanted.get("address")
        addresses = [address] if isinstance(address, str) else list(address or ())
        alternatives = [[bytes.fromhex(item[2:]) for item in addresses]] if addresses else []
        for topic in wanted.get("topics") or ():
            if topic is not None:
                listed = topic if isinstance(topic, (list, tuple)) else [topic]
                alternatives.append([bytes.fromhex(item[2:]) for item in listed])
        found: list[Any] = []
        for number in range(start, min(end, last) + 1):
            bloom = BloomFilter(chain.get_canonical_block_header_by_number(number).bloom)
            if all(any(item in bloom for item in items) for items in alternatives):
                block = {"from_block": number, "to_block": number}
                answer = super().make_request(RPCEndpoint("eth_getLogs"), [{**wanted, **block}])
                if "error" in answer:
                    return answer
                found += answer["result"]
        return _response(found)


def _block_number(block: Any, last: int) -> int:
    """The number of a block that a request names; web3's own layer has read hexadecimal ones."""
    return block if isinstance(block, int) else {"earliest": 0}.get(block, last)


def _tame(chain: Any) -> None:
    """Give `chain` our number, and a clock that ticks once a block instead of the wall's."""
    # The class was made for this one chain.
    kind = type(chain)
    make = kind.create_header_from_parent

    def create_header_from_parent(self: Any, parent: Any, **fields: Any) -> Any:
        return make(self, parent, **({"timestamp": parent.timestamp + 1} | fields))

    def on_our_clock(vm: Any) -> Any:
        """The VM whose trial runs (calls, estimates) see the time of the next block too."""

        def header(parent: Any, **fields: Any) -> Any:
            return vm.create_header_from_parent(parent, **({"timestamp": parent.timestamp + 1} | fields))

        return type(vm.__name__, (vm,), {"create_header_from_parent": staticmethod(header)})

    kind.chain_id = IN_PROCESS_CHAIN_ID
    kind.create_header_from_parent = create_header_from_parent
    kind.vm_configuration = tuple((number, on_our_clock(vm)) for number, vm in kind.vm_configuration)
    chain.header = chain.create_header_from_parent(chain.get_canonical_head())


def _revert_data(text: str) -> str:
    """Return what eth-tester made of revert data as the data again."""
    if text.startswith(("b'", 'b"')):
        return "0x" + bytes(ast.literal_eval(text)).hex()
    # It has decoded an Error(string) already.
    return "0x08c379a0" + encode(["string"], [text]).hex()


def _response(result: Any) -> RPCResponse:
    return cast(RPCResponse, {"jsonrpc": "2.0", "id": 0, "result": result})


def _failure(code: int, message: str, data: str | None = None) -> RPCResponse:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return cast(RPCResponse, {"jsonrpc": "2.0", "id": 0, "error": error})


def _typed_errors(url: str) -> type[Web3Middleware]:
    """Make the middleware that turns failures of `url` into the package's errors."""

    class TypedErrors(Web3Middleware):
        def wrap_make_request(self, make_request: Any) -> Any:
            def request(method: RPCEndpoint, params: Any) -> RPCResponse:
                try:
                    response: RPCResponse = make_request(method, params)
                except RegistryError:
                    raise
                # What web3 and requests say has the whole address in it, and a traceback would show it.
                except requests.HTTPError as error:
                    status = None if error.response is None else error.response.status_code
                    raise ConnectionFailed(url, f"it answers {_short(error)}", status=status) from None
                except requests.Timeout:
                    raise ConnectionFailed(url, f"{method} took too long") from None
                except (BadResponseFormat, CannotHandleRequest, ValueError) as error:
                    reason = f"it does not answer like an Ethereum node ({_short(error)})"
                    raise ConnectionFailed(url, reason) from None
                except (OSError, EOFError, ProviderConnectionError, requests.RequestException) as error:
                    raise ConnectionFailed(url, _short(error)) from None
                except Exception as error:
                    # The kinds of the web socket library, which is loaded only when it is used.
                    if type(error).__module__.partition(".")[0] not in ("websockets", "asyncio", "concurrent"):
                        raise
                    raise ConnectionFailed(url, _short(error)) from None
                if not isinstance(response, dict) or not ({"result", "error"} & response.keys()):
                    raise ConnectionFailed(url, "it does not answer like an Ethereum node")
                response = _clean(response)
                if method in ("eth_call", "eth_estimateGas"):
                    raise_revert(response)
                _refuse_nonsense(url, method, params, response)
                return response

            return request

    return TypedErrors


def _clean(response: RPCResponse) -> RPCResponse:
    """An answer whose error does not quote the address that was asked, as those of proxies do."""
    error = response.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    if not isinstance(said, str) or redacted(said) == said:
        return response
    told = {**error, "message": redacted(said)} if isinstance(error, dict) else redacted(said)
    return cast(RPCResponse, {**response, "error": told})


def _refuse_nonsense(url: str, method: str, params: Any, response: RPCResponse) -> None:
    """Raise `ConnectionFailed` for an answer that no node gives which is well."""
    error = response.get("error")
    if error is not None:
        # What a node says of a transaction comes under the same codes; the sender reads it.
        if method in _READS or (method in ("eth_call", "eth_estimateGas") and is_unwell(response)):
            said = error.get("message") if isinstance(error, dict) else error
            raise ConnectionFailed(url, f"it answers {str(said)[:200]!r} to {method}")
        return
    # A block of a number may not be there; the first and the last always are.
    numbered = method == "eth_getBlockByNumber" and str(params[0]).startswith("0x") and int(params[0], 16) > 0
    may_be_null = numbered or method in _MAY_BE_NULL
    if response.get("result") is None and method.startswith("eth_") and not may_be_null:
        raise ConnectionFailed(url, f"it answers nothing to {method}")


def is_unwell(response: RPCResponse | None) -> bool:
    """Whether an answer is an error of the node's own: it is overloaded, limits who asks, or failed inside."""
    error = response.get("error") if response else None
    return isinstance(error, dict) and error.get("code") in _UNWELL


def raise_revert(response: RPCResponse) -> None:
    """Raise the contract's error that an answer of a node carries, or `TransactionReverted`; nothing if it has none."""
    error = response.get("error")
    if not isinstance(error, dict):
        return
    message, data = str(error.get("message", "")), cast(Any, error.get("data"))
    if isinstance(data, dict):
        data = data.get("data", data.get("result"))
    if isinstance(data, str):
        # Some nodes put a word before the data.
        data = data.removeprefix("Reverted ").strip()
        if data.startswith("0x") and len(data) >= 10:
            raise decode(HexStr(data))
    if any(word in message for word in _REVERTED):
        raise TransactionReverted("no reason was given" if data == "0x" else message)


def _reverted(error: ContractLogicError) -> RegistryError:
    data = error.data
    if isinstance(data, str) and data.startswith("0x") and len(data) >= 10:
        return decode(data)
    return TransactionReverted(error.message or "no reason was given")


def _short(error: BaseException) -> str:
    text = redacted(" ".join(str(error).split()) or type(error).__name__)
    if "Connection refused" in text:
        return "nothing listens there"
    if "RemoteDisconnected" in text:
        return "it closed the connection without an answer"
    return text if len(text) <= 200 else text[:197] + "..."
