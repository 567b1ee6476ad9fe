"""A Croissant document (the JSON-LD of MLCommons) and the files that it names, each by the hash that it promises.

Its names are read as everybody writes them: no context is ever fetched. The document is part of the content, and names
its files there, so that what was imported opens from the folder that it is downloaded to.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from registry.documents.canonical import parse_json
from registry.documents.fields import is_web_address
from registry.errors import ImportFailed, InputError, InvalidContent, SourceNotFound
from registry.errors.redaction import shown
from registry.imports.card import Card, clean, shortened
from registry.imports.listing import Algorithm, Origin, SourceFile, SourceListing
from registry.imports.web import Web
from registry.ipfs.hosts import host_of, is_loopback

__all__ = ["Croissant"]

_NAME: Final = "croissant.json"
_ORIGINAL: Final = "croissant.original.json"

_MOST: Final = 16 * 2**20
"""Bytes of a document."""

_ENTRIES: Final = 20_000
"""Files of a document: each is one more request."""

_PIECE: Final = 2**18
_WORDS: Final = 64

_Node = Mapping[str, Any]
"""An object of the document, with names as Croissant has them, without prefix."""


class Croissant:
    """The document in a file, or at an ``https://`` address. Raises `InputError`."""

    def __init__(self, text: str) -> None:
        self._address = text if "://" in text else ""
        parts = urlsplit(self._address)
        here = parts.scheme == "http" and is_loopback(host_of(self._address))
        if self._address and (not (parts.scheme == "https" or here) or not parts.hostname or "@" in parts.netloc):
            raise InputError(
                f"{shown(text)[:200]!r} is not the address of a document.",
                hint="It looks like croissant:https://example.org/croissant.json, or croissant:data/croissant.json.",
            )
        self._file = Path(text).expanduser()
        # What stands behind the question mark may be a secret of the user's.
        self._name = self._address.partition("?")[0].partition("#")[0] or self._file.name
        self._source = f"croissant:{self._name}"
        self._web = Web(f"{parts.scheme}://{parts.netloc}" if self._address else "", source=self._source)
        self._places: dict[str, str | Path | bytes] = {}

    def close(self) -> None:
        """Close the connections."""
        self._web.close()

    def listing(self) -> SourceListing:
        """The files that the document names, and itself; its SHA-256 is the revision.

        Raises `SourceNotFound`, `InvalidContent` for files beyond its folder, `ImportFailed` for what is no Croissant
        document, and `Unavailable`."""
        data = self._document()
        document = self._read(data)
        about = self._named(document)
        files: dict[str, SourceFile] = {}
        left_out = []
        moved = False
        entries = _many(about.get("distribution"))
        if len(entries) > _ENTRIES:
            raise ImportFailed(
                self._source, f"it names more than {_ENTRIES:,} files", hint="Ask for an archive of them."
            )
        for entry in entries:
            node = self._named(entry)
            place = self._place(node)
            if place is None:
                left_out.append(_label(node))
                continue
            path, where, is_here = place
            file = _promised(node, path, where)
            if files.setdefault(path, file) != file or self._places.setdefault(path, where) != where:
                raise InvalidContent(path, f"{self._source} has two files of this name", hint="Ask its author.")
            if not is_here:
                _move(entry, path)
                moved = True
        if not files:
            raise SourceNotFound(self._source, "it names no file that can be fetched")
        told = tuple(_notes(files.values(), left_out))
        named = {_NAME: json.dumps(document, indent=2, ensure_ascii=False).encode(), _ORIGINAL: data}
        for name, text in (named if moved else {_NAME: data}).items():
            if name in files:
                raise InvalidContent(name, f"in {self._source} it has the name of the document itself")
            files[name] = SourceFile(name, len(text), "sha256", hashlib.sha256(text).hexdigest())
            self._places[name] = text
        return SourceListing(
            origin=self._origin(about, hashlib.sha256(data).hexdigest()),
            type="dataset",
            files=tuple(files.values()),
            left_out=tuple(left_out),
            card=_card(about),
            notes=told,
        )

    def body(self, file: SourceFile, offset: int) -> Iterator[bytes]:
        """The bytes of a file from `offset` on. Raises as `Web.body`."""
        place = self._places[file.path]
        if isinstance(place, str):
            return self._web.body(place, file, offset)
        return iter([place[offset:]]) if isinstance(place, bytes) else _from_disk(place, offset)

    def licence_url(self, link: str) -> str:
        """Where the text of a licence is that the document names."""
        return link if is_web_address(link) else ""

    # --- The document ----------------------------------------------------------------------------

    def _document(self) -> bytes:
        if self._address:
            return self._web.whole(self._address, "document", _MOST, accept="application/ld+json, application/json")
        if not self._file.is_file():
            raise SourceNotFound(self._source, "there is no such file", hint="Name the JSON document itself.")
        with self._file.open("rb") as stream:
            data = stream.read(_MOST + 1)
        if len(data) > _MOST:
            raise ImportFailed(self._source, f"it has more than {_MOST:,} bytes")
        return data

    def _read(self, data: bytes) -> dict[str, Any]:
        document, faults = parse_json(data)
        if faults:
            raise ImportFailed(self._source, f"its JSON cannot be kept as it is: {faults[0]}")
        if not isinstance(document, dict) or "Dataset" not in _types(document):
            raise ImportFailed(self._source, "it is no Croissant document, whose @type is sc:Dataset")
        return document

    def _named(self, node: object) -> _Node:
        """An object with its names as Croissant has them: ``contentUrl`` for ``sc:contentUrl``."""
        if not isinstance(node, dict):
            raise ImportFailed(self._source, f"its distribution has {str(node)[:100]!r}")
        named: dict[str, Any] = {}
        for key, value in node.items():
            if named.setdefault(_plain(key), value) is not value:
                raise ImportFailed(self._source, f"it has {_plain(key)[:100]!r} twice, with different prefixes")
        return named

    def _origin(self, about: _Node, revision: str) -> Origin:
        page = next((url for url in (_text(about.get("url")), self._name) if is_web_address(url)), "")
        return Origin(kind="croissant", repository=self._name, revision=revision, url=page)

    # --- Its files -------------------------------------------------------------------------------

    def _place(self, node: _Node) -> tuple[str, str | Path, bool] | None:
        """The path that a file gets, where its bytes are, and whether the document names it by that path already; None
        for what is not fetched by itself. Raises `InvalidContent` for what would lead out of the folder."""
        url = _text(node.get("contentUrl"))
        if "FileObject" not in _types(node) or node.get("containedIn") or not url or _is_git(node):
            return None
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        if not parts.scheme and not parts.netloc:
            return self._beside(url)
        # Where the user named a server of this machine, so may the document.
        if parts.scheme != "https" and not (parts.scheme == "http" and self._address.startswith("http://")):
            return None
        name = _text(node.get("name")) or _text(node.get("@id"))
        if not name or "://" in name:
            name = unquote(parts.path).rpartition("/")[2] or "file"
        ending = re.search(r"(\.[A-Za-z0-9]{1,10}){1,2}\Z", unquote(parts.path))
        return (name if "." in name or ending is None else name + ending[0]), url, False

    def _beside(self, url: str) -> tuple[str, str | Path, bool]:
        """A file by its path from the folder of the document, which it does not leave, whoever decodes the path."""
        path = url.removeprefix("./")
        steps = unquote(path).split("/")
        if len(steps) != path.count("/") + 1 or {"", ".", ".."} & set(steps) or re.search(r"[\\?#]", unquote(path)):
            raise InvalidContent(url[:200], f"in {self._source} it is no plain path from the folder of the document")
        if self._address:
            return path, urljoin(self._address, quote(path, safe="/%")), True
        folder = self._file.parent.resolve()
        place = folder / path
        if not place.resolve().is_relative_to(folder):
            raise InvalidContent(url[:200], f"{self._source} has a link there that leads out of its folder")
        if not place.is_file():
            raise SourceNotFound(self._source, f"there is no file {url[:200]!r} beside it", hint="Fetch it first.")
        return path, place, True


