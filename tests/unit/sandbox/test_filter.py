"""The filters, read back: a small machine for BPF asks them about every system call, on both kinds of processors."""

from __future__ import annotations

import errno
import importlib.util
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from registry.errors import SandboxUnavailable
from registry.sandbox.filter import FOLDER, filter_for

ROOT = Path(__file__).parents[3]

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000

ARCHITECTURE: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Of the kernel's tables, those that tests ask about by name.
NUMBERS: Final = {
    "x86_64": {
        "read": 0,
        "open": 2,
        "mmap": 9,
        "ioctl": 16,
        "socket": 41,
        "connect": 42,
        "socketpair": 53,
        "clone": 56,
        "fork": 57,
        "execve": 59,
        "shmget": 29,
        "ptrace": 101,
        "mount": 165,
        "unshare": 272,
        "setns": 308,
        "memfd_create": 319,
        "bpf": 321,
        "userfaultfd": 323,
        "io_uring_setup": 425,
        "clone3": 435,
        "keyctl": 250,
        "process_vm_readv": 310,
        "perf_event_open": 298,
        "prctl": 157,
        "openat": 257,
        "kexec_load": 246,
    },
    "aarch64": {
        "read": 63,
        "mmap": 222,
        "ioctl": 29,
        "socket": 198,
        "connect": 203,
        "socketpair": 199,
        "clone": 220,
        "execve": 221,
        "shmget": 194,
        "ptrace": 117,
        "mount": 40,
        "unshare": 97,
        "setns": 268,
        "memfd_create": 279,
        "bpf": 280,
        "userfaultfd": 282,
        "io_uring_setup": 425,
        "clone3": 435,
        "keyctl": 219,
        "process_vm_readv": 270,
        "perf_event_open": 241,
        "prctl": 167,
        "openat": 56,
        "kexec_load": 104,
    },
}
EPERM: Final = REFUSE | errno.EPERM
ENOSYS: Final = REFUSE | errno.ENOSYS


def verdict(program: bytes, number: int, *arguments: int, architecture: int) -> int:
    """What a filter answers: classic BPF over the kernel's `seccomp_data`, of the instructions that filters may
    have."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    code = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        operation, yes, no, k = code[at]
        at += 1
        if operation == 0x20:  # load a word
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif operation == 0x54:  # and
            accumulator &= k
        elif operation == 0x05:  # jump
            at += k
        elif operation in (0x15, 0x25, 0x35):  # equal, greater, greater or equal
            true = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k}[operation]
            at += yes if true else no
        elif operation == 0x06:
            return k
        else:
            raise AssertionError(f"operation {operation:#x}")


@pytest.fixture(params=[(tier, machine) for tier in ("bubblewrap", "landlock") for machine in ARCHITECTURE])
def asked(request: pytest.FixtureRequest):
    """Ask a filter about a system call by its name or number."""
    tier, machine = request.param
    program = (FOLDER / f"{tier}-{machine}.bpf").read_bytes()

    def ask(call: str | int, *arguments: int) -> int:
        number = NUMBERS[machine][call] if isinstance(call, str) else call
        return verdict(program, number, *arguments, architecture=ARCHITECTURE[machine])

    ask.tier, ask.machine, ask.program = tier, machine, program  # type: ignore[attr-defined]
    return ask


def test_what_every_program_does_is_allowed(asked) -> None:
    for call in ("read", "openat", "execve"):
        assert asked(call) == ALLOW
    assert asked("clone", 17) == ALLOW
    for flags in (0x22, 0x02, 0x01):
        assert asked("mmap", 0, 4096, 3, flags) == ALLOW
    assert asked("prctl", 15) == asked("ioctl", 1, 0x5401) == asked("socketpair", 1) == ALLOW


def test_doors_into_the_kernel_are_shut(asked) -> None:
    for call in ("unshare", "setns", "mount", "ptrace", "process_vm_readv", "bpf", "userfaultfd", "io_uring_setup"):
        assert asked(call) == EPERM
    assert asked("keyctl") == asked("perf_event_open") == asked("kexec_load") == EPERM
    assert asked("clone3") == ENOSYS
    for bit in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert asked("clone", 17 | bit) == ENOSYS, "a namespace of its own"
    assert asked("prctl", 4) == asked("prctl", 22) == ENOSYS


def test_a_call_that_nobody_has_read_about_is_refused(asked) -> None:
    for number in range(463, 1024):
        assert asked(number) == ENOSYS


def test_memory_that_nobody_counts_is_refused(asked) -> None:
    assert asked("memfd_create") == asked("shmget") == EPERM
    assert asked("mmap", 0, 4096, 3, 0x21) == ENOSYS
    assert asked("mmap", 0, 4096, 3, 0x40021) == ENOSYS, "of huge pages"


def test_a_terminal_is_not_typed_on_not_even_with_a_word_that_is_too_long(asked) -> None:
    for request in (0x5412, 0x541C, 0x1_0000_5412, 0x1234_0000_5412):
        assert asked("ioctl", 0, request) == ENOSYS


def test_sockets_are_of_one_machine_or_none(asked) -> None:
    for family in (2, 10):
        assert asked("socket", family) == asked("socket", 0x1_0000_0000 + family) == REFUSE | errno.EAFNOSUPPORT
    assert asked("socket", 16) == REFUSE | errno.EOPNOTSUPP
    for family in (17, 38, 40):
        assert asked("socket", family) == ENOSYS
    expected = ALLOW if asked.tier == "bubblewrap" else ENOSYS
    assert asked("socket", 1) == asked("connect") == expected
    # The kernel looks at half of the word here, too.
    assert asked("socket", 0x1_0000_0001) == expected and asked("socket", 0x1_0000_0011) == ENOSYS


def test_calls_of_another_architecture_kill(asked) -> None:
    other = next(value for name, value in ARCHITECTURE.items() if name != asked.machine)
    assert verdict(asked.program, 0, architecture=other) == KILL
    assert verdict(asked.program, 0, architecture=0x40000003) == KILL, "32 bits"
    if asked.machine == "x86_64":
        assert asked(0x4000_0000 + 16, 0, 0x5412) == KILL, "the numbers of x32"


def test_a_machine_without_a_filter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(SandboxUnavailable, match="'riscv64'"):
        filter_for("bubblewrap")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert filter_for("landlock").name == "landlock-aarch64.bpf"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("seccomp_script", ROOT / "scripts" / "_toolchain" / "seccomp.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform != "linux", reason="libseccomp is there on Linux only")
def test_the_filters_are_what_the_script_writes(script: ModuleType, tmp_path: Path) -> None:
    """By what they answer: versions of libseccomp put the same rules in other orders."""
    for tier in script.TIERS:
        for machine in script.MACHINES:
            fresh = tmp_path / "fresh.bpf"
            script.write(tier, machine, fresh)
            old, new = (FOLDER / f"{tier}-{machine}.bpf").read_bytes(), fresh.read_bytes()
            for number in range(512):
                for argument in (0, 0x5401, 0x10000011):
                    arguments = (argument, argument, 0, argument)
                    answers = {verdict(p, number, *arguments, architecture=ARCHITECTURE[machine]) for p in (old, new)}
                    assert len(answers) == 1, f"call {number} of {machine} in {tier}: run scripts/_toolchain/seccomp.py"


def test_nothing_is_both_allowed_and_refused(script: ModuleType) -> None:
    refused = " ".join(script.REFUSED.values()).split()
    assert not set(refused) & {*script.ALLOWED.split(), *script.SOCKETS}
    assert len(refused) == len(set(refused)) and len(script.ALLOWED.split()) == len(set(script.ALLOWED.split()))
