"""Web hooks: what happened is posted to addresses that the operator has noted, signed, once it is final.

A hook is told everything in order, at least once: it remembers up to where, and goes on only when the other side has
taken it. Only addresses of the public internet are posted to, and of networks that the operator names, whatever a name
resolves to at that moment: an address that leads elsewhere later does not make this machine knock at doors inside.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from registry.errors import ContentError, IndexFault, InputError
from registry.hub.feeds import KINDS, kind_of
from registry.index.index_view import IndexView
from registry.index.models import Activity
from registry.ipfs.hosts import NetworkReach
from registry.ipfs.http import Http
from registry.system.disk import write_whole

__all__ = ["Hook", "Hooks", "post", "signature_of"]

ENDING: Final = "ending"
ALL_KINDS: Final = (*KINDS, ENDING)

AGAIN: Final = (10, 60, 600, 3_600, 21_600, 86_400)
"""Seconds after which a hook that was not taken is tried again; after a week of failures it is given up."""

GIVEN_UP: Final = 12
DEADLINE: Final = 10.0
"""Seconds for the other side to answer."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Where to post what: `kinds` of events, of one asset or account, or of all.

    `block` and `log` are up to where it was told; `tries` how often in a row that failed, and `next` when it is tried
    again, in seconds since 1970. `days` is how long before the end of access an account is told of it.
    """

    url: str
    kinds: tuple[str, ...]
    secret: str
    asset: int = 0
    account: str = ""
    days: int = 7
    block: int = 0
    log: int = 0
    told_until: int = 0
    tries: int = 0
    next: int = 0

    @property
    def name(self) -> str:
        """What it is called by."""
        return hashlib.sha256(f"{self.url} {self.kinds} {self.asset} {self.account}".encode()).hexdigest()[:12]


def signature_of(secret: str, moment: int, body: bytes) -> str:
    """What a body is signed with: HMAC-SHA-256 over the moment (in seconds since 1970) and the body, so that an old one
    cannot be played again."""
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


class Hooks:
    """The hooks of a hub, in a file that only its operator can read."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, send: Callable[..., int] | None = None
    ) -> None:
        """`send` posts, as `post` does. Raises `InputError` for a ``REGISTRY_REACH`` that is no list of networks."""
        self._path = path
        self._clock = clock
        self._send = send or partial(post, reach=NetworkReach.of_user())
        self._guard = threading.Lock()

    def all(self) -> list[Hook]:
        """Every hook. Raises `IndexFault` for a file that is damaged."""
        if not self._path.exists():
            return []
        try:
            return [Hook(**{**one, "kinds": tuple(one["kinds"])}) for one in json.loads(self._path.read_text("utf-8"))]
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise IndexFault(f"{self._path} does not hold hooks: {error}.", hint="Mend or remove it.") from error

    def add(
        self, url: str, kinds: Sequence[str], *, asset: int = 0, account: str = "", days: int = 7, block: int = 0
    ) -> Hook:
        """Note a hook, told of what comes after `block`. Raises `InputError`."""
        wrong = [kind for kind in kinds if kind not in ALL_KINDS]
        if wrong or not kinds:
            raise InputError(
                f"Hooks are not told of {', '.join(wrong) or 'nothing'}.", hint=f"Choose of: {', '.join(ALL_KINDS)}."
            )
        if ENDING in kinds and not account:
            raise InputError("Access ends for an account.", hint="Name the account.")
        _checked(url)
        hook = Hook(url, tuple(kinds), secrets.token_hex(32), asset, account, days, block, 2**31)
        with self._guard:
            kept = [one for one in self.all() if one.name != hook.name]
            self._write([*kept, hook])
        return hook

    def remove(self, name: str) -> None:
        """Forget a hook. Raises `InputError` for a name that none has."""
        with self._guard:
            kept = self.all()
            left = [one for one in kept if one.name != name]
            if len(left) == len(kept):
                raise InputError(f"No hook is called {name!r}.", hint="'registry hub hooks' lists them.")
            self._write(left)

    def tell(self, catalogue: IndexView, stop: threading.Event) -> int:
        """Tell each hook what it has not been told; returns how many posts were taken."""
        told = 0
        for hook in self.all():
            if stop.is_set():
                break
            if hook.next > self._clock() or hook.tries >= GIVEN_UP:
                continue
            after, count = self._tell_one(hook, catalogue, stop)
            told += count
            with self._guard:
                self._write([after if one.name == hook.name else one for one in self.all()])
        return told

    def _tell_one(self, hook: Hook, catalogue: IndexView, stop: threading.Event) -> tuple[Hook, int]:
        count = 0
        for body, after in self._waiting(hook, catalogue):
            if stop.is_set():
                break
            if body is not None:
                if not self._taken(hook, body):
                    wait = AGAIN[min(hook.tries, len(AGAIN) - 1)]
                    return replace(hook, tries=hook.tries + 1, next=int(self._clock()) + wait), count
                count += 1
            hook = replace(after, tries=0, next=0)
        return hook, count

    def _waiting(self, hook: Hook, catalogue: IndexView) -> Any:
        """What a hook is to be told, in order, each with the hook as it is after that; None for what is not its."""
        for one in catalogue.since(hook.block, hook.log, limit=200):
            if not one.final:
                break
            after = replace(hook, block=one.block, log=one.log)
            yield (_body(kind_of(one.event), one.to_dict()) if self._is_its(hook, one) else None), after
            hook = after
        if ENDING in hook.kinds:
            yield from self._endings(hook, catalogue)

    def _is_its(self, hook: Hook, one: Activity) -> bool:
        if kind_of(one.event) not in hook.kinds:
            return False
        if hook.asset and not one.did.endswith(f"_{hook.asset}"):
            return False
        return not hook.account or hook.account in json.dumps(one.arguments)

    def _endings(self, hook: Hook, catalogue: IndexView) -> Any:
        """Access that comes within its days of its end, each told once."""
        page = catalogue.owned(hook.account)
        until = page.time + hook.days * 86_400
        since = max(hook.told_until, page.time)
        soon = sorted(
            (one for one in page.owned if one.kind == 1 and since < one.expires <= until), key=lambda o: o.expires
        )
        for one in soon:
            yield _body(ENDING, one.to_dict()), replace(hook, told_until=one.expires)
        if not soon and hook.told_until < page.time:
            yield None, replace(hook, told_until=page.time)

    def _taken(self, hook: Hook, body: bytes) -> bool:
        moment = int(self._clock())
        headers = {
            "content-type": "application/json",
            "x-registry-signature": f"t={moment},v1={signature_of(hook.secret, moment, body)}",
        }
        try:
            return 200 <= self._send(hook.url, body, headers) < 300
        except (ContentError, InputError):  # somebody wrote the address into the file by hand
            return False

    def _write(self, hooks: Sequence[Hook]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps([asdict(one) for one in hooks], indent=1).encode())


def _body(kind: str, what: dict[str, Any]) -> bytes:
    return json.dumps({"kind": kind, "what": what}, sort_keys=True).encode()


def _checked(url: str) -> SplitResult:
    """The parts of an address to post to. Raises `InputError`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{url[:200]!r} is not an address to post to: {error}.") from None
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment or port == 0:
        raise InputError(
            f"{url[:200]!r} is not an address to post to.", hint="It looks like https://example.org/hooks/registry."
        )
    return parts


def post(url: str, body: bytes, headers: dict[str, str], *, reach: NetworkReach) -> int:
    """Post to an address, following no redirect; returns the status.

    Raises `PrivateAddress` for one that leads inside, to a network that is not within `reach`, `Unavailable` if no
    answer comes in time, and `InputError` for what is no address.
    """
    parts = _checked(url)
    origin, path = f"{parts.scheme}://{parts.netloc}", urlunsplit(("", "", parts.path or "/", parts.query, ""))
    http = Http(origin, name=parts.netloc, deadline=DEADLINE, connections=1, reach=reach, public=True)
    told = {**headers, "content-length": str(len(body))}
    with closing(http), http.ask("POST", path, "an answer", headers=told, content=[body], follow=False) as answer:
        return answer.status
