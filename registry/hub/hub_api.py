"""How a hub is asked: HTTP and JSON, with a limit on everything that a stranger chooses."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from registry.documents.ddo import MAX_BYTES
from registry.documents.signed_statements import MOST as MOST_STATEMENT
from registry.documents.signed_statements import read_statement
from registry.errors import ChainError, HubLied, HubUnavailable, IndexFault, InputError
from registry.hub.elsewhere import HubElsewhere
from registry.hub.feeds import FEEDS
from registry.hub.follower import Hub
from registry.hub.hub_metrics import HubMetrics
from registry.hub.hub_openapi import document
from registry.hub.judging import MOST_WRITTEN, Writing, check
from registry.hub.operations import OPERATIONS, Operation, Parameter, read_parameters
from registry.hub.pages.desk import Asked, PageAnswer
from registry.hub.pages.site import HEADERS, NAMING, PAGES, Site
from registry.hub.taking_turns import Turns
from registry.hub.unanswered import Unanswered
from registry.index import deadline
from registry.index.models import Hits, HubProblem, Model, Refused
from registry.ipfs.cid import CID
from registry.system.throttle import Throttle, network_of

__all__ = ["make_app"]

T = TypeVar("T")

Verb = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[Unanswered], Response]

MOST_QUERY: Final = 4_096
"""Bytes of what stands behind the question mark."""

QUEUE: Final = 8
"""Requests that may be there for each that is worked on; the rest are told to come again."""

QUESTIONS: Final = 8
"""What a page may ask and draw, in questions."""

INLINE: Final = 512 * 1024
"""Bytes of documents that come along with a page."""

MOST_REASON: Final = 10_000
"""Bytes of a reason that somebody hands in, as the wallet script bounds it."""

MOST_FORM: Final = 4_096
"""Bytes of a form that a reader sends."""

WRITTEN_RATE: Final = 4.0
"""Documents of one network in a second that are judged while they are written."""

WRITTEN_BURST: Final = 40
"""Documents of one network that are judged at once."""

SAID_RATE: Final = 0.2
"""Statements of one network in a second."""

SAID_BURST: Final = 30
"""Statements of one network at once: two accounts may say all that they may in a day."""

_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "etag",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
_FRESH: Final = {"cache-control": "no-cache"}
_PACKED: Final = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml"})
_log = logging.getLogger(__name__)


def make_app(hub: Hub | HubElsewhere, site: Site | None = None) -> Starlette:
    """The ASGI application of a hub, with the pages of `site` if there are some; while it runs, the hub follows its
    chain."""
    return _Api(hub, site).app()


class _Api:
    def __init__(self, hub: Hub | HubElsewhere, site: Site | None) -> None:
        self._hub = hub
        self._site = site
        self._settings = hub.settings
        self._throttle = Throttle(self._settings.rate, self._settings.burst)
        self._sayings = Throttle(SAID_RATE, SAID_BURST)
        self._writings = Throttle(WRITTEN_RATE, WRITTEN_BURST)
        self._metrics = HubMetrics(lambda: hub.lag, lambda: hub.final)
        hub.on_fault = lambda kind: self._metrics.faults.labels(kind).inc()
        self._workers = ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="hub")
        self._turns = Turns(self._settings.turns, self._workers)
        self._running = 0
        self._stopping = False
        self._openapi = document(url=self._settings.url, version=version("asset-registry"))

    def app(self) -> Starlette:
        """The routes, each with the same limits around it."""
        # First: the same path is read by GET.
        routes = [self._route("/v1/statements", self._say, method="POST")]
        routes += [self._route(operation.path, self._answering(operation)) for operation in OPERATIONS]
        routes += [self._route(path, self._feeding(make, parameters)) for path, (make, parameters) in FEEDS.items()]
        routes += [
            self._route("/v1/hub", self._describe),
            self._route("/v1/health", self._healthy),
            self._route("/metrics", self._measures),
            self._route("/openapi.json", self._document),
            self._route("/v1/reasons", self._keep, method="POST"),
            self._route("/v1/documents", self._bring, method="POST"),
            self._route("/v1/check", self._check, method="POST"),
        ]
        if self._site is not None:
            routes += [
                self._route(path, self._naming(self._site, path), self._refuse_in_words, method="POST")
                for path in NAMING
            ]
            routes += [self._route(path, self._paging(self._site, path), self._refuse_in_words) for path in PAGES]
            routes.append(self._route("/static/{edition}/{name}", self._static(self._site), self._refuse_in_words))
        return Starlette(routes=routes, exception_handlers={HTTPException: self._unknown}, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._hub.start()
        yield
        self._stopping = True
        await asyncio.to_thread(self._hub.stop)
        if self._site is not None:
            self._site.stop()
        self._workers.shutdown(wait=False)

    # --- Verbs -----------------------------------------------------------------------------------

    def _answering(self, operation: Operation) -> Verb:
        async def verb(request: Request) -> Response:
            values = read_parameters(operation, request.path_params, request.query_params.multi_items())
            return await self._cached(request, lambda: _rendered(operation, self._hub.catalogue, values))

        return verb

    def _feeding(self, make: Any, parameters: tuple[Parameter, ...]) -> Verb:
        async def verb(request: Request) -> Response:
            shape = Operation("", "", parameters, None, make)
            values = read_parameters(shape, {}, request.query_params.multi_items())
            url = f"{self._settings.url}{request.url.path}"
            return await self._cached(
                request, lambda: ("application/atom+xml", make(self._hub.catalogue, self._settings.url, url, **values))
            )

        return verb

    def _paging(self, site: Site, path: str) -> Verb:
        async def verb(request: Request) -> Response:
            asked = Asked(request.path_params, tuple(request.query_params.multi_items()), request.url.path)
            tag, page = await self._unless_known(request, lambda: self._made(site, path, asked), times=QUESTIONS)
            if page is None:
                return Response(status_code=304, headers={**HEADERS, **_FRESH, "etag": tag})
            headers = {**HEADERS, **_FRESH, **({"etag": tag} if page.settled else {}), **page.headers}
            return _packed(request, page, headers)

        return verb

    def _naming(self, site: Site, path: str) -> Verb:
        async def verb(request: Request) -> Response:
            # Only a page of this hub may name whom a page of it reaches: no link, and no form of a stranger.
            if request.headers.get("sec-fetch-site") != "same-origin":
                raise Unanswered(
                    403,
                    "not_from_here",
                    "Whom this page reaches is named on this page.",
                    hint="Open it, over https or on this machine, and fill in the form.",
                )
            body = await _body(request, MOST_FORM, "A form")
            form = tuple(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=24))
            asked = Asked(request.path_params, url=request.url.path, form=form or (("", ""),))
            page = await self._work(lambda: self._made(site, path, asked), times=QUESTIONS)
            return _packed(request, page, {**HEADERS, "cache-control": "no-store", **page.headers})

        return verb

    def _made(self, site: Site, path: str, asked: Asked) -> PageAnswer:
        try:
            return site.page(path, asked)
        except (ValueError, ArithmeticError, LookupError, TypeError) as error:
            # Pages refuse what they are asked as `Unanswered`, but for the words of a search.
            if path == "/" or not isinstance(self._hub, HubElsewhere):
                raise
            why = f"no page can be made of what it says ({type(error).__name__})"
            raise HubUnavailable(f"{asked.url} of {self._hub.url}", [why]) from error

    def _static(self, site: Site) -> Verb:
        async def verb(request: Request) -> Response:
            page = site.static(request.path_params["edition"], request.path_params["name"])
            return _packed(request, page, {**HEADERS, **page.headers})

        return verb

    async def _cached(self, request: Request, make: Callable[[], tuple[str, bytes] | None]) -> Response:
        """What `make` answers, or that it is as it was."""

        def found() -> tuple[str, bytes]:
            made = make()
            if made is None:
                raise Unanswered(404, "not_found", "There is no such thing here.")
            return made

        tag, made = await self._unless_known(request, found)
        headers = {**_HEADERS, **_FRESH, "etag": tag}
        if made is None:
            return Response(status_code=304, headers=headers)
        media, body = made
        return Response(body, media_type=media, headers=headers)

    async def _unless_known(self, request: Request, make: Callable[[], T], *, times: int = 1) -> tuple[str, T | None]:
        """A tag, which is the same for an address as long as the index stands still, and what `make` answers: None for
        who has that already, since as long as the index stands still, so does every answer."""

        def answer() -> tuple[str, T | None]:
            text = f"{self._hub.state()} {request.url.path} {request.url.query}"
            tag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'
            return tag, None if request.headers.get("if-none-match") == tag else make()

        return await self._work(answer, times=times)

    async def _work(self, function: Callable[[], T], *, times: int = 1) -> T:
        """What a function finds within the work that a question may take, or so many times that, in its turn."""

        def bounded() -> T:
            with deadline.within(times * self._settings.work, wait=self._settings.seconds):
                return function()

        return await self._turns.run(bounded)

    async def _describe(self, _: Request) -> Response:
        facts = await self._work(self._hub.facts)
        return Response(facts.model_dump_json(), media_type="application/json", headers={**_HEADERS, **_FRESH})

    async def _healthy(self, _: Request) -> Response:
        trouble = await self._work(self._hub.trouble)
        if trouble:
            raise Unanswered(503, "unwell", trouble, hint="Ask another hub.", retry_after=10)
        return JSONResponse({"status": "ok"}, headers={**_HEADERS, **_FRESH})

    async def _measures(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4", headers=_HEADERS)

    async def _document(self, _: Request) -> Response:
        return JSONResponse(self._openapi, headers={**_HEADERS, **_FRESH})

    async def _say(self, request: Request) -> Response:
        """Take a signed statement of a comment, a like, a request and the like."""
        if wait := self._sayings.take(network_of(request.client.host if request.client else "")):
            raise Unanswered(429, "too_many", "Too much is said.", hint=f"Go on in {wait} s.", retry_after=wait)
        data = await _body(request, MOST_STATEMENT, "A statement")
        try:
            new = await self._work(lambda: self._hub.say(data))
        except ChainError as error:
            raise Unanswered(503, "busy", "The node does not answer.", hint="Try again.", retry_after=5) from error
        name = str(read_statement(data).said.cid)
        return JSONResponse({"cid": name}, 201 if new else 200, {**_HEADERS, "cache-control": "no-store"})

    async def _keep(self, request: Request) -> Response:
        """Keep a text that a flag on chain names: others find it where the flag is shown."""
        data = await _body(request, MOST_REASON, "A reason")
        if not data or not await self._work(lambda: self._hub.keep(data)):
            raise Unanswered(
                404,
                "not_named",
                "No flag names this text.",
                hint="Hand it in once the flag is on chain.",
                retry_after=2,
            )
        return JSONResponse({"cid": str(CID.raw(data))}, 201, {**_HEADERS, "cache-control": "no-store"})

    async def _bring(self, request: Request) -> Response:
        """Take a document that the chain names and this hub still looks for."""
        data = await _body(request, MAX_BYTES, "A document")
        if not await self._work(lambda: self._hub.bring(data)):
            raise Unanswered(
                404,
                "not_named",
                "No asset that waits for its document names this one.",
                hint="Hand it in once its publication is on chain.",
                retry_after=2,
            )
        return JSONResponse({"cid": str(CID.raw(data))}, 201, {**_HEADERS, "cache-control": "no-store"})

    async def _check(self, request: Request) -> Response:
        """Judge what somebody writes."""
        if wait := self._writings.take(network_of(request.client.host if request.client else "")):
            raise Unanswered(429, "too_many", "Too much is checked.", hint=f"Go on in {wait} s.", retry_after=wait)
        data = await _body(request, MOST_WRITTEN, "What is checked")
        try:
            found = await self._work(lambda: check(Writing.read(data)))
        except ValueError as error:
            raise Unanswered(422, "invalid", f"It is not what is checked here: {error}.") from error
        return JSONResponse(found.to_dict(), headers={**_HEADERS, "cache-control": "no-store"})

    # --- Around every verb -----------------------------------------------------------------------

    def _route(self, path: str, verb: Verb, refuse: Refuse | None = None, *, method: str = "GET") -> Route:
        refuse = refuse or _refuse

        async def answer(request: Request) -> Response:
            if request.method == "OPTIONS":
                methods = "GET, HEAD" if method == "GET" else method
                allowed = {"access-control-allow-methods": methods, "access-control-max-age": "86400"}
                return Response(status_code=204, headers={**_HEADERS, **allowed})
            began = time.monotonic()
            with self._metrics.running.track_inprogress():
                response, outcome = await self._guarded(request, verb, refuse)
            self._metrics.requests.labels(path, outcome).inc()
            self._metrics.seconds.labels(path).observe(time.monotonic() - began)
            return response

        return Route(path, answer, methods=[method, "OPTIONS"])

    async def _guarded(self, request: Request, verb: Verb, refuse: Refuse) -> tuple[Response, str]:
        try:
            if self._stopping:
                raise Unanswered(503, "stopping", "This hub is stopping.", hint="Ask another.", retry_after=5)
            if wait := self._throttle.take(network_of(request.client.host if request.client else "")):
                raise Unanswered(
                    429, "too_many", "Too many requests.", hint=f"Ask again in {wait} s.", retry_after=wait
                )
            if len(request.url.query) > MOST_QUERY:
                raise Unanswered(422, "invalid", f"The question has more than {MOST_QUERY:,} letters.")
            if self._running >= QUEUE * self._settings.concurrency:
                raise Unanswered(503, "busy", "This hub has too much to do.", hint="Try again.", retry_after=1)
            self._running += 1
            try:
                async with asyncio.timeout(self._settings.seconds):
                    response = await verb(request)
                    return response, str(response.status_code)
            finally:
                self._running -= 1
        except Unanswered as error:
            return refuse(error), error.code
        except InputError as error:
            return refuse(Unanswered(422, "invalid", error.message, hint=error.hint)), "invalid"
        except TimeoutError:
            return refuse(Unanswered(503, "busy", "It took too long.", hint="Ask for less.", retry_after=5)), "timeout"
        except (HubLied, HubUnavailable) as error:
            # Only of pages of a hub elsewhere.
            self._hub.on_fault(type(error).__name__)
            code = "untrue" if isinstance(error, HubLied) else "silent"
            return refuse(Unanswered(502, code, error.message, hint=error.hint)), code
        except IndexFault:
            busy = Unanswered(503, "busy", "The index cannot answer that now.", hint="Ask for less.", retry_after=2)
            return refuse(busy), "IndexFault"
        except Exception as error:
            # A fault of ours: where it is goes to the operator, and what was asked to nobody.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s in %s, line %s", type(error).__name__, place.filename, place.lineno)
            return refuse(Unanswered(503, "fault", "This hub has a fault.", hint="Ask another.")), "fault"

    def _refuse_in_words(self, error: Unanswered) -> Response:
        """A refusal as a page."""
        if self._site is None:
            return _refuse(error)
        page = self._site.refusal(error)
        return Response(page.body, page.status, _of_refusal(error, HEADERS), page.media)

    async def _unknown(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        code, message = (
            ("method", "It does not take that method.") if status == 405 else ("not_found", "There is nothing here.")
        )
        reads = "text/html" in request.headers.get("accept", "")
        response = (self._refuse_in_words if reads else _refuse)(Unanswered(status, code, message))
        for name, value in ((error.headers if isinstance(error, HTTPException) else None) or {}).items():
            response.headers[name] = value
        return response


async def _body(request: Request, most: int, what: str) -> bytes:
    """What was sent, of so many bytes at most; no more than that is read. Raises `Unanswered`."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > most:
            raise Unanswered(413, "too_long", f"{what} has at most {most:,} bytes.")
    return bytes(found)


