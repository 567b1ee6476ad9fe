"""Two databases, one behaviour: the same tables after the same blocks, forks and kills."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres import Postgres

from integration.index.support import PEOPLE, Place, dump
from integration.support import Anvil
from registry.errors import IndexFault, InputError, SearchTimeout
from registry.index import copying, deadline, tables_store
from registry.index.copying import copy_index
from registry.index.indexer import refold
from registry.index.roots import Roots
from registry.index.stores import open_store

TESTS = Path(__file__).parents[2]
KILLS = 50 if os.environ.get("DEEP") else 3
SILENCE = 10_000 if os.environ.get("DEEP") else 1_000


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    node = Anvil()
    here = Place(node)
    chance = random.Random(2)
    for _ in range(40):
        here.block(chance)
    yield here
    node.stop()


@pytest.fixture(scope="module")
def truth(place: Place) -> list[Any]:
    """Of a chain of which nothing is final yet, so that all of it can be undone."""
    index = place.index(final=500)
    index.sync()
    return dump(index, undo=True)


def test_both_have_the_same_tables_and_undo_the_same(place: Place, truth: list[Any], database: str) -> None:
    index = place.index(database, final=500)
    index.sync()
    assert dump(index, undo=True) == truth
    start = place.rpc("evm_snapshot")
    place.publish(PEOPLE[0], b"\1" * 32, [(5, 1, 0, 0, 0, 0)])
    place.mine(3)
    index.sync()
    assert dump(index, undo=True) != truth
    place.rpc("evm_revert", start)
    place.mine(0)
    with index.store.writing():
        index.store.undo(place.head, place.contracts)
    assert dump(index, undo=True) == truth


def test_it_goes_on_where_it_stopped(place: Place, truth: list[Any], database: str) -> None:
    class Enough(Exception):
        """What ends the first run."""

    seen = []

    def stop(what: str, done: int, total: int) -> None:
        seen.append(done)
        if len(seen) == 1:
            raise Enough

    first = place.index(database, final=10, progress=stop)
    with pytest.raises(Enough):
        first.sync()
    first.store.close()
    store = open_store(database)
    store.prepare({"registry": place.deployment.registry})
    index = place.on(store)
    index.sync()
    assert [row for row in dump(index)] == [row for row in truth if not row[0].endswith("_was")]


def test_blocks_in_which_nothing_happens_leave_nothing(place: Place, truth: list[Any]) -> None:
    """Final or not: they are read by their headers alone."""
    start = place.rpc("evm_snapshot")
    for _ in range(SILENCE // 1_000):
        place.mine(1_000)
    for final in (10, 500):
        index = place.index(final=final)
        index.sync()
        assert index.store.head() == (place.head, place.hash_at(place.head))
        assert dump(index) == [row for row in truth if not row[0].endswith("_was")]
    place.rpc("evm_revert", start)


def test_folding_again_needs_no_node(place: Place, truth: list[Any], database: str) -> None:
    index = place.index(database)
    index.sync()
    with index.store.writing():
        index.store.run("DELETE FROM holding")
        index.store.run("UPDATE asset SET owner = ?", PEOPLE[1])
    refold(index.store, place.contracts)
    assert dump(index, undo=True) == truth


def test_an_index_of_another_registry_or_format_is_refused(place: Place, database: str) -> None:
    store = open_store(database)
    store.prepare({"registry": place.deployment.registry})
    store.prepare({"registry": place.deployment.registry})
    with pytest.raises(IndexFault, match="is of registry"):
        store.prepare({"registry": "0x" + "ee" * 20})
    with store.writing():
        store.note(format="0")
    with pytest.raises(IndexFault, match="format 0"):
        store.prepare({"registry": place.deployment.registry})
    store.prepare({"registry": "0x" + "ee" * 20}, again=True)
    assert store.facts()["registry"] == "0x" + "ee" * 20


def test_what_people_said_stays_when_an_index_is_made_anew(place: Place, database: str) -> None:
    """Also in an index from before there were statements, whose tables come when it is opened."""
    store = open_store(database)
    store.prepare({"registry": place.deployment.registry})
    with store.writing():
        store.run("DROP TABLE statement")
    store.prepare({"registry": place.deployment.registry})
    row = {"id": b"\1" * 32, "registry": "1:0x", "asset": 2**63 - 1, "kind": "comment", "account": "0x"}
    row |= {"time": 2**53 - 1, "stranger": 0, "seq": 1, "bytes": '{"text":"Grüße"}'.encode()}
    with store.writing():
        store.put("statement", [row])
    store.prepare({"registry": "0x" + "ee" * 20}, again=True)
    assert list(store.each("statement")) == [row]
    with store.writing():
        store.upgrade()
    assert list(store.each("statement")) == [row]


@pytest.mark.parametrize(
    ("older", "lacks"), [("1", ("manifest", "item", "readme", "dropped")), ("2", ("readme", "dropped")), ("3", ())]
)
def test_an_index_of_an_older_format_is_made_anew_from_its_events_and_keeps_its_documents(
    place: Place, truth: list[Any], database: str, older: str, lacks: tuple[str, ...]
) -> None:
    index = place.index(database)
    index.sync()
    store = index.store
    with store.writing():
        for name in lacks:
            store.run(f"DROP TABLE {name}")
        store.run("DELETE FROM holding")
        store.run("INSERT INTO document VALUES (?, 'have', 'asset', '', 1, 0, '', ?)", b"\1" * 32, b"{}")
        store.note(format=older)
    assert store.is_older()
    with pytest.raises(ZeroDivisionError), store.writing():
        store.upgrade()
        raise ZeroDivisionError
    assert store.is_older() and not list(store.each("holding")), "all of it, or nothing"
    with store.writing():
        store.upgrade()
        refold(store, place.contracts)
    store.prepare({"registry": place.deployment.registry})
    assert dump(index, undo=True) == truth
    assert len(list(store.each("document"))) == 1
    assert not [row for name in lacks for row in store.each(name)], "they are there, and empty"


# --- What was dropped ----------------------------------------------------------------------------


def test_events_of_dropped_blocks_are_kept_for_a_day(
    place: Place, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node may not give them again, and somebody may have acted on them."""
    start = place.rpc("evm_snapshot")
    index = place.index(database, final=200)
    index.sync()
    height = place.head
    for _ in range(2):
        place.publish(PEOPLE[0], b"\5" * 32, [(0, 0, 2, 5, 0, 0)])
        place.mine()
    lost = [place.hash_at(height + 1), place.hash_at(height + 2)]
    index.sync()
    events = list(index.store.each("event", "WHERE block > ? ORDER BY block, log", height))
    place.rpc("evm_revert", start)
    start = place.rpc("evm_snapshot")
    place.mine(3)
    index.sync()
    dropped = list(index.store.each("dropped", "ORDER BY number"))
    assert [{name: row[name] for name in events[0]} for row in dropped] == events and len(events) > 4
    assert [row["hash"] for row in dropped] == [lost[row["block"] - height - 1] for row in dropped]
    assert not list(index.store.each("event", "WHERE block > ?", height))
    monkeypatch.setattr(tables_store, "MOST_DROPPED", 5)
    with index.store.writing():
        index.store.undo(height - 20, place.contracts)
    kept = list(index.store.each("dropped", "ORDER BY number"))
    assert len(kept) == 5 and kept[-1]["number"] > dropped[-1]["number"], "a node that forks for ever fills nothing"
    place.rpc("evm_setNextBlockTimestamp", max(row["time"] for row in kept) + tables_store.DAY + 1)
    place.mine()
    index.sync()
    assert not list(index.store.each("dropped"))
    place.rpc("evm_revert", start)


