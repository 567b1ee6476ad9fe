"""What is to be run and within what, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Final, Literal, Self

from registry.errors import InputError, RunFailed
from registry.sandbox.bounded_log import readable

OUT: Final = "/data/out"
"""Where a program leaves its results."""

TMP: Final = "/tmp"
"""What a program may write and nobody gets."""

NOTES: Final = "/data/notes"
"""A megabyte for what our own code inside tells our code outside."""

SOCKET: Final = "app.sock"
"""Where an app listens, below `NOTES`."""

MIB: Final = 2**20

_IMAGE: Final = re.compile(r"[a-z0-9][a-z0-9._/-]*(:[0-9]{1,5}/[a-z0-9._/-]+)?@sha256:[0-9a-f]{64}")
"""A name, perhaps with the port of its host, and a digest; never a tag, not even beside the digest."""


class Tier(IntEnum):
    """What stands between a program and this machine; more is more.

    ``NONE`` nothing: for one's own code. ``PROCESS`` Landlock, a seccomp filter and limits: no network and no files of
    others, while names and sizes of files can be seen. ``BUBBLEWRAP`` adds namespaces: nothing of the machine is there.
    ``CONTAINER`` is one of podman or docker, for a `Spec` that names an image. ``MACHINE`` is what a document may ask
    for, and this version has no runner for it.
    """

    NONE = 0
    PROCESS = 1
    BUBBLEWRAP = 2
    CONTAINER = 3
    MACHINE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may use.

    =========== ====================================================================================================
    seconds     of time from its start
    memory      bytes of all its processes together, and of each one's address space
    processes   and threads, at the same time
    output      bytes in ``/data/out``, or handed over on standard output
    files       in ``/data/out``, and as many in ``/tmp``
    scratch     bytes in ``/tmp``, and as many in ``/dev/shm``
    log         bytes that are kept of what it writes; the middle of more is left out
    =========== ====================================================================================================
    """

    seconds: float = 60
    memory: int = 1024 * MIB
    processes: int = 64
    output: int = 64 * MIB
    files: int = 1_000
    scratch: int = 256 * MIB
    log: int = 64 * 1024

    def __post_init__(self) -> None:
        """Raise `InputError` for a limit that is none."""
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**53:
                raise InputError(f"The limit {name!r} must be greater than 0, not {value!r}.")
            if name != "seconds" and not isinstance(value, int):
                raise InputError(f"The limit {name!r} must be a whole number, not {value!r}.")

    def within(self, most: Limits) -> Self:
        """The lesser of each limit and that of `most`."""
        return replace(self, **{name: min(getattr(self, name), getattr(most, name)) for name in self.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A program to run.

    `command` is the program, an absolute path inside, with its arguments. `mounts` lays files and folders of this
    machine at absolute paths inside, to be read only; the Python in `python` (default: the one that runs this) and the
    libraries of the system are there as well, and nothing else. `variables` is its whole environment. `least` is the
    lowest tier that will do. `outputs` is the folder that takes what it leaves in `OUT`: it must be missing or empty.

    With an `image` it runs in a container, where the system, the Python and the first part of the command are those of
    the image, and the image's own variables stay. An image is named by its digest (``name@sha256:...``): under a tag
    another one may lie tomorrow.
    """

    command: tuple[str, ...]
    mounts: Mapping[str, Path] = field(default_factory=dict)
    python: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    least: Tier = Tier.BUBBLEWRAP
    outputs: Path | None = None
    image: str | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` for what cannot be laid out, and for an image that is not named by its digest."""
        if self.image is not None and not _IMAGE.fullmatch(self.image):
            raise InputError(
                f"{self.image!r} does not say which image by its digest.",
                hint="Name it as name@sha256:<64 digits>; 'podman image inspect NAME' shows its RepoDigests.",
            )
        if not self.command or any("\0" in part for part in self.command):
            raise InputError("A program to run has a command, and no part of it a zero byte.")
        for inside, path in self.mounts.items():
            taken = inside == "/" or any(
                inside == own or inside.startswith(own + "/") for own in (OUT, NOTES, TMP, "/proc", "/dev")
            )
            if not inside.startswith("/") or {"", ".", ".."} & set(inside[1:].split("/")) or taken:
                raise InputError(f"Nothing can be laid at {inside!r} inside.", hint="Choose another absolute path.")
            if not path.exists():
                raise InputError(f"{str(path)!r}, which was to be laid at {inside}, is not there.")
        for name, value in self.variables.items():
            if not name or "=" in name or "\0" in name + value:
                raise InputError(f"{name!r} cannot be the name of a variable, or its value cannot be kept in one.")


Ended = Literal[
    "finished", "failed", "seconds", "memory", "processes", "files", "output", "scratch", "refused", "cancelled"
]
"""How a run ended: by itself with exit code 0 or another, at the limit of that name, with outputs that cannot be
taken, or because it was told to."""

_WORDS: Final[dict[str, str]] = {
    "finished": "finished",
    "failed": "ended with exit code {exit}",
    "seconds": "was stopped at its limit of {limits.seconds:g} seconds",
    "memory": "was stopped at its limit of {limits.memory:,} bytes of memory",
    "processes": "was stopped at its limit of {limits.processes:,} processes",
    "files": "was stopped at its limit of {limits.files:,} files",
    "output": "was stopped at its limit of {limits.output:,} bytes of output",
    "scratch": "was stopped at its limit of {limits.scratch:,} bytes of scratch space",
    "refused": "left what cannot be taken: {refused}",
    "cancelled": "was cancelled",
}


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a program left: `path` below the folder of outputs, `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run.

    `exit` is its exit code, 128 and the number of the signal for one that was killed. `seconds` from start to end,
    `cpu_seconds` and `memory` (bytes at most at the same time) are of all its processes. `log` is what is kept of
    standard output and standard error, of `log_size` bytes that were written. `tier` is what it ran in. Outputs are
    taken only of a run that finished; `refused` says which of them cannot be. `notes` is what our own code inside
    wrote down."""

    ended: Ended
    exit: int
    tier: Tier
    limits: Limits
    seconds: float
    cpu_seconds: float
    memory: int
    log: bytes
    log_size: int
    outputs: tuple[OutputFile, ...] = ()
    notes: bytes = b""
    refused: str = ""

    @property
    def ok(self) -> bool:
        """Whether it came to its own end with exit code 0."""
        return self.ended == "finished"

    def in_words(self) -> str:
        """How it ended, as a clause without its subject."""
        return _WORDS[self.ended].format(exit=self.exit, limits=self.limits, refused=self.refused)

    def text(self) -> str:
        """The log as text that a terminal obeys in nothing but line breaks and tabs."""
        return readable(self.log)

    def check(self) -> Self:
        """Return itself; raises `RunFailed` with the end of the log for a run that did not finish."""
        if not self.ok:
            raise RunFailed(self.in_words(), self.text()[-2_000:].strip())
        return self
