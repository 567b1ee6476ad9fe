"""Nodes as they are: a proxy in front of anvil that lags, leaves out, cuts short, refuses or lies, by name.

``with Proxy(anvil.url) as node: node.play(lags(3))``. A quirk changes the answers to questions, one at a time; what a
balancer does to a batch is played by changing each of its answers.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import requests
import rlp  # type: ignore[import-untyped]

Question = dict[str, Any]
Ask = Callable[[str, list[Any]], Any]
"""Asks the real node; returns the whole answer."""

Quirk = Callable[[Question, Ask], Any]
"""The answer to a question instead of the node's, None to pass it on; may raise `Refused`, `Instead` or `Cut`."""


class Refused(Exception):
    """The whole request is answered with a status of HTTP, and perhaps an error of JSON-RPC."""

    def __init__(self, status: int, error: dict[str, Any] | None = None, **headers: str) -> None:
        self.status, self.headers = status, headers
        self.body = {} if error is None else {"jsonrpc": "2.0", "id": None, "error": error}


class Instead(Exception):
    """The whole request is answered with something that is no answer."""

    def __init__(self, body: Any) -> None:
        self.body = body


class Cut(Exception):
    """The answer ends in its middle."""


class Proxy:
    """One proxy on a port of its own; `asked` has the methods that it was asked, in order, `requests` counts requests,
    and with `most` one that asks more than so many questions at once is refused."""

    def __init__(self, url: str) -> None:
        self.target = url
        self.asked: list[str] = []
        self.requests = 0
        self.most: int | None = None
        self.played = 0
        self._quirk: Quirk | None = None
        self._times = -1
        self._session = requests.Session()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet: else each answer waits for the one before to be acknowledged

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                try:
                    text = json.dumps(proxy.answer(body)).encode()
                    status, headers, short = 200, {}, len(text)
                except Refused as refused:
                    text, status, headers = json.dumps(refused.body).encode(), refused.status, refused.headers
                    short = len(text)
                except Instead as other:
                    text = json.dumps(other.body).encode()
                    status, headers, short = 200, {}, len(text)
                except Cut:
                    text = json.dumps(proxy.through(body)).encode()
                    status, headers, short = 200, {}, len(text) // 2
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text[:short])
                self.wfile.flush()
                if short < len(text):
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._session.close()

    def play(self, quirk: Quirk | None, *, times: int = -1) -> None:
        """Play a quirk from now on, so many times (-1: always); None is an honest node again."""
        self._quirk, self._times, self.played = quirk, times, 0

    def answer(self, body: Any) -> Any:
        """What comes back for a request."""
        self.requests += 1
        if not isinstance(body, list):
            return self._one(body)
        if self.most is not None and len(body) > self.most:
            return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not taken"}}
        return [self._one(one) for one in body]

    def through(self, body: Any) -> Any:
        """What the node says."""
        return self._session.post(self.target, json=body, timeout=30).json()

    def _one(self, question: Question) -> Any:
        self.asked.append(question["method"])
        if self._quirk is not None and self._times != 0:
            try:
                changed = self._quirk(question, self._ask)
            except (Refused, Instead, Cut):
                self._count()
                raise
            if changed is not None:
                self._count()
                return {**changed, "jsonrpc": "2.0", "id": question["id"]}
        return self.through(question)

    def _count(self) -> None:
        self.played += 1
        self._times -= 1

    def _ask(self, method: str, params: list[Any]) -> Any:
        return self.through({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


# --- Quirks --------------------------------------------------------------------------------------


def _is_range(question: Question) -> bool:
    return question["method"] == "eth_getLogs" and "fromBlock" in question["params"][0]


def _is_longer(question: Question, blocks: int) -> bool:
    """Whether it asks for the logs of a range of more blocks."""
    if not _is_range(question):
        return False
    wanted = question["params"][0]
    return int(wanted["toBlock"], 16) - int(wanted["fromBlock"], 16) >= blocks


def answers_nothing_for_ranges(question: Question, ask: Ask) -> Any:
    """A node whose index of logs is behind its blocks: no logs, and no error."""
    return {"result": []} if _is_range(question) else None


def answers_nothing_for_logs(question: Question, ask: Ask) -> Any:
    """The same for blocks by their hash."""
    return {"result": []} if question["method"] == "eth_getLogs" else None


def leaves_out_the_last_log(question: Question, ask: Ask) -> Any:
    """One log fewer than there are, under the right hash."""
    if question["method"] != "eth_getLogs":
        return None
    logs = ask("eth_getLogs", question["params"])["result"]
    return {"result": logs[:-1]} if logs else None


def leaves_out(topic: str) -> Quirk:
    """Never gives an event of one kind, neither in logs nor in receipts."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] == "eth_getLogs":
            answer = ask("eth_getLogs", question["params"])
            return {"result": [log for log in answer.get("result", ()) if log["topics"][0] != topic]}
        if question["method"] == "eth_getBlockReceipts":
            receipts = ask("eth_getBlockReceipts", question["params"])["result"]
            for receipt in receipts:
                receipt["logs"] = [log for log in receipt["logs"] if log["topics"][0] != topic]
            return {"result": receipts}
        return None

    return quirk


def leaves_out_one(tx: str) -> Quirk:
    """Never gives the logs of one transaction, neither as logs nor in its receipt."""

    def quirk(question: Question, ask: Ask) -> Any:
        answer = ask(question["method"], question["params"])
        if question["method"] == "eth_getLogs":
            return {"result": [log for log in answer.get("result", ()) if log["transactionHash"] != tx]}
        if question["method"] == "eth_getBlockReceipts":
            return {
                "result": [
                    {**one, "logs": [] if one["transactionHash"] == tx else one["logs"]} for one in answer["result"]
                ]
            }
        return None

    return quirk


def has_logs_of_another_fork(question: Question, ask: Ask) -> Any:
    """Logs that say they are of a block of another hash."""
    if question["method"] != "eth_getLogs":
        return None
    logs = ask("eth_getLogs", question["params"]).get("result", [])
    return {"result": [{**log, "blockHash": "0x" + "ab" * 32} for log in logs]} if logs else None


def repeats_a_log(question: Question, ask: Ask) -> Any:
    """The same log twice."""
    if question["method"] != "eth_getLogs":
        return None
    logs = ask("eth_getLogs", question["params"]).get("result", [])
    return {"result": [*logs, logs[0]]} if logs else None


def invents_a_log(address: str, topics: list[str], data: str) -> Quirk:
    """A log that nobody wrote, in a real block."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] != "eth_getLogs":
            return None
        logs = ask("eth_getLogs", question["params"]).get("result", [])
        asked = [one.lower() for one in question["params"][0].get("address", [address])]
        if not logs or address not in asked:
            return None
        return {"result": [*logs, {**logs[-1], "address": address, "topics": topics, "data": data, "logIndex": "0xff"}]}

    return quirk


def lags(blocks: int) -> Quirk:
    """A node that is some blocks behind, and knows nothing of those."""

    def quirk(question: Question, ask: Ask) -> Any:
        head = max(0, int(ask("eth_blockNumber", [])["result"], 16) - blocks)
        method, params = question["method"], question["params"]
        if method == "eth_blockNumber":
            return {"result": hex(head)}
        if method == "eth_getBlockByNumber":
            if params[0] == "latest":
                return {"result": ask(method, [hex(head), False])["result"]}
            if params[0].startswith("0x") and int(params[0], 16) > head:
                return {"result": None}
        if method == "eth_getBlockByHash":
            found = ask(method, params)["result"]
            return {"result": None} if found and int(found["number"], 16) > head else None
        if _is_range(question) and int(params[0]["toBlock"], 16) > head:
            wanted = {**params[0], "toBlock": hex(head)}
            return {"result": ask(method, [wanted])["result"] if int(wanted["fromBlock"], 16) <= head else []}
        return None

    return quirk


def flaps(blocks: int) -> Quirk:
    """A balancer with one node behind: every other answer is of that one."""
    behind, turn = lags(blocks), [0]

    def quirk(question: Question, ask: Ask) -> Any:
        turn[0] += 1
        return behind(question, ask) if turn[0] % 2 else None

    return quirk


def has_no_blocks(question: Question, ask: Ask) -> Any:
    """Null where a block should be."""
    return {"result": None} if question["method"].startswith("eth_getBlockBy") else None


def is_too_busy(question: Question, ask: Ask) -> Any:
    """429, with a time after which to ask again."""
    raise Refused(429, retry_after="0")


def cuts_short(question: Question, ask: Ask) -> Any:
    """Half an answer."""
    raise Cut


def answers_some_of_a_batch(question: Question, ask: Ask) -> Any:
    """An answer without a result for logs."""
    return {} if question["method"] == "eth_getLogs" else None


def refuses_ranges_over(blocks: int) -> Quirk:
    """An error for ranges that are too long."""

    def quirk(question: Question, ask: Ask) -> Any:
        if not _is_longer(question, blocks):
            return None
        return {"error": {"code": -32005, "message": f"query exceeds {blocks} blocks"}}

    return quirk


def refuses(method: str) -> Quirk:
    """An error for one method."""

    def quirk(question: Question, ask: Ask) -> Any:
        known = question["method"] != method
        return None if known else {"error": {"code": -32601, "message": "the method does not exist"}}

    return quirk


def answers_instead(method: str, body: Any) -> Quirk:
    """Something that is no answer, to each request with one method in it."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] == method:
            raise Instead(body)

    return quirk


def says_another_hash_of(number: int) -> Quirk:
    """Another block of one number than the rest of the world has."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] != "eth_getBlockByNumber" or question["params"][0] != hex(number):
            return None
        return {"result": {**ask(question["method"], question["params"])["result"], "hash": "0x" + "cd" * 32}}

    return quirk


# --- Nodes for those who send --------------------------------------------------------------------

_STATE = {"eth_call": 1, "eth_estimateGas": 1, "eth_getBalance": 1, "eth_getCode": 1, "eth_getStorageAt": 2}


def _told(answer: Any) -> Any:
    """An answer without its number."""
    return {part: answer[part] for part in ("result", "error") if part in answer}


def has_old_state(blocks: int, questions: int) -> Quirk:
    """A balancer that asks a node some blocks behind for what is now, so many times after each new block; receipts and
    blocks are of another node, which is up to date."""
    asked: dict[int, int] = {}

    def quirk(question: Question, ask: Ask) -> Any:
        method, params = question["method"], question["params"]
        place = _STATE.get(method)
        if place is None:
            return None
        head = int(ask("eth_blockNumber", [])["result"], 16)
        asked[head] = asked.get(head, 0) + 1
        if asked[head] > questions:
            return None
        old = max(0, head - blocks)
        at = params[place] if len(params) > place else "latest"
        if at.startswith("0x"):
            return {"error": {"code": -32000, "message": "header not found"}} if int(at, 16) > old else None
        return _told(ask(method, [*params[:place], hex(old), *params[place + 1 :]]))

    return quirk


def limits(method: str, seconds: float, *, as_json: bool = False) -> Quirk:
    """A service that limits how often one method is asked, for a while from the first question on."""
    began: list[float] = []

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] != method:
            return None
        began.append(time.monotonic())
        if began[-1] - began[0] >= seconds:
            return None
        if as_json:
            return {"error": {"code": -32005, "message": "rate limit exceeded"}}
        raise Refused(429, retry_after=str(max(1, round(seconds))))

    return quirk


def refuses_long_ranges(blocks: int, *, status: int = 200, named: bool = True) -> Quirk:
    """An error for ranges over so many blocks, in JSON or under a status of HTTP, with the limit in it or without."""
    said = f"eth_getLogs is limited to a {blocks} block range" if named else "block range is too large"

    def quirk(question: Question, ask: Ask) -> Any:
        if not _is_longer(question, blocks):
            return None
        if status == 200:
            return {"error": {"code": -32602, "message": said}}
        raise Refused(status, {"code": -32600, "message": said} if status == 400 else None)

    return quirk


def says(method: str, result: Any = None, *, error: dict[str, Any] | None = None, when: Any = None) -> Quirk:
    """One answer to one method, whatever is asked; with `when` only where that is among what is asked."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] != method or (when is not None and when not in question["params"]):
            return None
        return {"result": result} if error is None else {"error": error}

    return quirk


def changes(method: str, change: Callable[[Any], Any]) -> Quirk:
    """What the node says to one method, changed."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] != method:
            return None
        answer = ask(method, question["params"])
        # Of a node that has nothing to change yet, that is the answer: asked once more it might have it, unchanged.
        if answer.get("result") is not None:
            answer["result"] = change(answer["result"])
        return answer

    return quirk


def all_of(*quirks: Quirk) -> Quirk:
    """Several quirks in one node: the first that has something to say."""

    def quirk(question: Question, ask: Ask) -> Any:
        return next((said for one in quirks if (said := one(question, ask)) is not None), None)

    return quirk


def wants_a_tip_of(wei: int, *, named: bool = True) -> Quirk:
    """A node that refuses transactions whose tip is lower, and says so; which tip it wants it suggests, and names it
    in the refusal, too, unless told otherwise."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] == "eth_maxPriorityFeePerGas":
            return {"result": hex(wei)}
        if question["method"] != "eth_sendRawTransaction":
            return None
        raw = bytes.fromhex(question["params"][0][2:])
        tip = int.from_bytes(rlp.decode(raw[1:])[2], "big")
        said = "transaction underpriced" + f": gas tip cap {tip}, minimum needed {wei}" * named
        return {"error": {"code": -32000, "message": said}} if tip < wei else None

    return quirk


def takes_plain_prices_only(question: Question, ask: Ask) -> Any:
    """A node that shows a base fee and refuses the transactions that came with it."""
    if question["method"] != "eth_sendRawTransaction" or not question["params"][0].startswith("0x02"):
        return None
    return {"error": {"code": -32000, "message": "transaction type not supported"}}


def caps_gas_at(most: int) -> Quirk:
    """A node that tries with the gas of a block where nobody says how much, and refuses more than a cap (EIP-7825)."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] not in ("eth_estimateGas", "eth_call") or question["params"][0].get("to") is None:
            return None
        gas = int(question["params"][0].get("gas", hex(2 * most)), 16)
        if question["method"] == "eth_call" and "gas" not in question["params"][0]:
            return None
        said = f"transaction gas limit ({gas}) is greater than the cap ({most})"
        return {"error": {"code": -32000, "message": said}} if gas > most else None

    return quirk


def reverts_with(error: Callable[[str], dict[str, Any]]) -> Quirk:
    """Reverts told in another way: what `error` makes of the data that the node gives."""

    def quirk(question: Question, ask: Ask) -> Any:
        if question["method"] not in ("eth_call", "eth_estimateGas"):
            return None
        told = ask(question["method"], question["params"]).get("error")
        return {"error": error(told["data"])} if told is not None and "data" in told else None

    return quirk
