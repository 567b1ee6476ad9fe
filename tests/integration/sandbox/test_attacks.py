"""What strangers' programs try, at tier 2, as root and as an ordinary user. Each attack is named for what it does."""

from __future__ import annotations

import json
import os
import pty
import resource
import secrets
import signal
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integration.sandbox.people import MIB, SMALL, Person, alive, program_of
from registry.errors import RunFailed, SandboxUnavailable
from registry.sandbox import Limits, Spec, Tier, call, run
from registry.sandbox.cgroup import Cgroup
from registry.sandbox.check import probe
from registry.sandbox.started import interpreter

PROBES = [
    "connects_to_this_machine",
    "sends_a_question_to_a_name_server",
    "opens_a_raw_or_packet_socket",
    "abstract_unix_socket_of_host",
    "reads_a_file_outside",
    "reads_proc_1_environ",
    "has_a_variable_of_the_runner",
    "inherits_an_open_fd",
    "writes_root_tmpfs",
    "writes_dev_shm_past_cap",
    "has_memory_that_nobody_counts",
    "takes_more_memory_than_its_limit",
    "forks_past_limit",
    "nested_userns",
    "ptrace_runner",
    "tiocsti",
    "kills_runner",
    "mounts_something",
    "raises_its_own_limits",
]


# --- Ways out ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def probed(person: Person) -> dict[str, str]:
    return person.call(probe, Tier.BUBBLEWRAP, python=person.python)


@pytest.mark.parametrize("attack", PROBES)
def test_it_is_blocked_at_tier_2(probed: dict[str, str], attack: str) -> None:
    assert probed[attack] == ""


def test_nothing_else_was_tried(probed: dict[str, str]) -> None:
    assert set(probed) == set(PROBES)


def test_the_probe_finds_what_ordinary_use_of_bubblewrap_leaves_open(person: Person) -> None:
    """The control: the same probe, in the invocation that one finds everywhere."""
    found = person.call(ordinary_use, str(person.python))
    assert set(found) >= {
        *("reads_proc_1_environ", "inherits_an_open_fd", "writes_root_tmpfs", "has_memory_that_nobody_counts"),
        *("nested_userns", "forks_past_limit"),
    }


def ordinary_use(python: str) -> dict[str, str]:
    """What the probe gets in an ordinary invocation."""
    import registry.sandbox.inside

    inside = os.path.dirname(registry.sandbox.inside.__file__)
    token = secrets.token_hex(16)
    with open("/proc/self/status") as file:
        found = os.fstat(file.fileno())
        orders = {"secret": token[::-1], "inode": [found.st_dev, found.st_ino], "runner": os.getpid(), "port": 1}
        orders |= {"udp": 1, "abstract": token, "file": "/nowhere", "memory": 2**20, "processes": 16}
        orders |= {"output": 2**20, "scratch": 2**20}
        command = ["bwrap", "--unshare-all", "--clearenv", "--setenv", "OUT", "/tmp", "--setenv", "TMPDIR", "/tmp"]
        command += ["--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"]
        command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--die-with-parent"]
        command += ["--ro-bind", inside, "/inside", "/usr/bin/python3", "-I", "-S", "/inside/probe.py"]
        os.set_inheritable(file.fileno(), True)
        done = subprocess.run(
            [*command, json.dumps(orders)],
            env={**os.environ, "SECRET": token},
            close_fds=False,
            capture_output=True,
            timeout=60,
        )
    lines = map(json.loads, done.stdout.splitlines())
    return {name: got for name, got in lines if got}


def test_other_job_of_same_uid_cannot_starve(person: Person) -> None:
    """The kernel counts processes by account. Sleepers outside, or in another run, are not those of this one."""
    sleepers = person.call(hold_processes, 40)
    assert sleepers == 40
    outcome = person.run(FORKS, "10")
    person.call(let_go)
    assert outcome.ended == "finished", outcome.text()


FORKS = """
import os, sys, time
children = []
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if not pid:
        time.sleep(5); os._exit(0)
    children.append(pid)
"""
_SLEEPERS: list[subprocess.Popen[bytes]] = []


def hold_processes(number: int) -> int:
    """Start processes of the same account outside."""
    _SLEEPERS.extend(subprocess.Popen(["/usr/bin/sleep", "60"]) for _ in range(number))
    return len(_SLEEPERS)


def let_go() -> None:
    """End them."""
    while _SLEEPERS:
        sleeper = _SLEEPERS.pop()
        sleeper.kill()
        sleeper.wait()


def test_twenty_runs_at_once_all_end_whatever_one_of_them_takes(person: Person) -> None:
    """On however many processors: the greedy ones end at their limits, and each other one has its own answer."""
    said = person.call(run_at_once, str(person.python), 20)
    assert said == [f"{number}\n" if number % 5 else "seconds" for number in range(20)]


