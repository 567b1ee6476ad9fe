"""What a page opens of gated content, against what Python seals: age files, manifests, shares and signatures, right and
wrong, handed to the very script of the page."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import shamir_mnemonic
from chromium import Chromium
from pages_world import served

from registry import Registry
from registry.chain.signers import dev_signer
from registry.gated.age import CHUNK, encrypt
from registry.gated.identity import Identity
from registry.gated.sealing import CONTENT, MANIFEST
from registry.gated.shares import commitment, split
from registry.hub.pages.wallet_digest import SEALED, digest_of
from registry.ipfs.cid import CID
from registry.ipfs.importer import add_tree
from registry.ipfs.store import MemoryStore

ROOT: Final = Path(__file__).parents[3]
STATIC: Final = ROOT / "registry" / "hub" / "pages" / "static"
HEAD: Final = """
  const { AgeFile, filesOf, combined, commitment, shareOf, signerOf, checksummed } = await import(STATIC + "/gated.js");
  const { Reader } = await import(STATIC + "/unixfs.js");
  const bytesOf = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const hex = (bytes) => [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  const digest = async (pieces) => {
    const parts = [];
    for await (const piece of pieces) parts.push(piece.slice());
    return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer())));
  };
  const words = (error) => error.message;
"""


class Script:
    """The script of the page, on a page of a hub."""

    def __init__(self, browser: Chromium, url: str) -> None:
        self._browser, self._url = browser, url

    def run(self, body: str, **values: Any) -> Any:
        """What a body returns that sees `values`."""
        named = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
        return self._browser.evaluate(
            f"(async () => {{ const STATIC = {json.dumps(self._url)}; {named}{HEAD}{body} }})()"
        )


@pytest.fixture(scope="module")
def script(browser: Chromium) -> Iterator[Script]:
    with served(Registry.local()) as url:
        browser.open(f"{url}/about")
        edition = browser.evaluate("document.querySelector('link[rel=stylesheet]').href").rpartition("/")[0]
        yield Script(browser, edition)


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sealed(data: bytes, identity: Identity) -> bytes:
    return b"".join(encrypt(io.BytesIO(data), identity))


OPEN: Final = """
  const data = bytesOf(age);
  const fetched = async function* (start, end) {
    for (let at = start; at < end; at += 100_000) yield data.subarray(at, Math.min(at + 100_000, end));
  };
  const file = await AgeFile.open(fetched, data.length, identity, "it").catch(words);
  if (typeof file === "string") return file;
"""


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17])
def test_an_age_file_is_read_in_ranges(script: Script, size: int) -> None:
    identity, data, chance = Identity.generate(), random.Random(size).randbytes(size), random.Random(7)
    ranges = [(0, size), (0, 1), (size - 1, size), (CHUNK - 1, CHUNK + 1), (size, size + 9), (0, size + 9)]
    ranges += [tuple(sorted((chance.randint(0, size), chance.randint(0, size)))) for _ in range(20)]
    ranges = [(max(start, 0), end) for start, end in ranges]
    found = script.run(
        OPEN + "return [file.size, ...await Promise.all(ranges.map(([start, end]) => digest(file.read(start, end))))];",
        age=text_of(sealed(data, identity)),
        identity=identity.reveal(),
        ranges=ranges,
    )
    assert found == [size, *(hashlib.sha256(data[start:end]).hexdigest() for start, end in ranges)]


def test_a_file_that_was_cut_moved_or_changed_is_not_opened(script: Script) -> None:
    identity, size = Identity.generate(), CHUNK + 16
    good = sealed(random.Random(3).randbytes(3 * CHUNK + 100), identity)
    start = len(good) - (3 * size + 116)
    chunks = [good[start + n * size : start + (n + 1) * size] for n in range(4)]
    mac = good.index(b"\n--- ") + 8
    wrong = {
        "cut off at a chunk": good[: start + 2 * size],
        "cut off within the last": good[:-1],
        "cut off within a tag": good[: start + 2 * size + 9],
        "ends with its header": good[: start - 16],
        "its payload is gone": good[:start],
        "the last chunk twice": good + chunks[3],
        "more behind it": good + b"x",
        "its MAC is another": good[:mac] + (b"A" if good[mac : mac + 1] != b"A" else b"B") + good[mac + 1 :],
        "no age file": b"hello\n",
        "nothing": b"",
        "a header without an end": b"age-encryption.org/v1\n" + b"-> X " + b"A" * 300_000,
        "sealed to somebody else": sealed(b"hello", Identity.generate()),
    }
    for what, data in wrong.items():
        said = script.run(OPEN + "return file.size;", age=text_of(data), identity=identity.reveal())
        assert isinstance(said, str) and said.startswith("it cannot be opened"), (what, said)
    swapped = good[:start] + chunks[1] + chunks[0] + chunks[2] + chunks[3]
    changed = good[: start + 5] + bytes([good[start + 5] ^ 1]) + good[start + 6 :]
    for data in (swapped, changed):
        said = script.run(
            OPEN + "return digest(file.read(0)).catch(words);", age=text_of(data), identity=identity.reveal()
        )
        assert "chunk 0 was changed, cut off or moved" in said


class Noted(MemoryStore):
    """A store that tells what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: dict[CID, bytes] = {}

    def put(self, cid: CID, data: bytes) -> None:
        super().put(cid, data)
        self.noted[cid] = bytes(data)


