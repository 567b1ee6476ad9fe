"""Blocks and logs as a node gives them, for whoever reads all of a chain: in batches, with headers beside logs.

The formatting that `Chain.w3` does of every log costs more than all that an index does with it, so answers are read
here as they come, and each field of them is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from web3 import HTTPProvider
from web3.exceptions import BlockNotFound

from registry.chain.connection import Chain
from registry.errors import ConnectionFailed, NodeRefused

__all__ = ["Blocks", "Header", "RawLog", "bloom_of"]

BATCH: Final = 100
"""Headers asked for in one request."""


@dataclass(frozen=True, slots=True)
class Header:
    """What an index needs of a block: its number, hash and parent, its time (seconds since 1970), the bloom filter of
    its logs as a number of 2,048 bits, and the root of its receipts."""

    number: int
    hash: str
    parent: str
    time: int
    bloom: int
    receipts_root: str


class RawLog(NamedTuple):
    """One log and its `place` in its block: numbers as numbers, everything else as hexadecimal text in lower case."""

    block: int
    block_hash: str
    place: int
    tx: str
    address: str
    topics: tuple[str, ...]
    data: str


class Blocks:
    """The blocks of the chain that `chain` is connected to.

    Every method raises `ConnectionFailed` for a node that does not answer or answers nonsense, and `NodeRefused` for
    one that answers with an error.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._http = isinstance(chain.w3.provider, HTTPProvider)

    @property
    def name(self) -> str:
        """What errors call the node."""
        return self._chain.url

    @property
    def chain_id(self) -> int:
        """Number of the chain."""
        return int(self._chain.chain_id)

    @property
    def is_the_chain(self) -> bool:
        """Whether this is the chain itself, inside this process, which can be turned back but never lag behind."""
        return self._chain.is_in_process

    def head(self) -> Header:
        """The last block."""
        found = self.header("latest")
        if found is None:
            raise ConnectionFailed(self.name, "it has no last block")
        return found

    def header(self, which: int | str) -> Header | None:
        """A block by number, hash (0x and 64 digits) or name ("latest", "finalized"); None if there is none."""
        return self.headers([which])[0]

    def headers(self, which: Sequence[int | str]) -> list[Header | None]:
        """Several blocks, in the order asked for."""
        if not self._http:
            return [self._header_in_process(one) for one in which]
        found: list[Header | None] = []
        for start in range(0, len(which), BATCH):
            asked = [_block_question(one) for one in which[start : start + BATCH]]
            found += [_header(self.name, answer) for answer in self._ask(asked)]
        return found

    def logs(
        self, first: int, last: int, addresses: Sequence[str], topics: Sequence[str]
    ) -> tuple[list[RawLog], Header | None]:
        """Logs of blocks `first` to `last`, both included, whose first topic is one of `topics`, of any of the
        `addresses` (of all if there are none); and the header of `last` as whoever answered sees it, None if it has
        none yet."""
        wanted: dict[str, Any] = {"fromBlock": hex(first), "toBlock": hex(last), "topics": [list(topics)]}
        if addresses:
            wanted["address"] = list(addresses)
        if not self._http:
            return self._logs_in_process(wanted), self._header_in_process(last)
        # In one batch, so that behind a balancer the same node answers both.
        logs, header = self._ask([("eth_getLogs", [wanted]), _block_question(last)])
        return _logs(self.name, logs), _header(self.name, header)

    def logs_of(self, block_hashes: Sequence[str]) -> list[list[RawLog]]:
        """All logs of each of the blocks of these hashes; a node that does not have one answers with an error, and not
        with nothing."""
        if self._http:
            return [
                _logs(self.name, answer)
                for answer in self._ask([("eth_getLogs", [{"blockHash": one}]) for one in block_hashes])
            ]
        found = []
        for one in block_hashes:
            header = self._header_in_process(one)
            if header is None:
                raise NodeRefused(self.name, "eth_getLogs", "unknown block")
            found.append(self._logs_in_process({"fromBlock": hex(header.number), "toBlock": hex(header.number)}))
        return found

    def receipts(self, block_hash: str) -> list[dict[str, Any]]:
        """All receipts of a block, as the node gives them."""
        answer = self._ask([("eth_getBlockReceipts", [block_hash])])[0]
        if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
            raise ConnectionFailed(self.name, "it does not give the receipts of a block")
        return answer

    def logs_in(self, receipts: Iterable[dict[str, Any]]) -> list[RawLog]:
        """The logs of receipts."""
        return _logs(self.name, [log for receipt in receipts for log in receipt.get("logs", ())])

    # --- Internal --------------------------------------------------------------------------------

    def _ask(self, questions: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """The results of some questions, in one request if the node takes them so."""
        # Who reads all of a chain has patience of his own.
        answers = self._chain.line.ask_many(questions, patient=False)
        return [self._result(method, answer) for (method, _), answer in zip(questions, answers, strict=True)]

    def _result(self, method: str, answer: Any) -> Any:
        error = answer.get("error")
        if error is not None:
            said = error.get("message") if isinstance(error, dict) else error
            raise NodeRefused(self.name, method, str(said)[:200])
        return answer["result"]

    def _header_in_process(self, which: int | str) -> Header | None:
        try:
            found = self._chain.w3.eth.get_block(cast(Any, which))
        except BlockNotFound:
            return None
        return Header(
            int(found["number"]),
            "0x" + bytes(found["hash"]).hex(),
            "0x" + bytes(found["parentHash"]).hex(),
            int(found["timestamp"]),
            int.from_bytes(bytes(found["logsBloom"]), "big"),
            "0x" + bytes(found.get("receiptsRoot", b"")).hex(),
        )

    def _logs_in_process(self, wanted: dict[str, Any]) -> list[RawLog]:
        asked = {**wanted, "fromBlock": int(wanted["fromBlock"], 16), "toBlock": int(wanted["toBlock"], 16)}
        if "address" in asked:
            asked["address"] = [self._chain.w3.to_checksum_address(one) for one in asked["address"]]
        return [
            RawLog(
                int(log["blockNumber"]),
                "0x" + bytes(log["blockHash"]).hex(),
                int(log["logIndex"]),
                "0x" + bytes(log["transactionHash"]).hex(),
                str(log["address"]).lower(),
                tuple("0x" + bytes(topic).hex() for topic in log["topics"]),
                "0x" + bytes(log["data"]).hex(),
            )
            for log in self._chain.w3.eth.get_logs(cast(Any, asked))
        ]


def bloom_of(value: bytes) -> int:
    """The bits of an address or a topic in a bloom filter of logs (Ethereum's Yellow Paper, section 4.3.1)."""
    from eth_hash.auto import keccak

    hashed = keccak(value)
    return sum({1 << (int.from_bytes(hashed[at : at + 2], "big") & 2047) for at in (0, 2, 4)})


def _block_question(which: int | str) -> tuple[str, list[Any]]:
    if isinstance(which, str) and which.startswith("0x"):
        return "eth_getBlockByHash", [which, False]
    return "eth_getBlockByNumber", [which if isinstance(which, str) else hex(which), False]


def _header(name: str, found: Any) -> Header | None:
    if found is None:
        return None
    try:
        return Header(
            int(found["number"], 16),
            _hex(found["hash"], 32),
            _hex(found["parentHash"], 32),
            int(found["timestamp"], 16),
            int(found["logsBloom"], 16),
            _hex(found["receiptsRoot"], 32),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConnectionFailed(name, f"it gives a block that is none ({_short(error)})") from error


def _logs(name: str, found: Any) -> list[RawLog]:
    if not isinstance(found, list):
        raise ConnectionFailed(name, "it gives no list of logs")
    try:
        return [
            RawLog(
                int(log["blockNumber"], 16),
                log["blockHash"].lower(),
                int(log["logIndex"], 16),
                log["transactionHash"].lower(),
                log["address"].lower(),
                tuple(log["topics"]),
                log["data"],
            )
            for log in found
            if not log.get("removed")
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConnectionFailed(name, f"it gives a log that is none ({_short(error)})") from error


def _hex(text: Any, size: int) -> str:
    if not isinstance(text, str) or len(bytes.fromhex(text[2:])) != size or not text.startswith("0x"):
        raise ValueError(f"{text!r} is not {size} bytes")
    return text.lower()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
