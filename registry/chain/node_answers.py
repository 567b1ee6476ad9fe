"""What nodes answer, and what it means: one wording for what each of them says in its own way.

Everything here looks at one answer of JSON-RPC and asks nobody.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

import requests
from web3.types import RPCResponse

from registry.ipfs.nesting import load_json

AGAIN: Final = 64
"""Ranges that a node takes until a longer one, which it refused before, is tried again."""

_UNWELL: Final = frozenset({-32002, -32005, -32603})
"""Codes of EIP-1474 for a node that is overloaded, limits its askers, or failed inside."""

_LIMITED: Final = re.compile(
    r"rate[ -]?limit|too many requests|request limit|request count|requests per|per second|compute units|throughput|"
    r"capacity exceeded|exceeded the quota"
)
"""What services for whom a question counts say when there were too many. Ranges of logs that are too long are no such
thing, though they come under the same code."""

_WITHOUT_BLOCK: Final = re.compile(
    r"header not found|header for hash not found|block not found|unknown block|block .*out ?of ?range|block ?height|"
    r"blockoutofrange|could not find block|cannot find block|block .*(not available|does not exist|not exist)|"
    r"no state available|missing trie node|beyond current head|block is not available|specified in filter"
)


def is_answer(found: Any) -> bool:
    """Whether it is an answer of JSON-RPC: an object with a result or an error."""
    return isinstance(found, dict) and ("result" in found or "error" in found)


def said(answer: Any) -> str:
    """What the error of an answer says, in small letters; nothing for an answer without one."""
    error = answer.get("error") if isinstance(answer, dict) else None
    text = error.get("message") if isinstance(error, dict) else error
    data = error.get("data") if isinstance(error, dict) else None
    return " ".join(str(part) for part in (text, data if isinstance(data, str) else None) if part).lower()


def is_unwell(answer: RPCResponse | None) -> bool:
    """Whether an answer is an error of the node's own: it is overloaded, limits who asks, or failed inside."""
    error = answer.get("error") if answer else None
    return isinstance(error, dict) and error.get("code") in _UNWELL


def is_limited(answer: Any) -> bool:
    """Whether a node says that it was asked too often."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if error is None:
        return False
    return (isinstance(error, dict) and error.get("code") == 429) or bool(_LIMITED.search(said(answer)))


def lacks_block(answer: Any) -> bool:
    """Whether a node says that it does not have the block that it was asked about."""
    return bool(_WITHOUT_BLOCK.search(said(answer)))


def in_refusal(error: requests.HTTPError) -> RPCResponse | None:
    """The answer of JSON-RPC that came under a status of HTTP that is no success; None if none did."""
    try:
        body = load_json(error.response.content)
    except (AttributeError, ValueError):
        return None
    return cast(RPCResponse, body) if isinstance(body, dict) and body.get("error") is not None else None


def wait_of(error: BaseException) -> float | None:
    """Seconds after which a node that has too much to do wants to be asked again; None if it does not say."""
    response = getattr(error, "response", None)
    text = response.headers.get("retry-after", "") if response is not None else ""
    return float(text) if text.isascii() and text.isdigit() else None


class LogRange:
    """How many blocks a node gives the events of at once, as it was learnt: `size`."""

    def __init__(self, most: int) -> None:
        self.size = self._most = most
        self._too_long: int | None = None
        self._taken = 0

    def refused(self, size: int, why: str) -> None:
        """Ask for fewer blocks than these, of which the node said `why`: as many as it names, or else half."""
        named = [int(number.replace(",", "")) for number in re.findall(r"(?<![\w.])\d[\d,]*(?![\w.])", why)]
        for first, last in re.findall(r"\[(0x[0-9a-fA-F]+), ?(0x[0-9a-fA-F]+)\]", why):
            named.append(int(last, 16) - int(first, 16) + 1)
        # It may have named something else, a number of events: then it is learnt in some more questions.
        fitting = [number for number in named if size // 1_000 < number < size]
        self.size = max(1, max(fitting, default=size // 2))
        self._too_long, self._taken = self.size + 1 if fitting else size, 0

    def taken(self, size: int) -> None:
        """Ask for more next time, but not for what was refused: that only seldom, where events may be fewer."""
        if size < self.size:
            return
        self._taken += 1
        if self._taken % AGAIN == 0:
            self._too_long = None
        more = self.size * 2 if self._too_long is None else (self.size + self._too_long) // 2
        if more - self.size > self.size // 8:
            self.size = min(more, self._most)


# --- What an answer has to be --------------------------------------------------------------------

_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_BYTES: Final = re.compile(r"0x[0-9a-fA-F]*")

_NUMBERS: Final = frozenset(
    f"eth_{name}" for name in ("blockNumber", "chainId", "gasPrice", "getBalance", "estimateGas", "getTransactionCount")
)
_DATA: Final = frozenset(f"eth_{name}" for name in ("call", "getCode", "getStorageAt", "sendRawTransaction"))

_FIELDS: Final[dict[str, tuple[str, str, str]]] = {
    "eth_getBlockByNumber": ("timestamp gasLimit", "number baseFeePerGas", "hash parentHash"),
    "eth_getTransactionReceipt": ("gasUsed", "blockNumber effectiveGasPrice status", "transactionHash from"),
    "eth_getTransactionByHash": ("value gas", "blockNumber", "hash from input"),
    "eth_getLogs": ("blockNumber logIndex", "", "address data transactionHash"),
}
"""Fields of answers that are numbers, numbers or null, and bytes."""

_COUNTS: Final = {"eth_blockNumber", "eth_estimateGas", "eth_getTransactionCount"} | {
    *("number", "blockNumber", "logIndex", "timestamp", "gas", "gasUsed", "gasLimit")
}
"""What counts, and so has 63 bits at most; the rest has 256."""


def is_shaped(method: str, result: Any) -> bool:
    """Whether a result is what the method answers with, as far as anybody here reads it."""
    if method in _NUMBERS:
        return _is_number(result, method)
    if method in _DATA:
        # A word of storage may come without its zeros.
        whole = method == "eth_getStorageAt" or (isinstance(result, str) and len(result) % 2 == 0)
        return isinstance(result, str) and bool(_BYTES.fullmatch(result)) and whole
    if method == "eth_getLogs":
        return isinstance(result, list) and all(_has_fields(method, log) and _is_log(log) for log in result)
    if method not in _FIELDS:
        return True
    logs = result.get("logs") if isinstance(result, dict) else None
    if method == "eth_getTransactionReceipt" and not isinstance(logs, list):
        return False
    return _has_fields(method, result)


def _has_fields(method: str, found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    numbers, or_null, texts = (names.split() for names in _FIELDS[method])
    return (
        all(_is_number(found.get(name), name) for name in numbers)
        and all(found.get(name) is None or _is_number(found[name], name) for name in or_null)
        and all(isinstance(found.get(name), str) and _BYTES.fullmatch(found[name]) for name in texts)
    )


def _is_log(log: dict[str, Any]) -> bool:
    topics = log.get("topics")
    return isinstance(topics, list) and all(isinstance(one, str) and _BYTES.fullmatch(one) for one in topics)


def quantity(found: Any) -> int:
    """A number of an answer, which nodes write as hexadecimal text, and some as a number. Raises `ValueError` and
    `TypeError` for anything else."""
    return found if isinstance(found, int) else int(found, 16)


def _is_number(found: Any, name: str = "") -> bool:
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        found = quantity(found)
    if not isinstance(found, int) or isinstance(found, bool):
        return False
    bits = 63 if name in _COUNTS else 256
    return found >= 0 and found.bit_length() <= bits
