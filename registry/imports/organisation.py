"""A whole account of the Hugging Face Hub: all that it shows to anybody, each repository at one commit.

It is asked without the user's token, so that nothing that is shown to the user alone is published by the way.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeVar

from registry.documents.ddo import AssetType
from registry.errors import (
    ImportFailed,
    InputError,
    InvalidContent,
    LicenceUnclear,
    SourceClosed,
    SourceIncomplete,
    SourceNotFound,
    Unavailable,
)
from registry.imports.bringing import Imported, bring_opened
from registry.imports.fetching import Progress
from registry.imports.hf import HINT, HUB, KINDS, HuggingFace, Name, entries
from registry.imports.web import Web
from registry.ipfs.blocks import BlockStore
from registry.system.disk import write_whole
from registry.text.html import Shown
from registry.text.waits import waiting_for

__all__ = ["ALL", "ImportChoice", "ImportedCollection", "Organisation", "brief", "import_all"]

_MOST: Final = 100_000
"""Repositories of one account."""

_ROUNDS, _REST = 6, 60.0
"""How often a server that is busy is asked again, and after how many seconds: the Hub counts by five minutes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportChoice:
    """What is taken of an account. `leave_out` are patterns of names (``datasets/acme/*``); with `partial` what cannot
    be imported is left out, too. `license` is the user's word for the repositories whose licence is missing or may be
    one of several; `include`, `hidden` and `accept_licence` are as of `bring`, and count for each repository."""

    include: Sequence[str] = ()
    leave_out: Sequence[str] = ()
    partial: bool = False
    hidden: bool = False
    license: str | None = None
    accept_licence: bool = False


ALL: Final = ImportChoice()
"""Whatever an account shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedCollection(Shown):
    """What was imported of an account, or would be.

    ======== =========================================================================================
    source   ``hf:acme``
    url      its page, "" if only this machine reaches it
    items    what was imported of each repository, in the order of their names (without lists of files)
    left_out repositories that were not taken, and why
    notes    what was decided for the user, in words
    ======== =========================================================================================
    """

    source: str
    url: str
    items: tuple[Imported, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """How many there are in all."""
        return sum(item.files for item in self.items)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.size for item in self.items)

    @property
    def type(self) -> AssetType:
        """What all items are, ``other`` if they differ."""
        types = {item.type for item in self.items}
        return types.pop() if len(types) == 1 else "other"

    @property
    def license(self) -> str:
        """The licence of all items, as an SPDX expression: all of them, joined by AND."""
        found = sorted({item.license for item in self.items})
        return found[0] if len(found) == 1 else " AND ".join(f"({one})" if " " in one else one for one in found)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which repositories are taken, each at its commit, and which are not; on disk until all of it is done."""

    taken: list[str]
    left_out: dict[str, str]
    path: Path | None = None
    note: str = ""


