"""The journal keeps what it was told, for each chain, account and intent apart."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.journal import Journal, JournalEntry
from registry.errors import JournalError
from registry.home import make_private


def _write(
    journal: Journal, nonce: int, *, intent: str | None = "do", chain: str = "1-a", sender: str = "0x1"
) -> JournalEntry:
    return journal.write(
        chain=chain, sender=sender, nonce=nonce, hash=f"{chain}{sender}{nonce}", raw=b"\x02", intent=intent
    )


def test_what_was_written_is_found_after_reopening(tmp_path: Path) -> None:
    entry = _write(Journal.at(tmp_path), 3)
    assert Journal.at(tmp_path).find("1-a", "0x1", "do") == [entry]


def test_chains_accounts_and_intents_are_kept_apart() -> None:
    journal = Journal.in_memory()
    for number, place in enumerate([{"chain": "1-b"}, {"sender": "0x2"}, {"intent": "other"}, {"intent": None}]):
        _write(journal, number, **place)  # type: ignore[arg-type]
    assert journal.find("1-a", "0x1", "do") == []


def test_marks_are_kept() -> None:
    journal = Journal.in_memory()
    first, second = _write(journal, 1), _write(journal, 2)
    assert journal.last_nonce("1-a", "0x1") == -1
    journal.accept(first)
    journal.settle(first, 7)
    (kept,) = journal.at_nonce("1-a", "0x1", 1)
    assert (kept.accepted, kept.settled) == (True, 7)
    assert journal.last_nonce("1-a", "0x1") == 1
    assert journal.unfinished("1-a", "0x1", "do", 7) == [second]
    assert journal.unfinished("1-a", "0x1", "do", 6) == [kept, second]
    journal.discard(second)
    assert journal.find("1-a", "0x1", "do") == [kept]


@given(
    st.lists(st.text(alphabet="ab:%_", min_size=1, max_size=5), unique=True, max_size=12),
    st.text(alphabet="ab:%_", min_size=1, max_size=3),
)
def test_below_an_intent_is_what_starts_with_it_and_a_colon(intents: list[str], asked: str) -> None:
    journal = Journal.in_memory()
    for nonce, intent in enumerate(intents):
        _write(journal, nonce, intent=intent)
    found = [entry.intent for entry in journal.unfinished("1-a", "0x1", asked, 0)]
    assert found == [intent for intent in intents if intent == asked or intent.startswith(f"{asked}:")]


def test_a_file_that_is_no_journal_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"no database " * 500)
    with pytest.raises(JournalError, match=r"journal\.sqlite"):
        Journal.at(tmp_path).open()
    assert path.read_bytes() == b"no database " * 500


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "journal.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(JournalError, match="format 99"):
        Journal.at(tmp_path).open()


def test_a_folder_that_cannot_be_made_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError):
        Journal.at(tmp_path / "file").open()


def test_the_lock_keeps_threads_and_other_accounts_apart(tmp_path: Path) -> None:
    for journal in (Journal.at(tmp_path), Journal.in_memory()):
        with journal.lock("1-a", "0x1", timeout=1):
            with journal.lock("1-a", "0x2", timeout=1):
                pass
            caught: list[BaseException] = []

            def enter(journal: Journal = journal, caught: list[BaseException] = caught) -> None:
                try:
                    with journal.lock("1-a", "0x1", timeout=0.05):
                        pass
                except JournalError as error:
                    caught.append(error)

            thread = threading.Thread(target=enter)
            thread.start()
            thread.join()
            assert len(caught) == 1
        with journal.lock("1-a", "0x1", timeout=1):
            pass


def test_the_chain_floor_is_cheap_to_name() -> None:
    script = (
        "import sys, registry.chain.signers, registry.chain.reverts, registry.chain.journal, registry.chain.logs;"
        "sys.exit(any(name in sys.modules for name in ('web3', 'eth_account', 'eth_tester', 'ape')))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_a_file_that_another_takes_away_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SQLite does with its log, when the last of those who have the journal open leaves."""
    file, looked_at = tmp_path / "journal.sqlite-wal", Path.stat
    file.touch()

    def taken_away(path: Path, **options: Any) -> os.stat_result:
        if path == file:
            monkeypatch.undo()
            file.unlink()
        return looked_at(path, **options)

    monkeypatch.setattr(Path, "stat", taken_away)
    make_private(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_many_open_a_new_journal_at_once(tmp_path: Path) -> None:
    """SQLite itself refuses some of those who turn on its write-ahead log at the same moment."""
    for turn in range(10):
        together = threading.Barrier(6)

        def opened(folder: Path = tmp_path / str(turn), together: threading.Barrier = together) -> None:
            together.wait(timeout=30)
            Journal.at(folder).open().close()

        with ThreadPoolExecutor(6) as pool:
            for one in [pool.submit(opened) for _ in range(6)]:
                one.result(timeout=60)
