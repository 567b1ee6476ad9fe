"""Try to get out, in every way that is known, and say which ways are open: ``probe.py ORDERS``.

`ORDERS` is JSON with what the outside put up to be found: a port, an abstract socket, a file, a secret, a limit of
each kind. The answer is a line of JSON for each way: its name, and ``""`` for one that was blocked, or what was got.
The last two are those that end the program where somebody watches it."""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

Probe = Callable[[], str | None]
PROBES: list[Probe] = []

orders: dict[str, Any] = json.loads(sys.argv[1]) if __name__ == "__main__" else {}
# Turned round, so that the orders themselves do not have it.
secret = orders.get("secret", "")[::-1]
libc = ctypes.CDLL(None, use_errno=True)


def attempt(probe: Probe) -> Probe:
    """Add a probe to those that are run."""
    PROBES.append(probe)
    return probe


def main() -> None:
    """Run all probes: an error of the system is what a blocked way looks like."""
    for probe in PROBES:
        try:
            found = probe() or ""
        except (OSError, MemoryError, ValueError) as error:
            found = ""
            print(probe.__name__, repr(error), file=sys.stderr)
        print(json.dumps([probe.__name__, found]), flush=True)


@attempt
def connects_to_this_machine() -> str | None:
    """TCP to a listener on loopback."""
    with socket.create_connection(("127.0.0.1", orders["port"]), 2):
        return "a listener on loopback answered"


