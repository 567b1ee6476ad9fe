"""What passes to an app and back: who may ask it, which headers go in and out, and what its pages may do in a browser.

A stranger's app is a stranger's page as well. Its server has no network; so that its page is no way around, browsers
show it in a frame alone, from an origin of its own, under a policy that reaches nothing but that origin.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import urlsplit

from registry.errors import InputError
from registry.ipfs.hosts import normal_url

__all__ = ["FRAME", "AppOrigin", "IngressRules", "frame_page"]

Headers = Sequence[tuple[bytes, bytes]]

FRAME: Final = "allow-scripts allow-same-origin allow-forms allow-downloads"
"""What a frame with an app may do (`sandbox`). Its origin is its own, so the same origin is no other's; it opens no
window and leads nobody away."""

_ASKED: Final = frozenset(
    b"accept accept-encoding accept-language cache-control content-encoding content-length content-type cookie host "
    b"if-match if-modified-since if-none-match if-range if-unmodified-since origin range sec-websocket-extensions "
    b"sec-websocket-key sec-websocket-protocol sec-websocket-version transfer-encoding user-agent "
    b"x-requested-with x-streamlit-user x-xsrftoken x-gradio-user".split()
)

_ANSWERED: Final = frozenset(
    b"accept-ranges cache-control content-disposition content-encoding content-language content-length content-range "
    b"content-type etag expires last-modified location retry-after sec-websocket-accept sec-websocket-extensions "
    b"sec-websocket-protocol set-cookie transfer-encoding vary".split()
)
"""Not: policies with addresses that faults are reported to, links that are looked up ahead, words about other hosts."""


class _NotPassed(Exception):
    """A request that does not pass: the `status` of the answer, why, and where to go instead."""

    def __init__(self, status: int, why: str, *, location: str = "") -> None:
        self.status, self.why, self.location = status, why, location
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class AppOrigin:
    """Scheme, host and port by which a browser tells one site from another: `text`, as ``http://app-7.localhost:80``.

    Raises `InputError` for an address with a path, one that is neither https nor on this machine, and one that can be
    read in several ways.
    """

    text: str

    def __post_init__(self) -> None:
        """Take the one way to write it."""
        plain = normal_url(self.text)
        if urlsplit(plain).path:
            raise InputError(
                f"{self.text[:200]!r} names a page, and an origin is meant.", hint="Leave out what follows the host."
            )
        object.__setattr__(self, "text", plain)

    @property
    def host(self) -> str:
        """The host, in small letters."""
        return urlsplit(self.text).hostname or ""

    @property
    def authority(self) -> str:
        """Host and port, as the header Host has them."""
        return urlsplit(self.text).netloc

    @property
    def socket(self) -> str:
        """The same origin for a web socket."""
        return "ws" + self.text.removeprefix("http")

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class IngressRules:
    """The rules of one app at `origin`. It is shown within pages of `within` alone; `page` is the one of them that the
    door itself serves, at the same port under another host, or None."""

    origin: AppOrigin
    within: tuple[AppOrigin, ...]
    page: AppOrigin | None = None

    def is_page(self, method: str, target: str, headers: Headers) -> bool:
        """Whether the page around the app is asked for, and not the app. Raises `_NotPassed` for what passes nowhere.

        A name that leads to this machine all at once (DNS rebinding) is no name of ours, and a page elsewhere may show
        the app where it is allowed, and neither read it nor act in it."""
        host, origin = _one(headers, b"host"), _one(headers, b"origin")
        if self.page is not None and host == self.page.authority:
            if method not in ("GET", "HEAD") or target != "/":
                raise _NotPassed(404, "There is one page here.")
            return True
        if host != self.origin.authority:
            raise _NotPassed(421, "No app has this name.")
        site, into = _one(headers, b"sec-fetch-site"), _one(headers, b"sec-fetch-dest")
        if into in ("document", "fencedframe", "object", "embed", "serviceworker", "sharedworker"):
            where = f"{self.page}/" if self.page is not None and into == "document" else ""
            raise _NotPassed(303 if where else 403, "This app is shown within another page.", location=where)
        if origin and origin != str(self.origin):
            raise _NotPassed(403, "Another page asks.")
        if site in ("cross-site", "same-site") and not (into == "iframe" and method == "GET"):
            raise _NotPassed(403, "Another page asks.")
        if wants_socket(headers) and not origin:
            raise _NotPassed(403, "A page says where it is from when it opens a web socket.")
        return False

    def asked(self, headers: Headers, *, upgrade: bool) -> list[tuple[bytes, bytes]]:
        """The headers of a request that reach the app. It is told the scheme, since it writes addresses of its own."""
        scheme = urlsplit(self.origin.text).scheme.encode()
        return [*_kept(headers, _ASKED), (b"x-forwarded-proto", scheme), *_connection(upgrade)]

    def answered(self, headers: Headers, *, upgrade: bool) -> list[tuple[bytes, bytes]]:
        """The headers of an answer that reach the browser, with ours."""
        return [*_kept(headers, _ANSWERED), *self._own(), *_connection(upgrade)]

    def _own(self) -> list[tuple[bytes, bytes]]:
        return [
            *_both(self._policy()),
            # What the policy does not speak of: WebRTC, and hosts that are looked up or connected to ahead of need.
            (b"connection-allowlist", b"(response-origin);webrtc=block"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", _PERMISSIONS),
            (b"x-dns-prefetch-control", b"off"),
        ]

    def _policy(self) -> str:
        """Only this origin is reached, by no script, form, frame or worker another; no worker outlives the app."""
        around = " ".join(str(one) for one in self.within)
        return (
            "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
            f"connect-src 'self' {self.origin.socket} data: blob:; frame-src 'self' blob:; worker-src blob:; "
            "object-src 'none'; base-uri 'self'; form-action 'self'; "
            f"frame-ancestors 'self' {around}; sandbox {FRAME}"
        )


_PERMISSIONS: Final = (
    b"camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), payment=(), serial=(), usb=()"
)


def wants_socket(headers: Headers) -> bool:
    """Whether a request asks for a web socket."""
    return _one(headers, b"upgrade").lower() == "websocket"


def frame_page(rules: IngressRules, name: str, what: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and bytes of the page that shows an app of a `name` in a frame, and says `what` it is."""
    style = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; frame-src {rules.origin}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    body = _PAGE.format(
        name=escape(name), what=escape(what), style=_STYLE, origin=escape(str(rules.origin)), frame=FRAME
    ).encode()
    headers = [
        *_both(policy),
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", _PERMISSIONS),
        *_connection(False),
    ]
    return headers, body


