"""Fetching from a server that the user chose, and from where it sends: the token goes to the first alone, and nobody
sends inside."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from registry.documents.canonical import parse_json
from registry.errors import (
    ImportFailed,
    InputError,
    LimitExceeded,
    SourceClosed,
    SourceDiffers,
    SourceNotFound,
    Unavailable,
)
from registry.imports.listing import SourceFile
from registry.ipfs.hosts import NetworkReach, host_of, is_loopback
from registry.ipfs.http import Answer, Http
from registry.text.letters import one_line
from registry.text.waits import waiting_for

__all__ = ["LATER", "TRIES", "Body", "Tell", "Web", "pause"]

_STEPS: Final = 5
_JSON: Final = 16 * 2**20
"""Bytes of one page of a list."""

TRIES: Final = 6
"""Attempts in a row that bring not one byte; the waits between them add up to a minute."""

LATER: Final = "Check the connection, and try again in a while."
"""What helps where a server is not reached: what is to be imported is nowhere else."""

_LONGEST_WAIT: Final = 60.0

T = TypeVar("T")
Tell = Callable[[str], object]


Body = Callable[[SourceFile, int], Iterator[bytes]]
"""Gives the bytes of a file from an offset on, as often as it is asked. Raises `Unavailable` for what may be tried
again, and `ImportFailed`."""


class Web:
    """A server at `url` that the user chose, in errors called `source`; "" if strangers choose all of them. `token` is
    sent to it and to nobody else; `deadline` is in seconds, for each answer; `hint` says what to do if none comes.

    Raises `InputError` for a token that would cross a network in clear."""

    def __init__(
        self, url: str, *, source: str, token: str | None = None, deadline: float = 30.0, hint: str = LATER
    ) -> None:
        self.url, self.source, self._hint = url.rstrip("/"), source, hint
        here = is_loopback(host_of(url))
        if token and not url.startswith("https://") and not here:
            raise InputError(
                f"The token would go to {host_of(url)} in clear.", hint="Name an https:// address, or no token."
            )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._home = Http(url, name=host_of(url), deadline=deadline, headers=headers, public=True) if url else None
        # On this machine a server may send to this machine; from elsewhere nobody may send inside.
        self._reach = NetworkReach.of_user(loopback=here)
        self._clear = url.startswith("http://")
        self._others: dict[str, Http] = {}
        self._tags: dict[str, str] = {}
        self._deadline = deadline

    def close(self) -> None:
        """Close all connections."""
        for server in (self._home, *self._others.values()):
            if server is not None:
                server.close()

    @contextmanager
    def get(self, url: str, what: str, headers: Mapping[str, str] = {}) -> Iterator[Answer]:
        """Ask for a URL or for a path of the server, and follow where it sends. The answer may be of any status.

        Raises `Unavailable`, `PrivateAddress` for a redirect inside, and `ImportFailed` for one in circles or to
        what is not https."""
        target = self.url + url if url.startswith("/") else urljoin(self.url + "/", url)
        with self._hinting(), ExitStack() as stack:
            first: dict[str, str] = {}
            for _ in range(_STEPS):
                server, path = self._server(target)
                answer = stack.enter_context(server.ask("GET", path, what, headers=headers, follow=False))
                # Whose commit it is, is said by the first who answers.
                first = first or dict(answer.headers)
                if answer.status not in (301, 302, 303, 307, 308):
                    answer.headers.update({name: first[name] for name in _OWN if name in first})
                    yield answer
                    return
                target = urljoin(target, answer.headers.get("location", ""))
                stack.close()
        raise ImportFailed(self.source, f"{host_of(self.url)} sends in circles for {what}")

    @contextmanager
    def _hinting(self) -> Iterator[None]:
        """Have errors name what can be done about this server; those of HTTP name what helps with blocks."""
        try:
            yield
        except Unavailable as error:
            raise Unavailable(error.what, error.causes, retry_after=error.retry_after, hint=self._hint) from error

    def _server(self, url: str) -> tuple[Http, str]:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        origin = f"{parts.scheme}://{parts.netloc}"
        home = urlsplit(self.url)
        if self._home is not None and origin == f"{home.scheme}://{home.netloc}":
            return self._home, path.removeprefix(home.path.rstrip("/")) if home.path.strip("/") else path
        wanted = ("https", "http") if self._clear else ("https",)
        if parts.scheme not in wanted or not parts.hostname or "@" in parts.netloc:
            who = host_of(self.url) or "it"
            raise ImportFailed(self.source, f"{who} sends to {url[:200]!r}, which is no https:// address", hint=_LIED)
        if origin not in self._others:
            self._others[origin] = Http(
                origin, name=parts.hostname, deadline=self._deadline, reach=self._reach, public=True
            )
        return self._others[origin], path

    def json(self, url: str, what: str) -> tuple[Any, Mapping[str, str]]:
        """A JSON value and the headers it came with.

        Raises `SourceNotFound`, `SourceClosed`, `Unavailable` (after trying again for a while) and `ImportFailed`."""

        data, headers = self._whole(url, what, _JSON, "application/json")
        value, faults = parse_json(data)
        if faults and value is None:
            raise ImportFailed(self.source, f"{host_of(self.url)} answers with what is no JSON for {what}")
        return value, headers

    def whole(self, url: str, what: str, most: int, *, accept: str) -> bytes:
        """All bytes of what is at a URL, at most so many. Raises as `json`."""
        return self._whole(url, what, most, accept)[0]

    def _whole(self, url: str, what: str, most: int, accept: str) -> tuple[bytes, Mapping[str, str]]:
        def once() -> tuple[bytes, Mapping[str, str]]:
            with self.get(url, what, {"Accept": accept}) as answer:
                self.check(answer, what)
                try:
                    return answer.body(most), answer.headers
                except LimitExceeded as error:
                    raise ImportFailed(self.source, error.message) from None

        return _patiently(once)

    def check(self, answer: Answer, what: str) -> None:
        """Raise what a status that is no success stands for: `SourceNotFound`, `SourceClosed`, `Unavailable` for what
        may be tried again, or another `ImportFailed`."""
        if answer.status in (200, 206):
            return
        code = answer.headers.get("x-error-code", "")
        told = one_line(answer.headers.get("x-error-message", ""), 300).strip()
        if code == "GatedRepo":
            raise SourceClosed(self.source, told or "it is gated, and access was not given to you")
        if "disabled" in told.lower():
            raise SourceClosed(self.source, told, hint="Nobody can read it; ask its owner.")
        if code in _MISSING or answer.status in (404, 410):
            raise SourceNotFound(self.source, f"there is no {what}" + (f" ({told})" if told else ""))
        if answer.status in (401, 403):
            raise SourceClosed(self.source, told or f"{answer.name} answered {answer.status} for {what}")
        if answer.status == 429 or answer.status >= 500:
            raise answer.unavailable(what)
        raise ImportFailed(self.source, f"{answer.name} answered {answer.status} for {what}")

    def body(self, url: str, file: SourceFile, offset: int, *, commit: str = "") -> Iterator[bytes]:
        """The bytes of a file from `offset` on; of `commit`, if the server says whose they are.

        Raises `Unavailable` for what may be tried again, `SourceDiffers`, and what `check` raises."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self.get(url, file.path, headers) as answer:
            if answer.status == 416:
                if file.size < 0:
                    return  # all of it may be here; its hash decides
                raise SourceDiffers(self.source, file.path, f"ends before byte {offset:,} of {file.size:,}")
            self.check(answer, f"file {file.path!r}")
            said = answer.headers.get("x-repo-commit", "")
            if commit and said and said != commit:
                raise SourceDiffers(
                    self.source, file.path, f"is of commit {one_line(said, 300).strip()}, and {commit} was asked for"
                )
            tag = answer.headers.get("etag", "")
            if not file.algorithm and offset and tag != self._tags.get(file.path, tag):
                raise SourceDiffers(self.source, file.path, "changed while it was fetched")
            self._tags[file.path] = tag
            skip = 0 if answer.status == 206 else offset
            if answer.status == 206 and not _begins_at(answer.headers.get("content-range", ""), offset):
                raise Unavailable(file.path, [f"{answer.name} sends another part than it was asked for"])
            most = (file.size if file.size >= 0 else file.most or UNKNOWN_MOST) - offset + skip
            try:
                for piece in answer.pieces(most):
                    if skip >= len(piece):
                        skip -= len(piece)
                        continue
                    yield piece[skip:]
                    skip = 0
            except LimitExceeded:
                raise SourceDiffers(self.source, file.path, f"is longer than {most:,} bytes") from None


