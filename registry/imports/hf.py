"""The Hugging Face Hub: a revision becomes a commit, and every file's hash is known before a byte of it is fetched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from registry.documents.ddo import AssetType
from registry.errors import ImportFailed, InputError, SourceClosed, SourceNotFound
from registry.imports.listing import COMMIT, Algorithm, Origin, SourceFile, SourceListing
from registry.imports.web import LATER, Web

__all__ = ["HINT", "HUB", "KINDS", "HuggingFace", "Name", "entries", "token"]

HUB: Final = "https://huggingface.co"

HINT: Final = f"{LATER} HF_ENDPOINT names a mirror of the Hub, and with a token in HF_TOKEN it answers more often."

_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"(?:(models|datasets|spaces)/)?({_PART}(?:/{_PART})?)")
_REVISION: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}")
KINDS: Final[dict[str, AssetType]] = {"models": "model", "datasets": "dataset", "spaces": "app"}
"""Of repositories, and the type of asset that each becomes."""
_PAGES: Final = 2_000
_FILES: Final = 1_000_000


class Name:
    """``org/name@revision``, perhaps after ``datasets/``; `kind` is None where nobody said it. Raises `InputError`."""

    def __init__(self, text: str, *, type: str | None = None) -> None:
        name, at, revision = text.partition("@")
        found = _NAME.fullmatch(name)
        if found is None or ".." in name or "--" in name or (at and not _REVISION.fullmatch(revision)):
            raise InputError(
                f"{text[:200]!r} is not the name of a repository.",
                hint="It looks like hf:org/name@main, or hf:datasets/org/name@main.",
            )
        kinds = {value: key for key, value in KINDS.items()}
        if type is not None and type not in kinds:
            raise InputError(f"{type!r} is no type of a repository there.", hint=f"Name one of {', '.join(kinds)}.")
        self.kind = found[1] or (kinds[type] if type else None)
        self.path, self.revision = found[2], revision or "main"


def token() -> str | None:
    """The user's own token, where the Hub's own client looks for it: ``$HF_TOKEN``, then its file."""
    given = os.environ.get("HF_TOKEN")
    if given is None:
        cache = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        try:
            given = Path(os.environ.get("HF_TOKEN_PATH") or cache / "token").read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return None
    return "".join(given.split()) or None


class HuggingFace:
    """The Hub at `endpoint` (default: ``$HF_ENDPOINT``, or huggingface.co), asked with the user's own token if there is
    one; `as_anybody` it is asked without, and only what is open to all is found."""

    def __init__(
        self, name: str, *, type: str | None = None, endpoint: str | None = None, as_anybody: bool = False
    ) -> None:
        self.name = Name(name, type=type)
        self._endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
        self._as_anybody = as_anybody
        self._web = Web(self._endpoint, source=f"hf:{name}", token=None if as_anybody else token(), hint=HINT)
        self._resolve = ""
        self._commit = ""

    def close(self) -> None:
        """Close the connections."""
        self._web.close()

    def listing(self) -> SourceListing:
        """What the repository has at the commit that its revision is now.

        Raises `SourceNotFound`, `SourceClosed`, `ImportFailed` for nonsense, and `Unavailable`."""
        kind, info = self._info()
        path, commit = str(info.get("id") or self.name.path), str(info.get("sha") or "")
        if info.get("disabled"):
            raise SourceClosed(self._web.source, "it was disabled", hint="Nobody can read it; ask its owner.")
        if self._as_anybody and (info.get("private") or info.get("gated")):
            raise SourceClosed(self._web.source, "it is not open to all", hint="Import it by its own name.")
        if not COMMIT.fullmatch(commit) or not _NAME.fullmatch(path):
            raise ImportFailed(self._web.source, "the answer names no commit")
        if COMMIT.fullmatch(self.name.revision) and self.name.revision != commit:
            raise ImportFailed(self._web.source, f"commit {commit} was answered, and another one was asked for")
        self._commit = commit
        self._resolve = f"/{'' if kind == 'models' else kind + '/'}{path}/resolve/{commit}/"
        files = tuple(self._files(f"/api/{kind}/{path}/tree/{commit}?recursive=true"))
        if not files:
            raise SourceNotFound(self._web.source, "it has no files")
        page = f"{HUB}/{'' if kind == 'models' else kind + '/'}{path}" if self._endpoint == HUB else ""
        origin = Origin(kind="hf", repository=f"{kind}/{path}", revision=commit, url=page)
        return SourceListing(origin=origin, type=KINDS[kind], files=files)

    def _info(self) -> tuple[str, Mapping[str, Any]]:
        """Of which kind it is, and what is told of it. Raises `ImportFailed` if it may be one of two."""
        kinds = [self.name.kind] if self.name.kind else ["models", "datasets", "spaces"]
        found: dict[str, Mapping[str, Any]] = {}
        refused: ImportFailed | None = None
        for kind in kinds:
            path = f"/api/{kind}/{self.name.path}/revision/{quote(self.name.revision, safe='')}"
            try:
                value, _ = self._web.json(path, f"revision {self.name.revision!r} of {kind}/{self.name.path}")
            except SourceNotFound as error:
                refused = refused or error
                continue
            except SourceClosed as error:
                refused = error
                continue
            if not isinstance(value, Mapping):
                raise ImportFailed(self._web.source, "the answer is no description of a repository")
            found[kind] = value
        if len(found) > 1:
            raise ImportFailed(
                self._web.source,
                f"it may be one of {' and '.join(found)}",
                hint=f"Say which: hf:{next(iter(found))}/{self.name.path}, or --type.",
            )
        if not found:
            assert refused is not None
            raise refused
        return next(iter(found.items()))

    def _files(self, path: str) -> Iterator[SourceFile]:
        for count, entry in enumerate(entries(self._web, self._endpoint, path, "list of its files")):
            if count == _FILES:
                raise ImportFailed(
                    self._web.source, f"it has more than {_FILES:,} files", hint="Take a part with --include."
                )
            file = _file(entry)
            if file is None:
                raise ImportFailed(self._web.source, f"its list of files has {str(entry)[:100]!r}")
            if file.size >= 0:
                yield file

    def body(self, file: SourceFile, offset: int) -> Iterator[bytes]:
        """The bytes of a file at the commit of the listing, from `offset` on. Raises as `Web.body`."""
        return self._web.body(self._resolve + quote(file.path, safe="/"), file, offset, commit=self._commit)

    def licence_url(self, link: str) -> str:
        """Where the text of a licence is that a card links to: a URL, or a file of the repository."""
        if link.startswith("https://"):
            return link
        named = link and not link.startswith("/") and ".." not in link and ":" not in link
        return f"{HUB}{self._resolve.replace('/resolve/', '/blob/')}{quote(link)}" if named else ""


def entries(web: Web, endpoint: str, path: str, what: str) -> Iterator[object]:
    """The entries of a list of the Hub, page after page. Raises what `Web.json` raises, and `ImportFailed`."""
    for _ in range(_PAGES):
        page, headers = web.json(path, what)
        yield from page if isinstance(page, list) else [None]
        following = re.search(r'<([^<>]+)>\s*;\s*rel="?next"?', headers.get("link", ""))
        if following is None:
            return
        path = following[1]
        if "{0.scheme}://{0.netloc}".format(urlsplit(path)) != "{0.scheme}://{0.netloc}".format(urlsplit(endpoint)):
            raise ImportFailed(web.source, f"the next page of the {what} is on another server")
    raise ImportFailed(web.source, f"the {what} has more than {_PAGES:,} pages")


def _file(entry: object) -> SourceFile | None:
    """A file of a page of the list, one of size -1 for a folder, None for nonsense."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("path"), str):
        return None
    if entry.get("type") == "directory":
        return SourceFile(entry["path"], -1)
    large, size, digest = entry.get("lfs"), entry.get("size"), entry.get("oid")
    algorithm: Algorithm = "git-sha1"
    if isinstance(large, Mapping):
        digest, size, algorithm = large.get("oid") or large.get("sha256"), large.get("size"), "sha256"
    length = 64 if algorithm == "sha256" else 40
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 2**53:
        return None
    if not isinstance(digest, str) or not re.fullmatch(rf"[0-9a-f]{{{length}}}", digest):
        return None
    return SourceFile(entry["path"], size, algorithm, digest)
