"""Age files (https://age-encryption.org/v1), read in ranges and written as streams.

pyrage makes keys and headers. It reads files from front to back only, and encrypts at a fraction of the speed of
hashing, so the payload (STREAM) is put together here, as the specification says, of the primitives of the
`cryptography` package, and nothing else; tests hold both ways to pyrage. What is read lies below a CID, so its blocks
were hashed; the tags of age then say that it was sealed as it is, with this file's key, at this place.
"""

from __future__ import annotations

import binascii
import contextlib
import hmac
import os
import queue
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from registry.errors import Unverified, WrongKey
from registry.gated.identity import Identity, public_bytes

__all__ = ["CHUNK", "AgeFile", "encrypt", "plain_size"]

CHUNK: Final = 64 * 1024
"""Bytes of plain text in each chunk but the last."""

HEADER_LIMIT: Final = 256 * 1024
"""Bytes of a header that are read at most: 2,600 recipients. The age program knows no limit; ours seal to one."""

_TAG: Final = 16
_SEALED: Final = CHUNK + _TAG
_NONCE: Final = 16
_LONG: Final = 64
"""Chunks of a read that is long enough for a thread of its own."""

_AHEAD: Final = 4
_INTRO: Final = b"age-encryption.org/v1\n"
_END: Final = b"\n--- "
_INFO: Final = b"age-encryption.org/v1/X25519"

Fetch = Callable[[int, int], Iterator[bytes]]
"""Gives the bytes of a file from one place to another, in pieces."""


