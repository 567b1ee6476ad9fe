"""``registry ipfs ...``: content on the command line, interrupted and gone on with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from terminal import first_answer, runner

from registry.cli import cli
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node
from registry.ipfs.server import Server
from registry.ipfs.store import LocalStore
from registry.ipfs.trustless import TrustlessGateway
from registry.ipfs.unixfs import add_tree, compute_cid

from .pinning_support import Service
from .support import Stranger

BYTES = hashlib.shake_256(b"no two blocks of it are equal").digest(5_000_000)
HELLO = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


@dataclass(frozen=True)
class Shell:
    """One person's shell, with a home of its own."""

    home: Path

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.home / "blocks")

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
        return {**clean, "REGISTRY_HOME": str(self.home), "IPFS_GATEWAY": ""}

    def __call__(self, *words: object, **environment: str) -> Result:
        values: dict[str, str | None] = {name: None for name in os.environ if name.startswith("REGISTRY_")}
        values |= {"REGISTRY_HOME": str(self.home), **environment}
        terminal = runner()
        return terminal.invoke(cli, ["ipfs", *map(str, words)], env=values, catch_exceptions=False)

    def ok(self, *words: object, **environment: str) -> str:
        ended = self(*words, **environment)
        assert ended.exit_code == 0, f"{words}: {ended.stderr}"
        return ended.stdout.strip()

    def json(self, *words: object, code: int = 0, **environment: str) -> Any:
        ended = self(*words, "--json", **environment)
        assert ended.exit_code == code, f"{words}: {ended.stderr}"
        return json.loads(ended.stdout)

    def refused(self, *words: object, **environment: str) -> str:
        """The name of the error of a command that must be refused."""
        ended = self(*words, "--json", **environment)
        assert ended.exit_code == 1 and ended.stdout == "", ended.stdout
        error = json.loads(ended.stderr)
        assert error["hint"], error
        name: str = error["error"]
        return name

    def process(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [Path(sys.executable).parent / "registry", "ipfs", *map(str, words)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def author(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "author")


@pytest.fixture
def buyer(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "buyer")


@pytest.fixture
def made(folder: Callable[..., Path]) -> Path:
    return folder({"a.csv": b"hello world\n", "sub/b.bin": BYTES, ".hidden": b"1"})


# --- Adding, looking, getting --------------------------------------------------------------------


def test_the_story_of_a_folder(author: Shell, buyer: Shell, made: Path, tmp_path: Path) -> None:
    root = author.ok("add", made)
    assert root == author.ok("cid", made) == str(compute_cid(made))
    listed = author.json("ls", root)
    assert [(entry["path"], entry["kind"], entry["size"]) for entry in listed] == [
        ("a.csv", "file", 12),
        ("sub", "folder", 0),
    ]
    assert author.ok("cat", f"ipfs://{root}/a.csv") == "hello world"
    assert author.ok("cat", f"{root}/a.csv", "--start", -6, "--end", -1) == "world"
    assert base64.b64decode(author.json("cat", f"{root}/sub/b.bin", "--end", 3)["base64"]) == BYTES[:3]
    with Server(author.store) as gateway:
        got = buyer.json("get", root, tmp_path / "copy", "--source", gateway.url)
    assert (got["files"], got["size"]) == (2, 12 + len(BYTES))
    assert compute_cid(tmp_path / "copy") == CID.parse(root)
    assert buyer.json("verify", root)["blocks"] == author.json("verify", root)["blocks"] == 9
    assert "by unixfs-v1-2025" in buyer.ok("verify", root, tmp_path / "copy")
    (tmp_path / "copy" / "a.csv").write_text("changed")
    assert buyer.refused("verify", root, tmp_path / "copy") == "Unverified"


@pytest.mark.parametrize("profile", ["unixfs-v0-2015", "kubo-v1"])
def test_a_copy_is_recognised_whatever_rules_made_its_cid(author: Shell, made: Path, profile: str) -> None:
    root = author.ok("add", made, "--profile", profile)
    assert author.json("verify", root, made)["profile"] == profile
    assert author.refused("add", made, "--profile", "unixfs-v9") == "InputError"


def test_hidden_files_are_taken_when_asked_for(author: Shell, made: Path) -> None:
    root = author.ok("add", made, "--hidden")
    assert ".hidden" in [entry["path"] for entry in author.json("ls", root)]
    assert author.ok("cid", made, "--hidden") == root != author.ok("cid", made)


def test_get_takes_no_place_that_is_taken_and_names_one_itself(
    author: Shell, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = author.ok("add", made)
    assert author.refused("get", root, made) == "WouldOverwrite"
    monkeypatch.chdir(tmp_path)
    author.ok("get", f"{root}/a.csv")
    assert (tmp_path / "a.csv").read_text() == "hello world\n"


@pytest.mark.parametrize("name", [b"../escaped", b"/escaped", b"..", b"sub/../../escaped"])
def test_nothing_lands_outside_of_the_target(author: Shell, tmp_path: Path, name: bytes) -> None:
    stranger = Stranger()
    root = stranger.node([Link(stranger.block(b"x", codec=0x55), name, 1)], Message(Type.DIRECTORY))
    for cid, block in stranger.blocks.items():
        author.store.put(cid, block)
    before = {path for path in tmp_path.rglob("*") if "author" not in path.parts}
    assert author.refused("get", root, tmp_path / "deep" / "target") == "Unverified"
    files = {path for path in tmp_path.rglob("*") if path.is_file() and "author" not in path.parts}
    assert files <= before


def test_links_are_refused(author: Shell, tmp_path: Path) -> None:
    link = encode_node([], encode_message(Message(Type.SYMLINK, data=b"/etc/passwd")))
    root = encode_node([Link(CID.of(link, codec=0x70), b"a", len(link))], encode_message(Message(Type.DIRECTORY)))
    for block in (link, root):
        author.store.put(CID.of(block, codec=0x70), block)
    assert author.refused("get", CID.of(root, codec=0x70), tmp_path / "target") == "InputError"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("ls", "not-a-cid"), "InvalidCID"),
        (("cat", HELLO), "BlockNotFound"),
        (("cat", HELLO, "--source", "ftp://example.com"), "InputError"),
        (("add", "nothing/there"), "InvalidContent"),
        (("add", __file__, "--to", "https://gateway.example.com"), "InputError"),
        (("car", "import", "nothing.car"), "InputError"),
        (("car", "import", __file__), "Unverified"),
        (("audit", HELLO, "--source", "/nowhere"), "InputError"),
        (("pin", "add", HELLO), "BlockNotFound"),
        (("pin", "rm", HELLO, "--yes"), "NotFoundError"),
        (("pin", "ls", "--service", "estuary"), "InputError"),
        (("serve", "--host", "0.0.0.0"), "InputError"),
        (("gc",), "InputError"),
    ],
)
def test_what_cannot_be_is_refused(author: Shell, words: tuple[str, ...], error: str) -> None:
    assert author.refused(*words) == error


