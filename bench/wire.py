"""A relay that counts what passes over a connection, bytes each way and requests, and may be far away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Wire:
    """What passed: `sent` by the client and `received` by it, in bytes, and how many `requests` it made. Each request
    is held for `delay` seconds before it goes on."""

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self.sent = self.received = self.requests = 0
        self._target, self._delay = port, delay
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def clear(self) -> None:
        """Count from nothing."""
        self.sent = self.received = self.requests = 0

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._target))
                for source, target, up in ((client, server, True), (server, client, False)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._pass, args=(source, target, up), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 18):
                with self._lock:
                    if up:
                        self.sent += len(data)
                        self.requests += data.count(b" HTTP/1.1\r\n")
                    else:
                        self.received += len(data)
                if up and self._delay and b" HTTP/1.1\r\n" in data:
                    time.sleep(self._delay)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def counted(port: int, delay: float = 0.0) -> Iterator[Wire]:
    """A relay to a port of this machine, as long as it is used."""
    wire = Wire(port, delay)
    try:
        yield wire
    finally:
        wire.close()