def _rendered(operation: Operation, catalogue: Any, values: dict[str, Any]) -> tuple[str, bytes] | None:
    found = operation.answer(catalogue, values)
    if found is None:
        return None
    if isinstance(found, bytes):
        return operation.media, found
    return operation.media, _within_bounds(found).model_dump_json().encode()


def _within_bounds(found: Model) -> Model:
    """A page with fewer documents in it, if they are too long together; they can be asked for by their digests."""
    if not isinstance(found, Hits):
        return found
    left, hits = INLINE, []
    for hit in found.hits:
        left -= len(hit.document)
        hits.append(hit if left >= 0 else hit.model_copy(update={"document": ""}))
    return found.model_copy(update={"hits": tuple(hits)})


def _refuse(error: Unanswered) -> Response:
    problem = HubProblem(error=Refused(code=error.code, message=error.message[:2000], hint=error.hint[:2000]))
    return JSONResponse(problem.to_dict(), error.status, _of_refusal(error, _HEADERS))


def _of_refusal(error: Unanswered, headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of an answer that is not kept, and says when to ask again."""
    again = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    return {**headers, "cache-control": "no-store", **again}


def _packed(request: Request, page: PageAnswer, headers: dict[str, str]) -> Response:
    """A page, compressed for whoever takes that and where it helps."""
    body = page.body
    if page.media in _PACKED and len(body) > 1_024 and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5, mtime=0)
        headers["content-encoding"] = "gzip"
    headers["vary"] = "accept-encoding"
    return Response(body, page.status, headers, page.media)
