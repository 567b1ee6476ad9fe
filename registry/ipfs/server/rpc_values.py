"""``dag/*`` and what else of the RPC goes by paths and names."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import JSONResponse, Response, StreamingResponse

from registry.errors import InputError
from registry.ipfs.blocks import keep
from registry.ipfs.cid import CID
from registry.ipfs.dag import decode, encode
from registry.ipfs.ipld import get_value, put_value, reach_path
from registry.ipfs.limits import LIMITS
from registry.ipfs.reader import Reader
from registry.ipfs.server.rpc_call import Command, RpcCall, stream_json
from registry.ipfs.tar import tar_pieces
from registry.ipfs.traverse import traverse

__all__ = ["VALUES"]

_NAMES: Final = {"json": "dag-json", "dag-json": "dag-json", "cbor": "dag-cbor", "dag-cbor": "dag-cbor"}


def _codec(call: RpcCall, names: tuple[str, ...], default: str) -> str:
    asked = next((call.option(name) for name in names if call.option(name)), default)
    if asked not in _NAMES:
        raise InputError(f"{names[0]} is {asked[:40]!r}.", hint=f"Known: {', '.join(_NAMES)}.")
    return _NAMES[asked]


def _put(call: RpcCall) -> Response:
    codec = _codec(call, ("store-codec", "format"), "dag-cbor")
    written = _codec(call, ("input-codec", "input-enc"), "dag-json")
    made: list[CID] = []
    with call.store.writing():
        for part in call.files():
            data = part.file.read(LIMITS.block + 1)
            try:
                value = decode(data, written)
            except ValueError as error:
                raise InputError(f"What was sent is no {written}: {getattr(error, 'message', error)}.") from None
            made.append(put_value(value, call.store, codec))
        if call.flag("pin"):
            keep(call.store, dict.fromkeys(made, ""))
    return stream_json({"Cid": {"/": str(cid)}} for cid in made)


def _get(call: RpcCall) -> Response:
    codec = _codec(call, ("output-codec",), "dag-json")
    value = get_value(*call.rooted(), call.store)
    return Response(encode(value, codec), media_type="application/json" if codec == "dag-json" else None)


def _resolve_dag(call: RpcCall) -> Response:
    reached = reach_path(*call.rooted(), call.store)
    return JSONResponse({"Cid": {"/": str(reached.cid)}, "RemPath": "/".join(reached.rest)})


def _resolve(call: RpcCall) -> Response:
    reached = reach_path(*call.rooted(), call.store)
    return JSONResponse({"Path": "/".join(("/ipfs", str(reached.cid), *reached.rest))})


def _resolve_name(call: RpcCall) -> Response:
    return JSONResponse({"Path": call.names.resolve(call.arg, recursive=call.flag("recursive", True))})


def _stat(call: RpcCall) -> Response:
    sizes = [len(block or b"") for _, block in traverse(call.path(), call.store)]
    return JSONResponse({"Size": sum(sizes), "NumBlocks": len(sizes)})


def _tar(call: RpcCall) -> Response:
    cid, reader = call.path(), Reader(call.store, LIMITS)
    reader.node(cid)
    name = call.arg.rstrip("/").rpartition("/")[2]
    return StreamingResponse(tar_pieces(cid, reader, name), media_type="application/x-tar")


def _links(call: RpcCall) -> Response:
    """As the calls on objects that clients of old still make."""
    value: Any = get_value(*call.rooted(), call.store)
    links = value.get("Links", []) if isinstance(value, dict) else []
    listed = [{"Name": link["Name"], "Hash": str(link["Hash"]), "Size": link["Tsize"]} for link in links]
    return JSONResponse({"Hash": str(call.path()), "Links": listed})


VALUES: Final[dict[str, Command]] = {
    "dag/get": _get,
    "dag/put": _put,
    "dag/resolve": _resolve_dag,
    "dag/stat": _stat,
    "get": _tar,
    "name/resolve": _resolve_name,
    "object/links": _links,
    "resolve": _resolve,
}
