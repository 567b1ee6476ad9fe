"""``files/*`` of the RPC: one folder that a node calls its own, changed in place as clients see it.

What it is now is a root like any other, kept by a pin on a block that links to it and to nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse, Response

from registry.errors import FileNotInAsset
from registry.ipfs.blocks import fetch
from registry.ipfs.ipld import get_value, put_value
from registry.ipfs.mfs import FolderEdit
from registry.ipfs.reader import Reader
from registry.ipfs.server.add import profile_of
from registry.ipfs.server.rpc_call import Command, RpcCall, octets, rooted
from registry.ipfs.server.scope import resolved

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore, Pin

__all__ = ["FILES"]

_PINNED: Final = "the files of the RPC"
_FIELD: Final = "files"
_CHANGING: Final = Lock()


def _pin(store: LocalStore) -> Pin | None:
    return next((pin for pin in store.pins() if pin.name == _PINNED), None)


def _files(call: RpcCall) -> FolderEdit:
    pin = _pin(call.store)
    root = None if pin is None else get_value(pin.cid, "", call.store)[_FIELD]
    return FolderEdit(root, call.store, profile_of(call.option, call.flag))


def _changed(call: RpcCall, change: Callable[[FolderEdit], object]) -> Response:
    """Change the folder, and move the pin to what it became."""
    store = call.store
    with _CHANGING, store.writing():
        old, folder = _pin(store), _files(call)
        change(folder)
        new = put_value({_FIELD: folder.root}, store)
        store.pin(new, name=_PINNED)
        if old is not None and old.cid != new:
            store.unpin(old.cid)
    return Response(b"", media_type="text/plain")


def _write(call: RpcCall) -> Response:
    stream, offset = call.files()[0].file, call.number("offset") or 0
    return _changed(
        call,
        lambda folder: folder.write(
            call.arg,
            stream,
            offset=offset,
            create=call.flag("create"),
            parents=call.flag("parents"),
            truncate=call.flag("truncate"),
        ),
    )


def _read(call: RpcCall) -> Response:
    start, count = call.number("offset") or 0, call.number("count")
    return octets(_files(call).read(call.arg, start, None if count is None else start + count))


def _mkdir(call: RpcCall) -> Response:
    return _changed(call, lambda folder: folder.mkdir(call.arg, parents=call.flag("parents")))


def _cp(call: RpcCall) -> Response:
    source, target = call.two()
    parents = call.flag("parents")

    def copy(folder: FolderEdit) -> None:
        cid = resolved(*rooted(source), call.store) if source.startswith("/ipfs/") else folder.stat(source).cid
        folder.copy(cid, _into(target, source), parents=parents)

    return _changed(call, copy)


def _into(target: str, source: str) -> str:
    """A target that ends in a slash is a folder that the source goes into under its own name."""
    return target + source.rstrip("/").rpartition("/")[2] if target.endswith("/") else target


def _mv(call: RpcCall) -> Response:
    source, target = call.two()
    return _changed(call, lambda folder: folder.move(source, _into(target, source)))


def _rm(call: RpcCall) -> Response:
    def remove(folder: FolderEdit) -> None:
        try:
            folder.remove(call.arg, recursive=call.flag("recursive") or call.flag("force"))
        except FileNotInAsset:
            if not call.flag("force"):
                raise

    return _changed(call, remove)


def _ls(call: RpcCall) -> Response:
    folder, path, long = _files(call), call.option("arg", "/"), call.flag("long")
    found = folder.stat(path)
    itself = replace(found, path=path.rstrip("/").rpartition("/")[2])
    entries = folder.entries(path) if found.kind == "folder" else (itself,)
    return JSONResponse(
        {
            "Entries": [
                {
                    "Name": entry.path,
                    "Type": int(long and entry.kind == "folder"),
                    "Size": entry.size if long else 0,
                    "Hash": str(entry.cid) if long else "",
                }
                for entry in entries
            ]
        }
    )


def _stat(call: RpcCall) -> Response:
    found = _files(call).stat(call.arg)
    node = Reader(call.store).node(found.cid)
    told: dict[str, Any] = {
        "Hash": str(found.cid),
        "Size": found.size,
        "CumulativeSize": len(fetch(found.cid, call.store)) + sum(link.tsize for link in node.links),
        "Blocks": len(node.links),
        "Type": "directory" if found.kind == "folder" else "file",
    }
    return JSONResponse(told)


def _flush(call: RpcCall) -> Response:
    path = call.option("arg", "/")
    return JSONResponse({"Cid": str(_files(call).stat(path).cid)})


FILES: Final[dict[str, Command]] = {
    "files/cp": _cp,
    "files/flush": _flush,
    "files/ls": _ls,
    "files/mkdir": _mkdir,
    "files/mv": _mv,
    "files/read": _read,
    "files/rm": _rm,
    "files/stat": _stat,
    "files/write": _write,
}