class AgeFile:
    """An age file of `length` bytes whose bytes `fetch` gives, opened by `identity`; `size` is that of the plain text.

    Opening reads the header, checks its MAC and opens the last chunk, so a file that was cut off is found out before
    any of it is used. Raises `WrongKey` if it is not sealed to the identity, and `Unverified` for whatever was changed,
    cut off or moved; also later, when a chunk turns out wrong.
    """

    def __init__(self, fetch: Fetch, length: int, identity: Identity, name: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._fetch, self._name = fetch, name
        start, stanzas, signed, mac, rest = self._header(length)
        file_key = self._unwrap(stanzas, identity)
        if not hmac.compare_digest(hmac.digest(_hkdf(file_key, b"", b"header"), signed, "sha256"), mac):
            raise self._refuse("the MAC of its header is wrong")
        nonce = rest[:_NONCE] if len(rest) >= _NONCE else b"".join(fetch(start, min(start + _NONCE, length)))
        if len(nonce) != _NONCE:
            raise self._refuse("it ends before its payload")
        self._cipher = ChaCha20Poly1305(_hkdf(file_key, nonce, b"payload"))
        self._start, self._end = start + _NONCE, length
        self.size: Final = _payload_size(length - self._start, self._refuse)
        self._chunks: Final = max(-(-(length - self._start) // _SEALED), 1)
        last = self._open_chunks(self._chunks - 1, self._chunks)
        self._last: Final = next(last)
        next(last, None)

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """The plain text from `start` to `end`, of which nothing is before 0 and from `size` on; only its chunks are
        fetched, and each checked."""
        start, end = max(start, 0), min(end, self.size)
        if start >= end:
            return
        first, stop = start // CHUNK, -(-end // CHUNK)
        whole = stop == self._chunks  # the last one is opened already
        at = first * CHUNK
        for plain in self._open_chunks(first, stop - 1 if whole else stop):
            yield plain[max(start - at, 0) : end - at]
            at += CHUNK
        if whole:
            at = (self._chunks - 1) * CHUNK
            yield self._last[max(start - at, 0) : end - at]

    def _open_chunks(self, first: int, stop: int) -> Iterator[bytes]:
        from cryptography.exceptions import InvalidTag

        if first >= stop:
            return
        pieces = self._fetch(self._start + first * _SEALED, min(self._start + stop * _SEALED, self._end))
        if stop - first > _LONG:
            pieces = _ahead(pieces)
        for number, sealed in zip(range(first, stop), _regroup(pieces, _SEALED), strict=True):
            final = number == self._chunks - 1
            try:
                yield self._cipher.decrypt(number.to_bytes(11, "big") + bytes([final]), sealed, None)
            except InvalidTag:
                raise self._refuse(f"chunk {number:,} was changed, cut off or moved") from None

    # --- The header ------------------------------------------------------------------------------

    def _header(self, length: int) -> tuple[int, list[tuple[list[bytes], bytes]], bytes, bytes, bytes]:
        """Where the payload starts, the stanzas, what the MAC is of, the MAC, and what was read of the payload."""
        read, end = bytearray(), -1
        for piece in self._fetch(0, min(length, HEADER_LIMIT)):
            seen = max(len(read) - len(_END), 0)
            read += piece
            end = end if end >= 0 else read.find(_END, seen)
            if end >= 0 and read.find(b"\n", max(end + 1, seen)) >= 0:
                break
        data = bytes(read)
        if not data.startswith(_INTRO):
            raise self._refuse("it is not an age file of version 1")
        stop = data.find(b"\n", end + 1)
        if end < 0 or stop < 0:
            raise self._refuse("its header has no end")
        mac = self._base64(data[end + len(_END) : stop], 32)
        return stop + 1, self._stanzas(data[len(_INTRO) : end + 1]), data[: end + 4], mac, data[stop + 1 :]

    def _stanzas(self, text: bytes) -> list[tuple[list[bytes], bytes]]:
        stanzas: list[tuple[list[bytes], bytes]] = []
        lines = iter(text.split(b"\n")[:-1])
        for line in lines:
            words = line.split(b" ")
            if words[0] != b"->" or len(words) < 2 or not all(word and _is_visible(word) for word in words[1:]):
                raise self._refuse("a stanza of its header is malformed")
            body = b""
            while True:
                row = next(lines, None)
                if row is None or len(row) > 64:
                    raise self._refuse("a stanza of its header has no end")
                body += row
                if len(row) < 64:
                    break
            stanzas.append((words[1:], self._base64(body)))
        if not stanzas:
            raise self._refuse("its header names no recipient")
        return stanzas

    def _unwrap(self, stanzas: list[tuple[list[bytes], bytes]], identity: Identity) -> bytes:
        """The file key of the stanza that is for the identity."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        secret = X25519PrivateKey.from_private_bytes(identity.secret_bytes())
        public = public_bytes(identity.recipient)
        if len(stanzas) > 1 and any(words[0] == b"scrypt" for words, _ in stanzas):
            raise self._refuse("its header has a passphrase beside other recipients")
        for words, body in stanzas:
            if words[0] != b"X25519":
                continue
            if len(words) != 2 or len(body) != 32:
                raise self._refuse("its X25519 stanza is malformed")
            share = self._base64(words[1], 32)
            try:
                shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
            except ValueError:  # a point of low order
                raise self._refuse("its X25519 share is of low order") from None
            try:
                return ChaCha20Poly1305(_hkdf(shared, share + public, _INFO)).decrypt(b"\0" * 12, body, None)
            except InvalidTag:
                continue
        raise WrongKey(self._name, identity.recipient)

    def _base64(self, text: bytes, size: int | None = None) -> bytes:
        """Base64 without padding, in its one spelling."""
        try:
            data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            raise self._refuse("its header is not base64") from None
        if b64encode(data).rstrip(b"=") != text or size not in (None, len(data)):
            raise self._refuse("its header is not base64 in its usual form")
        return data

    def _refuse(self, reason: str) -> Unverified:
        return Unverified(self._name, Unverified.PUBLISHER, reason)


def encrypt(stream: BinaryIO, identity: Identity) -> Iterator[bytes]:
    """The age file, for one identity, of a stream whose `read` gives as much as it is asked for; piece by piece."""
    import pyrage
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    # A file of nothing has the header of a file of anything: a fresh file key, wrapped for the recipient, and its MAC.
    empty: bytes = pyrage.encrypt(b"", [pyrage.x25519.Recipient.from_str(identity.recipient)])
    made = object.__new__(AgeFile)
    made._fetch, made._name = lambda start, end: iter([empty[start:end]]), "a new file"
    start, stanzas, *_ = made._header(len(empty))
    nonce = os.urandom(_NONCE)
    cipher = ChaCha20Poly1305(_hkdf(made._unwrap(stanzas, identity), nonce, b"payload"))
    yield empty[:start] + nonce
    chunk, number = stream.read(CHUNK), 0
    while True:
        following = stream.read(CHUNK)
        yield cipher.encrypt(number.to_bytes(11, "big") + bytes([not following]), chunk, None)
        if not following:
            return
        chunk, number = following, number + 1


def plain_size(fetch: Fetch, length: int, name: str) -> int:
    """The size in bytes of the plain text of an age file; nothing of it is opened, so this is what its length says.

    Raises `Unverified` if it is not an age file.
    """
    unopened = object.__new__(AgeFile)
    unopened._fetch, unopened._name = fetch, name
    start = unopened._header(length)[0]
    return _payload_size(length - start - _NONCE, unopened._refuse)


def _payload_size(length: int, refuse: Callable[[str], Unverified]) -> int:
    chunks, rest = divmod(length, _SEALED)
    if length < _TAG or (0 < rest <= _TAG and chunks):
        raise refuse("it ends within a chunk")
    return length - _TAG * (chunks + (rest > 0))


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt, info).derive(secret)


def _is_visible(word: bytes) -> bool:
    return all(33 <= char <= 126 for char in word)


def _regroup(pieces: Iterator[bytes], size: int) -> Iterator[memoryview | bytes]:
    """The same bytes in groups of `size`; the last may be shorter."""
    rest = b""
    for piece in pieces:
        view = memoryview(rest + piece if rest else piece)
        whole = len(view) // size * size
        for at in range(0, whole, size):
            yield view[at : at + size]
        rest = bytes(view[whole:])
    if rest:
        yield rest


def _ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, got by another thread while this one works on them: hashing lets go of the interpreter lock."""
    waiting: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
    left = threading.Event()

    def run() -> None:
        end: BaseException | None = None
        try:
            for piece in pieces:
                waiting.put(piece)
                if left.is_set():
                    break
        except BaseException as error:
            end = error
        waiting.put(end)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        while isinstance(item := waiting.get(), bytes):
            yield item
        if item is not None:
            raise item
    finally:
        left.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                waiting.get(timeout=0.05)
