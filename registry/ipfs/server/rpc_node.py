"""What the RPC says of the node itself: its store, and that it has no peers, no keys and no settings."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from registry.errors import InputError
from registry.ipfs.cid import CID, DAG_PB
from registry.ipfs.server.rpc_call import Command, RpcCall, stream_json

__all__ = ["NODE"]

_NOBODY: Final = CID.of(b"asset-registry", codec=DAG_PB, version=0)
"""The server is no peer of a network, but clients refuse a node without the name of one, which looks like this."""


def _version_text() -> str:
    try:
        return version("asset-registry")
    except PackageNotFoundError:
        return "0"


def _id(call: RpcCall) -> Response:
    return JSONResponse(
        {
            "ID": str(_NOBODY),
            "PublicKey": "",
            "Addresses": [],
            "AgentVersion": f"asset-registry/{_version_text()}",
            "Protocols": [],
        }
    )


def _version(call: RpcCall) -> Response:
    return JSONResponse({"Version": _version_text(), "Commit": "", "Repo": "", "System": "", "Golang": ""})


def _stat(call: RpcCall) -> Response:
    sizes = [call.store.file_of(cid).stat().st_size for cid in call.store]
    told = {"RepoSize": sum(sizes), "NumObjects": len(sizes), "StorageMax": 0, "RepoPath": str(call.store.path)}
    return JSONResponse({**told, "Version": "asset-registry"})


def _gc(call: RpcCall) -> Response:
    before = set(call.store)
    call.store.gc()
    return stream_json({"Key": {"/": str(cid)}} for cid in sorted(before - set(call.store), key=str))


def _config(call: RpcCall) -> Response:
    raise InputError("This server has no settings; its options are those of its command.")


def _empty(answer: dict[str, Any]) -> Callable[[RpcCall], Response]:
    return lambda _: JSONResponse(answer)


NODE: Final[dict[str, Command]] = {
    "bitswap/stat": _empty({"Wantlist": [], "Peers": []}),
    "bitswap/wantlist": _empty({"Keys": []}),
    "bootstrap": _empty({"Peers": []}),
    "bootstrap/list": _empty({"Peers": []}),
    "config": _config,
    "config/show": _empty({}),
    "id": _id,
    "key/list": _empty({"Keys": []}),
    "repo/gc": _gc,
    "repo/stat": _stat,
    "stats/repo": _stat,
    "swarm/addrs": _empty({"Addrs": {}}),
    "swarm/peers": _empty({"Peers": []}),
    "version": _version,
}
