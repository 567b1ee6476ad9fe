"""HTTP to servers that nobody vouches for: one deadline for the whole of an answer, bodies of bounded size, redirects
only where they cannot lead elsewhere. Every failure is a content error; nothing of httpx comes out."""

from __future__ import annotations

import io
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import Any, Final, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from registry.errors import InputError, LimitExceeded, PrivateAddress, Unavailable
from registry.errors.redaction import conceal, redacted, shown
from registry.ipfs.hosts import NetworkReach, is_loopback
from registry.ipfs.pieces import Pieces
from registry.system.turns import end_turn
from registry.text.waits import waiting_for

__all__ = ["Answer", "Http"]

_CONNECT: Final = 10.0  # seconds; a host that is there answers a handshake sooner
_SLOWEST: Final = 64 * 1024  # bytes a second that an answer of unknown length must bring after its deadline
_REDIRECTS: Final = 3
_LONGEST_WAIT: Final = 3600.0
_TAIL: Final = 4096
_READ: Final = 1 << 18  # bytes at a time; every read costs as much as hashing this much
_FAILURES: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class _Clock(threading.local):
    """Until when this thread's request may go on, and the last bytes that its connection brought."""

    until = math.inf
    tail = b""

    def left(self, timeout: float | None) -> float:
        left = min(self.until - time.monotonic(), math.inf if timeout is None else timeout)
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left


_CLOCK: Final = _Clock()


class _Stream(httpcore.NetworkStream):
    """A connection on which each wait ends at the deadline; by themselves httpcore's time-outs bound one read each, so
    a server could send a byte now and then for ever."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max(max_bytes, _READ), _CLOCK.left(timeout))
        _CLOCK.tail = (_CLOCK.tail + data[-_TAIL:])[-_TAIL:]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        sock = self._inner.get_extra_info("socket")
        view = memoryview(buffer)
        try:
            while view:
                sock.settimeout(_CLOCK.left(timeout))
                view = view[sock.send(view) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _CLOCK.left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Connects; with a `reach` to addresses within alone, each looked up once and then connected to as it was found."""

    def __init__(self, reach: NetworkReach | None) -> None:
        self._reach = reach

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        addresses = [host] if self._reach is None else _looked_up(self._reach, host, port)
        while True:
            try:
                left = _CLOCK.left(timeout)
                return _Stream(super().connect_tcp(addresses.pop(0), port, left, local_address, socket_options))
            except httpcore.ConnectError:
                if not addresses:
                    raise


def _looked_up(reach: NetworkReach, host: str, port: int) -> list[str]:
    try:
        return reach.addresses(host, port)
    except PrivateAddress:
        raise
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error


@lru_cache(1)
def _certificates() -> ssl.SSLContext:
    """Loading them takes longer than an answer does."""
    return httpx.create_ssl_context()


class _Body(httpx.SyncByteStream):
    def __init__(self, inner: httpcore.Response) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        return self._inner.iter_stream()

    def close(self) -> None:
        self._inner.close()


class _Transport(httpx.BaseTransport):
    """httpx over a pool of httpcore with our connections; httpx's own transport takes no network backend.

    Errors of httpcore come through as they are: `Http.ask` turns them into ours.
    """

    def __init__(self, connections: int, proxy: httpx.Proxy | None, reach: NetworkReach | None) -> None:
        pool: Callable[..., httpcore.ConnectionPool] = httpcore.ConnectionPool
        if proxy is not None:
            pool = partial(httpcore.HTTPProxy, str(proxy.url), proxy_auth=proxy.raw_auth)
        self._pool = pool(ssl_context=_certificates(), max_connections=connections, network_backend=_Backend(reach))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=cast(httpx.SyncByteStream, request.stream),  # a synchronous client makes no other
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        self._pool.close()


def _proxy(url: str) -> httpx.Proxy | None:
    """The proxy that the system has for a server, of which none is needed on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    return httpx.Proxy(proxy) if proxy and proxy.startswith("http") else None


def _check_before_proxy(reach: NetworkReach, url: str) -> None:
    """Do not ask a proxy, which connects from within, for what is known here to lead inside. A name that only the proxy
    knows is the proxy's to judge."""
    parts = urlsplit(url)
    with suppress(socket.gaierror):
        reach.addresses(parts.hostname or "", parts.port or 0)


class Answer:
    """What a server answered: `status`, `headers`, and its body, once, within `deadline` seconds of waiting."""

    def __init__(self, name: str, response: httpx.Response, deadline: float, left: float) -> None:
        self.name, self.status, self.headers = name, response.status_code, response.headers
        self._response, self._deadline, self._left = response, deadline, left

    def pieces(self, most: int, *, patient: bool = True) -> Iterator[bytes]:
        """The body as it comes, without its content coding.

        Only waiting counts against the deadline, and if `patient`, 64 KiB win back a second. Raises `LimitExceeded`
        when the body is longer than `most`, by its own word or by its bytes.
        """
        stated = self.headers.get("content-length", "")
        if stated.isdecimal() and int(stated) > most:
            raise self._too_much(int(stated), most)
        done = 0
        pieces = self._response.iter_raw()
        while True:
            asked = time.monotonic()
            _CLOCK.until = asked + self._left
            piece = next(pieces, b"")
            if not piece:
                return
            self._left -= time.monotonic() - asked
            if patient:
                self._left = min(self._left + len(piece) / _SLOWEST, self._deadline)
            done += len(piece)
            if done > most:
                raise self._too_much(done, most)
            yield piece

    def _too_much(self, size: int, most: int) -> LimitExceeded:
        return LimitExceeded(f"The size of the answer of {self.name} in bytes", size, most)

    def body(self, most: int) -> bytes:
        """All of the body, within the deadline."""
        return b"".join(self.pieces(most, patient=False))

    def file(self, most: int) -> io.BufferedReader:
        """The body as a stream to read from."""
        return io.BufferedReader(Pieces(self.pieces(most)), 1 << 20)

    def fault(self) -> str:
        """The error that was sent after a body that had begun well (the trailer X-Stream-Error); "" if none.

        httpcore throws trailers away, so it is looked for in the last bytes that came.
        """
        _, end, trailer = _CLOCK.tail.rpartition(b"\r\n0\r\n")
        for line in trailer.split(b"\r\n") if end else ():
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"x-stream-error":
                return value.decode("utf-8", "replace").strip()[:300]
        return ""

    def unavailable(self, what: object) -> Unavailable:
        """The error for an answer that is no content, with the time that it asked to be left alone."""
        return Unavailable(
            what, [f"{self.name} answered {self.status}"], retry_after=_retry_after(self.headers.get("retry-after"))
        )


