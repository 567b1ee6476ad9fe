"""The line to the node: a proxy that loses, repeats, holds back and falsifies, and a chain behind it that reorganises.

It runs in a process of its own and is told what to do through a socket. All it decides comes from the seed of the run;
which request meets which fault depends on the clock, too.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from chaos.plan import GATEWAY_DEPTH, Plan, Reorg

_LATE: Final = (0.05, 0.3, 1.2)
_HELD: Final = 0.3  # seconds after which a request that was held back goes on by itself
_AT_LATEST = {"eth_call": 1, "eth_getBalance": 1, "eth_getCode": 1, "eth_getTransactionCount": 1, "eth_estimateGas": 1}
_AT_LATEST |= {"eth_getStorageAt": 2, "eth_getBlockByNumber": 0}
_ERRORS: Final = (
    {"code": -32005, "message": "daily request count exceeded"},
    {"code": -32603, "message": "internal error"},
)
_PAGES: Final = (b"<html><body>502 Bad Gateway</body></html>", b"", b"null", b"[]", b"{}", b'{"jsonrpc":"2.0","id":1}')


class Node:
    """The node itself, asked directly; one of these for each thread."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes) -> bytes:
        """What it answers to a body. Raises OSError."""
        for attempt in (1, 2):
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            try:
                self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
                return self._connection.getresponse().read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                self._connection = None
                # Closed while idle, before it took anything.
                if attempt == 2 or not isinstance(error, http.client.RemoteDisconnected | BrokenPipeError):
                    raise OSError(str(error)) from error
        raise AssertionError("unreachable")

    def rpc(self, method: str, *params: Any) -> Any:
        """Call one of its methods; raises RuntimeError with its error."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        answer = json.loads(self.post(body))
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]


class _Gate:
    """Many may pass at a time, or one who changes the chain; nobody sees it half changed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._closed = True
            self._condition.wait_for(lambda: not self._inside)
        try:
            yield
        finally:
            with self._condition:
                self._closed = False
                self._condition.notify_all()


