"""A git repository: a branch or tag becomes a commit, which names every file by its hash. The program ``git`` fetches
it into a private folder that is deleted afterwards; nothing of the repository runs, and no filter touches a file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from registry.errors import ImportFailed, InputError, SourceNotFound
from registry.errors.redaction import redacted
from registry.imports.listing import COMMIT, Origin, SourceFile, SourceListing
from registry.text.letters import one_line

__all__ = ["Git"]

_REVISION: Final = re.compile(r"(?!.*(\.\.|//|@\{))[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}")
_SCHEMES: Final = ("https", "ssh", "file", "http")
_FETCH: Final = 3_600.0
_PIECE: Final = 2**18
_POINTER: Final = b"version https://git-lfs.github.com/spec/"

_SETTINGS: Final = (
    "protocol.allow=never",
    *(f"protocol.{scheme}.allow=always" for scheme in _SCHEMES),
    "http.followRedirects=false",  # a token goes to the host that it is for
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "core.hooksPath=/dev/null",
    "fetch.fsckObjects=true",
    "gc.auto=0",
)


class Git:
    """``URL@REVISION``; without a revision, what the repository calls HEAD. Raises `InputError`."""

    def __init__(self, text: str) -> None:
        self.url, self.revision = _split(text)
        self._name = f"git:{self.url}"
        self._folder = tempfile.mkdtemp(prefix="asset-registry-git-")

    def close(self) -> None:
        """Delete what was fetched."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def listing(self) -> SourceListing:
        """All files of the commit that the revision is now; links and other repositories within it are left out.

        Raises `SourceNotFound`, and `ImportFailed` where git is missing or fails."""
        self._git("init", "--quiet", "--bare", self._folder)
        self._fetch()
        commit = self._git("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}").decode().strip()
        if not COMMIT.fullmatch(commit):
            raise ImportFailed(
                self._name, f"its commit {commit[:80]!r} is not named by SHA-1, which is all that is read"
            )
        if COMMIT.fullmatch(self.revision) and commit != self.revision:
            raise ImportFailed(self._name, f"commit {commit} was given, and {self.revision} was asked for")
        files, left_out = [], []
        for line in self._git("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0"):
            if not line:
                continue
            about, _, raw = line.partition(b"\t")
            mode, kind, oid, size = about.split()
            path = raw.decode("utf-8", "surrogateescape")
            if kind == b"blob" and mode != b"120000":
                files.append(SourceFile(path, int(size), "git-sha1", oid.decode()))
            else:
                left_out.append(path)
        if not files:
            raise SourceNotFound(self._name, "it has no files")
        origin = Origin(kind="git", repository=self.url, revision=commit, url=_page(self.url))
        return SourceListing(origin=origin, type="other", files=tuple(files), left_out=tuple(left_out))

    def _fetch(self) -> None:
        wanted = self.revision or "HEAD"
        try:
            self._git("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", self.url, wanted)
        except SourceNotFound:
            if not COMMIT.fullmatch(wanted):
                raise
            # Some servers give a commit only with the branch that leads to it.
            self._git("fetch", "--quiet", "--no-recurse-submodules", "--", self.url, "+refs/*:refs/*")
            self._git("fetch", "--quiet", "--no-tags", "--", self._folder, wanted)

    def body(self, file: SourceFile, offset: int) -> Iterator[bytes]:
        """The bytes of a file. Raises `ImportFailed` for a pointer to content that git does not have."""
        with subprocess.Popen(
            self._command("cat-file", "blob", file.digest), stdout=subprocess.PIPE, env=_environment()
        ) as process:
            assert process.stdout is not None
            first = process.stdout.read(_PIECE)
            if first.startswith(_POINTER) and file.size < 1024:
                process.kill()
                raise ImportFailed(
                    self._name,
                    f"its file {file.path!r} is a pointer of Git LFS, and what it points to is not in git",
                    hint="Leave it out with --include, or import it from where its content is.",
                )
            try:
                yield first[offset:]
                offset = max(offset - len(first), 0)
                while piece := process.stdout.read(_PIECE):
                    yield piece[offset:]
                    offset = max(offset - len(piece), 0)
            finally:
                process.kill()

    def licence_url(self, link: str) -> str:
        """Where the text of a licence is that the card links to."""
        return link if link.startswith("https://") else ""

    def _command(self, *words: str) -> list[str]:
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        return ["git", *settings, f"--git-dir={self._folder}", *words]

    def _git(self, *words: str) -> bytes:
        """What git answers. Raises `SourceNotFound` for what it does not find, and `ImportFailed`."""
        try:
            done = subprocess.run(
                self._command(*words), env=_environment(), capture_output=True, timeout=_FETCH, check=False
            )
        except FileNotFoundError:
            raise ImportFailed(self._name, "the program 'git' is not installed", hint="Install git.") from None
        except subprocess.TimeoutExpired:
            raise ImportFailed(self._name, f"git was not done after {_FETCH:,.0f} s") from None
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it says nothing"]
            line = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
            told = redacted(one_line(line, 300))
            if (
                "not found" in told
                or "couldn't find" in told
                or "does not exist" in told
                or "not appear" in told
                or "not our ref" in told
            ):
                raise SourceNotFound(self._name, f"git says {told!r}")
            raise ImportFailed(
                self._name, f"git says {told!r}", hint="Check the address; access is what git itself has."
            )
        return done.stdout


def _split(text: str) -> tuple[str, str]:
    address, revision = text, ""
    start = text.find("/", text.find("://") + 3) if "://" in text else 0
    if start >= 0 and "@" in text[start:]:
        cut = text.index("@", start)
        address, revision = text[:cut], text[cut + 1 :]
        if not _REVISION.fullmatch(revision):
            raise InputError(f"{revision[:100]!r} is not the name of a revision.", hint="Name a branch, tag or commit.")
    if "://" not in address and Path(address).is_dir():
        address = Path(address).resolve().as_uri()
    if urlsplit(address).password:
        raise InputError(
            "The address has a password in it, which others on this machine can see.",
            hint="Leave it out; git asks its credential helper.",
        )
    if urlsplit(address).scheme not in _SCHEMES or any(c.isspace() or not c.isprintable() for c in address):
        raise InputError(
            f"{redacted(address)[:200]!r} is not the address of a repository.",
            hint="It looks like git:https://example.org/code.git@v1, or git:ssh://git@example.org/code.git@v1.",
        )
    return address, revision


def _page(url: str) -> str:
    return url if url.startswith("https://") and "@" not in url else ""


def _environment() -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT},
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


_KEPT: Final = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_SSL_CAINFO")
