"""A command of the RPC as it was called, and the forms of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from registry.errors import InputError
from registry.ipfs.cid import CID
from registry.ipfs.server.scope import resolved

if TYPE_CHECKING:
    from registry.ipfs.local_store import LocalStore
    from registry.ipfs.mutable import MutableNames

__all__ = ["Command", "RpcCall", "octets", "rooted", "stream_json"]


class RpcCall:
    """A command's arguments, options and files, the store that it is about, and who follows names."""

    def __init__(self, store: LocalStore, names: MutableNames | None, request: Request, form: FormData) -> None:
        self.store = store
        self._names = names
        self._query = request.query_params
        self._form = form

    @property
    def arg(self) -> str:
        """The argument. Raises `InputError` if there is none."""
        args = self._query.getlist("arg")
        if not args:
            raise InputError('argument "ipfs-path" is required')
        return args[0]

    def two(self) -> tuple[str, str]:
        """The two arguments. Raises `InputError`."""
        args = self._query.getlist("arg")
        if len(args) != 2:
            raise InputError('arguments "source" and "dest" are required')
        return args[0], args[1]

    def option(self, name: str, default: str = "") -> str:
        """An option as it was written."""
        return self._query.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """An option that is on or off."""
        return self._query.get(name, str(default)).lower() == "true"

    def number(self, name: str) -> int | None:
        """An option that is a number. Raises `InputError`."""
        text = self._query.get(name)
        if text is None:
            return None
        if not text.isdecimal() or len(text) > 18:
            raise InputError(f"{name} is {text[:40]!r}, not a number.")
        return int(text)

    @property
    def names(self) -> MutableNames:
        """Who follows names. Raises `InputError` if nobody does."""
        if self._names is None:
            raise InputError("This server follows no names whose content changes.", hint="Give it names=.")
        return self._names

    def rooted(self) -> tuple[CID, str]:
        """The CID and the path that the argument has, with or without ``/ipfs/`` before them, or that it leads to from
        a name behind ``/ipns/``. Raises as `MutableNames.resolve`."""
        return rooted(self.names.resolve(self.arg) if self.arg.startswith("/ipns/") else self.arg)

    def path(self) -> CID:
        """What the argument leads to."""
        return resolved(*self.rooted(), self.store)

    def cids(self) -> list[CID]:
        """Each argument, of which all are CIDs."""
        return [CID.parse(arg.removeprefix("/ipfs/")) for arg in self._query.getlist("arg")]

    def files(self) -> list[UploadFile]:
        """What was sent. Raises `InputError` if nothing was."""
        found = [part for _, part in self._form.multi_items() if isinstance(part, UploadFile)]
        if not found:
            raise InputError("file argument 'path' is required")
        return found


def rooted(text: str) -> tuple[CID, str]:
    """The CID and the path of a text, with or without ``/ipfs/`` before them. Raises `InvalidCID`."""
    root, _, rest = text.removeprefix("/ipfs/").partition("/")
    return CID.parse(root), rest


Command = Callable[[RpcCall], Response]


def stream_json(items: Iterable[dict[str, Any]]) -> Response:
    """A line of JSON for each."""
    return StreamingResponse((json.dumps(item) + "\n" for item in items), media_type="application/json")


def octets(pieces: Iterator[bytes]) -> Response:
    """Bytes as they come."""
    return StreamingResponse(pieces, media_type="application/octet-stream")
