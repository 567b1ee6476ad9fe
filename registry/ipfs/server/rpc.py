"""A part of Kubo's RPC over the store: what it answers, Kubo's clients understand.

https://docs.ipfs.tech/reference/kubo/rpc/
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from registry.errors import BlockNotFound, InputError, LimitExceeded, RegistryError
from registry.ipfs.blocks import NullSink, fetch
from registry.ipfs.car import CarReader, car_pieces
from registry.ipfs.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, JSON, RAW
from registry.ipfs.dag import links
from registry.ipfs.limits import LIMITS
from registry.ipfs.reader import Reader
from registry.ipfs.server.add import add_parts, profile_of
from registry.ipfs.server.scope import resolved
from registry.ipfs.traverse import traverse

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore

__all__ = ["rpc_routes"]

_CODECS: Final = {
    "raw": RAW,
    "dag-pb": DAG_PB,
    "protobuf": DAG_PB,
    "dag-cbor": DAG_CBOR,
    "cbor": DAG_CBOR,
    "dag-json": DAG_JSON,
    "json": JSON,
}
_KINDS: Final = {"folder": 1, "file": 2, "symlink": 4}  # the numbers of UnixFS
_MOST_PARTS: Final = 100_000
_NOBODY: Final = CID.of(b"asset-registry", codec=DAG_PB, version=0)
"""The server is no peer of a network, but clients refuse a node without the name of one, which looks like this."""

Command = Callable[["_Call"], Response]


class _Call:
    """A command as it was called: its arguments, options and files."""

    def __init__(self, store: LocalStore, request: Request, form: FormData) -> None:
        self.store = store
        self._query = request.query_params
        self._form = form

    @property
    def arg(self) -> str:
        args = self._query.getlist("arg")
        if not args:
            raise InputError('argument "ipfs-path" is required')
        return args[0]

    def option(self, name: str, default: str = "") -> str:
        return self._query.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        return self._query.get(name, str(default)).lower() == "true"

    def number(self, name: str) -> int | None:
        text = self._query.get(name)
        if text is None:
            return None
        if not text.isdecimal() or len(text) > 18:
            raise InputError(f"{name} is {text[:40]!r}, not a number.")
        return int(text)

    def path(self) -> CID:
        """What ``arg`` leads to: a CID, or a path below one, with or without ``/ipfs/``."""
        root, _, rest = self.arg.removeprefix("/ipfs/").partition("/")
        return resolved(CID.parse(root), rest, self.store)[-1]

    def cids(self) -> list[CID]:
        return [CID.parse(arg.removeprefix("/ipfs/")) for arg in self._query.getlist("arg")]

    def files(self) -> list[UploadFile]:
        found = [part for _, part in self._form.multi_items() if isinstance(part, UploadFile)]
        if not found:
            raise InputError("file argument 'path' is required")
        return found


def rpc_routes(store: LocalStore) -> list[Route]:
    """The routes of the RPC over a store."""

    async def run(request: Request) -> Response:
        command = _COMMANDS.get(request.path_params["command"])
        if command is None:
            return PlainTextResponse("404 page not found\n", 404)
        try:
            async with _form(request) as form:
                return await run_in_threadpool(command, _Call(store, request, form))
        except RegistryError as error:
            return _fault(error)
        except ClientDisconnect:
            return PlainTextResponse("the body did not come in time\n", 408, {"connection": "close"})

    return [Route("/api/v0/{command:path}", run, methods=["POST"])]


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[FormData]:
    if not request.headers.get("content-type", "").startswith("multipart/"):
        yield FormData()
        return
    async with request.form(max_files=_MOST_PARTS, max_part_size=LIMITS.block) as form:
        yield form


def _fault(error: RegistryError) -> Response:
    message = error.message
    if isinstance(error, BlockNotFound):
        message = f"block was not found locally (offline): ipld: could not find {error.cid}"
    return JSONResponse({"Message": message, "Code": 0, "Type": "error"}, 400 if isinstance(error, InputError) else 500)


def _stream_json(items: Iterable[dict[str, Any]]) -> Response:
    return StreamingResponse((json.dumps(item) + "\n" for item in items), media_type="application/json")


def _octets(pieces: Iterator[bytes]) -> Response:
    return StreamingResponse(pieces, media_type="application/octet-stream")


# --- The node ------------------------------------------------------------------------------------


def _version_text() -> str:
    try:
        return version("asset-registry")
    except PackageNotFoundError:
        return "0"


def _id(call: _Call) -> Response:
    return JSONResponse(
        {
            "ID": str(_NOBODY),
            "PublicKey": "",
            "Addresses": [],
            "AgentVersion": f"asset-registry/{_version_text()}",
            "Protocols": [],
        }
    )


def _version(call: _Call) -> Response:
    return JSONResponse({"Version": _version_text(), "Commit": "", "Repo": "", "System": "", "Golang": ""})


# --- Files ---------------------------------------------------------------------------------------


def _add(call: _Call) -> Response:
    profile = profile_of(call.option, call.flag)
    only_hash = call.flag("only-hash")
    with call.store.writing():
        added = add_parts(
            call.files(), NullSink() if only_hash else call.store, profile, wrap=call.flag("wrap-with-directory")
        )
        if call.flag("pin", True) and not only_hash:
            for root in added.roots:
                call.store.pin(root)
    return _stream_json({"Name": name, "Hash": str(part.cid), "Size": str(part.tsize)} for name, part in added.entries)


def _cat(call: _Call) -> Response:
    start, length = call.number("offset") or 0, call.number("length")
    reader = Reader(call.store, LIMITS)
    node = reader.file(call.path())
    return _octets(reader.content(node, start, node.size if length is None else min(start + length, node.size)))


def _ls(call: _Call) -> Response:
    reader = Reader(call.store, LIMITS)
    cid = call.path()
    found = [
        {
            "Name": entry.path,
            "Hash": str(entry.cid),
            "Size": entry.size,
            "Type": _KINDS[entry.kind],
            "Target": entry.target,
        }
        for entry, _ in reader.entries(reader.folder(cid))
    ]
    return JSONResponse({"Objects": [{"Hash": str(cid), "Links": found}]})


# --- Blocks --------------------------------------------------------------------------------------


def _block_get(call: _Call) -> Response:
    return _octets(iter((fetch(call.path(), call.store),)))


def _block_stat(call: _Call) -> Response:
    cid = call.path()
    return JSONResponse({"Key": str(cid), "Size": len(fetch(cid, call.store))})


def _block_put(call: _Call) -> Response:
    name = call.option("cid-codec") or call.option("format") or "raw"
    if name not in _CODECS or call.option("mhtype", "sha2-256") != "sha2-256":
        raise InputError("Blocks are stored under sha2-256 in the codecs raw, dag-pb, dag-cbor, dag-json and json.")
    data = call.files()[0].file.read(LIMITS.block + 1)
    if len(data) > LIMITS.block:
        raise LimitExceeded("The size of the block in bytes", len(data), LIMITS.block)
    cid = CID.of(data, codec=_CODECS[name])
    with call.store.writing():
        call.store.put(cid, data)
        if call.flag("pin"):
            call.store.pin(cid)
    return JSONResponse({"Key": str(cid), "Size": len(data)})


def _refs(call: _Call) -> Response:
    recursive = call.flag("recursive")

    def found() -> Iterator[dict[str, Any]]:
        for cid in call.cids():
            below: Iterable[CID] = links(cid, fetch(cid, call.store))
            if recursive:
                below = (one for one, _ in traverse(cid, call.store, leaves=False) if one != cid)
            yield from ({"Ref": str(one), "Err": ""} for one in below)

    return _stream_json(list(found()))


def _refs_local(call: _Call) -> Response:
    return _stream_json({"Ref": str(cid), "Err": ""} for cid in call.store)


# --- Trees ---------------------------------------------------------------------------------------


def _dag_import(call: _Call) -> Response:
    roots: list[CID] = []
    blocks = size = 0
    pin = call.flag("pin-roots", True)
    with call.store.writing():
        for part in call.files():
            reader = CarReader(part.file, name="the archive that was sent", limits=LIMITS)
            for cid, block in reader:
                call.store.put(cid, block)
                blocks += 1
                size += len(block)
            roots.extend(reader.roots)
        faults = [_pin_fault(call.store, root) if pin else "" for root in roots]
    said: list[dict[str, Any]] = [
        {"Root": {"Cid": {"/": str(root)}, "PinErrorMsg": fault}} for root, fault in zip(roots, faults, strict=True)
    ]
    if call.flag("stats"):
        said.append({"Stats": {"BlockCount": blocks, "BlockBytesCount": size}})
    return _stream_json(said)


def _pin_fault(store: LocalStore, root: CID) -> str:
    try:
        store.pin(root)
    except RegistryError as error:
        return error.message
    return ""


def _dag_export(call: _Call) -> Response:
    root = call.path()
    fetch(root, call.store)

    def blocks() -> Iterator[tuple[CID, bytes]]:
        for cid, block in traverse(root, call.store):
            if block is not None:
                yield cid, block

    return StreamingResponse(car_pieces(root, blocks()), media_type="application/vnd.ipld.car")


# --- Pins ----------------------------------------------------------------------------------------


def _pin_add(call: _Call) -> Response:
    for cid in call.cids():
        call.store.pin(cid, name=call.option("name"))
    return JSONResponse({"Pins": [str(cid) for cid in call.cids()]})


def _pin_ls(call: _Call) -> Response:
    wanted = {cid.v1() for cid in call.cids()}
    pins = [pin for pin in call.store.pins() if not wanted or pin.cid in wanted]
    missing = wanted - {pin.cid for pin in pins}
    if missing:
        raise InputError(f"path '{missing.pop()}' is not pinned")
    if call.option("type", "all") not in ("all", "recursive"):
        pins = []  # all of them are recursive
    if call.flag("stream"):
        return _stream_json({"Cid": str(pin.cid), "Type": "recursive", "Name": pin.name} for pin in pins)
    return JSONResponse({"Keys": {str(pin.cid): {"Type": "recursive", "Name": pin.name} for pin in pins}})


def _pin_rm(call: _Call) -> Response:
    for cid in call.cids():
        call.store.unpin(cid)
    return JSONResponse({"Pins": [str(cid) for cid in call.cids()]})


_COMMANDS: Final[dict[str, Command]] = {
    "add": _add,
    "block/get": _block_get,
    "block/put": _block_put,
    "block/stat": _block_stat,
    "cat": _cat,
    "dag/export": _dag_export,
    "dag/import": _dag_import,
    "id": _id,
    "ls": _ls,
    "pin/add": _pin_add,
    "pin/ls": _pin_ls,
    "pin/rm": _pin_rm,
    "refs": _refs,
    "refs/local": _refs_local,
    "version": _version,
}