_OWN: Final = ("x-repo-commit",)
_MISSING: Final = ("RepoNotFound", "RevisionNotFound", "EntryNotFound")
_LIED: Final = "Do not trust that server."
UNKNOWN_MOST: Final = 8 * 2**30
"""Bytes of a file of whose size nobody says anything."""


def _begins_at(content_range: str, offset: int) -> bool:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range.strip())
    return found is not None and int(found[1]) == offset


def _patiently(once: Callable[[], T]) -> T:
    """Try something that may be there later, for about a minute. Raises what the last attempt raised."""
    for tried in range(TRIES):
        try:
            return once()
        except Unavailable as error:
            if tried == TRIES - 1:
                raise
            pause(error, tried)
    raise AssertionError("the last attempt raises")


def pause(error: Unavailable, tried: int, tell: Tell = lambda _: None) -> None:
    """Wait as long as a server asked for, or a little longer each time. Raises the error if it asked for too long."""
    wait = error.retry_after if error.retry_after is not None else min(0.5 * 2**tried, 16.0)
    if wait > _LONGEST_WAIT:
        raise error
    why = error.causes[0] if error.causes else error.message
    tell(f"waiting {wait:g} s ({why})")
    with waiting_for(f"a server to be ready again ({why})", wait):
        time.sleep(wait)
