"""What of an address may be seen: its scheme, host and port.

Whoever runs nodes and gateways for others puts keys into their paths, queries and passwords. Such an address comes in
at one place and goes out to its server; wherever else it turns up (errors, their causes, representations, log records
of this package and of the libraries below it) all but the host is left out.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from logging import LogRecord

__all__ = ["conceal", "redacted", "shown"]

_T = TypeVar("_T")

_GAP: Final = "..."
_SHORTEST: Final = 6
"""Parts of a path or query that are shorter are words, not keys, and would be cut out of every sentence."""

_SECRETS: Final[dict[str, str]] = {}
"""What must not be seen, and what stands in its place."""


def shown(address: str) -> str:
    """The address without path, query, user and password: ``https://host:port``; of a path, that it is a socket."""
    kind = "kubo:" if address.startswith("kubo:") else ""
    scheme, found, _ = address.removeprefix(kind).partition("://")
    if not found:
        return "the IPC socket"
    try:
        parts = urlsplit(address.removeprefix(kind))
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return f"{kind}{scheme}://{_GAP}"
    return f"{kind}{scheme}://{f'[{host}]' if ':' in host else host}{port}"


def conceal(address: str) -> str:
    """`shown`, and from now on nothing else of the address is shown by errors of the package and by logs.

    The proxies of the environment are concealed with it.
    """
    from urllib.request import getproxies  # errors are raised by those too who need none of this

    for one in (address, *getproxies().values()):
        _SECRETS.update(_secrets_of(one))
    if _SECRETS:
        _keep_from_logs()
    return shown(address)


def redacted(value: _T) -> _T:
    """Text, or a tuple of texts, without what was concealed; any other value as it is."""
    if isinstance(value, tuple) and type(value) is tuple:
        return cast(_T, tuple(map(redacted, value)))
    if not isinstance(value, str):
        return value
    text = str(value)
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, _SECRETS[secret])
    return cast(_T, text) if text != value else value


def _secrets_of(address: str) -> dict[str, str]:
    """Everything of an address by which its secret parts can turn up, whole and in parts, and what is shown instead."""
    address = address.removeprefix("kubo:")
    found = {address: shown(address), address.rstrip("/"): shown(address)}
    try:
        parts = urlsplit(address) if "://" in address else urlsplit("")
    except ValueError:
        return found
    login = parts.netloc.rpartition("@")[0]
    tail = address.partition(parts.netloc)[2] if parts.netloc else ""
    words = re.split(r"[/?&=#;]", tail)
    keys = [word for word in words if _may_be_a_key(word)]
    pieces = [*keys]
    if login:
        basic = b64encode(unquote(login).encode("utf-8", "replace")).decode("ascii")  # as headers have it
        pieces += [f"{login}@", basic]
        # Alone, a plain name is no secret, and a short password a word of every sentence.
        pieces += [name for name in (parts.username or "",) if _may_be_a_key(name)]
        pieces += [word for word in (parts.password or "",) if len(word) >= _SHORTEST]
    if keys:
        pieces += [tail, tail.rstrip("/"), parts.path.rstrip("/")]
    for piece in [*pieces, *map(unquote, pieces)]:
        if len(piece) > 3:
            found[piece] = f"/{_GAP}" if piece.startswith("/") else _GAP
    return {piece: instead for piece, instead in found.items() if piece and piece != instead}


def _may_be_a_key(word: str) -> bool:
    word = unquote(word)
    return len(word) >= _SHORTEST and not (word.isalpha() and word.islower() and len(word) < 16)


@cache
def _keep_from_logs() -> None:
    """Have records of the log made without what was concealed, from now on. Which of the libraries below logs
    addresses, and under which name, differs from version to version."""
    import logging

    make = logging.getLogRecordFactory()

    def make_clean(*args: Any, **kwargs: Any) -> LogRecord:
        record = make(*args, **kwargs)
        _clean(record)
        return record

    logging.setLogRecordFactory(make_clean)


def _clean(record: LogRecord) -> None:
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # a wrong format, which logging will tell
        return
    if redacted(message) != message:
        record.msg, record.args = redacted(message), ()
    if record.exc_info and record.exc_info[0] is not None:
        import traceback

        told = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if redacted(told) != told:
            record.exc_info, record.exc_text = None, redacted(told)
