"""Pinning services: somebody else keeps a copy of what a CID names (IPFS Pinning Service API 1.0.0).

What a service says is not believed further than a queue needs: the CID it answers must be the one that was asked for,
and whether it has the blocks is seen by fetching them back (`registry.ipfs.audit`).
https://ipfs.github.io/pinning-services-api-spec/
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from registry.errors import InputError, InvalidCID, LimitExceeded, NotFoundError, PinRefused, Unavailable, Unverified
from registry.errors.redaction import shown
from registry.ipfs.cid import CID
from registry.ipfs.hosts import is_loopback
from registry.ipfs.http import Answer, Http
from registry.ipfs.nesting import load_json
from registry.text.waits import waiting_for

__all__ = ["PRESETS", "STATUSES", "PinningService", "RemotePin", "open_service"]

Status = Literal["queued", "pinning", "pinned", "failed"]

STATUSES: Final[tuple[Status, ...]] = ("queued", "pinning", "pinned", "failed")

_PAGE: Final = 1000
_MOST_PINS: Final = 1_000_000
_BODY: Final = 16 * 1024 * 1024  # bytes; a page of 1,000 pins with their delegates is far smaller
_DEEPEST: Final = 32
_ATTEMPTS: Final = 3
_PATIENCE: Final = 5.0  # seconds; a service that wants longer to be left alone says so to the caller
_SLOWEST_POLL: Final = 30.0
_AGAIN: Final = (429, 500, 502, 503, 504)
_NOTHING_DONE: Final = (429, 503)


class Preset(NamedTuple):
    """Where a known service takes pins, and the gateway that serves what it keeps, "" if it has none of its own."""

    endpoint: str
    gateway: str


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "pinata": Preset("https://api.pinata.cloud/psa", "https://gateway.pinata.cloud"),
        "filebase": Preset("https://api.filebase.io/v1/ipfs", "https://ipfs.filebase.io"),
        "cluster": Preset("http://127.0.0.1:9097", "http://127.0.0.1:8080"),
        "filecoin-pin": Preset("http://127.0.0.1:3000", ""),
    }
)
"""Services by name; the last two are programs that one runs oneself (ipfs-cluster, filecoin-pin) at their own ports."""


@dataclass(frozen=True, slots=True)
class RemotePin:
    """A request to keep something, as a service tells it. `created` is an RFC 3339 date; `delegates` are addresses of
    nodes that wait for the content; `info` is what the service adds."""

    service: str
    request_id: str
    cid: CID
    status: Status
    created: str
    name: str = ""
    delegates: tuple[str, ...] = ()
    info: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.cid} is {self.status} at {self.service}"


class _NotYet(Unavailable):
    """The service has not looked at the request and will take it later."""


class PinningService:
    """One service, by its endpoint (what stands before ``/pins``).

    `token` is sent as a bearer, over https or to this machine only. `gateway` is where blocks can be fetched back from
    it. `deadline` is in seconds for a call, repeated attempts included. Raises `InputError`.
    """

    def __init__(
        self, endpoint: str, token: str | None = None, *, name: str = "", gateway: str = "", deadline: float = 30.0
    ) -> None:
        parts = urlsplit(endpoint)
        if token and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise InputError(
                f"The token would be sent to {shown(endpoint)} for everybody on the way to read.", hint="Use https."
            )
        self.name: Final = name or shown(endpoint).partition("://")[2]
        self.gateway: Final = gateway
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http: Final = Http(endpoint, name=self.name, deadline=deadline, headers=headers)
        self.endpoint: Final = self._http.url

    def __repr__(self) -> str:
        return f"PinningService({shown(self.endpoint)!r}, name={self.name!r})"

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._http.close()

    # --- Verbs -----------------------------------------------------------------------------------

    def add(
        self, cid: CID, *, name: str = "", origins: Sequence[str] = (), meta: Mapping[str, str] | None = None
    ) -> RemotePin:
        """Ask the service to keep a CID and all below it. `origins` are multiaddresses of nodes that have it.

        A new request each time, also for a CID that is kept already. Raises `PinRefused`, `Unavailable`, and
        `Unverified` if it answers with another CID.
        """
        body = self._call("POST", "/pins", f"to pin {cid}", body=_request(cid, name, origins, meta))
        return self._pin(body, cid)

    def get(self, request_id: str, cid: CID | None = None) -> RemotePin:
        """A request as it is now. Raises `NotFoundError`, `PinRefused`, `Unavailable`, and `Unverified` if it is not
        for `cid`."""
        return self._pin(self._call("GET", _at(request_id), f"to show request {request_id!r}"), cid)

    def replace(
        self,
        request_id: str,
        cid: CID,
        *,
        name: str = "",
        origins: Sequence[str] = (),
        meta: Mapping[str, str] | None = None,
    ) -> RemotePin:
        """Have another CID kept instead; the service keeps the blocks that both have. Raises as `add` and `get`."""
        what = f"to pin {cid} instead of request {request_id!r}"
        return self._pin(self._call("POST", _at(request_id), what, body=_request(cid, name, origins, meta)), cid)

    def remove(self, request_id: str) -> None:
        """Withdraw a request; a service without any other for the CID may forget it. Raises as `get`."""
        self._call("DELETE", _at(request_id), f"to remove request {request_id!r}")

    def list(
        self,
        *,
        cids: Sequence[CID] = (),
        statuses: Sequence[Status] = STATUSES,
        name: str | None = None,
        match: Literal["exact", "iexact", "partial", "ipartial"] = "exact",
        meta: Mapping[str, str] | None = None,
    ) -> Iterator[RemotePin]:
        """Requests, the newest first, page by page: those for `cids` (at most 10), in `statuses`, and so on.

        Raises `PinRefused`, `Unavailable`, `Unverified` for an answer that is no list, `LimitExceeded` for a list
        without an end, and `InputError` for more CIDs.
        """
        if len(cids) > 10:
            raise InputError(f"{len(cids)} CIDs are too many for one question.", hint="Ask for 10 at a time.")
        params = {"limit": str(_PAGE), "status": ",".join(statuses)}
        if cids:
            params["cid"] = ",".join(map(str, cids))
        if name is not None:
            params |= {"name": name, "match": match}
        if meta:
            params["meta"] = json.dumps(dict(meta))
        wanted = {cid.v1() for cid in cids}
        seen: set[str] = set()
        while True:
            body = self._call("GET", "/pins", "to list its pins", params=params)
            count, results = body.get("count"), body.get("results")
            if not isinstance(count, int) or not isinstance(results, list) or len(results) > _PAGE:
                raise self._strange("its list has no count and results")
            page = [self._pin(result) for result in results]
            fresh = [pin for pin in page if pin.request_id not in seen]
            for pin in fresh:
                seen.add(pin.request_id)
                if len(seen) > _MOST_PINS:
                    raise LimitExceeded(f"The number of pins of {self.name}", len(seen), _MOST_PINS)
                if wanted and pin.cid.v1() not in wanted:
                    raise Unverified(pin.cid, self.name, "it was not asked about")
                yield pin
            if count <= len(page):
                return
            # Pins of one moment may stand on both sides of the end of a page, so that moment is asked for once more.
            before = _later(page[-1].created) if fresh else page[-1].created if page else ""
            if not page or params.get("before") == before:
                raise self._strange(f"it has {count} more pins to list and does not show them")
            params["before"] = before

    def wait(
        self,
        pin: RemotePin,
        *,
        deadline: float = 600.0,
        poll: float = 1.0,
        progress: Callable[[RemotePin], None] | None = None,
    ) -> RemotePin:
        """Wait until a request is pinned, asking every `poll` seconds and more seldom later.

        Raises `PinRefused` if it fails, `Unavailable` if it is not pinned after `deadline` seconds.
        """
        until = time.monotonic() + deadline
        while True:
            if pin.status == "pinned":
                return pin
            if pin.status == "failed":
                raise failure(pin)
            left = until - time.monotonic()
            if left <= 0:
                raise Unavailable(f"The pin of {pin.cid}", [f"{self.name} has it {pin.status} after {deadline:g} s"])
            with waiting_for(f"{self.name} to pin {pin.cid}", deadline, since=until - deadline):
                time.sleep(min(poll, left))
            poll = min(poll * 1.5, _SLOWEST_POLL)
            pin = self.get(pin.request_id, pin.cid)
            if progress is not None:
                progress(pin)

    # --- Calls -----------------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        until = time.monotonic() + self._http.deadline
        for number in range(1, _ATTEMPTS + 1):
            try:
                return self._once(method, path, what, params, body, max(until - time.monotonic(), 0.001))
            except Unavailable as error:
                wait = error.retry_after
                if wait is None:
                    wait = random.uniform(0.05, 0.1) * 2**number  # nosec B311 # so that not all come back at once
                # What may have been done is not asked for again: it would be a second pin.
                once = method == "POST" and not isinstance(error, _NotYet)
                if once or number == _ATTEMPTS or wait > min(_PATIENCE, until - time.monotonic()):
                    raise
                with waiting_for(f"{self.name} to be ready again", wait):
                    time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _once(
        self,
        method: str,
        path: str,
        what: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        deadline: float,
    ) -> dict[str, Any]:
        content = None if body is None else [json.dumps(body).encode("utf-8")]
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if content else {})
        asked = f"What was asked of {self.name} ({what})"
        with self._http.ask(
            method, path, asked, params=params, headers=headers, content=content, deadline=deadline
        ) as answer:
            if answer.status in _AGAIN:
                busy = answer.unavailable(asked)
                if answer.status not in _NOTHING_DONE:
                    raise busy
                raise _NotYet(busy.what, busy.causes, retry_after=busy.retry_after)
            if answer.status == 404 and path != "/pins":
                raise NotFoundError(f"{self.name} knows of no such request ({what}).", hint="List its pins.")
            if not 200 <= answer.status < 300:
                raise self._refused(answer, what)
            if method == "DELETE":
                return {}
            return self._object(answer)

    def _object(self, answer: Answer) -> dict[str, Any]:
        body = answer.body(_BODY)
        try:
            value = load_json(body, _DEEPEST)
        except ValueError as error:
            raise self._strange(f"it answered with something that is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise self._strange("it answered with something that is not an object")
        return value

    def _refused(self, answer: Answer, what: str) -> PinRefused:
        try:
            error = self._object(answer)["error"]
            reason = _shown(": ".join(str(error[key]) for key in ("reason", "details") if error.get(key)))
        except (Unavailable, LimitExceeded, KeyError, TypeError, AttributeError):
            reason = ""
        hint = "Check its token and what the account may do." if answer.status in (401, 403) else ""
        said = f"status {answer.status}" + (f", {reason.rstrip('.')}" if reason else "")
        return PinRefused(self.name, what, said, status=answer.status, hint=hint)

    def _strange(self, reason: str) -> Unavailable:
        return Unavailable(f"What was asked of {self.name}", [reason])

    def _pin(self, body: dict[str, Any], asked: CID | None = None) -> RemotePin:
        """A request from what a service says of it, which is held to the specification."""
        try:
            request_id, status, created, pin = (body[key] for key in ("requestid", "status", "created", "pin"))
            cid, name = CID.parse(pin["cid"]), pin.get("name") or ""
            delegates, info = body.get("delegates") or [], body.get("info") or {}
            datetime.fromisoformat(created)
            texts = [request_id, created, name, *delegates]
            good = all(isinstance(text, str) for text in texts) and request_id and request_id.isprintable()
            if status not in STATUSES or not good:
                raise ValueError("a field is missing or of another kind")
            added = tuple((_shown(str(key)), _shown(str(value))) for key, value in dict(info).items())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = error.message if isinstance(error, InvalidCID) else str(error)
            raise self._strange(f"it answered with a pin that is none ({_shown(reason)})") from None
        if asked is not None and cid.v1() != asked.v1():
            raise Unverified(asked, self.name, f"it pins {cid} instead")
        return RemotePin(self.name, request_id, cid, status, created, _shown(name), tuple(delegates), added)


def failure(pin: RemotePin) -> PinRefused:
    """The error for a request that failed."""
    said = "; ".join(f"{key}: {value}" for key, value in pin.info) or "it says no more than that it failed"
    return PinRefused(pin.service, f"to pin {pin.cid}", said)


def open_service(address: str | PinningService, *, deadline: float = 30.0) -> PinningService:
    """A service by its name in `PRESETS`, or as ``https://endpoint`` or ``https://endpoint,https://gateway``.

    Its token is that of the environment: ``REGISTRY_PIN_TOKEN_<NAME>`` for a name (``REGISTRY_PIN_TOKEN_PINATA``), and
    else ``REGISTRY_PIN_TOKEN``. `deadline` (seconds) bounds each answer. Raises `InputError`.
    """
    if isinstance(address, PinningService):
        return address
    common = os.environ.get("REGISTRY_PIN_TOKEN")
    preset = PRESETS.get(address)
    if preset is not None:
        token = os.environ.get(f"REGISTRY_PIN_TOKEN_{address.upper().replace('-', '_')}") or common
        return PinningService(preset.endpoint, token, name=address, gateway=preset.gateway, deadline=deadline)
    endpoint, _, gateway = address.partition(",")
    if "://" not in endpoint:
        raise InputError(
            f"There is no pinning service {address.partition('/')[0]!r}.",
            hint=f"Name one of {', '.join(PRESETS)}, or write its endpoint https://..., and after a comma its gateway.",
        )
    return PinningService(endpoint, common, gateway=gateway, deadline=deadline)


def _request(cid: CID, name: str, origins: Sequence[str], meta: Mapping[str, str] | None) -> dict[str, Any]:
    if len(name) > 255:
        raise InputError(f"The name of the pin has {len(name)} characters.", hint="Services take 255.")
    request = {"cid": str(cid), "name": name, "origins": list(origins), "meta": dict(meta or {})}
    return {key: value for key, value in request.items() if value}


def _at(request_id: str) -> str:
    if not request_id or request_id in (".", ".."):
        raise InputError(f"{request_id!r} is not a request.", hint="It is what adding a pin returned.")
    return f"/pins/{quote(request_id, safe='')}"


def _later(created: str) -> str:
    """A millisecond later."""
    moment = datetime.fromisoformat(created) + timedelta(milliseconds=1)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(text: str) -> str:
    """A stranger's words, fit for a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text[:300])