def _from_disk(place: Path, offset: int) -> Iterator[bytes]:
    with place.open("rb") as stream:
        stream.seek(offset)
        while piece := stream.read(_PIECE):
            yield piece


def _promised(node: _Node, path: str, where: str | Path) -> SourceFile:
    """A file with what the document promises of it."""
    size, most = _size(node.get("contentSize"))
    if size < 0 and isinstance(where, Path):
        size = where.stat().st_size
    kinds: tuple[tuple[Algorithm, int], ...] = (("sha256", 32), ("md5", 16))
    for algorithm, length in kinds:
        if digest := _digest(_text(node.get(algorithm)), length):
            return SourceFile(path, size, algorithm, digest, most=most)
    return SourceFile(path, size, most=most)


def _digest(text: str, length: int) -> str:
    """A digest of so many bytes, which some write in base64, as hexadecimal text; "" for what is none."""
    if re.fullmatch(rf"[0-9A-Fa-f]{{{2 * length}}}", text):
        return text.lower()
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return found.hex() if len(found) == length else ""


_UNITS: Final = {"k": 1, "m": 2, "g": 3, "t": 4}


def _size(value: object) -> tuple[int, int]:
    """How many bytes a file has, -1 if that is not said to the byte, and how many at most, 0 if nothing is said."""
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _text(value)
    found = re.fullmatch(r"(\d{1,15})(?:\.(\d{1,6}))?\s*(?:([kmgt])?i?b|bytes?|)", text.strip().lower())
    if found is None:
        return -1, 0
    if not found[3]:
        return (int(found[1]), 0) if not found[2] else (-1, 0)
    about = float(f"{found[1]}.{found[2] or 0}") * 1024 ** _UNITS[found[3]]
    return -1, math.ceil(1.1 * about) + 1024