@attempt
def sends_a_question_to_a_name_server() -> str | None:
    """A datagram over UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"?", ("127.0.0.1", orders["udp"]))
        return "a datagram was sent"


@attempt
def opens_a_raw_or_packet_socket() -> str | None:
    """Sockets of the kernel and of the wire."""
    for family in (socket.AF_PACKET, socket.AF_NETLINK, 38, 40):  # AF_ALG, AF_VSOCK
        try:
            socket.socket(family, socket.SOCK_RAW).close()
            return f"a socket of family {family}"
        except OSError:
            continue
    return None


@attempt
def abstract_unix_socket_of_host() -> str | None:
    """A socket that has no file, of a process outside."""
    with socket.socket(socket.AF_UNIX) as unix:
        unix.connect("\0" + orders["abstract"])
        return "a process outside answered"


@attempt
def reads_a_file_outside() -> str | None:
    """Files of the machine and of its users."""
    for path in (orders["file"], "/etc/shadow", "/" + "root/.ssh", "/home", "/etc/passwd"):
        try:
            if os.path.isdir(path):
                return f"{path}: {os.listdir(path)[:3]}"
            with open(path, "rb") as file:
                return f"{path}: {file.read(20)!r}"
        except OSError:
            continue
    return None


@attempt
def reads_proc_1_environ() -> str | None:
    """The variables and words of whatever started us."""
    for pid in ("self", *filter(str.isdigit, os.listdir("/proc"))):
        for name in ("environ", "cmdline"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    if secret.encode() in file.read():
                        return f"a secret in /proc/{pid}/{name}"
            except OSError:
                continue
    return None


@attempt
def has_a_variable_of_the_runner() -> str | None:
    """Variables that came along."""
    return "; ".join(name for name, value in os.environ.items() if secret in value)


@attempt
def inherits_an_open_fd() -> str | None:
    """Files that the runner has open."""
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else range(3, 256):
        if int(number) > 2:
            try:
                got = os.fstat(int(number))
            except OSError:
                continue
            if [got.st_dev, got.st_ino] == orders["inode"]:
                return f"file descriptor {number}"
    return None


def fill(path: str, most: int) -> int:
    """Bytes that could be written to a new file, at most `most`."""
    done = 0
    piece = b"\0" * 2**20
    for number in range(64):
        try:
            with open(f"{path}/fill{number}", "wb", buffering=0) as file:
                while done < most:
                    done += file.write(piece)
        except OSError:
            continue
    for number in range(64):
        try:
            os.unlink(f"{path}/fill{number}")
        except OSError:
            continue
    return done


@attempt
def writes_root_tmpfs() -> str | None:
    """File systems that nobody gave a size."""
    for path in ("/", "/dev", "/data", "/opt", "/etc", "/usr/lib", "/proc"):
        if done := fill(path.rstrip("/"), 2**20):
            return f"{done:,} bytes in {path}"
    return None


@attempt
def has_memory_that_nobody_counts() -> str | None:
    """Memory of no process and no file system."""
    got = []
    if hasattr(os, "memfd_create"):
        try:
            os.close(os.memfd_create("x"))
            got.append("memfd_create")
        except OSError:
            pass
    try:
        mmap.mmap(-1, 4096).close()
        got.append("shared memory without a file")
    except OSError:
        pass
    if libc.shmget(0, 4096, 0o1600) >= 0:
        got.append("shmget")
    try:
        with open("/dev/zero", "r+b") as zero:
            mmap.mmap(zero.fileno(), 4096).close()
        got.append("/dev/zero")
    except (OSError, ValueError):
        pass
    return ", ".join(got)


@attempt
def nested_userns() -> str | None:
    """A user namespace, in which one is root."""
    for flags in (0x10000000, 0x10000000 | 0x00020000):
        if libc.unshare(flags) == 0:
            return "a user namespace"
    stack = ctypes.create_string_buffer(4096)
    number = {"x86_64": 56, "aarch64": 220}.get(os.uname().machine, 56)
    pid = libc.syscall(number, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    del stack
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
        return "a user namespace, by clone"
    return None


@attempt
def ptrace_runner() -> str | None:
    """The memory of another process."""
    for pid in (1, os.getppid(), orders["runner"]):
        if pid not in (0, os.getpid()) and libc.ptrace(16, pid, 0, 0) == 0:
            libc.ptrace(17, pid, 0, 0)
            return f"process {pid}"
    word = ctypes.c_long()
    vector = (ctypes.c_ulong * 2)(ctypes.addressof(word), 8)
    if libc.process_vm_readv(os.getppid() or 1, vector, 1, vector, 1, 0) >= 0 or ctypes.get_errno() != errno.EPERM:
        return "memory of another process"
    return None


@attempt
def tiocsti() -> str | None:
    """A letter typed on the terminal of the runner."""
    for number in (0, 1, 2):
        try:
            fcntl.ioctl(number, 0x5412, b"x")
            return "typed a letter"
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EIO):
                return str(error)
        # The kernel looks at half of the word, and so must a filter.
        if libc.ioctl(number, ctypes.c_ulong(0x1_0000_5412), b"x") == 0:
            return "typed a letter, with a word that is too long"
    for path in ("/dev/tty", "/dev/ptmx", "/dev/console"):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NOCTTY))
            return path
        except OSError:
            continue
    return None


@attempt
def kills_runner() -> str | None:
    """A signal to the runner."""
    for pid in (orders["runner"], os.getppid()):
        if pid > 1:
            try:
                os.kill(pid, 0)
                return f"may send signals to process {pid}" if pid == orders["runner"] else ""
            except OSError:
                continue
    return None


@attempt
def mounts_something() -> str | None:
    """A file system of our own, or another root."""
    place = os.environ["OUT"].encode()
    if libc.mount(b"tmpfs", place, b"tmpfs", 0, None) == 0:
        libc.umount2(place, 0)
        return "a file system"
    return "another root" if libc.chroot(b"/") == 0 else ""


@attempt
def raises_its_own_limits() -> str | None:
    """Limits taken back."""
    for name in ("RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_FSIZE"):
        try:
            resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            return name
        except (OSError, ValueError):
            continue
    return None


@attempt
def forks_past_limit() -> str | None:
    """Processes past the limit."""
    children: list[int] = []
    try:
        while len(children) <= orders["processes"] + 8:
            pid = os.fork()
            if not pid:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
        return f"{len(children)} processes"
    except OSError:
        return "" if len(children) <= orders["processes"] else f"{len(children)} processes"
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@attempt
def writes_dev_shm_past_cap() -> str | None:
    """File systems past the size that they have."""
    places = (
        ("/dev/shm", orders["scratch"]),
        (os.environ["TMPDIR"], orders["scratch"]),
        (os.environ["OUT"], orders["output"]),
    )
    for path, most in places:
        if (done := fill(path, 2 * most + 8 * 2**20)) > most + 8 * 2**20:
            return f"{done:,} bytes in {path}"
    return None


@attempt
def takes_more_memory_than_its_limit() -> str | None:
    """Memory past the limit."""
    taken = bytearray(b"\1") * (orders["memory"] + 2**20)
    time.sleep(0.5)
    return f"{len(taken):,} bytes"


if __name__ == "__main__":
    main()
