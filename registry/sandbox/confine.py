"""Run as a program (``python -I -S confine.py FD``): takes its orders from a pipe, confines a child, becomes its
command.

It stays behind as the parent of all that the command leaves, and ends them with it. Only the standard library is there.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import stat
import sys
import time

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
SECCOMP_MODE_FILTER = 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1

# What Landlock can hold, by the version that brought it: files; renaming elsewhere; truncating; device ioctls.
FILES = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
READ_FILE, READ_FOLDER, EXECUTE = 0x4, 0x8, 0x1
TCP = 0x3
SIGNALS_AND_ABSTRACT_SOCKETS = 0x3
ON_FILES = 0x1 | 0x2 | 0x4 | 0x4000 | 0x8000
"""Rights that a rule about a file, and not a folder, may have."""

libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def checked(result: int, what: str) -> int:
    """The result of a call; what cannot be confined is not begun."""
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


def restrict(abi: int, readable: list[str], writable: list[str]) -> None:
    """Open no files but those below `readable` and `writable`."""
    files = FILES[min(abi, 5)]
    rules = _Ruleset(files, TCP if abi >= 4 else 0, SIGNALS_AND_ABSTRACT_SOCKETS if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = checked(libc.syscall(CREATE_RULESET, ctypes.byref(rules), size, 0), "no ruleset")
    for paths, rights in ((readable, READ_FILE | READ_FOLDER | EXECUTE), (writable, files & ~EXECUTE)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            folder = stat.S_ISDIR(os.fstat(place).st_mode)
            beneath = _Beneath(rights if folder else rights & ON_FILES & files, place)
            checked(libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(beneath), 0), f"no rule for {path}")
            os.close(place)
    checked(libc.syscall(RESTRICT_SELF, ruleset, 0), "not restricted")
    os.close(ruleset)


def confine(orders: dict) -> None:  # type: ignore[type-arg]
    """Give up all that the command is not to have. Nothing of it comes back."""
    account = orders["account"]
    if account is not None:
        os.setgroups([])
        os.setresgid(account, account, account)
        os.setresuid(account, account, account)
    for name, value in orders["limits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))
    taken = sum(own(entry) for entry in os.listdir("/proc") if entry.isdigit())
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = taken + orders["processes"]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    restrict(orders["abi"], orders["readable"], orders["writable"])
    rules = bytes.fromhex(orders["filter"])
    program = _Program(len(rules) // 8, rules)
    checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "no filter")


def own(pid: str) -> int:
    """How many tasks a process has, 0 if it is another user's: the limit of processes counts them all."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) if os.stat(f"/proc/{pid}").st_uid == os.getuid() else 0
    except OSError:
        return 0


def children() -> list[int]:
    """The processes that were left to this one."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


def end() -> None:
    """Kill whatever descends from this process, until nothing does."""
    while found := children():
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def stop(*_: object) -> None:
    """End with all that descends from it, as when the process that started it has ended."""
    end()
    os._exit(143)


def main() -> int:
    """Confine, run, wait, end what is left; the exit code is the command's."""
    signal.signal(signal.SIGTERM, stop)
    parent = os.getppid()
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(int(sys.argv[1]), "rb") as pipe:
        orders = json.loads(pipe.read())
    child = os.fork()
    if not child:
        try:
            confine(orders)
            os.execve(orders["command"][0], orders["command"], orders["variables"])
        except BaseException as error:
            os.write(2, f"confine: {error}\n".encode())
        os._exit(126)
    _, status = os.waitpid(child, 0)
    end()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
