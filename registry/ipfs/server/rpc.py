"""A part of Kubo's RPC over the store: what it answers, Kubo's clients understand.

https://docs.ipfs.tech/reference/kubo/rpc/
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
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
from registry.ipfs.server.rpc_call import Command, RpcCall, octets, stream_json
from registry.ipfs.server.rpc_files import FILES
from registry.ipfs.server.rpc_node import NODE
from registry.ipfs.server.rpc_values import VALUES
from registry.ipfs.traverse import traverse

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore
    from registry.ipfs.mutable import MutableNames

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


def rpc_routes(store: LocalStore, names: MutableNames | None = None) -> list[Route]:
    """The routes of the RPC over a store; with `names`, for those whose content changes too."""

    async def run(request: Request) -> Response:
        command = _COMMANDS.get(request.path_params["command"])
        if command is None:
            return PlainTextResponse("404 page not found\n", 404)
        try:
            async with _form(request) as form:
                return await run_in_threadpool(command, RpcCall(store, names, request, form))
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


# --- Files ---------------------------------------------------------------------------------------


def _add(call: RpcCall) -> Response:
    profile = profile_of(call.option, call.flag)
    only_hash = call.flag("only-hash")
    with call.store.writing():
        added = add_parts(
            call.files(), NullSink() if only_hash else call.store, profile, wrap=call.flag("wrap-with-directory")
        )
        if call.flag("pin", True) and not only_hash:
            for root in added.roots:
                call.store.pin(root)
    return stream_json({"Name": name, "Hash": str(part.cid), "Size": str(part.tsize)} for name, part in added.entries)


def _cat(call: RpcCall) -> Response:
    start, length = call.number("offset") or 0, call.number("length")
    reader = Reader(call.store, LIMITS)
    node = reader.file(call.path())
    return octets(reader.content(node, start, node.size if length is None else min(start + length, node.size)))


def _ls(call: RpcCall) -> Response:
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


def _block_get(call: RpcCall) -> Response:
    return octets(iter((fetch(call.path(), call.store),)))


def _block_stat(call: RpcCall) -> Response:
    cid = call.path()
    return JSONResponse({"Key": str(cid), "Size": len(fetch(cid, call.store))})


def _block_put(call: RpcCall) -> Response:
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


def _refs(call: RpcCall) -> Response:
    recursive = call.flag("recursive")

    def found() -> Iterator[dict[str, Any]]:
        for cid in call.cids():
            below: Iterable[CID] = links(cid, fetch(cid, call.store))
            if recursive:
                below = (one for one, _ in traverse(cid, call.store, leaves=False) if one != cid)
            yield from ({"Ref": str(one), "Err": ""} for one in below)

    return stream_json(list(found()))


def _refs_local(call: RpcCall) -> Response:
    return stream_json({"Ref": str(cid), "Err": ""} for cid in call.store)


# --- Trees ---------------------------------------------------------------------------------------


def _dag_import(call: RpcCall) -> Response:
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
    return stream_json(said)


def _pin_fault(store: LocalStore, root: CID) -> str:
    try:
        store.pin(root)
    except RegistryError as error:
        return error.message
    return ""


def _dag_export(call: RpcCall) -> Response:
    root = call.path()
    fetch(root, call.store)

    def blocks() -> Iterator[tuple[CID, bytes]]:
        for cid, block in traverse(root, call.store):
            if block is not None:
                yield cid, block

    return StreamingResponse(car_pieces(root, blocks()), media_type="application/vnd.ipld.car")


# --- Pins ----------------------------------------------------------------------------------------


def _pin_add(call: RpcCall) -> Response:
    for cid in call.cids():
        call.store.pin(cid, name=call.option("name"))
    return JSONResponse({"Pins": [str(cid) for cid in call.cids()]})


def _pin_ls(call: RpcCall) -> Response:
    wanted = {cid.v1() for cid in call.cids()}
    pins = [pin for pin in call.store.pins() if not wanted or pin.cid in wanted]
    missing = wanted - {pin.cid for pin in pins}
    if missing:
        raise InputError(f"path '{missing.pop()}' is not pinned")
    if call.option("type", "all") not in ("all", "recursive"):
        pins = []  # all of them are recursive
    if call.flag("stream"):
        return stream_json({"Cid": str(pin.cid), "Type": "recursive", "Name": pin.name} for pin in pins)
    return JSONResponse({"Keys": {str(pin.cid): {"Type": "recursive", "Name": pin.name} for pin in pins}})


def _pin_update(call: RpcCall) -> Response:
    old, new = call.cids()[:1], call.cids()[1:2]
    if not old or not new:
        raise InputError("from-path and to-path are required")
    call.store.pin(new[0])
    if call.flag("unpin", True):
        call.store.unpin(old[0])
    return JSONResponse({"Pins": [str(old[0]), str(new[0])]})


def _pin_verify(call: RpcCall) -> Response:
    missing = {str(cid) for cid in call.store.fsck().missing}
    return stream_json({"Cid": str(pin.cid), "Ok": str(pin.cid) not in missing} for pin in call.store.pins())


def _pin_rm(call: RpcCall) -> Response:
    for cid in call.cids():
        call.store.unpin(cid)
    return JSONResponse({"Pins": [str(cid) for cid in call.cids()]})


_COMMANDS: Final[dict[str, Command]] = {
    **NODE,
    **VALUES,
    **FILES,
    "add": _add,
    "block/get": _block_get,
    "block/put": _block_put,
    "block/stat": _block_stat,
    "cat": _cat,
    "dag/export": _dag_export,
    "dag/import": _dag_import,
    "ls": _ls,
    "pin/add": _pin_add,
    "pin/ls": _pin_ls,
    "pin/rm": _pin_rm,
    "pin/update": _pin_update,
    "pin/verify": _pin_verify,
    "refs": _refs,
    "refs/local": _refs_local,
}