def run_at_once(python: str, count: int) -> list[str]:
    """What so many runs say that start together, or how they ended; every fifth never would."""

    def one(number: int) -> str:
        code = f"print({number})" if number % 5 else "while True: pass"
        limits = Limits(seconds=60 if number % 5 else 2, memory=128 * MIB, processes=4)
        outcome = run(Spec(command=(python, "-I", "-S", "-c", code), python=Path(python), limits=limits))
        if outcome.ended == "failed":  # by what it said itself
            return f"failed, exit {outcome.exit}: {outcome.log[-500:]!r}"
        return outcome.text() if outcome.ok else outcome.ended

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_a_thousand_processes_are_refused_and_the_run_ends_cleanly(person: Person) -> None:
    outcome = person.run("import os\nwhile True: os.fork()", limits=Limits(seconds=2, processes=16, memory=128 * MIB))
    assert outcome.ended in ("failed", "seconds", "memory")


def test_it_writes_on_no_terminal_of_the_runner(runner: Person) -> None:
    """Also where its runner has one: what it says goes through a pipe, and it is in a session of its own."""
    master, slave = pty.openpty()
    code = "import os,sys\nfor n in range(256):\n try:\n  if os.isatty(n): print('a terminal')\n except OSError: pass\n"
    code += "try: os.open('/dev/tty', 2); print('a terminal')\nexcept OSError: pass"
    spec = Spec(command=(str(runner.python), "-I", "-S", "-c", code), limits=SMALL)
    with os.fdopen(slave, "rb", buffering=0) as stdin:
        outcome = run(spec, stdin=b"")
        assert outcome.ok and b"a terminal" not in outcome.log
        assert stdin.isatty()
    os.close(master)


# --- What is left behind -------------------------------------------------------------------------

