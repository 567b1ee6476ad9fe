"""What questions travel on: HTTP, web sockets, the sockets of this machine, and a chain inside the process."""

from __future__ import annotations

import ast
import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Any, Final, cast

import requests
from eth_abi.abi import encode
from pydantic_core import from_json
from requests.utils import get_netrc_auth
from web3 import EthereumTesterProvider, HTTPProvider, IPCProvider, LegacyWebSocketProvider
from web3._utils.http_session_manager import HTTPSessionManager
from web3.exceptions import ContractLogicError
from web3.types import RPCEndpoint, RPCResponse

from registry.chain.signers import DEV_ACCOUNTS, DEV_MNEMONIC
from registry.errors.redaction import shown

IN_PROCESS_CHAIN_ID: Final = 1337
"""Chain number of chains inside the process, the one that ape and its test accounts use."""

# 2026-01-01 00:00 UTC: a fixed start gives every run the same times.
GENESIS_TIME: Final = 1_767_225_600


def read_answer(raw_response: bytes | str) -> RPCResponse:
    """What a node wrote, not nested deeper than some 200 levels; raises `json.JSONDecodeError` for what is no JSON.

    The decoder of the standard library recurses up to Python's limit, which libraries of chains raise so far that a
    hostile node's brackets would run through the stack and end the process.
    """
    try:
        return cast(RPCResponse, from_json(raw_response))
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


class _Sessions(HTTPSessionManager):
    """Sessions of threads that read the environment once, and not with each question: for proxies, names and roots."""

    def cache_and_return_session(self, endpoint_uri: Any, *args: Any, **kwargs: Any) -> requests.Session:
        session = super().cache_and_return_session(endpoint_uri, *args, **kwargs)
        if session.trust_env:
            found = session.merge_environment_settings(endpoint_uri, {}, None, None, None)
            session.proxies, session.verify, session.cert = found["proxies"], found["verify"], found["cert"]
            session.auth = session.auth or get_netrc_auth(endpoint_uri)
            session.trust_env = False
        return session


class ShownHTTP(HTTPProvider):
    """A node asked over HTTP, whose address is shown without its secrets."""

    decode_rpc_response = staticmethod(read_answer)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request_session_manager = _Sessions()

    def __str__(self) -> str:
        return shown(str(self.endpoint_uri))

    __repr__ = __str__


class ShownWebSocket(LegacyWebSocketProvider):
    """A node asked over a web socket, whose address is shown without its secrets: one question at a time, since
    answers come in the order of the questions and say nothing else of whose they are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turn = asyncio.Lock()

    def __str__(self) -> str:
        return shown(str(self.endpoint_uri))

    async def coro_make_request(self, request_data: bytes) -> RPCResponse:
        """Send a question once those before it are answered, and wait for its answer."""
        await asyncio.wait_for(self._turn.acquire(), timeout=2 * self.websocket_timeout)
        try:
            async with self.conn as conn:
                await asyncio.wait_for(conn.send(request_data), timeout=self.websocket_timeout)
                return read_answer(await asyncio.wait_for(conn.recv(), timeout=self.websocket_timeout))
        finally:
            self._turn.release()


class ShownIPC(IPCProvider):
    """A node asked over a socket of this machine, whose path is left out."""

    decode_rpc_response = staticmethod(read_answer)

    def __str__(self) -> str:
        return shown("")

    __repr__ = __str__


class TesterProvider(EthereumTesterProvider):
    """eth-tester over py-evm, answering reverts as a node does, one request at a time."""

    def __init__(self, tester: Any, endpoints: Any = None, *, chain_id: int = IN_PROCESS_CHAIN_ID) -> None:
        super().__init__(tester, endpoints)
        self._chain_id = chain_id
        self._lock = threading.RLock()
        self._free = False

    @classmethod
    def fresh(cls) -> TesterProvider:
        """Start a chain with the dev accounts, our number and our clock."""
        from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]

        parameters = PyEVMBackend.generate_genesis_params({"timestamp": GENESIS_TIME})
        backend = PyEVMBackend.from_mnemonic(
            DEV_MNEMONIC, num_accounts=DEV_ACCOUNTS, hd_path="m/44'/60'/0'/0", genesis_parameters=parameters
        )
        _tame(backend.chain)
        return cls(EthereumTester(backend))

    def travel(self, timestamp: int) -> None:
        """Let the next block be of `timestamp`, in seconds since 1970."""
        # eth-tester takes off the second that its own clock would add.
        with self._lock:
            cast(Any, self.ethereum_tester).time_travel(timestamp + 1)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer as a node would."""
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