# --- Copies --------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(database: str, postgres: Postgres, tmp_path: Path) -> str:
    """An empty database of the other kind."""
    return str(tmp_path / "other.sqlite") if database.startswith("postgres") else postgres.fresh()


def test_a_copy_in_the_other_database_has_the_same_root_and_goes_on(
    place: Place, truth: list[Any], database: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "AT_ONCE", 7)
    index = place.index(database)
    index.sync()
    with index.store.writing():
        index.store.run("INSERT INTO document VALUES (?, 'have', 'asset', 'é', 1, 2, '', ?)", b"\1" * 32, b"\0{}")
        index.store.put("turn", [{"owner": "é", "next_try": 2**62}])
    copy = open_store(elsewhere)
    told: list[tuple[int, int]] = []
    assets, root = copy_index(index.store, copy, progress=lambda _, done, total: told.append((done, total)))
    trees = [Roots(store).at_final().tree for store in (index.store, copy)]
    assert [(tree.size, tree.root) for tree in trees] == [(assets, root)] * 2
    assert told[-1][0] == told[-1][1] > 50
    assert list(copy.dump(undo=True)) == truth == dump(index, undo=True)
    for table in tables_store.OWN:
        rows = [list(store.each(table.name)) for store in (index.store, copy)]
        assert sorted(map(str, rows[0])) == sorted(map(str, rows[1])), table.name
    start = place.rpc("evm_snapshot")
    with copy.writing():
        copy.undo(place.head - 10, place.contracts)
    place.publish(PEOPLE[0], b"\1" * 32)
    place.mine()
    for one in (index, place.on(copy)):
        one.sync()
    assert list(copy.dump(undo=True)) == dump(index, undo=True) != truth
    place.rpc("evm_revert", start)


