"""How a host of jobs is asked: HTTP and JSON, with a limit on everything that a stranger chooses."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, get_args

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry.compute.host_escrow import HostBonds
from registry.compute.host_protocol import Act, HostAbout, HostedJob, JobRequest, job_resource
from registry.compute.job_book import JobEntry
from registry.compute.job_desk import JobDesk
from registry.content.uses import SignedReceipt
from registry.errors import (
    InputError,
    InvalidRecord,
    JobNotFound,
    JobRefused,
    NotFoundError,
    RegistryError,
    WrongJobState,
)
from registry.gated.protocol import MAX_BODY, NonceRequest
from registry.gateway.audit_log import AuditLog
from registry.gateway.declining import HEADERS, answer_of
from registry.gateway.nonces import Nonces
from registry.gateway.rate_limit import RateLimit
from registry.gateway.refusal import Refusal
from registry.gateway.signin import Doorkeeper, bad_signature
from registry.host.host_workers import HostWorkers
from registry.system.throttle import network_of

__all__ = ["HostRooms", "host_app"]

_BODY_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 60.0
_AT_ONCE: Final = 32
_log = logging.getLogger(__name__)

Verb = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class HostRooms:
    """What a host is made of."""

    about: HostAbout
    desk: JobDesk
    bonds: HostBonds
    workers: HostWorkers
    doorkeeper: Doorkeeper
    nonces: Nonces
    audit: AuditLog
    rate: RateLimit


def host_app(rooms: HostRooms) -> Starlette:
    """The ASGI application of a host."""
    api = _HostApi(rooms)
    return Starlette(
        routes=[
            Route("/v1/host", api.guarded(api.describe), methods=["GET"]),
            Route("/v1/nonce", api.guarded(api.nonce), methods=["POST"]),
            Route("/v1/offers", api.guarded(api.offer), methods=["POST"]),
            Route("/v1/jobs", api.guarded(api.take), methods=["POST"]),
            Route("/v1/jobs/{id}/{act}", api.guarded(api.job), methods=["POST"]),
        ]
    )


class _HostApi:
    def __init__(self, rooms: HostRooms) -> None:
        self._rooms = rooms
        self._running = 0

    # --- Verbs -----------------------------------------------------------------------------------

    async def describe(self, _: Request) -> Response:
        return JSONResponse(self._rooms.about.model_dump(), headers=HEADERS)

    async def nonce(self, request: Request) -> Response:
        asked = NonceRequest.model_validate_json(await _body(request))
        return JSONResponse(self._rooms.nonces.make(asked.account).to_dict(), headers=HEADERS)

    async def offer(self, request: Request) -> Response:
        order, licence = await _body(request), request.query_params.get("licence", "")
        if not re.fullmatch("[0-9]{1,3}", licence):
            raise Refusal(422, "invalid", "It names no licence by its number.", hint="See docs/compute.md.")
        made = await asyncio.to_thread(self._rooms.desk.offer, order, self._rooms.bonds, int(licence))
        self._rooms.audit.write("offer", job=made.job, consumer=made.consumer)
        return Response(made.to_bytes(), media_type="application/json", headers=HEADERS)

    async def take(self, request: Request) -> Response:
        order = await _body(request)
        entry = await asyncio.to_thread(self._rooms.desk.accept, order)
        self._rooms.audit.write("order", job=entry.id, consumer=entry.job.consumer, state=entry.state)
        self._rooms.workers.wake()
        return self._told(entry)

    async def job(self, request: Request) -> Response:
        id, act = request.path_params["id"], request.path_params["act"]
        if act == "minute" and len(id) == 64:  # signed by its consumer, as an order is
            use = SignedReceipt.from_json((await _body(request)).decode("utf-8", "replace"))
            return self._told(await asyncio.to_thread(self._rooms.desk.sign, id, use))
        if act not in get_args(Act) or len(id) != 64:
            raise Refusal(404, "not_found", "There is nothing here.", hint="See docs/compute.md.")
        asked = JobRequest.model_validate_json(await _body(request))
        entry = self._asked_by_its_consumer(id, act, asked)
        if act == "status":
            return self._told(entry)
        self._rooms.audit.write(act, job=id, consumer=entry.job.consumer)
        if act == "cancel":
            return self._told(await asyncio.to_thread(self._rooms.desk.cancel_as_asked, id))
        if act == "log":
            log = await asyncio.to_thread(self._rooms.desk.sealed_log, id)
            return Response(log, media_type="application/octet-stream", headers=HEADERS)
        sealed, receipt = await asyncio.to_thread(self._rooms.desk.result, id)
        kind, data = ("application/octet-stream", sealed) if act == "result" else ("application/json", receipt)
        return Response(data, media_type=kind, headers=HEADERS)

    def _asked_by_its_consumer(self, id: str, act: str, asked: JobRequest) -> JobEntry:
        """The job; whoever is not its consumer learns as much as if there were none."""
        entry = self._rooms.desk.book.get(id)
        signed = self._rooms.doorkeeper.read(asked.auth, entry.job.offering, job_resource(id, act))
        if not signed.proven:
            raise bad_signature(signed.signature)
        self._rooms.nonces.spend(signed.nonce, signed.account, signed.text)
        if signed.account != entry.job.consumer:
            raise JobNotFound(id)
        return entry

    def _told(self, entry: JobEntry) -> Response:
        minutes = self._rooms.desk.book.minutes(entry.id)
        told = HostedJob(id=entry.id, state=entry.state, over=entry.is_over, minutes=minutes)
        return JSONResponse(told.model_dump(), headers=HEADERS)

    # --- Around every verb -----------------------------------------------------------------------

    def guarded(self, verb: Verb) -> Verb:
        async def answer(request: Request) -> Response:
            try:
                self._rooms.rate.take(network_of(request.client.host if request.client else ""))
                if self._running >= _AT_ONCE:
                    raise Refusal(503, "busy", "This host has too much to do.", hint="Try again.", retry_after=1)
                self._running += 1
                try:
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        return await verb(request)
                finally:
                    self._running -= 1
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception as error:
                return _refused(error)

        return answer


async def _body(request: Request) -> bytes:
    """The body, of `MAX_BODY` bytes at most and within the time for it."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY:
                    raise Refusal(413, "too_large", f"The body has more than {MAX_BODY:,} bytes.", close=True)
    except TimeoutError:
        raise Refusal(400, "too_slow", "The body did not come in time.", close=True) from None
    return bytes(body)


def _refused(error: Exception) -> Response:
    """What a stranger is told of an error: of our own house nothing but that there is one."""
    if isinstance(error, Refusal):
        return answer_of(error)
    if isinstance(error, JobRefused):
        status, code, said, hint = 422, "refused", "; ".join(error.reasons), error.hint
    elif isinstance(error, InvalidRecord | ValidationError | InputError):
        status, code, said, hint = 422, "invalid", "It is not in the form that is asked for.", "See docs/compute.md."
    elif isinstance(error, JobNotFound):
        status, code, said, hint = 404, "not_found", "There is no such job of this account.", "Hand the order in."
    elif isinstance(error, NotFoundError):
        status, code, said, hint = 422, "refused", error.message, error.hint
    elif isinstance(error, WrongJobState):
        status, code, said, hint = 409, "state", error.message, "Ask for its state."
    else:
        if not isinstance(error, RegistryError | TimeoutError):
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s in %s, line %s", type(error).__name__, place.filename, place.lineno)
        status, code, said, hint = 503, "busy", "This host cannot answer now.", "Send the same request again."
    return answer_of(Refusal(status, code, said, hint=hint))
