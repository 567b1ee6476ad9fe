"""Packing a manifest: a run that was killed goes on, and nothing half written is ever taken for packed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from registry.collections import Packing
from registry.collections.packing import source_of
from registry.errors import ContentError, InputError

DOCUMENTS = [f"document {index} {'x' * (index * 7 % 40)}".encode() for index in range(12)]


def pack(folder: Path, documents: list[bytes], *, stop: int | None = None) -> tuple[int, bytes]:
    """Pack them, `stop` so many items in as if killed; how many were packed before, and the root."""
    resumed = 0
    with Packing(folder) as packing:
        for index, document in enumerate(documents):
            if index == stop:
                return resumed, b""
            source = source_of(document.decode())
            if packing.resume(source):
                resumed += 1
            else:
                packing.add(document, source)
        return resumed, packing.finish()


def manifest(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "manifest").iterdir()}


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """What packing in one go writes."""
    assert pack(tmp_path / "whole", DOCUMENTS)[0] == 0
    return manifest(tmp_path / "whole")


@pytest.mark.parametrize("stop", [0, 1, 7, 12])
def test_packing_goes_on_where_it_stopped(stop: int, tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = tmp_path / "stopped"
    pack(folder, DOCUMENTS, stop=stop)
    assert pack(folder, DOCUMENTS)[0] == stop
    assert manifest(folder) == whole


def test_from_the_first_draft_that_changed_on_all_is_packed_anew(tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = tmp_path / "changed"
    pack(folder, [*DOCUMENTS[:5], b"another", *DOCUMENTS[5:], b"more"])
    assert pack(folder, DOCUMENTS)[0] == 5
    assert manifest(folder) == whole


def test_fewer_drafts_than_before_leave_nothing_of_the_others(tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = tmp_path / "fewer"
    pack(folder, [*DOCUMENTS, b"more", b"and more"])
    assert pack(folder, DOCUMENTS)[0] == len(DOCUMENTS)
    assert manifest(folder) == whole


def test_whatever_a_lost_power_leaves_of_the_files_the_manifest_is_that_of_the_drafts(
    tmp_path: Path, whole: dict[str, bytes]
) -> None:
    folder = tmp_path / "torn"
    for name in ("packed", "manifest/documents"):
        pack(folder, DOCUMENTS)
        size = (folder / name).stat().st_size
        for cut in range(0, size, 11):
            for zeros in (False, True):
                data = (folder / name).read_bytes()
                (folder / name).write_bytes(data[:cut] + (bytes(size - cut) if zeros else b""))
                pack(folder, DOCUMENTS)
                assert manifest(folder) == whole


def test_a_changed_byte_of_what_was_packed_is_packed_anew(tmp_path: Path, whole: dict[str, bytes]) -> None:
    folder = tmp_path / "damaged"
    pack(folder, DOCUMENTS)
    for name in ("packed", "manifest/documents"):
        for at in range(0, (folder / name).stat().st_size, 7):
            data = bytearray((folder / name).read_bytes())
            data[at] ^= 1
            (folder / name).write_bytes(data)
            assert pack(folder, DOCUMENTS)[0] < len(DOCUMENTS)
            assert manifest(folder) == whole


def test_a_source_that_has_no_spelling_in_json_is_never_taken_for_packed(tmp_path: Path) -> None:
    assert source_of({"when": object()}) == b""
    with Packing(tmp_path / "odd") as packing:
        packing.add(b"one", source_of({"when": object()}))
    with Packing(tmp_path / "odd") as packing:
        assert not packing.resume(source_of({"when": object()}))


_SLOW = """
import sys, time
from pathlib import Path
from registry.collections import Packing
from registry.collections.packing import source_of
with Packing(Path(sys.argv[1])) as packing:
    for index in range(10**9):
        packing.add(f"document {index}".encode(), source_of(f"document {index}"))
        if index == 3_500:
            print("half", flush=True)
            time.sleep(60)
"""


def test_a_process_that_is_killed_has_packed_all_but_the_last_thousand(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    with subprocess.Popen([sys.executable, "-c", _SLOW, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"half\n"
        with pytest.raises(InputError, match="Another process is packing"), Packing(folder):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    documents = [f"document {index}".encode() for index in range(4_000)]
    resumed, root = pack(folder, documents)
    assert 3_000 <= resumed <= 3_501
    assert root == pack(tmp_path / "whole", documents)[1]


def test_a_collection_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no drafts"), Packing(tmp_path / "empty") as packing:
        packing.finish()


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ContentError, match="could not be packed"):
        Packing(tmp_path / "taken" / "below")
