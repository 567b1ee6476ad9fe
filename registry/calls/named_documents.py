"""Documents that calls publish, in words: on chain stands their digest alone, and nobody should sign a digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from registry.documents.ddo import DDO
from registry.errors import ContentError, InputError, NotFoundError
from registry.ipfs.blocks import fetch
from registry.ipfs.cid import CID

if TYPE_CHECKING:
    from registry.session import Session

LISTED: Final = 10
"""Files of a document that are named."""

MISSED: Final = 3
"""Documents that may be missing before no further one is asked for: each may take its time."""


def digests_in(function: str, values: Any) -> Iterator[bytes]:
    """The digests of the documents that a call of `AssetRegistry` or `TeamFactory` publishes."""
    if function == "updateMetadata":
        yield values["digest"]
    elif isinstance(values, Mapping):
        if {"digest", "derivatives"} <= values.keys():
            yield values["digest"]
        for value in values.values():
            yield from digests_in(function, value)
    elif isinstance(values, list):
        for value in values:
            yield from digests_in(function, value)


class NamedDocuments:
    """Reads the documents that calls name, each once, and few that cannot be had."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[bytes, DDO | None] = {}

    def get(self, digest: bytes) -> DDO | None:
        """The document of a digest; None if it cannot be had, or is none."""
        if digest not in self._read and list(self._read.values()).count(None) < MISSED:
            try:
                self._read[digest] = DDO.from_bytes(fetch(CID.from_digest(digest), self._session.store))
            except (ContentError, NotFoundError, InputError):
                self._read[digest] = None
        return self._read.get(digest)


def document_in_words(document: DDO) -> str:
    """What a document says, on a line: what it is, whose terms, which files, what is offered."""
    parts = [f"{document.type} {document.name!r}, {document.license}"]
    if document.author:
        parts.append(f"by {document.author}")
    content = document.content
    if content is None:
        parts.append("no content")
    else:
        files = content.files
        named = ", ".join(f"{file.path} ({file.size:,})" for file in files[:LISTED])
        more = f" and {len(files) - LISTED:,} more" if len(files) > LISTED else ""
        listed = f" in {len(files):,} file{'s' * (len(files) != 1)}: {named}{more}" if files else ""
        parts.append(f"{content.size:,} bytes{listed}")
        if content.encryption is not None:
            hosts = ", ".join(gateway.url for gateway in content.encryption.gateways)
            parts.append(f"encrypted, keys at {hosts}" if hosts else "encrypted, its key is its owner's alone")
    if document.licences:
        parts.append("offers " + ", ".join(repr(licence.name) for licence in document.licences))
    return "; ".join(parts)
