"""Few compute at once, whoever waits lets others in, and no turn is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from web3 import HTTPProvider

from registry.chain.node_line import NodeLine
from registry.hub.pages.previews import Previews
from registry.hub.taking_turns import Turns
from registry.index.sqlite_file import SqliteFile
from registry.ipfs.cid import CID
from registry.ipfs.http import Http
from registry.ipfs.memory import MemoryStore
from registry.system.turns import end_turn, have_turn

PATIENCE = 20


class Workshop:
    """Counts who is inside at once, and lets nobody out before `crowded` are there or it has waited a little for
    them."""

    def __init__(self, crowded: int) -> None:
        self.most = 0
        self._crowded, self._inside = crowded, 0
        self._changed = threading.Condition()

    def work(self) -> None:
        with self._changed:
            self._inside += 1
            self.most = max(self.most, self._inside)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._crowded, 0.1)
            self._inside -= 1


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_no_more_compute_at_once_than_there_are_turns(workers: ThreadPoolExecutor) -> None:
    shop = Workshop(crowded=3)

    async def all_at_once() -> None:
        turns = Turns(2, workers)
        await asyncio.gather(*(turns.run(shop.work) for _ in range(8)))

    asyncio.run(all_at_once())
    assert shop.most == 2


def test_who_waits_for_something_else_lets_others_in(workers: ThreadPoolExecutor) -> None:
    came = threading.Event()

    def waits() -> bool:
        end_turn()
        end_turn()  # twice is once
        return came.wait(PATIENCE)

    async def run() -> list[bool]:
        turns = Turns(1, workers)
        waiting = [asyncio.create_task(turns.run(waits)) for _ in range(3)]
        shop = Workshop(crowded=2)
        await asyncio.gather(*(turns.run(shop.work) for _ in range(4)))
        assert shop.most == 1
        came.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(run()) == [True, True, True]


def test_what_was_given_up_leaves_its_turn_wherever_it_was() -> None:
    done = threading.Event()

    def waits() -> bool:
        end_turn()
        return done.wait(PATIENCE)

    async def run(pool: ThreadPoolExecutor) -> str:
        turns = Turns(1, pool)
        busy = asyncio.create_task(turns.run(waits))
        await asyncio.sleep(0)
        in_the_pool = asyncio.create_task(turns.run(lambda: "never"))
        in_the_queue = asyncio.create_task(turns.run(lambda: "never"))
        for _ in range(100):
            await asyncio.sleep(0.001)
        in_the_queue.cancel()
        in_the_pool.cancel()
        done.set()
        assert await busy
        return await asyncio.wait_for(turns.run(lambda: "next"), PATIENCE)

    with ThreadPoolExecutor(1) as pool:
        assert asyncio.run(run(pool)) == "next"


def test_what_fails_leaves_its_turn(workers: ThreadPoolExecutor) -> None:
    def fails() -> None:
        raise ValueError("a fault")

    async def run() -> str:
        turns = Turns(1, workers)
        with pytest.raises(ValueError, match="a fault"):
            await turns.run(fails)
        return await asyncio.wait_for(turns.run(lambda: "next"), PATIENCE)

    assert asyncio.run(run()) == "next"


# --- Where a thread waits ------------------------------------------------------------------------


def ended(act: Callable[[], object]) -> bool:
    """Whether an act of a thread with a turn ended it."""
    told: list[bool] = []

    def work() -> None:
        have_turn(lambda: told.append(True))
        act()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(PATIENCE)
    return bool(told)


@pytest.fixture
def server() -> Iterator[str]:
    """Answers whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"here")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._answer(b'{"jsonrpc": "2.0", "id": 0, "result": "0x1"}')

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def test_a_question_to_a_node_ends_the_turn(server: str) -> None:
    line = NodeLine(HTTPProvider(server), server, PATIENCE)
    assert ended(lambda: line.ask("eth_chainId", []))


def test_a_question_to_a_gateway_or_a_hub_ends_the_turn(server: str) -> None:
    def read() -> None:
        http = Http(server, name="a gateway", deadline=PATIENCE)
        with http.ask("GET", "/", "a page") as answer:
            assert answer.body(10) == b"here"
        http.close()

    assert ended(read)


def test_a_preview_that_is_being_made_ends_the_turn_and_one_that_is_there_does_not() -> None:
    source, words = MemoryStore(), b"Two rows have no weight."
    cid = CID.raw(words)
    source.put(cid, words)
    previews = Previews(source)
    assert ended(lambda: previews.block(cid))
    assert not ended(lambda: previews.block(cid))
    previews.stop()


def test_who_writes_ends_the_turn_and_who_reads_does_not(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "tables.sqlite")

    def write() -> None:
        with file.writing():
            file.writer.execute("CREATE TABLE one (number INTEGER)")

    assert ended(write)
    assert not ended(lambda: file.rows("SELECT * FROM one"))
    file.close()