def hidden(place: Path, manifest: object, data: bytes, identity: Identity) -> tuple[CID, dict[str, str]]:
    """Content with hidden names whose manifest says what it likes: its root, and its blocks."""
    place.mkdir()
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    (place / MANIFEST).write_bytes(sealed(text, identity))
    (place / CONTENT).write_bytes(sealed(data, identity))
    root = add_tree(place, store := Noted()).cid
    return root, {str(cid): text_of(data) for cid, data in store.noted.items()}


FILES: Final = """
  const reader = new Reader(async (name) => bytesOf(blocks[name]));
  const files = await filesOf({ cid, encryption: { hidden: true } }, identity, reader).catch(words);
  if (typeof files === "string") return files;
  return Promise.all(files.map(async (one) => [one.path, one.size, await digest(one.bytes(0, Infinity))]));
"""


def test_files_lie_where_the_manifest_says_and_a_manifest_that_lies_is_refused(script: Script, tmp_path: Path) -> None:
    identity, data = Identity.generate(), b"one" + b"" + b"three"

    def said(name: str, manifest: object) -> Any:
        root, blocks = hidden(tmp_path / name, manifest, data, identity)
        return script.run(FILES, cid=str(root), blocks=blocks, identity=identity.reveal())

    right = [{"path": "a.txt", "size": 3}, {"path": "b/none", "size": 0}, {"path": "b/c.txt", "size": 5}]
    found = said("right", {"version": 1, "files": right})
    parts = [("a.txt", b"one"), ("b/none", b""), ("b/c.txt", b"three")]
    assert found == [[path, len(part), hashlib.sha256(part).hexdigest()] for path, part in parts]
    lies: dict[str, object] = {
        "longer": {"version": 1, "files": [{"path": "a", "size": 9}]},
        "shorter": {"version": 1, "files": [{"path": "a", "size": 7}]},
        "twice": {"version": 1, "files": [{"path": "a", "size": 4}, {"path": "a", "size": 4}]},
        "above": {"version": 1, "files": [{"path": "../a", "size": 8}]},
        "root": {"version": 1, "files": [{"path": "/etc/passwd", "size": 8}]},
        "turned": {"version": 1, "files": [{"path": "a\u202etxt.exe", "size": 8}]},
        "back": {"version": 1, "files": [{"path": "a\\b", "size": 8}]},
        "below nothing": {"version": 1, "files": [{"path": "a", "size": -1}, {"path": "b", "size": 9}]},
        "half": {"version": 1, "files": [{"path": "a", "size": 7.5}]},
        "no list": {"version": 1, "files": {"path": "a"}},
        "nulls": {"version": 1, "files": [None]},
        "a file below a file": {"version": 1, "files": [{"path": "a", "size": 4}, {"path": "a/b", "size": 4}]},
        "later": {"version": 2, "files": [{"path": "a", "size": 8}]},
        "no json": b"\xff\xfe{",
        "null": None,
    }
    for name, manifest in lies.items():
        told = said(name, manifest)
        assert isinstance(told, str) and told.startswith("Its manifest"), (name, told)