def test_a_copy_is_whole_or_not_there_and_goes_over_nothing(
    place: Place, truth: list[Any], database: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, copy = open_store(database), open_store(elsewhere)
    with pytest.raises(InputError, match="no index to copy"):
        copy_index(source, copy)
    index = place.on(source)
    source.prepare({"registry": place.deployment.registry})
    index.sync()
    append = copy._append

    def forgets(name: str, columns: Any, rows: Any) -> None:
        append(name, columns, rows[:-1] if name == "asset" else rows)

    monkeypatch.setattr(copy, "_append", forgets)
    with pytest.raises(IndexFault, match="rows and the root"):
        copy_index(source, copy)
    assert not copy.is_there()
    monkeypatch.undo()
    copy_index(source, copy)
    with pytest.raises(InputError, match="there already"):
        copy_index(source, copy)
    with pytest.raises(InputError, match="there already"):
        copy_index(source, source)
    assert list(copy.dump(undo=True)) == truth == dump(index, undo=True)
    with source.writing():
        source.note(format="1")
    with pytest.raises(IndexFault, match="format 1"):
        copy_index(source, open_store(":memory:"))


def test_a_copy_holds_few_long_rows_at_a_time(place: Place, database: str, elsewhere: str) -> None:
    """A thousand documents of a mebibyte are not a gibibyte of memory."""
    source, copy = open_store(database), open_store(elsewhere)
    source.prepare({"registry": place.deployment.registry})
    with source.writing():
        for number in range(40):
            digest = number.to_bytes(32, "big")
            source.run("INSERT INTO document VALUES (?, 'have', 'asset', '', 1, 2, '', ?)", digest, b"{}" * 99)
    append, most = copy._append, dict[str, int]()

    def noting(name: str, columns: Any, rows: Any) -> None:
        most[name] = max(most.get(name, 0), len(rows))
        append(name, columns, rows)

    copy._append = noting  # type: ignore[method-assign]
    copy_index(source, copy)
    assert most["document"] == copying.DOCUMENTS
    assert copy.rows("SELECT count(*) FROM document") == [(40,)]


def test_a_question_of_tables_has_its_time(database: str) -> None:
    store = open_store(database)
    store.prepare({"registry": "a"})
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with deadline.within(0.1), pytest.raises(SearchTimeout):
        store.rows(endless)
    with deadline.within(0.1), pytest.raises(SearchTimeout), store.reading():
        store.rows(endless)
    assert store.facts()["registry"] == "a"
    with deadline.within(0.1), pytest.raises(SearchTimeout), store.reading():
        store.rows(endless)


def test_what_fails_within_a_transaction_leaves_nothing(place: Place, database: str) -> None:
    store = open_store(database)
    store.prepare({"registry": "a"})
    with pytest.raises(ZeroDivisionError), store.writing():
        store.note(half="done")
        raise ZeroDivisionError
    assert "half" not in store.facts()
    with store.writing():
        store.note(whole="done")
    assert store.facts()["whole"] == "done"


def test_numbers_sort_and_come_back_up_to_the_largest(database: str) -> None:
    store = open_store(database)
    store.prepare({"registry": "a"})
    numbers = [0, 1, 255, 2**63, 2**96 - 1, 2**256 - 1]
    rows = [{"asset": n, "token": "t", "period": 0, "units": number} for n, number in enumerate(numbers)]
    with store.writing():
        store.put("fee", list(reversed(rows)))
    assert [row["units"] for row in store.each("fee", "ORDER BY units")] == numbers
    assert store.load("fee", [(5, "t", 0)])[5, "t", 0]["units"] == 2**256 - 1


def test_readers_see_whole_blocks_while_somebody_writes(place: Place, database: str) -> None:
    """Number of events and number of the last block belong together at any moment."""
    index = place.index(database)
    events = {0: 0}
    for number in range(place.deployment.block, place.head + 1):
        events[number] = len(place.rpc("eth_getLogs", {"fromBlock": hex(number), "toBlock": hex(number)}))
    wrong: list[str] = []
    done = threading.Event()

    def look() -> None:
        last = 0
        while not done.is_set():
            with index.store.reading():
                head = index.store.head()
                found = index.store.rows("SELECT coalesce(max(block), 0) FROM event")[0][0]
            if head is None:
                wrong.extend(["events before blocks"] if found else [])
            elif found > head[0] or head[0] < last:
                wrong.append(f"{found} beyond {head}")
            last = head[0] if head else 0

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    index.sync()
    done.set()
    for reader in readers:
        reader.join(10)
    assert not wrong


SCRIPT = """
    import sys
    sys.path.insert(0, {tests!r})
    from integration.index.support import Place, dump
    from registry.chain.connection import Chain
    from registry.chain.addresses import Deployment
    from registry.index.events import Contracts
    place = Place.__new__(Place)
    place.node = type("Node", (), {{"url": {url!r}}})
    place.deployment = Deployment.load({record!r})
    place.contracts = Contracts(place.deployment, {datatoken!r})
    index = place.index({database!r}, final=20)
    print("begun", flush=True)
    index.sync()
    print("done", flush=True)
"""


def test_killed_at_any_moment_it_has_the_same_tables(
    place: Place, truth: list[Any], database: str, tmp_path: Path
) -> None:
    record = place.deployment.save(tmp_path)
    datatoken = place.chain.call(place.assets.functions.datatokenImplementation())
    code = textwrap.dedent(SCRIPT).format(
        tests=str(TESTS), url=place.node.url, record=str(record), datatoken=datatoken, database=database
    )
    chance = random.Random(3)
    kills = 0
    for _ in range(KILLS * 3):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        # Mostly early: the whole of it may take a few hundredths of a second.
        time.sleep(0.15 * chance.random() ** 4)
        process.send_signal(signal.SIGKILL)
        kills += "done" not in process.communicate(timeout=60)[0]
        if kills >= KILLS:
            break
        if kills % 3 == 2:
            # Else the end would be reached once, and the rest of the kills would find nothing to do.
            open_store(database).prepare({"registry": place.deployment.registry}, again=True)
    assert kills
    index = place.index(database, final=20)
    index.sync()
    assert dump(index) == [row for row in truth if not row[0].endswith("_was")]


def test_postgresql_that_goes_away_is_said_and_survived(place: Place, postgres: Postgres) -> None:
    """A server that is restarted cuts all connections."""
    store = open_store(postgres.fresh())
    store.prepare({"registry": "a"})
    store.rows("SELECT 1")
    store.rows("SELECT 1")
    for connection in store._all[:]:  # type: ignore[attr-defined]
        connection.close()
    assert store.facts()["registry"] == "a"
    with store.writing():
        store.note(after="all")
    assert store.facts()["after"] == "all"
    with pytest.raises(IndexFault, match="cannot be used"):
        open_store("postgresql://nobody@/none?host=/nowhere")
