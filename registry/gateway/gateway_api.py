"""How a gateway is asked: HTTP and JSON, with a limit on everything that a stranger chooses."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry.errors import RegistryError
from registry.gated.protocol import (
    MAX_BODY,
    Deposit,
    NonceRequest,
    ReleaseRequest,
    Revocation,
    SignedInvitation,
)
from registry.gateway.declining import HEADERS, answer_of
from registry.gateway.metrics import Metrics
from registry.gateway.openapi import document
from registry.gateway.rate_limit import RateLimit
from registry.gateway.refusal import Refusal
from registry.gateway.service import GatewayService
from registry.ipfs.hosts import host_of, is_loopback
from registry.system.throttle import network_of

__all__ = ["make_app"]

M = TypeVar("M", bound=BaseModel)
Verb = Callable[[Request], Awaitable[Response]]

_HEALTH_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)
_MOST_FAULTS: Final = 5


def make_app(gateway: GatewayService) -> Starlette:
    """The ASGI application of a gateway. It writes the start and the stop of the gateway to the audit log."""
    return _Api(gateway).app()


class _Api:
    def __init__(self, gateway: GatewayService) -> None:
        self._gateway = gateway
        self._settings = gateway.settings
        self._metrics = Metrics(gateway)
        self._per_address = RateLimit(self._settings.address_rate, self._settings.address_burst)
        self._running = 0
        self._stopping = False
        self._health: tuple[float, int] = (float("-inf"), 0)
        self._openapi = document(url=self._settings.url, version=version("asset-registry"))

    def app(self) -> Starlette:
        """The routes, each with the same limits around it."""
        routes = [
            self._route("GET", "/v1/gateway", self._describe),
            self._route("POST", "/v1/nonce", self._nonce, pages=True),
            self._route("POST", "/v1/shares", self._deposit),
            self._route("POST", "/v1/invitations", self._invite, pages=True),
            self._route("DELETE", "/v1/invitations/{id}", self._revoke),
            self._route("POST", "/v1/releases", self._release, pages=True),
            self._route("GET", "/v1/health", self._healthy),
            self._route("GET", "/metrics", self._measures),
            self._route("GET", "/openapi.json", self._document),
        ]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=sorted(self._settings.pages),
            allow_methods=["POST"],
            allow_headers=["content-type"],
            allow_private_network=True,
            expose_headers=["retry-after"],
        )
        faults = {HTTPException: _unknown}
        return Starlette(routes=routes, middleware=[cors], exception_handlers=faults, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._gateway.audit.write("start", url=self._settings.url, depth=self._settings.depth)
        yield
        self._stopping = True
        self._gateway.audit.write("stop")

    # --- Verbs -----------------------------------------------------------------------------------

    async def _describe(self, _: Request) -> Response:
        return _json(self._gateway.describe())

    async def _nonce(self, request: Request) -> Response:
        return _json(self._gateway.nonce(await self._read(request, NonceRequest)))

    async def _deposit(self, request: Request) -> Response:
        return _json(await self._gateway.deposit(await self._read(request, Deposit)))

    async def _invite(self, request: Request) -> Response:
        return _json(await self._gateway.invite(await self._read(request, SignedInvitation)))

    async def _revoke(self, request: Request) -> Response:
        revocation = await self._read(request, Revocation)
        return _json(await self._gateway.revoke(request.path_params["id"], revocation))

    async def _release(self, request: Request) -> Response:
        wanted = await self._read(request, ReleaseRequest)
        return _json(await self._gateway.release(wanted, page=request.headers.get("origin", "")))

    async def _healthy(self, _: Request) -> Response:
        seen, head = self._health
        if time.monotonic() - seen > _HEALTH_SECONDS:
            # Asks nothing, and yet fails if the node does not answer or lags behind.
            head = (await self._gateway.view.ask()).head.number
            # And where nothing can be written down, nothing is handed out.
            self._gateway.database.note("head", str(head))
            self._health = time.monotonic(), head
        return JSONResponse({"status": "ok", "block": head}, headers=HEADERS)

    async def _measures(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4", headers=HEADERS)

    async def _document(self, _: Request) -> Response:
        return JSONResponse(self._openapi, headers=HEADERS)

    # --- Around every verb -----------------------------------------------------------------------

    def _route(self, method: str, path: str, verb: Verb, *, pages: bool = False) -> Route:
        async def admitted(request: Request) -> Response:
            self._admit(request, pages)
            return await verb(request)

        async def answer(request: Request) -> Response:
            began = time.monotonic()
            with self._metrics.running.track_inprogress():
                response, outcome = await self._guarded(request, admitted)
            self._metrics.requests.labels(path, outcome).inc()
            self._metrics.seconds.labels(path).observe(time.monotonic() - began)
            return response

        return Route(path, answer, methods=[method])

    def _admit(self, request: Request, pages: bool) -> None:
        """Let programs in, and of web pages those of the origins that the operator named, where `pages` may ask. Of
        its origin a browser tells the truth, also for a page whose name was made to lead here (DNS rebinding)."""
        origin = request.headers.get("origin", "")
        if origin and origin not in self._settings.pages:
            raise Refusal(
                403,
                "foreign_page",
                f"Pages of {origin[:200]} are not let in here.",
                hint="Whoever runs this gateway lets a page in with: registry gateway serve --page ORIGIN",
            )
        if origin and not pages:
            raise Refusal(
                403, "foreign_page", "Web pages may ask for releases and hand in invitations, and nothing else."
            )
        # What a browser asks for by GET has no origin; on this machine it is known by the name that it asked.
        host = host_of(f"//{request.headers.get('host', '')}")
        if is_loopback(host_of(self._settings.url)) and not is_loopback(host):
            raise Refusal(403, "foreign_page", f"This gateway answers to {self._settings.domain}, not to {host[:200]}.")

    async def _guarded(self, request: Request, verb: Verb) -> tuple[Response, str]:
        try:
            if self._stopping:
                raise Refusal(503, "stopping", "This gateway is stopping.", hint="Ask another.", retry_after=5)
            self._per_address.take(network_of(request.client.host if request.client else ""))
            if self._running >= self._settings.concurrency:
                raise Refusal(503, "busy", "This gateway has too much to do.", hint="Try again.", retry_after=1)
            self._running += 1
            try:
                async with asyncio.timeout(self._settings.handler_seconds):
                    return await verb(request), "200"
            finally:
                self._running -= 1
        except Refusal as error:
            return answer_of(error), error.code
        except TimeoutError:
            return answer_of(
                Refusal(503, "busy", "It took too long.", hint="Send the same request again.", retry_after=5)
            ), "timeout"
        except ClientDisconnect:
            return Response(status_code=400), "disconnected"
        except RegistryError as error:
            # Of our own house: the caller can do nothing about it, and need not know more.
            return answer_of(
                Refusal(503, "busy", "This gateway cannot answer now.", hint="Try another.", retry_after=30)
            ), type(error).__name__
        except Exception as error:
            # A fault of ours. Where it is goes to the operator, without values: they may be secret.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s in %s, line %s", type(error).__name__, place.filename, place.lineno)
            return answer_of(Refusal(503, "fault", "This gateway has a fault.", hint="Try another.")), "fault"

    async def _read(self, request: Request, model: type[M]) -> M:
        """The body as `model`, of `MAX_BODY` bytes at most and within the time for it."""
        body = bytearray()
        length = request.headers.get("content-length", "0")
        try:
            if not length.isdecimal() or int(length[:12]) > MAX_BODY or len(length) > 12:
                raise _too_large()
            async with asyncio.timeout(self._settings.body_seconds):
                async for piece in request.stream():
                    body += piece
                    if len(body) > MAX_BODY:
                        raise _too_large(close=True)
        except TimeoutError:
            raise Refusal(
                400, "too_slow", "The body did not come in time.", hint="Send it at once.", close=True
            ) from None
        try:
            return model.model_validate_json(bytes(body))
        except ValidationError as error:
            raise _invalid(error) from None


def _json(model: Any) -> Response:
    return JSONResponse(model.to_dict(), headers=HEADERS)


def _invalid(error: ValidationError) -> Refusal:
    # Not what was sent: a share that was sent in the wrong place must not come back in an error that is kept somewhere.
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if any(fault["type"] == "json_invalid" for fault in faults):
        return Refusal(400, "not_json", "The body is not JSON.", hint="See /openapi.json.")
    places = ["/" + "/".join(str(part) for part in fault["loc"]) for fault in faults[:_MOST_FAULTS]]
    said = "; ".join(
        f"{place[:100]}: {'is wrong' if fault['type'] == 'value_error' else fault['msg']}"
        for place, fault in zip(places, faults, strict=False)
    )
    return Refusal(422, "invalid", f"The request is wrong at {said}.", hint="See /openapi.json.")


def _too_large(*, close: bool = False) -> Refusal:
    # A length that was said is let come and thrown away, so that the answer is read; an endless body is cut off.
    return Refusal(413, "too_large", f"The body has more than {MAX_BODY:,} bytes.", hint="Send less.", close=close)


async def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    code, message = ("method", "It takes other methods.") if status == 405 else ("not_found", "There is nothing here.")
    headers = error.headers if isinstance(error, HTTPException) else None
    response = answer_of(Refusal(status, code, message, hint="See /openapi.json."))
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response