class Organisation:
    """``org`` or ``datasets/org`` of the Hub at `endpoint` (default: ``$HF_ENDPOINT``, or huggingface.co).

    Its repositories are looked through first, without their content, so that what is wrong with any of them is told
    before the first is fetched. Which commits they were at is kept in `home` until `done`: an import that was stopped
    goes on with the same ones. Raises `InputError`.
    """

    def __init__(
        self,
        text: str,
        choice: ImportChoice,
        *,
        store: BlockStore,
        home: Path | None,
        type: str | None = None,
        endpoint: str | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        scheme, _, rest = text.partition(":")
        kind, _, name = rest.rpartition("/")
        if scheme != "hf" or kind not in ("", *KINDS) or "/" in name or "@" in rest:
            raise InputError(
                f"{text[:200]!r} is no account to import a collection from.",
                hint="It looks like hf:org, or hf:datasets/org; it has no revision.",
            )
        known = Name(name, type=type)
        self.source, self.name = text, known.path
        self._kinds = [kind] if kind else [known.kind] if known.kind else list(KINDS)
        self._choice, self._store, self._home, self._progress = choice, store, home, progress
        self._endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
        self._plan: _Plan | None = None
        self._seen: ImportedCollection | None = None

    # --- Before the content ----------------------------------------------------------------------

    def look(self, *, keep: bool = False) -> ImportedCollection:
        """What would be taken: lists of files and cards are read, and nothing else. With `keep` the commits are noted.

        Raises `SourceIncomplete` with all that cannot be imported, unless that is left out; `SourceNotFound` for an
        account that shows nothing, `ImportFailed` for nonsense, `LicenceUnclear` where licences cannot stand together,
        and `Unavailable`."""
        plan = self._plan = self._kept() or self._listed()
        items, faults, left_out = [], {}, dict(plan.left_out)
        for number, name in enumerate(plan.taken):
            self._say("looking through", number, len(plan.taken))
            try:
                items.append(self._bring(name, dry_run=True))
            except SourceClosed as error:
                left_out[_plain(name)] = error.reason
            except ImportFailed as error:
                faults[_plain(name)] = error.reason
            except InvalidContent as error:
                faults[_plain(name)] = error.message
        self._say("looking through", len(plan.taken), len(plan.taken))
        if faults and not self._choice.partial:
            hint = f"Or remove {plan.path}, which keeps its commits of an earlier run." if plan.note else ""
            raise SourceIncomplete(self.source, faults, hint=hint)
        if not items:
            raise SourceIncomplete(self.source, {**left_out, **faults})
        taken = [str(item.origin).removeprefix("hf:") for item in items]
        plan = self._plan = replace(plan, taken=taken, left_out={**left_out, **faults})
        page = f"{HUB}/{self.name}" if self._endpoint == HUB else ""
        self._seen = ImportedCollection(
            source=self.source,
            url=page,
            items=tuple(items),
            left_out=plan.left_out,
            notes=(plan.note,) if plan.note else (),
        )
        licence = self._seen.license
        if " AND " in licence and "://" in licence:
            raise LicenceUnclear(
                self.source,
                "its repositories have several licences, and one of them is an address alone",
                hint="Import those whose licence is an address by themselves, and leave them out here.",
            )
        if keep:
            self._keep(plan)
        return self._seen

    def _listed(self) -> _Plan:
        """All repositories that the Hub shows, as it is now."""
        names = []
        for kind in self._kinds:
            names += self._patiently(lambda kind=kind: sorted(set(self._of_kind(kind)), key=_bytes))  # type: ignore[misc]
        if not names:
            raise SourceNotFound(self.source, "nobody of that name shows anything there")
        left_out = {
            name: "you left it out"
            for name in names
            if any(fnmatchcase(name, pattern) for pattern in self._choice.leave_out)
        }
        return _Plan([name for name in names if name not in left_out], left_out, self._path())

    def _of_kind(self, kind: str) -> Iterator[str]:
        web = Web(self._endpoint, source=self.source, hint=HINT)
        with closing(web):
            path = f"/api/{kind}?author={self.name}"
            for count, entry in enumerate(entries(web, self._endpoint, path, f"list of its {kind}")):
                name = entry.get("id") if isinstance(entry, Mapping) else None
                # A list that has another's repository would have that published under this name.
                if not isinstance(name, str) or not name.lower().startswith(f"{self.name.lower()}/") or not _is(name):
                    raise ImportFailed(self.source, f"the list of its {kind} has {str(name or entry)[:100]!r}")
                if count == _MOST:
                    raise ImportFailed(self.source, f"it has more than {_MOST:,} {kind}")
                yield f"{kind}/{name}"

    # --- The content -----------------------------------------------------------------------------

    def fetched(self) -> Iterator[Imported]:
        """Each of the items that `look` found, with its content in the store. Raises as `bring`."""
        assert self._plan is not None and self._seen is not None, "nobody looked"
        before, total = 0, self._seen.size
        for name in self._plan.taken:

            def tell(_: str, done: int, __: int, before: int = before) -> None:
                self._progress(f"importing {self.source}", before + done, total)

            found = self._bring(name, progress=tell)
            before += found.size
            yield found

    def imported(self, items: Sequence[Imported]) -> ImportedCollection:
        """The whole of it, whose `items` were fetched."""
        assert self._seen is not None, "nobody looked"
        return replace(self._seen, items=tuple(items))

    def done(self) -> None:
        """Forget the commits: it is finished, and another import takes what is there then."""
        if self._plan is not None and self._plan.path is not None:
            self._plan.path.unlink(missing_ok=True)

    def _bring(self, name: str, *, progress: Progress = lambda *_: None, dry_run: bool = False) -> Imported:
        choice = self._choice

        def once() -> Imported:
            with closing(HuggingFace(name, endpoint=self._endpoint, as_anybody=True)) as source:
                return bring_opened(
                    source,
                    store=self._store,
                    home=self._home,
                    progress=progress,
                    include=choice.include,
                    hidden=choice.hidden,
                    missing_licence=choice.license,
                    accept_licence=choice.accept_licence,
                    dry_run=dry_run,
                )

        return self._patiently(once)

    def _patiently(self, once: Callable[[], T]) -> T:
        """Try again what a busy Hub has refused. Raises what the last attempt raised."""
        for tried in range(_ROUNDS):
            try:
                return once()
            except Unavailable as error:
                busy = any(cause.endswith(" 429") for cause in error.causes)
                if tried == _ROUNDS - 1 or not (busy or error.retry_after):
                    raise
                wait = min(error.retry_after or _REST, _ROUNDS * _REST)
                self._say(f"waiting {wait:g} s ({error.message.rstrip('.')}) for", 0, 0)
                with waiting_for("the Hub to be ready again", wait):
                    time.sleep(wait)
        raise AssertionError("the last attempt raises")

    def _say(self, what: str, done: int, total: int) -> None:
        self._progress(f"{what} {self.source}", done, total)

    # --- What is kept of one that was stopped -----------------------------------------------------

    def _path(self) -> Path | None:
        if self._home is None:
            return None
        choice = self._choice
        asked: list[Any] = [self._endpoint, self.source, self._kinds, list(choice.include), list(choice.leave_out)]
        asked += [choice.partial, choice.hidden, choice.license, choice.accept_licence]
        return self._home / "imports" / f"{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]}.plan"

    def _kept(self) -> _Plan | None:
        path = self._path()
        if path is None or not path.exists():
            return None
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            read: Any = json.loads(path.read_text("utf-8"))
            taken = [str(name) for name in read["taken"]]
            left_out = {str(name): str(why) for name, why in read["leftOut"].items()}
            note = f"it goes on with the commits that it began with; remove {path} to take those of now"
            return _Plan(taken, left_out, path, note)
        return None

    def _keep(self, plan: _Plan) -> None:
        if plan.path is not None and not plan.note:
            plan.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept = {"source": self.source, "taken": plan.taken, "leftOut": plan.left_out}
            write_whole(plan.path, json.dumps(kept, indent=1).encode())


def import_all(
    source: str,
    *,
    store: BlockStore,
    home: Path | None,
    type: str | None = None,
    choice: ImportChoice = ALL,
    dry_run: bool = False,
    progress: Progress = lambda *_: None,
) -> ImportedCollection:
    """Import what an account shows to anybody into a store; with `dry_run` only what would be. Raises as `bring`, and
    `SourceIncomplete`."""
    organisation = Organisation(source, choice, store=store, home=home, type=type, progress=progress)
    if dry_run:
        return organisation.look()
    organisation.look(keep=True)
    made = organisation.imported([brief(one) for one in organisation.fetched()])
    organisation.done()
    return made


def brief(found: Imported) -> Imported:
    """What was imported, without its list of files, of which there may be a million in a thousand items."""
    return replace(found, added=replace(found.added, files=())) if found.added else found


def _plain(name: str) -> str:
    """A repository without its commit."""
    return name.partition("@")[0]


def _bytes(name: str) -> bytes:
    return name.encode()


def _is(name: str) -> bool:
    try:
        return Name(name).path == name
    except InputError:
        return False