def _move(entry: dict[str, Any], path: str) -> None:
    """Let an entry name its file by the path that it has in the content, and where it came from beside that."""
    key = next(key for key in entry if _plain(key) == "contentUrl")
    other = f"{key.removesuffix('contentUrl')}sameAs"
    entry[other] = [*_many(entry.get(other)), entry[key]]
    entry[key] = path


def _notes(files: Any, left_out: list[str]) -> Iterator[str]:
    weak = sum(file.algorithm == "md5" for file in files)
    if weak:
        yield f"{weak:,} of its files are promised by MD5 alone, which two different files can have"
    if left_out:
        yield (
            f"{len(left_out):,} entries are not files by themselves and were not fetched: members of archives, sets of "
            f"files, repositories, and what is at no https:// address"
        )


# --- Reading JSON-LD as it is written ------------------------------------------------------------


def _plain(key: str) -> str:
    """A name without the prefix or the address of its vocabulary."""
    return re.split(r"[#/:]", key)[-1]


def _many(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _types(node: _Node) -> set[str]:
    return {_plain(one) for one in _many(node.get("@type")) if isinstance(one, str)}


def _text(value: object) -> str:
    """The first text of a value: plain, with a language, or in several."""
    for one in _many(value):
        if isinstance(one, str):
            return one
        if isinstance(one, dict):
            texts = (one.get("@value"), one.get("en"), *(one[key] for key in sorted(one)))
            return next((text for text in texts if isinstance(text, str)), "")
    return ""


def _label(node: _Node) -> str:
    return clean(_text(node.get("@id")) or _text(node.get("name")))[:200] or "an entry without a name"


def _is_git(node: _Node) -> bool:
    return any(isinstance(one, str) and one.startswith("git+") for one in _many(node.get("encodingFormat")))


def _card(about: _Node) -> Card:
    """What the document says of the data, as far as ours has a place for it."""

    def words(value: object) -> tuple[str, ...]:
        texts = (part for one in _many(value) for part in _text(one).split(","))
        return tuple(dict.fromkeys(word[:100] for text in texts if (word := clean(text))))[:_WORDS]

    licences = []
    for one in _many(about.get("license")):
        named = {_plain(key): value for key, value in one.items()} if isinstance(one, dict) else {"url": one}
        licences.append(_text(named.get("url")) or _text(named.get("@id")) or _text(named.get("name")))
    makers = [clean(_text(one.get("name") if isinstance(one, dict) else one)) for one in _many(about.get("creator"))]
    return Card(
        title=clean(_text(about.get("name")))[:256],
        summary=shortened(clean(_text(about.get("description")))),
        licences=tuple(licence for licence in licences if licence),
        licence_link=next(filter(is_web_address, licences), ""),
        tags=words(about.get("keywords")),
        languages=words(about.get("inLanguage")),
        authors=", ".join(maker for maker in makers if maker)[:256],
        version=clean(_text(about.get("version")) or str(about.get("version") or ""))[:100],
        citation=shortened(clean(_text(about.get("citeAs")) or _text(about.get("citation")))),
    )