ORPHANS = """
import os, sys, time
for _ in range(10):
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)", sys.argv[1]])
        os._exit(0)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("wait", ["0.3", "60"], ids=["it ends by itself", "it is stopped at its limit"])
def test_orphans_outlive_leader(person: Person, wait: str) -> None:
    mark = secrets.token_hex(8)
    outcome = person.run(ORPHANS, mark, wait, limits=Limits(seconds=1.5, memory=256 * MIB, processes=32))
    assert outcome.ended == ("finished" if wait == "0.3" else "seconds")
    assert alive(mark) == []


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_a_runner_that_is_killed_takes_its_runs_along(runner: Person, processes: int) -> None:
    """At any moment: while the sandbox is being set up, and while the program runs."""
    mark = secrets.token_hex(8)
    code = "import sys; from registry.sandbox import *; from registry.sandbox.started import interpreter\n"
    code += "run(Spec(command=(str(interpreter()), '-I', '-S', '-c', 'import time; time.sleep(60)', sys.argv[1])))"
    process = subprocess.Popen([sys.executable, "-c", code, mark])
    until = time.monotonic() + 30
    while len(alive(mark)) < 1 + processes and time.monotonic() < until:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while (left := alive(mark)) and time.monotonic() < until - 25 * (processes < 3):
        time.sleep(0.02)
    if processes == 3:
        assert left == []
    for pid in left:  # in the first millisecond bubblewrap may wait for ever for what its own death cut off
        assert program_of(pid).endswith("bwrap"), "no program was begun"
        os.kill(pid, signal.SIGKILL)


def sleeper(runner: Person, mark: str) -> Spec:
    """A program that says a word and sleeps."""
    code = "import time; print('on', flush=True); time.sleep(60)"
    return Spec(command=(str(runner.python), "-I", "-S", "-c", code, mark), limits=SMALL)


def test_a_run_that_is_cancelled_is_gone(runner: Person) -> None:
    mark, stop = secrets.token_hex(8), threading.Event()
    outcome = run(sleeper(runner, mark), cancel=stop, on_log=lambda _: stop.set())
    assert outcome.ended == "cancelled" and outcome.text() == "on\n" and alive(mark) == []


def test_ctrl_c_and_an_error_of_the_listener_end_it_too(runner: Person) -> None:
    mark = secrets.token_hex(8)

    def listen(_: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(sleeper(runner, mark), on_log=listen)
    assert alive(mark) == []


# --- Outputs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "why"),
    [
        pytest.param("os.symlink('/etc/passwd', 'x')", "'x' is a symbolic link", id="symlink_out_of_outputs"),
        pytest.param("os.symlink('..', 'x')", "'x' is a symbolic link", id="symlink_to_a_folder_above"),
        pytest.param("os.mkfifo('x')", "'x' is a pipe", id="device_or_fifo_in_outputs"),
        pytest.param("import socket; socket.socket(1).bind('x')", "'x' is a socket", id="socket_in_outputs"),
        pytest.param("open('a\\nb', 'w')", "control character", id="output_name_with_newline"),
        pytest.param("open(b'\\xff', 'w')", "not UTF-8", id="output_name_that_is_no_text"),
        pytest.param("open('\\u202egnp.exe', 'w')", "invisible character", id="output_name_that_reads_backwards"),
        pytest.param("open('NUL', 'w')", "device on Windows", id="output_name_of_a_device"),
        pytest.param("d = '/'.join('a' * 60); os.makedirs(d); open(d + '/x', 'w')", "deeper", id="deep_outputs"),
    ],
)
def test_what_is_not_a_plain_file_is_refused(person: Person, code: str, why: str) -> None:
    target = person.folder / secrets.token_hex(4)
    outcome = person.run(f"import os; os.chdir('/data/out'); open('good', 'w').write('x'); {code}", outputs=target)
    assert outcome.ended == "refused" and why in outcome.refused
    assert not target.exists() and not [name for name in os.listdir(person.folder) if target.name in name]
    with pytest.raises(RunFailed, match="left what cannot be taken"):
        outcome.check()


def test_a_device_cannot_even_be_made(person: Person) -> None:
    outcome = person.run("import os, stat; os.mknod('/data/out/x', 0o666 | stat.S_IFCHR, os.makedev(1, 5))")
    assert outcome.ended == "failed" and "PermissionError" in outcome.text()


def test_hardlink(person: Person) -> None:
    """Of its own file it is another file, and counts; of what is not its own it cannot be made."""
    target = person.folder / secrets.token_hex(4)
    code = "import os; open('/data/out/a', 'wb').write(b'x' * 1000); os.link('/data/out/a', '/data/out/b')"
    outcome = person.run(code, outputs=target)
    assert [(file.path, file.size) for file in outcome.outputs] == [("a", 1000), ("b", 1000)]
    places = [target / "a", target / "b"]
    assert all(place.stat().st_nlink == 1 for place in places) and places[0].stat().st_ino != places[1].stat().st_ino
    many = "open('a', 'wb').write(b'x' * 2**20); [os.link('a', f'{n}') for n in range(9)]"
    assert person.run(f"import os; os.chdir('/data/out'); {many}").ended == "output"
    outcome = person.run(f"import os; os.link({str(person.python)!r}, '/data/out/x')")
    assert outcome.ended == "failed" and "Invalid cross-device link" in outcome.text()


def test_tar_path_traversal(person: Person) -> None:
    """Nothing is packed on the way out, so nothing is unpacked: an archive is a file like any other."""
    target = person.folder / secrets.token_hex(4)
    code = "import io, tarfile\nwith tarfile.open('/data/out/x.tar', 'w') as tar:\n"
    code += " for n in ('../../evil', '/tmp/evil'):\n  tar.addfile(tarfile.TarInfo(n), io.BytesIO())"
    outcome = person.run(code, outputs=target)
    assert [file.path for file in outcome.outputs] == ["x.tar"] == os.listdir(target)


def test_sparse_file_of_1_tb(person: Person) -> None:
    outcome = person.run("open('/data/out/x', 'wb').truncate(2**40)")
    assert outcome.ended == "failed" and "File too large" in outcome.text()
    outcome = person.run("[open(f'/data/out/{n}', 'wb').truncate(3 * 2**20) for n in range(3)]")
    assert outcome.ended == "output", "holes count"


def test_million_tiny_files(person: Person) -> None:
    code = "import os\nfor n in range(10**6): os.close(os.open(f'{}/{{n}}', os.O_CREAT))"
    for place in ("/data/out", "/tmp", "/dev/shm"):
        assert person.run(code.format(place)).ended in ("files", "failed")
    assert person.run("[open(f'/data/out/{n}', 'w') for n in range(101)]").ended == "files"
    assert person.run("[open(f'/data/out/{n}', 'w') for n in range(100)]").ok


def test_outputs_that_their_program_locked_are_taken_all_the_same(person: Person) -> None:
    target = person.folder / secrets.token_hex(4)
    code = "os.mkdir('d'); open('d/x', 'w').write('x'); os.chmod('d/x', 0); os.chmod('d', 0)"
    assert person.run(f"import os; os.chdir('/data/out'); {code}", outputs=target).outputs[0].path == "d/x"
    assert (target / "d" / "x").read_text() == "x"


def test_a_failed_run_leaves_no_outputs(person: Person) -> None:
    target = person.folder / secrets.token_hex(4)
    outcome = person.run("open('/data/out/x', 'w').write('x'); raise SystemExit(3)", outputs=target)
    assert (outcome.ended, outcome.exit, outcome.outputs) == ("failed", 3, ()) and not target.exists()


# --- Logs and inputs -----------------------------------------------------------------------------


def test_log_flood(runner: Person) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = "import os\nos.write(1, b'first')\nfor _ in range(4000): os.write(1, b'x' * 65536)\nos.write(2, b'last')"
    outcome = runner.run(code)
    assert outcome.ok and outcome.log_size == 5 + 4000 * 65536 + 4
    assert outcome.log.startswith(b"first") and outcome.log.endswith(b"last") and len(outcome.log) < SMALL.log + 100
    assert "bytes are left out" in outcome.text()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_ctrl_chars_in_logs(runner: Person) -> None:
    outcome = runner.run(r"print('\x1b[31mred\x1b]0;title\x07\rgone \x9b2J \u202etxt.exe')")
    assert outcome.text() == "\\x1b[31mred\\x1b]0;title\\x07\\rgone \\x9b2J \\u202etxt.exe\n"


def test_zip_bomb_input(runner: Person) -> None:
    """It is unpacked inside, where space ends, by a reader that suspects nothing."""
    path = runner.folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"{number}.csv", bytes(8 * MIB))
    assert path.stat().st_size < MIB
    with pytest.raises(RunFailed, match="No space left on device"):
        call("shutil:unpack_archive", path, "/tmp/unpacked")


def test_an_input_cannot_be_changed(person: Person) -> None:
    data = person.folder / "data.txt"
    if not data.exists():
        data.write_text("as it was")
    code = "for mode in ('w', 'a', 'r+'):\n try: open('/data/in/data.txt', mode); print('opened')\n"
    code += " except OSError as error: print(error.errno)"
    outcome = person.run(code, mounts={"/data/in/data.txt": data})
    assert set(outcome.text().split()) <= {"13", "30"} and data.read_text() == "as it was"


# --- Tiers ---------------------------------------------------------------------------------------


def test_no_tier_below_the_one_that_is_accepted_is_taken(runner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    from registry.sandbox import process
    from registry.sandbox.machine import Reach

    spec = Spec(command=(str(runner.python), "-c", "open('/tmp/was-run', 'w')"))
    with pytest.raises(SandboxUnavailable, match="tier 1 was asked for, and tier 2 is the least"):
        run(spec, tier=Tier.PROCESS)
    monkeypatch.setattr(process, "reach", lambda: Reach(Tier.PROCESS, "user namespaces are shut", "Open them."))
    with pytest.raises(SandboxUnavailable, match=r"this machine reaches 1: user namespaces are shut\. Open them\."):
        run(spec)
    monkeypatch.undo()
    with pytest.raises(SandboxUnavailable, match="no image was named"):
        run(Spec(command=("/x",), least=Tier.CONTAINER))


def python_for_tier_1(person: Person) -> Path:
    """Where there are no namespaces, nothing can be laid elsewhere: a Python in a folder of root's is out of reach."""
    return interpreter(Path("/usr/bin/python3")) if person.name == "root" else person.python