class Http:
    """One server, reached through the system's proxy if there is one (``$https_proxy`` and its kin).

    `deadline` is in seconds for a whole answer; one of unknown length may take longer as long as it brings 64 KiB a
    second. `reach` says how far a URL that a stranger wrote may lead, None for one that the user chose; `public` says
    that everybody knows the URL: of others no more than the host is shown. Raises `InputError` for a URL that is not
    one of http or https.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        deadline: float = 30.0,
        connections: int = 16,
        headers: Mapping[str, str] = {},
        reach: NetworkReach | None = None,
        public: bool = False,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError(
                f"{shown(url) if '://' in url else 'That'} is not the address of a server.",
                hint="It looks like https://ipfs.example.com, and has no query.",
            )
        if not public:
            conceal(url)
        self.url: Final = url.rstrip("/")
        self.name: Final = name
        self.deadline: Final = deadline
        self._connections: Final = connections
        self._reach: Final = reach
        self._headers: Final = {"Accept-Encoding": "identity", "User-Agent": "asset-registry", **headers}
        self._made: tuple[int, httpx.Client] | None = None

    @property
    def _client(self) -> httpx.Client:
        """The connections of this process: one that was forked off must not speak on those of its parent."""
        made = self._made
        if made is None or made[0] != os.getpid():
            proxy = _proxy(self.url)
            if proxy is not None and self._reach is not None:
                _check_before_proxy(self._reach, self.url)
            transport = _Transport(self._connections, proxy, None if proxy else self._reach)
            client = httpx.Client(transport=transport, headers=self._headers)
            self._made = made = (os.getpid(), client)
        return made[1]

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._made is not None:
            self._made[1].close()
            self._made = None

    @contextmanager
    def ask(
        self,
        method: str,
        path: str,
        what: object,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Iterable[bytes] | None = None,
        files: Any = None,
        deadline: float | None = None,
        follow: bool = True,
    ) -> Iterator[Answer]:
        """Send a request; the body of the answer is read within. `what` is what an error says could not be fetched.
        Unless told to `follow`, an answer that sends elsewhere is handed over as it is.

        Raises `Unavailable` if no answer comes in time, or its body does not.
        """
        end_turn()
        limit = self.deadline if deadline is None else deadline
        started = time.monotonic()
        _CLOCK.until, _CLOCK.tail = started + limit, b""
        if content is not None:
            content = _paced(content, limit)
        try:
            request = self._client.build_request(
                method,
                f"{self.url}{path}",
                params=params,
                headers=headers,
                content=content,
                files=files,
                timeout=httpx.Timeout(limit, connect=min(limit, _CONNECT)),
            )
            response = self._send(request, what) if follow else self._client.send(request, stream=True)
            try:
                yield Answer(self.name, response, limit, max(_CLOCK.until - time.monotonic(), 0.0))
            finally:
                response.close()
        except (httpx.TimeoutException, httpcore.TimeoutException):
            raise Unavailable(what, [f"{self.name} did not answer within {limit:g} s"]) from None
        except _FAILURES as error:
            raise Unavailable(what, [redacted(f"{self.name}: {str(error) or type(error).__name__}")]) from None

    def _send(self, request: httpx.Request, what: object) -> httpx.Response:
        for _ in range(_REDIRECTS + 1):
            with waiting_for(f"an answer of {self.name}", self.deadline):
                response = self._client.send(request, stream=True, follow_redirects=False)
            if response.next_request is None:
                return response
            response.close()
            following = response.next_request
            stays = self._reach is None and _is_same_server(request.url, following.url)
            if request.method != "GET" or not stays:
                raise Unavailable(what, [f"{self.name} sends elsewhere, to {following.url.host!r}"])
            request = following
            request.extensions = {**request.extensions, "timeout": httpx.Timeout(self.deadline).as_dict()}
        raise Unavailable(what, [f"{self.name} redirects more than {_REDIRECTS} times"])


def _is_same_server(old: httpx.URL, new: httpx.URL) -> bool:
    """Whether a redirect stays with its server: its host or one below it (a gateway's subdomain for the CID), its port,
    and no step down from https. Anything else could make this machine knock at doors inside of its own network."""
    if new.scheme not in ("http", "https") or (old.scheme == "https" and new.scheme != "https"):
        return False
    if new.host != old.host and not new.host.endswith(f".{old.host}"):
        return False
    return new.port == old.port or (new.scheme != old.scheme and new.port is None and old.port is None)


def _paced(content: Iterable[bytes], deadline: float) -> Iterator[bytes]:
    """What is sent, with the deadline anew for each piece."""
    for piece in content:
        _CLOCK.until = time.monotonic() + deadline
        yield piece
    _CLOCK.until = time.monotonic() + deadline


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, a number or a date; None if it says nothing that can be read."""
    if not value:
        return None
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_WAIT)
    try:
        return min(max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0), _LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError):
        return None
