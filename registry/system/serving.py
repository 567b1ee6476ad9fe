"""An app of ASGI on a port of this machine: until it is told to end, or in a thread for the length of a `with`."""

from __future__ import annotations

import signal
import socket
import threading
import time
from types import FrameType
from typing import Any, Final, Self

from registry.errors import InputError, Unavailable

__all__ = ["Serving", "listen"]


def listen(host: str, port: int) -> socket.socket:
    """Take a port, 0 for a free one; raises `InputError` if it is taken."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be listened on: {error.strerror}.", hint="Name another port, or 0 for a free one."
        ) from error


class Serving:
    """One app on one socket. As a context manager it runs in a thread of its own.

    `grace` is how many seconds answers under way have when it stops; `options` are those of `uvicorn.Config`. `name`
    is what the error calls it if it does not start, `Unavailable`.
    """

    def __init__(self, app: Any, sock: socket.socket, *, name: str, grace: int, **options: Any) -> None:
        # Not at the top: servers are an extra, and whoever serves nothing does not wait for theirs.
        import uvicorn

        self._name, self._grace, self._socket = name, grace, sock
        self.port: Final = int(sock.getsockname()[1])
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=grace,
            **options,
        )
        self._server: Final = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until `stop`, or until the process is told to end (SIGTERM, SIGINT): what is under way is finished."""

        def ended(_number: int, _frame: FrameType | None) -> None:
            """The server raises the signal again when it has stopped: that must not kill whoever closes the files."""

        if threading.current_thread() is threading.main_thread():
            before = {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGINT)}
            try:
                self._server.run(sockets=[self._socket])
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)
        else:
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Finish the answers that are under way, for as long as they may take, and stop."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(self._grace + 5)
            self._thread = None
        self._socket.close()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.run, name=self._name, daemon=True)
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                self.stop()
                raise Unavailable(self._name, ["it did not start"])
            time.sleep(0.002)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