def test_tier_1_keeps_files_network_and_processes_shut(person: Person) -> None:
    found = person.call(probe, Tier.PROCESS, python=python_for_tier_1(person))
    # The disk and the account are shared there: what goes past is stopped when it is seen.
    shared = {"writes_dev_shm_past_cap", "forks_past_limit", "kills_runner"}
    assert {name for name, got in found.items() if got} <= shared


def test_tier_1_leaves_nothing_behind_either(person: Person) -> None:
    python, mark = python_for_tier_1(person), secrets.token_hex(8)
    spec = Spec(
        command=(str(python), "-I", "-S", "-c", ORPHANS, mark, "60"),
        python=python,
        limits=Limits(seconds=1.5, processes=64),
        least=Tier.PROCESS,
    )
    assert person.call(run, spec, tier=Tier.PROCESS).ended == "seconds"
    assert alive(mark) == []


def test_at_tier_0_everything_is_open_and_the_probe_says_so(person: Person) -> None:
    if person.name == "root":
        return  # it would be tried for real
    found = person.call(probe, Tier.NONE, python=person.python)
    assert len([name for name, got in found.items() if got]) >= 10


def test_a_control_group_of_this_kernel_ends_what_is_in_it() -> None:
    """Without controllers, which this kernel need not give: that a group is made, filled, killed and gone."""
    made = Cgroup.make(1, 1, needs=())
    if made is None:
        return  # nothing is delegated here, as to most ordinary users; the watch counts then
    sleeper = subprocess.Popen(["/usr/bin/sleep", "60"])
    made.add([sleeper.pid])
    made.remove()
    assert sleeper.wait(5) == -signal.SIGKILL and not made.path.exists()
