"""Tier 2: bubblewrap in one exact shape. Nothing of this machine is there but what a `Spec` names, to be read only.

Ordinary use of bubblewrap leaks in ways that this shape shuts; `tests/integration/sandbox` has a test for each:

* its own environment can be read in ``/proc/1/environ``: it is started without one;
* ``/``, ``/dev`` and ``/dev/shm`` are file systems of half the memory: the first two are read-only, the third has a
  size,
  and memory that belongs to no file and no process is refused by the filter;
* RLIMIT_NPROC binds no root, and counts whatever else the user runs: a run that root starts has an account of its own,
  and
  the limit is set inside, where the kernel counts by user namespace;
* user namespaces can be nested: they are disabled, and refused by the filter;
* a folder bound for results has no size: they are left in a file system of its own, and read when all processes are
  dead.

What root starts has an account without any rights, which may not look into, say, /root: what is to be bound is laid
where it may look first (`registry.sandbox.mounting`)."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from registry.errors import SandboxFailed
from registry.sandbox.filter import filter_for
from registry.sandbox.mounting import staged
from registry.sandbox.run_account import own_account, refuse_private
from registry.sandbox.spec import MIB, NOTES, OUT, TMP, Limits, Spec, Tier
from registry.sandbox.started import PATIENCE, Started, interpreter, limited, tool
from registry.sandbox.watch import PAGE, on_file_system

__all__ = ["start"]

_INSIDE: Final = 1000
"""Number of the account inside, everywhere the same."""

_SHM: Final = "/dev/shm"

_SHAPE: Final = (
    *("--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"),
    *("--as-pid-1", "--cap-drop", "ALL", "--hostname", "sandbox", "--uid", str(_INSIDE), "--gid", str(_INSIDE)),
    *("--proc", "/proc", "--dir", "/dev"),
    *(word for name in ("null", "random", "urandom") for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")),
    *("--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "fd/1", "/dev/stdout", "--symlink", "fd/2", "/dev/stderr"),
)
"""No /dev/zero: mapped, it is memory that nobody counts. No terminal either."""

_HELD: Final = "held"
_FIRST: Final = f'[ ! -d {NOTES}/{_HELD} ] || exit 125; "$@"; exit $?'
"""What the first process does: with it end all others, and what they cost is added up to it. Nothing begins if who
started it died before it was let go."""


def start(spec: Spec, stack: ExitStack, stdin: int) -> Started:
    """Start a program in bubblewrap, and hold it just before its first instruction.

    Raises `SandboxUnavailable` where there is no bubblewrap, `SandboxFailed` if it cannot be set up.
    """
    bwrap, prlimit = tool("bwrap", "bubblewrap"), tool("prlimit", "util-linux")
    block, release = _pipe(stack)
    told, status = _pipe(stack)
    rules = os.open(filter_for("bubblewrap"), os.O_RDONLY | os.O_CLOEXEC)
    stack.callback(os.close, rules)
    shell = str(Path(tool("sh", "dash")).resolve())
    binds = {**{str(path): path for path in (*_runtime(spec.python), Path(prlimit), Path(shell))}, **spec.mounts}
    account = own_account(stack)
    keep = (rules, block, status)

    def begin(sources: list[str]) -> Started:
        command = [bwrap, *_SHAPE, *_links(), *_writable(spec.limits)]
        command += [word for source, at in zip(sources, binds, strict=True) for word in ("--ro-bind", source, at)]
        command += [word for variable in spec.variables.items() for word in ("--setenv", *variable)]
        command += ["--remount-ro", "/", "--seccomp", str(rules), "--block-fd", str(block)]
        command += ["--json-status-fd", str(status), "--", shell, "-c", _FIRST, "sh", *limited(prlimit, spec.limits)]
        command += spec.command
        return Started(command, Tier.BUBBLEWRAP, stack, stdin=stdin, keep=keep, account=account)

    if account is None:
        started = begin([str(path) for path in binds.values()])
    else:
        refuse_private(spec)
        started = staged(list(binds.values()), begin, stack)
    _await(started, told)
    _look_in(started, spec.limits, stack)

    def let_go() -> None:
        os.rmdir(_HELD, dir_fd=started.notes)
        os.write(release, b"\n")

    started.release = let_go
    return started


def _look_in(started: Started, limits: Limits, stack: ExitStack) -> None:
    """Open the places that it writes to. They stay readable when the namespace that had them is gone."""
    root = f"/proc/{started.pid}/root"
    folders = {}
    for name in (OUT, NOTES, TMP, _SHM):
        folders[name] = os.open(root + name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, folders[name])
    started.out, started.notes = folders[OUT], folders[NOTES]
    started.disks = [
        (on_file_system(folders[OUT]), limits.output, "output"),
        (on_file_system(folders[TMP]), limits.scratch, "scratch"),
        (on_file_system(folders[_SHM]), limits.scratch, "scratch"),
    ]


def _await(started: Started, told: int) -> None:
    """Wait until the sandbox stands; the program then waits for `release`. Raises `SandboxFailed` if it does not."""
    until = time.monotonic() + PATIENCE
    os.set_blocking(told, False)
    told_so_far = b""
    here = os.stat("/").st_dev
    while time.monotonic() < until:
        if started.over():
            raise SandboxFailed(started.complaint() or f"bubblewrap ended with exit code {started.exit}")
        if b"\n" not in told_so_far:
            with suppress(BlockingIOError):
                told_so_far += os.read(told, 4096)
            if b"\n" in told_so_far:
                started.pid = int(json.loads(told_so_far.split(b"\n")[0])["child-pid"])
                started.hold()
        else:
            # To make its root read-only is the last thing that bubblewrap does, after it has left ours.
            try:
                found = os.statvfs(f"/proc/{started.pid}/root"), os.stat(f"/proc/{started.pid}/root")
            except OSError:
                continue
            if found[0].f_flag & os.ST_RDONLY and found[1].st_dev != here:
                return
        time.sleep(0.001)
    raise SandboxFailed(f"bubblewrap did not stand after {PATIENCE:g} seconds")


def _pipe(stack: ExitStack) -> tuple[int, int]:
    ends = os.pipe2(os.O_CLOEXEC)
    for end in ends:
        stack.callback(os.close, end)
    return ends


# --- What is there -------------------------------------------------------------------------------


def _runtime(python: Path | None) -> list[Path]:
    """The Python and the libraries of the system, which are inside where they are outside."""
    program = interpreter(python)
    wanted = [Path("/usr/lib"), Path("/usr/lib64"), Path("/etc/ld.so.cache"), Path("/usr/share/zoneinfo")]
    wanted += [path for path in map(Path, ("/lib", "/lib64")) if not path.is_symlink()]
    wanted += [program, program.parents[1] / "lib"]
    return [path for path in dict.fromkeys(wanted) if path.exists() and not path.is_symlink()]


def _links() -> list[str]:
    """Names of folders of libraries that are links where they are."""
    links = [path for path in map(Path, ("/lib", "/lib64", "/usr/lib64")) if path.is_symlink()]
    return [word for path in links for word in ("--symlink", os.readlink(path), str(path))]


def _writable(limits: Limits) -> list[str]:
    sizes = {OUT: limits.output, TMP: limits.scratch, _SHM: limits.scratch, NOTES: MIB}
    # A file takes whole pages, and so may a folder.
    room = (limits.files + 2) * PAGE
    words = [word for name, size in sizes.items() for word in ("--size", str(size + room), "--tmpfs", name)]
    return [*words, "--dir", f"{NOTES}/{_HELD}"]
