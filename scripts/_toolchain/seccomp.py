"""Write the system calls that strangers' code may make as BPF programs: registry/sandbox/filters/<tier>-<machine>.bpf.

    pip install pyseccomp==0.1.2 && python scripts/_toolchain/seccomp.py

libseccomp writes programs for machines other than its own, so one run makes all of them, and nobody who runs code
needs the library. What is listed here is allowed, and whatever a kernel gains later is refused until somebody has read
about it (ENOSYS, by which the C library takes its older way). `tests/unit/sandbox/test_filter.py` reads the programs
back."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

FILTERS = Path(__file__).parents[2] / "registry" / "sandbox" / "filters"
MACHINES = ("x86_64", "aarch64")
TIERS = ("bubblewrap", "landlock")

ALLOWED = """
access alarm arch_prctl brk cachestat capget chdir chmod chown clock_getres clock_gettime clock_nanosleep close
close_range copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2
epoll_wait eventfd eventfd2 execve exit exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat
fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fstat fstatfs fsync ftruncate futex
futex_requeue futex_wait futex_waitv futex_wake futimesat get_mempolicy get_robust_list getcpu getcwd getdents
getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom
getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr ioprio_get
kill lchown lgetxattr link linkat listxattr llistxattr lseek lstat madvise membarrier mincore mkdir mkdirat mknod
mknodat mlock mlock2 mprotect mremap msync munlock munmap nanosleep newfstatat open openat openat2 pause pidfd_open
pidfd_send_signal pipe pipe2 poll ppoll pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read
readahead readlink readlinkat readv recvfrom recvmmsg recvmsg rename renameat renameat2 restart_syscall rmdir rseq
rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield select sendfile
sendmmsg sendmsg sendto set_robust_list set_tid_address setitimer setpgid setpriority setrlimit setsid setsockopt
shutdown sigaltstack signalfd signalfd4 stat statfs statx symlink symlinkat sync_file_range sysinfo tgkill time
timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime
times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid write writev
"""
"""Files, memory, processes and time of one's own."""

SOCKETS = ("accept", "accept4", "bind", "connect", "listen")
"""Between processes of one's own, over AF_UNIX."""

REFUSED = {
    "other namespaces": "unshare setns",
    "mounts": "mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr",
    "other processes": "ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp process_madvise",
    "wide doors into the kernel": "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register",
    "keys of the kernel": "add_key request_key keyctl",
    # No limit that a run has counts these: not the size of a file system, and not what a process has mapped.
    "memory that nobody counts": "memfd_create memfd_secret shmget shmat shmdt shmctl msgget msgsnd mq_open"
    " setxattr lsetxattr fsetxattr",
    "files by handle": "open_by_handle_at name_to_handle_at",
    "the machine": "reboot kexec_load kexec_file_load init_module finit_module delete_module swapon swapoff acct syslog"
    " settimeofday clock_settime clock_adjtime adjtimex quotactl sethostname setdomainname sync syncfs",
    "who one is": "setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset",
}
"""Refused with EPERM, which says more than that there is no such call."""

IOCTLS = {
    "TCGETS": 0x5401,
    "TIOCGWINSZ": 0x5413,
    "FIONREAD": 0x541B,
    "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450,
    "FIOCLEX": 0x5451,
}
"""What files and pipes are asked; above all not TIOCSTI, which types on a terminal."""

PRCTLS = {
    "PR_SET_PDEATHSIG": 1,
    "PR_GET_DUMPABLE": 3,
    "PR_SET_NAME": 15,
    "PR_GET_NAME": 16,
    "PR_CAPBSET_READ": 23,
    "PR_SET_TIMERSLACK": 29,
    "PR_SET_NO_NEW_PRIVS": 38,
    "PR_GET_NO_NEW_PRIVS": 39,
    "PR_SET_VMA": 0x53564D41,
}

NEW_NAMESPACES = 0x7E02_0000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
FAMILIES = {AF_INET: errno.EAFNOSUPPORT, AF_INET6: errno.EAFNOSUPPORT, AF_NETLINK: errno.EOPNOTSUPP}
"""Refused as on a machine that has no such network."""

MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
WHOLE_WORD = 0xFFFF_FFFF


def write(tier: str, machine: str, path: Path) -> None:
    """Write the program of a tier for a machine."""
    import pyseccomp as seccomp

    program = seccomp.SyscallFilter(seccomp.ERRNO(errno.ENOSYS))
    program.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    wanted, native = getattr(seccomp.Arch, machine.upper()), seccomp.Arch.NATIVE
    if wanted != seccomp.system_arch():
        program.add_arch(wanted)
        program.remove_arch(native)
    program.set_attr(seccomp.Attr.CTL_OPTIMIZE, 2)

    def rule(action: int, name: str, *arguments: seccomp.Arg) -> None:
        try:
            number = seccomp.resolve_syscall(wanted, name)
        except (OSError, ValueError):
            number = -1
        if number < 0:  # aarch64 has no open, fork, poll, ...
            return
        program.add_rule(action, name, *arguments)

    allow, refuse = seccomp.ALLOW, seccomp.ERRNO(errno.EPERM)
    for name in ALLOWED.split():
        rule(allow, name)
    for names in REFUSED.values():
        for name in names.split():
            rule(refuse, name)
    for name in IOCTLS.values():
        rule(allow, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, WHOLE_WORD, name))
    for name in PRCTLS.values():
        rule(allow, "prctl", seccomp.Arg(0, seccomp.MASKED_EQ, WHOLE_WORD, name))
    rule(allow, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, NEW_NAMESPACES, 0))
    # Shared memory without a file belongs to no process and no file system that has a limit.
    rule(allow, "mmap", seccomp.Arg(3, seccomp.MASKED_EQ, MAP_ANONYMOUS, 0))
    rule(allow, "mmap", seccomp.Arg(3, seccomp.MASKED_EQ, MAP_SHARED | MAP_ANONYMOUS, MAP_ANONYMOUS))
    rule(allow, "socketpair", seccomp.Arg(0, seccomp.MASKED_EQ, WHOLE_WORD, AF_UNIX))
    # Libraries look at these errors, and do without; at others some abort.
    for family, number in FAMILIES.items():
        rule(seccomp.ERRNO(number), "socket", seccomp.Arg(0, seccomp.MASKED_EQ, WHOLE_WORD, family))
    if tier == "bubblewrap":
        rule(allow, "socket", seccomp.Arg(0, seccomp.MASKED_EQ, WHOLE_WORD, AF_UNIX))
        for name in SOCKETS:
            rule(allow, name)
    with path.open("wb") as file:
        program.export_bpf(file)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FILTERS
    for machine in MACHINES:
        for tier in TIERS:
            write(tier, machine, folder / f"{tier}-{machine}.bpf")