class Line:
    """The proxy, its miner, and what happened."""

    def __init__(self, node_port: int) -> None:
        self.node_port = node_port
        self._own = Node(node_port)
        self._gate = _Gate()
        self._lock = threading.Lock()
        self._later = threading.Condition()
        self._passed = 0
        self._plan: Plan | None = None
        self._dice = random.Random(0)
        self._left = 0
        self._stop = threading.Event()
        self._reorgs: list[Reorg] = []
        self._own_miner = Node(node_port)
        self._miner: threading.Thread | None = None
        self.counts: Counter[str] = Counter()
        self.story: list[tuple[float, str]] = []

    # --- Orders ----------------------------------------------------------------------------------

    def begin(self, seed: int, *, faulty: bool) -> None:
        """Start to make blocks, and with `faulty` to do harm, as the plan of the seed says."""
        self.end()
        plan = Plan.of(seed)
        with self._lock:
            self._plan, self._dice = plan, random.Random(seed + 1)
            self._left = plan.faults if faulty else 0
            self.counts, self.story = Counter(), []
        self._stop = threading.Event()
        self._reorgs = list(plan.reorgs) if faulty else []
        self._miner = threading.Thread(target=self._mine, args=(plan.block_seconds, self._stop), daemon=True)
        self._miner.start()

    def calm(self) -> None:
        """No more faults."""
        with self._lock:
            self._left = 0

    def settle(self) -> None:
        """No other branch wins any more; returns when what is in the pool had its blocks."""
        with self._lock:
            self._reorgs.clear()
        goal = int(self._own.rpc("eth_blockNumber"), 16) + GATEWAY_DEPTH
        while int(self._own.rpc("eth_blockNumber"), 16) < goal and not self._stop.is_set():
            time.sleep(0.01)

    def end(self) -> dict[str, Any]:
        """Stop making blocks; returns what happened since `begin`."""
        self._stop.set()
        if self._miner is not None:
            self._miner.join()
            self._miner = None
        with self._lock:
            self._left = 0
            return {"counts": dict(self.counts), "story": list(self.story)}

    # --- Blocks ----------------------------------------------------------------------------------

    def _mine(self, seconds: float, stop: threading.Event) -> None:
        mined, since = 0, 0
        while not stop.wait(seconds):
            with self._gate.closed():
                self._own_miner.rpc("evm_mine")
                count = int(self._own_miner.rpc("eth_getBlockTransactionCountByNumber", "latest"), 16)
            mined, since = mined + count, 0 if count else since + 1
            with self._lock:
                due = self._reorgs and mined >= self._reorgs[0].transaction and since >= self._reorgs[0].later
                wanted = self._reorgs.pop(0) if due else None
            if wanted is not None:
                self._reorganise(wanted)

    def _reorganise(self, wanted: Reorg) -> None:
        """Replace the last blocks by others: another branch has won, and it is longer by one."""
        rpc = self._own_miner.rpc
        with self._gate.closed():
            head = int(rpc("eth_blockNumber"), 16)
            dropped = []
            for number in range(head - wanted.depth + 1, head + 1):
                for tx in rpc("eth_getBlockByNumber", hex(number), False)["transactions"]:
                    dropped.append(rpc("eth_getRawTransactionByHash", tx))
            try:
                rpc("anvil_rollback", wanted.depth)
            except RuntimeError as error:  # anvil does not have the state of that block any more: no branch wins
                self._tell(str(error))
                return
            kept = {"returned": dropped, "lost": []}.get(
                wanted.fate, [raw for raw in dropped if self._dice.random() < 0.5]
            )
            first = self._dice.randint(0, wanted.depth)
            for number in range(wanted.depth + 1):
                if number == first:
                    self._return(kept)
                rpc("evm_mine")
        with self._lock:
            self.counts["reorg"] += 1
            self.counts["transactions out of their block"] += len(dropped)
            self.counts["transactions lost in a reorg"] += len(dropped) - len(kept)
        self._tell(
            f"blocks {head - wanted.depth + 1} to {head} are replaced: {len(dropped)} transactions, {len(kept)} kept"
        )

    def _return(self, kept: list[str]) -> None:
        for raw in kept:
            try:
                self._own_miner.rpc("eth_sendRawTransaction", raw)
            except RuntimeError as error:
                # Those of one sender are in order; what still fails is lost.
                self._tell(f"a transaction does not come back: {error}")

    # --- Requests --------------------------------------------------------------------------------

    def _tell(self, what: str) -> None:
        with self._lock:
            self.story.append((time.monotonic(), what))

    def choose(self, methods: list[str]) -> tuple[str, random.Random]:
        """The fault that a request meets ("" for none), and dice for its details."""
        with self._lock:
            plan = self._plan
            dice = random.Random(self._dice.random())
            if plan is None or self._left <= 0:
                return "", dice
            rate = plan.send_rate if "eth_sendRawTransaction" in methods else plan.rate
            if self._dice.random() >= rate:
                return "", dice
            kind = self._dice.choice(plan.kinds)
            self._left -= 1
            self.counts[kind] += 1
            self.story.append((time.monotonic(), f"{kind}: {', '.join(dict.fromkeys(methods))[:80]}"))
            return kind, dice

    def forward(self, node: Node, body: bytes) -> bytes:
        """What the node answers."""
        with self._gate.passing():
            answer = node.post(body)
        with self._later:
            self._passed += 1
            self._later.notify_all()
        return answer

    def hold(self) -> None:
        """Wait until another request has passed."""
        with self._later:
            before = self._passed
            self._later.wait_for(lambda: self._passed > before, _HELD)

    def stale(self, node: Node, asked: Any, behind: int) -> bytes:
        """What a node says that is so many blocks behind."""
        with self._gate.passing():
            head = max(0, int(node.rpc("eth_blockNumber"), 16) - behind)
            many = [self._stale(node, one, head) for one in (asked if isinstance(asked, list) else [asked])]
        return json.dumps(many if isinstance(asked, list) else many[0]).encode()

    def _stale(self, node: Node, asked: dict[str, Any], head: int) -> dict[str, Any]:
        method, params = asked["method"], list(asked.get("params", []))
        told = {"jsonrpc": "2.0", "id": asked.get("id")}
        place = _AT_LATEST.get(method)
        if method == "eth_blockNumber":
            return {**told, "result": hex(head)}
        if place is not None:
            params += ["latest"] * (place + 1 - len(params))
            block = params[place]
            if block in ("latest", "pending"):
                params[place] = hex(head)
            elif isinstance(block, str) and block.startswith("0x") and int(block, 16) > head:
                if method == "eth_getBlockByNumber":
                    return {**told, "result": None}
                return {**told, "error": {"code": -32000, "message": "header not found"}}
        if method == "eth_getLogs":
            wanted = dict(params[0])
            start, end = (_number(wanted.get(key, "latest"), head) for key in ("fromBlock", "toBlock"))
            if start > head:
                return {**told, "result": []}
            params = [{**wanted, "fromBlock": hex(start), "toBlock": hex(min(end, head))}]
        answer = json.loads(node.post(json.dumps({**asked, "params": params}).encode()))
        result = answer.get("result")
        if method in ("eth_getTransactionReceipt", "eth_getTransactionByHash") and isinstance(result, dict):
            block = result.get("blockNumber")
            if block is not None and int(block, 16) > head:
                return {**told, "result": None}
        return dict(answer)