# --- Interrupted and gone on with ----------------------------------------------------------------


class SlowGateway:
    """Gives blocks of a store; of the leaves only the first few until it is let go."""

    def __init__(self, store: LocalStore, leaves: int) -> None:
        self.given: list[str] = []
        self.stuck, self.free = threading.Event(), threading.Event()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                cid = CID.parse(self.path.split("/")[2].partition("?")[0])
                if "format=raw" not in self.path:
                    self.send_error(406)
                    return
                if cid.codec == 0x55 and len(gateway.given) >= leaves and not gateway.free.is_set():
                    gateway.stuck.set()
                    gateway.free.wait(60)
                block = store.get(cid)
                gateway.given.append(str(cid))
                self.send_response(200)
                self.send_header("Content-Length", str(len(block)))
                self.end_headers()
                self.wfile.write(block)

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self.free.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def slow(author: Shell) -> Iterator[SlowGateway]:
    made = SlowGateway(author.store, 10)
    yield made
    made.stop()


def test_get_can_be_interrupted_at_once_and_goes_on_where_it_stopped(
    author: Shell, buyer: Shell, slow: SlowGateway, folder: Callable[..., Path], tmp_path: Path
) -> None:
    made = folder({f"{n:02}.bin": os.urandom(2000) for n in range(40)})
    root = author.ok("add", made)
    words = ("get", root, tmp_path / "copy", "--source", slow.url)
    getting = buyer.process(*words)
    assert slow.stuck.wait(60)
    until = time.monotonic() + 60
    while len(list(buyer.store)) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    getting.send_signal(signal.SIGINT)
    # The gateway still hangs: nobody waits for it.
    _, err = getting.communicate(timeout=20)
    assert getting.returncode == 130 and "run the same command again" in err
    assert not (tmp_path / "copy").exists()
    held, first = {str(cid) for cid in buyer.store}, list(slow.given)
    slow.free.set()
    assert buyer.json(*words)["files"] == 40
    assert compute_cid(tmp_path / "copy") == CID.parse(root)
    again = slow.given[len(first) :]
    assert len(held) >= 3 and not held & set(again)
    assert len(set(slow.given)) == 41


