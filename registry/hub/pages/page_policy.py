"""What a browser may load for a page, and whom its scripts may reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from registry.errors import InputError
from registry.hub.unanswered import Unanswered
from registry.ipfs.hosts import normal_url
from registry.sandbox.ingress.ingress_rules import AppOrigin

__all__ = ["HEADERS", "framing", "named_origin", "reaching"]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""With every page: nothing comes from elsewhere, nothing goes there, no script stands in a page."""


def named_origin(url: str) -> str:
    """Scheme, host and port of a service that a reader named. Raises `Unanswered` for what is no plain address."""
    try:
        parts = urlsplit(normal_url(url.strip()))
    except InputError as error:
        raise Unanswered(422, "invalid", error.message, hint=error.hint) from error
    return f"{parts.scheme}://{parts.netloc}"


def reaching(*origins: str) -> Mapping[str, str]:
    """Headers of a page whose scripts reach these services, too, and show pictures that they made themselves. It is
    made for one request, and never kept."""
    policy = _POLICY.replace("connect-src 'self'", " ".join(("connect-src 'self'", *origins)))
    return {
        "content-security-policy": policy.replace("img-src 'self'", "img-src 'self' blob:"),
        "cache-control": "no-store",
    }


def framing(origin: AppOrigin) -> Mapping[str, str]:
    """Headers of a page that shows an app of this origin in a frame, which cannot leave it."""
    return {"content-security-policy": f"{_POLICY}; frame-src {origin}"}