_STYLE: Final = (
    "html,body{height:100%;margin:0;font:14px/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}"
    "body{display:flex;flex-direction:column}header{padding:8px 16px;border-bottom:1px solid GrayText}"
    "header span{color:GrayText;margin-left:1em;overflow-wrap:anywhere}iframe{flex:1;border:0;width:100%}"
)

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{name}</title><style>{style}</style></head>
<body><header><strong><bdi>{name}</bdi></strong><span>{what}</span></header>
<iframe src="{origin}/" title="{name}" sandbox="{frame}" referrerpolicy="no-referrer" allow=""></iframe>
</body></html>
"""


def _both(policy: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]


def _connection(upgrade: bool) -> list[tuple[bytes, bytes]]:
    """One request for each connection, so that no two readers can differ about where the next one begins."""
    return [(b"connection", b"upgrade"), (b"upgrade", b"websocket")] if upgrade else [(b"connection", b"close")]


def _kept(headers: Headers, names: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() in names]


def _one(headers: Headers, wanted: bytes) -> str:
    """The value of a header, "" if it is not there. Raises `_NotPassed` for one that is there twice."""
    found = [value for name, value in headers if name.lower() == wanted]
    if len(found) > 1:
        raise _NotPassed(400, "A header stands there twice.")
    return found[0].decode("latin-1") if found else ""