def test_add_can_be_interrupted_and_goes_on_where_it_stopped(
    author: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.bin").write_bytes(os.urandom(8 << 20))

    def interrupt(_update: object, _what: str, total: int) -> Callable[[int], None]:
        def tick(done: int) -> None:
            if done > total // 2:
                raise KeyboardInterrupt

        return tick

    with monkeypatch.context() as patch:
        patch.setattr("registry.cli.ipfs.ticker", interrupt)
        assert author("add", tmp_path / "large.bin").exit_code == 130
    assert author.store.pins() == ()
    files = [path for path in (author.home / "blocks" / "blocks").rglob("b*") if path.is_file()]
    before = {path: path.stat().st_ino for path in files}
    assert len(files) >= 4
    root = author.ok("add", tmp_path / "large.bin")
    assert [str(pin.cid) for pin in author.store.pins()] == [root]
    assert {path: path.stat().st_ino for path in files} == before  # none was written anew


# --- Archives, pins, upkeep ----------------------------------------------------------------------


def test_an_archive_carries_a_folder_to_another_home(author: Shell, buyer: Shell, made: Path, tmp_path: Path) -> None:
    root = author.ok("add", made)
    assert author.json("car", "export", root, tmp_path / "a.car")["blocks"] == 9
    assert author.refused("car", "export", root, tmp_path / "a.car") == "WouldOverwrite"
    assert buyer.json("car", "import", tmp_path / "a.car")["roots"] == [root]
    assert buyer.ok("cat", f"{root}/a.csv") == "hello world"
    assert [pin["cid"] for pin in buyer.json("pin", "ls")] == [root]
    drill = author.json("car", "export", root, tmp_path / "b.car", "--rehearse")
    assert (drill["files"], drill["size"]) == (2, 12 + len(BYTES))


def test_what_is_pinned_stays_and_the_rest_goes(author: Shell, made: Path) -> None:
    root = author.ok("add", made)
    author.store.put(CID.parse(HELLO), b"hello world\n")
    author.store.put(CID.raw(b"loose"), b"loose")
    assert author.json("gc", "--grace", 0, "--yes")["removed"] == 1
    author.ok("pin", "rm", root, "--yes")
    author.ok("pin", "add", f"{root}/sub", "--name", "half")
    assert [pin["name"] for pin in author.json("pin", "ls")] == ["half"]
    assert author.json("gc", "--grace", 0, "--yes")["removed"] == 2
    assert author.refused("ls", root) == "BlockNotFound"


def test_a_pin_fetches_what_is_missing(author: Shell, buyer: Shell, made: Path) -> None:
    root = author.ok("add", made)
    with Server(author.store) as gateway:
        buyer.ok("pin", "add", root, "--source", gateway.url)
    assert buyer.json("verify", root)["blocks"] == 9


def test_damage_is_found_told_and_mended(author: Shell, buyer: Shell, made: Path) -> None:
    root = author.ok("add", made)
    with Server(author.store) as gateway:
        buyer.ok("pin", "add", root, "--source", gateway.url)
        assert buyer.json("fsck")["damaged"] == []
        buyer.store.file_of(CID.parse(HELLO)).write_bytes(b"hello w0rld\n")
        assert buyer.json("fsck", code=1)["damaged"] == [HELLO]
        assert buyer.refused("verify", root) == "Unverified"
        assert buyer.json("fsck", "--source", gateway.url)["repaired"] == [HELLO]
    assert buyer.json("verify", root)["blocks"] == 9


def test_services_keep_it_an_audit_sees_it_and_a_loss_ends_with_1(author: Shell, made: Path, tmp_path: Path) -> None:
    root = author.ok("add", made)
    there = LocalStore(tmp_path / "there")
    add_tree(made, there)
    service = Service(course=("queued", "pinned"))
    try:
        with Server(there) as gateway:
            named = ("--service", f"{service.url},{gateway.url}")
            token = {"REGISTRY_PIN_TOKEN": "secret"}
            receipt = author.json("pin", "add", root, *named, "--name", "data", **token)[0]
            assert (receipt["cid"], receipt["gateway"], receipt["subject"]) == (root, gateway.url, root)
            assert author.json("pin", "ls", *named, **token)[0]["name"] == "data"
            assert author.json("pin", "ls", "--receipts") == [receipt]
            found = author.json("audit", root)
            assert found["sound"] and found["sample"] == 9 and found["misses_1_percent"] == 0
            there.file_of(CID.parse(HELLO)).unlink()
            found = author.json("audit", root, code=1)
            assert [finding["cid"] for finding in found["replicas"][0]["findings"]] == [HELLO]
            assert HELLO in author("audit", root, "--replica", gateway.url).stdout
            assert author.json("pin", "rm", root, *named, "--yes", **token)["removed"] == 1
            assert author.json("pin", "ls", *named, **token) == []
            assert author.refused("pin", "ls", *named) == "PinRefused"
    finally:
        service.stop()
    assert author.refused("audit", HELLO, "--source", tmp_path / "there") == "InputError"


def test_serve_gives_blocks_until_it_is_interrupted(author: Shell, made: Path) -> None:
    root = author.ok("add", made)
    serving = author.process("serve", "--port", 0, "--json")
    try:
        gateway = TrustlessGateway(first_answer("ipfs serve", serving)["url"])
        assert CID.parse(root).verify(gateway.get(CID.parse(root)))
    finally:
        serving.send_signal(signal.SIGINT)
    assert serving.wait(timeout=20) == 0


def test_serve_shows_the_token_of_the_page_that_is_paired(author: Shell) -> None:
    assert author.refused("serve", "--pair", "https://hub.example.org/a/page") == "InputError"
    serving = author.process("serve", "--port", 0, "--pair", "https://hub.example.org")
    try:
        assert serving.stdout is not None
        url, token = (serving.stdout.readline().strip() for _ in range(2))
        assert token.startswith("Token for the page of https://hub.example.org: ")
        assert httpx.put(f"{url}/upload/{HELLO}", headers={"origin": "https://hub.example.org"}).status_code == 401
    finally:
        serving.send_signal(signal.SIGINT)
    assert serving.wait(timeout=20) == 0


def test_on_a_terminal_bytes_and_their_rate_are_shown(author: Shell, made: Path) -> None:
    ours, theirs = pty.openpty()
    adding = subprocess.Popen(
        [Path(sys.executable).parent / "registry", "ipfs", "add", made],
        env={**author.environment, "TERM": "xterm", "COLUMNS": "160"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # how Linux says that the other side has closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert adding.wait(timeout=60) == 0
    assert b"adding" in shown and b"5.0/5.0 MB" in shown and b"MB/s" in shown