def _number(block: str, head: int) -> int:
    return int(block, 16) if block.startswith("0x") else {"earliest": 0}.get(block, head)


def _handler(line: Line) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.node = Node(line.node_port)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(body)
            methods = [one["method"] for one in (asked if isinstance(asked, list) else [asked])]
            kind, dice = line.choose(methods)
            try:
                self._serve(kind, dice, body, asked)
            except (OSError, RuntimeError):  # who asked is gone, or the node is
                self.close_connection = True

        def _serve(self, kind: str, dice: random.Random, body: bytes, asked: Any) -> None:
            if kind == "dropped before":
                self._hang_up()
            elif kind == "dropped after":
                line.forward(self.node, body)
                self._hang_up()
            elif kind == "twice":
                line.forward(self.node, body)
                self._answer(line.forward(self.node, body))
            elif kind == "late":
                answer = line.forward(self.node, body)
                time.sleep(dice.choice(_LATE))
                self._answer(answer)
            elif kind == "reordered":
                line.hold()
                self._answer(line.forward(self.node, body))
            elif kind == "stale":
                self._answer(line.stale(self.node, asked, dice.randint(1, 6)))
            elif kind == "refused":
                self._refuse(dice, asked)
            elif kind == "garbage":
                self._answer(self._garbage(dice, asked))
            elif kind == "partial":
                answer = line.forward(self.node, body)
                self._answer(answer[: len(answer) // 2], says=len(answer))
                self._hang_up()
            else:
                self._answer(line.forward(self.node, body))

        def _refuse(self, dice: random.Random, asked: Any) -> None:
            status = dice.choice((200, 429, 500, 503))
            if status != 200:
                self._answer(b"slow down", status=status)
                return
            error = dice.choice(_ERRORS)
            many = [{"jsonrpc": "2.0", "id": one.get("id"), "error": error} for one in _listed(asked)]
            self._answer(json.dumps(many if isinstance(asked, list) else many[0]).encode())

        def _garbage(self, dice: random.Random, asked: Any) -> bytes:
            if dice.random() < 0.5:
                return dice.choice(_PAGES)
            many = [{"jsonrpc": "2.0", "id": one.get("id"), "result": None} for one in _listed(asked)]
            return json.dumps(many if isinstance(asked, list) else many[0]).encode()

        def _answer(self, answer: bytes, *, status: int = 200, says: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer) if says is None else says))
            self.end_headers()
            self.wfile.write(answer)
            self.wfile.flush()

        def _hang_up(self) -> None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _listed(asked: Any) -> list[dict[str, Any]]:
    return asked if isinstance(asked, list) else [asked]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Who asked was killed."""


def serve(node_port: int, orders: socket.socket, ready: socket.socket) -> None:
    """Serve until the other end of `orders` closes; the first line said is the port."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it stops it
    line = Line(node_port)
    server = _Server(("127.0.0.1", 0), _handler(line))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready.close()
    with orders.makefile("rw") as channel:
        channel.write(json.dumps({"port": server.server_address[1]}) + "\n")
        channel.flush()
        for text in channel:
            order = json.loads(text)
            done = getattr(line, order.pop("do"))(**order)
            channel.write(json.dumps(done) + "\n")
            channel.flush()
    os._exit(0)


class LineControl:
    """The other end: starts the proxy and tells it what to do."""

    def __init__(self, node_port: int) -> None:
        mine, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                serve(node_port, theirs, mine)
            finally:
                os._exit(1)
        theirs.close()
        mine.settimeout(60)
        self._socket = mine
        self._channel = mine.makefile("rw")
        self.port: int = self._read()["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def tell(self, do: str, **options: Any) -> Any:
        """Give an order and return what comes back."""
        self._channel.write(json.dumps({"do": do, **options}) + "\n")
        self._channel.flush()
        return self._read()

    def _read(self) -> Any:
        text = self._channel.readline()
        if not text:
            raise RuntimeError("the line has ended")
        return json.loads(text)

    def close(self) -> None:
        """End the proxy."""
        self._channel.close()
        self._socket.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
