"""A Kubo node, by its RPC API (``/api/v0``), or anything that speaks it.

Nothing depends on the node's version: a command that it does not have is noticed when it is used, and remembered. What
a node says it stored is never believed: CIDs are computed here first, and blocks that come back are hashed.
https://docs.ipfs.tech/reference/kubo/rpc/
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote, urlsplit

from registry.errors import BlockNotFound, ContentError, InputError, InvalidCID, Unavailable, Unverified
from registry.errors.redaction import shown
from registry.ipfs.blocks import BlockSource, NullSink, refuse_wrong
from registry.ipfs.car import CarReader, car_pieces
from registry.ipfs.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.hosts import is_loopback
from registry.ipfs.http import Answer, Http
from registry.ipfs.importer import Added, add_tree
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.nesting import load_json
from registry.ipfs.profiles import UNIXFS_V1_2025, Profile
from registry.ipfs.scan import empty_folders, scan
from registry.ipfs.traverse import traverse

__all__ = ["KuboRPC"]

_CODECS: Final = {RAW: "raw", DAG_PB: "dag-pb", DAG_CBOR: "dag-cbor", DAG_JSON: "dag-json", JSON: "json"}
_MOST_LINES: Final = 256 * 1024 * 1024  # bytes of a list
_LONGEST_LINE: Final = 1024 * 1024
_DEEPEST: Final = 32
_MARGIN: Final = 2.0  # seconds that the node has less than we wait, so that its own word on the time-out arrives


class KuboRPC:
    """One node. Its API may do everything on the node, so it is local, or wants a `token`, which is sent as a bearer.

    It is a `BlockStore`, and keeps what is pinned. `deadline` is in seconds for a call, and is told to the node too;
    calls that make it search or fetch take one of their own. Raises `InputError` for a token that would go over a
    network in the clear.
    """

    verifies: Final = True

    def __init__(
        self,
        url: str = "http://127.0.0.1:5001",
        *,
        token: str | None = None,
        deadline: float = 30.0,
        parallel: int = 8,
        limits: ReadLimits = LIMITS,
    ) -> None:
        parts = urlsplit(url)
        if token and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise InputError(
                f"The token would be sent to {parts.hostname} for everybody on the way to read.",
                hint="Use https, or reach the node through a tunnel on this machine.",
            )
        self.name: Final = f"the node at {shown(url)}"
        self.parallel: Final = parallel
        self.limits: Final = limits
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http: Final = Http(url, name=self.name, deadline=deadline, connections=2 * parallel, headers=headers)
        self.url: Final = self._http.url
        self._absent: Final[set[str]] = set()

    def __repr__(self) -> str:
        return f"KuboRPC({shown(self.url)!r})"

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._http.close()

    # --- Calls -----------------------------------------------------------------------------------

    @contextmanager
    def _call(
        self,
        command: str,
        what: object,
        *args: object,
        cid: CID | None = None,
        deadline: float | None = None,
        content: tuple[str, Iterable[bytes]] | None = None,
        files: Any = None,
        options: Mapping[str, object] | None = None,
    ) -> Iterator[Answer]:
        """POST a command. `content` is a type and the pieces of a body that is one file."""
        if command in self._absent:
            raise self._missing(command)
        limit = self._http.deadline if deadline is None else deadline
        told = {"timeout": f"{max(limit - _MARGIN, limit / 2) * 1000:.0f}ms"}
        query = {name: _text(value) for name, value in (options or {}).items()} | told
        path = f"/api/v0/{command}" + "".join(f"{'&' if n else '?'}arg={quote(str(a))}" for n, a in enumerate(args))
        path += ("&" if args else "?") + "&".join(f"{name}={quote(value)}" for name, value in query.items())
        headers: dict[str, str] = {}
        body: Iterable[bytes] | None = None
        if content is not None:
            boundary = os.urandom(16).hex()
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
            body = _form(boundary, *content)
        with self._http.ask("POST", path, what, headers=headers, content=body, files=files, deadline=limit) as answer:
            if answer.status != 200:
                raise self._error(answer, command, what, cid)
            yield answer

    def _missing(self, command: str) -> Unavailable:
        return Unavailable(f"The command {command!r}", [f"{self.name} does not have it"])

    def _error(self, answer: Answer, command: str, what: object, cid: CID | None) -> ContentError:
        if answer.status == 404:  # faults of commands are 400 and 500
            self._absent.add(command)
            return self._missing(command)
        message = answer.body(_LONGEST_LINE).decode("utf-8", "replace").strip()
        its_own = False  # what the command said, not what stands before it
        with suppress(ValueError, KeyError, TypeError):
            message, its_own = str(load_json(message)["Message"]), True
        message = message[:300] or "nothing more"
        if cid is not None and its_own and "not found" in message.lower() and "routing" not in message.lower():
            return BlockNotFound(cid, self.name)
        return Unavailable(what, [f"{self.name} answered {answer.status}: {message}"])

    def _lines(self, answer: Answer, what: object) -> Iterator[dict[str, Any]]:
        """Each JSON object of an answer that has one a line; a fault at its end is raised."""
        rest = b""
        for piece in answer.pieces(_MOST_LINES):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                break
            yield from (self._object(line, what) for line in lines if line.strip())
        if rest.strip():
            yield self._object(rest, what)
        self._check_end(answer, what)

    def _object(self, line: bytes, what: object) -> dict[str, Any]:
        text = line[:_LONGEST_LINE]
        try:
            found = load_json(text, _DEEPEST)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unavailable(what, [f"{self.name} answered what is no JSON object"])
        if found.get("Type") == "error":
            raise Unavailable(what, [f"{self.name}: {str(found.get('Message'))[:300]}"])
        return found

    def _check_end(self, answer: Answer, what: object) -> None:
        fault = answer.fault()
        if fault:
            raise Unavailable(what, [f"{self.name}: {fault}"])

    def offers(self, command: str) -> bool:
        """Whether the node has a command, such as "dag/import": asked by calling it with nothing, once."""
        try:
            with self._call(command, command):
                pass
        except ContentError:
            pass
        return command not in self._absent

    def version(self) -> str:
        """What the node calls itself; for people, nothing depends on it."""
        with self._call("version", "The version") as answer:
            return str(next(self._lines(answer, "The version"), {}).get("Version", ""))

    # --- Blocks ----------------------------------------------------------------------------------

    def get(self, cid: CID) -> bytes:
        """The block, hashed; the node may fetch it from its peers. Raises `BlockNotFound`, `Unavailable`, `Unverified`
        and `LimitExceeded`."""
        inline = cid.inline
        if inline is not None:
            return inline
        with self._call("block/get", f"Block {cid}", cid, cid=cid) as answer:
            data = answer.body(self.limits.block)
            self._check_end(answer, f"Block {cid}")
        if not cid.verify(data):
            raise Unverified(cid, self.name)
        return data

    def has(self, cid: CID) -> bool:
        """Whether the node itself has the block; it asks none of its peers. Raises `Unavailable`."""
        if cid.inline is not None:
            return True
        try:
            with self._call("block/stat", f"Block {cid}", cid, cid=cid, options={"offline": True}):
                return True
        except BlockNotFound:
            return False

    def put(self, cid: CID, data: bytes) -> None:
        """Keep a block on the node until its next clearing. Raises `Unverified` if the bytes are not the CID's, and
        `Unavailable`."""
        refuse_wrong(cid, data, self.name)
        if cid.inline is not None:
            return
        if "dag/import" not in self._absent:
            try:
                self._import(cid, [(cid, data)], pin=False)
                return
            except Unavailable:
                if "dag/import" not in self._absent:
                    raise
        what = f"Block {cid}"
        codec = _CODECS.get(cid.codec, hex(cid.codec))
        content = ("application/octet-stream", [data])
        with self._call(
            "block/put",
            what,
            content=content,
            options={"cid-codec": codec, "mhtype": "sha2-256", "allow-big-block": True},
        ) as answer:
            said = next(self._lines(answer, what), {}).get("Key")
        self._compare(cid, said)

    # --- Trees -----------------------------------------------------------------------------------

    def upload(
        self,
        root: CID,
        source: BlockSource,
        *,
        pin: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Send a root with all below it from `source`, exactly as it is (``dag/import`` of an archive), and pin it.

        `progress` is called with the bytes of blocks sent. Raises `Unavailable`, `Unverified` and what `source` raises.
        """

        def blocks() -> Iterator[tuple[CID, bytes]]:
            done = 0
            for cid, block in traverse(root, source, limits=self.limits):
                assert block is not None
                yield cid, block
                done += len(block)
                if progress is not None:
                    progress(done)

        self._import(root, blocks(), pin=pin)

    def _import(self, root: CID, blocks: Iterable[tuple[CID, bytes]], *, pin: bool) -> None:
        what = f"The import of {root}"
        content = ("application/vnd.ipld.car", car_pieces(root, blocks))
        with self._call(
            "dag/import", what, content=content, options={"pin-roots": pin, "allow-big-block": True}
        ) as answer:
            said = [line["Root"] for line in self._lines(answer, what) if isinstance(line.get("Root"), dict)]
        for one in said:
            if one.get("PinErrorMsg"):
                raise Unavailable(what, [f"{self.name}: {str(one['PinErrorMsg'])[:300]}"])
            self._compare(root, (one.get("Cid") or {}).get("/"))
        if pin and not said:
            raise Unavailable(what, [f"{self.name} did not say that it was pinned"])

    def car(self, cid: CID) -> Iterator[tuple[CID, bytes]]:
        """All blocks below a root, hashed, as ``dag/export`` streams them. That all came is for the caller to check."""
        what = f"The archive of {cid}"
        with self._call("dag/export", what, cid, cid=cid, options={"progress": False}) as answer:
            yield from CarReader(answer.file(2 * self.limits.total), name=self.name, limits=self.limits)
            self._check_end(answer, what)

    def add(
        self,
        path: str | os.PathLike[str],
        profile: Profile = UNIXFS_V1_2025,
        *,
        pin: bool = True,
        hidden: bool = False,
        deadline: float = 3600.0,
    ) -> Added:
        """Let the node add a file or folder itself, with every choice of the profile said to it, and compare the CID
        with ours. `upload` keeps the tree exactly and needs no such luck; this is for nodes without ``dag/import``.

        Raises `InvalidContent` as `add_tree`, `Unverified` if the node makes another tree, `Unavailable`.
        """
        added = add_tree(path, NullSink(), profile, hidden=hidden)
        root = Path(path)
        what = f"The addition of {root.name}"
        options: Mapping[str, object] = {
            "cid-version": profile.cid_version,
            "raw-leaves": profile.raw_leaves,
            "chunker": f"size-{profile.chunk}",
            "max-file-links": profile.width,
            "pin": pin,
            "wrap-with-directory": False,
        }
        entries = [file.path for file in added.files] if root.is_dir() else [""]
        handles = [(root / entry).open("rb") for entry in entries]
        try:
            parts: list[tuple[str, tuple[str, BinaryIO, str]]] = [
                ("file", (quote(f"{root.name}/{entry}".rstrip("/"), safe=""), handle, "application/octet-stream"))
                for entry, handle in zip(entries, handles, strict=True)
            ]
            for folder in empty_folders(scan(path, hidden=hidden)):
                place = quote(f"{root.name}/{folder}", safe="")
                parts.append(("file", (place, io.BytesIO(), "application/x-directory")))
            with self._call("add", what, files=parts, deadline=deadline, options=options) as answer:
                said = [line.get("Hash") for line in self._lines(answer, what) if line.get("Hash")]
        finally:
            for handle in handles:
                handle.close()
        self._compare(added.cid, said[-1] if said else None)
        return added

    def _compare(self, cid: CID, said: object) -> None:
        with suppress(InvalidCID):
            if isinstance(said, str) and CID.parse(said).v1() == cid.v1():
                return
        raise Unverified(cid, self.name, f"it says that it stored {str(said)[:100]!r} instead")

    # --- Pins ------------------------------------------------------------------------------------

    def pin(self, cid: CID, *, name: str = "", deadline: float = 600.0) -> None:
        """Have the node keep a root with all below it, which it fetches if it must. Raises `Unavailable`."""
        what = f"The pin of {cid}"
        options = {"recursive": True} | ({"name": name} if name else {})
        with self._call("pin/add", what, cid, cid=cid, deadline=deadline, options=options) as answer:
            said = [pin for line in self._lines(answer, what) for pin in line.get("Pins") or ()]
        self._compare(cid, said[-1] if said else None)

    def unpin(self, cid: CID) -> None:
        """Let the node forget a root at its next clearing. Raises `Unavailable` if it was not pinned."""
        with self._call("pin/rm", f"The pin of {cid}", cid, options={"recursive": True}):
            pass

    def pins(self) -> Iterator[CID]:
        """The roots that the node keeps (CIDv1)."""
        what = "The list of pins"
        with self._call("pin/ls", what, options={"type": "recursive", "stream": True}) as answer:
            for line in self._lines(answer, what):
                for cid in line["Keys"] if isinstance(line.get("Keys"), dict) else [line.get("Cid")]:
                    with suppress(InvalidCID):  # a hash that cannot be checked here is none of ours
                        if isinstance(cid, str):
                            yield CID.parse(cid).v1()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _form(boundary: str, kind: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A form of one file, streamed: httpx makes forms of files that can tell their length only."""
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="data"\r\nContent-Type: {kind}\r\n\r\n'
    ).encode("ascii")
    yield from pieces
    yield f"\r\n--{boundary}--\r\n".encode("ascii")