COMBINE: Final = """
  const found = await combined(new Map(Object.entries(given)), threshold, recipient);
  return found && [found.identity, found.liars];
"""


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (2, 3), (3, 5), (16, 16)])
def test_any_shares_of_a_key_make_it_as_in_python(script: Script, threshold: int, count: int) -> None:
    identity = Identity.generate()
    made = split(identity, threshold, count)
    given = {f"gateway {n}": [share] for n, share in enumerate(made)}
    fewer = dict(list(given.items())[-threshold:])
    recipient = identity.recipient
    assert script.run(COMBINE, given=fewer, threshold=threshold, recipient=recipient) == [identity.reveal(), []]
    assert script.run("return commitment(share, recipient, 3);", share=made[0], recipient=recipient) == commitment(
        made[0], recipient, 3
    )
    if threshold > 1:
        short = dict(list(given.items())[: threshold - 1])
        assert script.run(COMBINE, given=short, threshold=threshold, recipient=recipient) is None


def test_liars_are_found_without_commitments_and_named(script: Script) -> None:
    identity, other = Identity.generate(), Identity.generate()
    right, wrong = split(identity, 2, 3), split(other, 2, 3)
    given = {"a": [wrong[0]], "b": [right[1]], "c": [wrong[2], right[2]], "d": [right[0].replace(" ", "  ")]}
    found = script.run(COMBINE, given=given, threshold=2, recipient=identity.recipient)
    assert found == [identity.reveal(), ["a", "d"]]
    liars = {"a": [wrong[0]], "b": [wrong[1]], "c": [right[0]]}
    assert script.run(COMBINE, given=liars, threshold=2, recipient=identity.recipient) is None


def test_a_share_has_one_spelling_and_no_further_rounds(script: Script) -> None:
    secret = Identity.generate().secret_bytes()
    good = split(Identity(secret), 2, 3)[0]
    slow = shamir_mnemonic.generate_mnemonics(1, [(2, 3)], secret, iteration_exponent=1)[0][0]
    grouped = shamir_mnemonic.generate_mnemonics(1, [(2, 3), (2, 3)], secret, iteration_exponent=0)[1][0]
    short = shamir_mnemonic.generate_mnemonics(1, [(2, 3)], secret[:16], iteration_exponent=0)[0][0]
    changed = " ".join([*good.split(" ")[:-1], "zero" if not good.endswith("zero") else "yoga"])
    wrong = [
        slow,
        grouped,
        short,
        good.upper(),
        f" {good}",
        f"{good} ",
        good.replace(" ", "\t"),
        changed,
        "",
        "zero " * 33,
    ]
    found = script.run("return [good, ...wrong].map((one) => shareOf(one) !== null);", good=good, wrong=wrong)
    assert found == [True, *(False for _ in wrong)]


def test_who_signed_is_known_and_other_spellings_are_of_nobody(script: Script) -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signer, text = dev_signer(4), "Lärchen 樹\n" * 30
    raw = signer.sign_text(text.encode())
    high = raw[:32] + (order - int.from_bytes(raw[32:64], "big")).to_bytes(32, "big") + bytes([55 - raw[64]])
    others = [high, raw[:64] + bytes([raw[64] - 27]), raw + b"\0", raw[:64], bytes(65), b"\xff" * 65, b""]
    signatures = ["0x" + one.hex() for one in (raw, *others)]
    found = script.run(
        "return [...signatures.map((one) => signerOf(text, one)), checksummed(account)];",
        text=text,
        signatures=signatures,
        account=signer.address.lower(),
    )
    assert found == [signer.address.lower(), *("" for _ in others), signer.address]


def test_the_bundle_is_what_its_sources_and_the_lock_make(script: Script) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "_toolchain" / "page_bundle.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    data = (STATIC / "sealed.js").read_bytes()
    assert digest_of(data) == SEALED and len(data) < 128 * 1024
    assert b"eval(" not in data and b"new Function" not in data and b"http" not in data
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    notices = (STATIC / "sealed.LICENCES.txt").read_text()
    for name in ("age-encryption", "slip39", "@noble/ciphers", "@noble/curves", "@noble/hashes"):
        assert f"{name} {locked[f'node_modules/{name}']['version']} (" in notices
