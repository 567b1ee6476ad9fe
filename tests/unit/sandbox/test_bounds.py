"""What is kept of a log, what is taken of a folder of outputs, what a limit may be: without a sandbox."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InputError, RunFailed, SandboxUnavailable
from registry.sandbox import Limits, Outcome, Spec, Tier, machine
from registry.sandbox.bounded_log import Log, readable
from registry.sandbox.cgroup import Cgroup
from registry.sandbox.outputs import Collected, collect, read_small
from registry.sandbox.started import tool
from registry.sandbox.watch import Watch, below, on_folder

# --- Logs ----------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50), max_size=30), st.integers(2, 64))
def test_a_log_keeps_its_ends_and_counts_all(pieces: list[bytes], most: int) -> None:
    log = Log(most)
    for piece in pieces:
        log.add(piece)
    whole, kept = b"".join(pieces), log.kept()
    assert log.size == len(whole)
    half = most // 2
    if len(whole) <= 2 * half:
        assert kept == whole
    else:
        assert kept.startswith(whole[:half]) and kept.endswith(whole[-half:])
        assert f"{len(whole) - 2 * half:,} bytes are left out".encode() in kept


@given(st.binary(max_size=200))
def test_a_terminal_obeys_nothing_of_a_log_but_line_breaks_and_tabs(data: bytes) -> None:
    text = readable(data)
    assert all(c in "\n\t" or c.isprintable() or c == "\u00ad" or ord(c) > 0x7F for c in text)
    assert not any(c in text for c in "\x1b\x9b\r\x07\u202e\u2028\u200b")


# --- Limits and specs ----------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["seconds", "memory", "processes", "output", "files", "scratch", "log"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "5", 2**60])
def test_a_limit_is_a_number_above_nothing(limit: str, value: object) -> None:
    with pytest.raises(InputError, match=f"The limit '{limit}' must be greater than 0"):
        Limits(**{limit: value})  # type: ignore[arg-type]


def test_the_lesser_of_two_limits_counts() -> None:
    both = Limits(seconds=10, memory=5).within(Limits(seconds=20, memory=3))
    assert (both.seconds, both.memory) == (10, 3)


@pytest.mark.parametrize(
    "inside", ["relative", "/", "/../etc", "/data/out", "/data/out/x", "/tmp/x", "/proc/self", "/a//b"]
)
def test_nothing_is_laid_where_the_sandbox_has_its_own(inside: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Nothing can be laid at"):
        Spec(command=("/x",), mounts={inside: tmp_path})


def test_a_spec_that_cannot_be_laid_out_is_refused(tmp_path: Path) -> None:
    for spec in ({"command": ()}, {"command": ("a\0",)}, {"command": ("a",), "variables": {"A=B": "x"}}):
        with pytest.raises(InputError):
            Spec(**spec)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is not there"):
        Spec(command=("/x",), mounts={"/data": tmp_path / "missing"})


def test_an_outcome_says_how_it_ended() -> None:
    def outcome(ended: str, **more: object) -> Outcome:
        values = {"exit": 3, "tier": Tier.BUBBLEWRAP, "limits": Limits(seconds=2, memory=7), "seconds": 1.0}
        values |= {"cpu_seconds": 1.0, "memory": 1, "log": b"why\n", "log_size": 4, "ended": ended, **more}
        return Outcome(**values)  # type: ignore[arg-type]

    assert outcome("finished").check().ok
    for ended, words in (
        ("failed", "ended with exit code 3"),
        ("seconds", "stopped at its limit of 2 seconds"),
        ("memory", "stopped at its limit of 7 bytes of memory"),
        ("cancelled", "was cancelled"),
    ):
        with pytest.raises(RunFailed, match=words) as caught:
            outcome(ended).check()
        assert caught.value.log == "why"


# --- Outputs -------------------------------------------------------------------------------------


def collected(folder: Path, target: Path | None, limits: Limits | None = None) -> Collected:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return collect(handle, target, limits or Limits())
    finally:
        os.close(handle)


def taken(folder: Path, target: Path | None, limits: Limits | None = None) -> list[tuple[str, int]]:
    return [(file.path, file.size) for file in collected(folder, target, limits).files]


def test_files_are_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    left, target = tmp_path / "left", tmp_path / "new" / "target"
    (left / "a" / "b").mkdir(parents=True)
    (left / "a" / "b" / "c").write_bytes(b"123")
    (left / "z").write_bytes(b"")
    assert taken(left, None) == [("a/b/c", 3), ("z", 0)] and not target.exists()
    assert taken(left, target) == [("a/b/c", 3), ("z", 0)]
    assert (target / "a" / "b" / "c").read_bytes() == b"123"
    with pytest.raises(InputError, match="exists already"):
        taken(left, target)
    os.mkfifo(left / "pipe")
    refused = collected(left, tmp_path / "other")
    assert (refused.files, refused.ended) == ((), "refused") and "'pipe' is a pipe" in refused.refused
    assert not (tmp_path / "other").exists() and sorted(os.listdir(tmp_path)) == ["left", "new"]


def test_the_limits_of_outputs_are_exact(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"12345")
    assert len(taken(tmp_path, None, Limits(files=3, output=15))) == 3
    assert collected(tmp_path, None, Limits(files=2)).ended == "files"
    assert collected(tmp_path, None, Limits(output=14)).ended == "output"


def test_a_note_is_a_small_plain_file_or_nothing(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    assert read_small(handle, "note", 5) == b""
    (tmp_path / "note").write_bytes(b"12345")
    assert read_small(handle, "note", 5) == b"12345" and read_small(handle, "note", 4) == b""
    (tmp_path / "link").symlink_to("note")
    os.mkfifo(tmp_path / "pipe")
    assert read_small(handle, "link", 5) == b"" == read_small(handle, "pipe", 5)
    os.close(handle)


# --- This machine --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switch", "value", "command"),
    [
        ("max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=16384"),
        ("unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_the_one_line_that_helps_is_told(
    switch: str, value: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switches = []
    for path, shut, told in machine._SWITCHES:
        place = tmp_path / Path(path).name
        place.write_text(value if switch == place.name else "7")
        switches.append((str(place), shut, told))
    monkeypatch.setattr(machine, "_SWITCHES", tuple(switches))
    assert command in machine._hint("setting up uid map: Permission denied")


def test_a_program_that_is_missing_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = machine.tool.__globals__["shutil"].which
    monkeypatch.setattr("shutil.which", lambda name, **options: real(name, **options) if name == "apt-get" else None)
    with pytest.raises(SandboxUnavailable, match="'bwrap' is not installed") as caught:
        tool("bwrap", "bubblewrap")
    assert caught.value.hint.endswith("bubblewrap") or "package" in caught.value.hint


def test_without_bubblewrap_a_machine_reaches_less_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise SandboxUnavailable("the program 'bwrap' is not installed", hint="Install it.")

    monkeypatch.setattr(machine, "_try_bubblewrap", missing)
    monkeypatch.setattr("registry.sandbox.landlock.abi", lambda: 4)
    found = machine.reach.__wrapped__()
    assert (found.tier, found.hint) == (Tier.PROCESS, "Install it.") and "'bwrap' is not installed" in found.why
    monkeypatch.setattr("registry.sandbox.landlock.abi", lambda: 0)
    assert machine.reach.__wrapped__().tier is Tier.NONE
    monkeypatch.setattr("sys.platform", "darwin")
    assert machine.reach.__wrapped__().tier is Tier.NONE and "Linux" in machine.reach.__wrapped__().hint


def test_what_a_run_uses_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 10_000)
    assert on_folder(tmp_path)() == (3, 10_000)
    assert Watch(os.getpid(), Limits(), [(on_folder(tmp_path), 9_000, "scratch")]).look() is None, "whole pages"
    assert Watch(os.getpid(), Limits(files=1), [(on_folder(tmp_path), 1, "scratch")]).look() == "files"
    watch = Watch(os.getpid(), Limits(memory=1), [])
    assert watch.look() == "memory" and watch.peak > 2**20
    assert list(below(2**22 + 1)) == []


def test_a_control_group_counts_and_ends_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On files that look like those of a kernel which delegates one; a real one is in the integration tests."""
    group = tmp_path / "above"
    (group / "ours").mkdir(parents=True)
    (group / "cgroup.subtree_control").write_text("memory pids\n")
    (group / "ours" / "cgroup.subtree_control").write_text("\n")
    monkeypatch.setattr("registry.sandbox.cgroup._parents", lambda: [group / "ours", group])
    made = Cgroup.make(1_000_000, 5)
    assert made is not None and made.path.parent == group
    read = {name: (made.path / name).read_text() for name in ("memory.max", "memory.oom.group", "pids.max")}
    assert read == {"memory.max": "1000000", "memory.oom.group": "1", "pids.max": "13"}
    assert not made.killed() and made.peak() == 0
    (made.path / "memory.events").write_text("low 0\noom_kill 1\n")
    (made.path / "memory.peak").write_text("777\n")
    assert made.killed() and made.peak() == 777
    assert Watch(os.getpid(), Limits(), [], made).look() == "memory"
    (group / "cgroup.subtree_control").write_text("pids\n")
    assert Cgroup.make(1, 1) is None, "without the controller of memory there is nothing to count with"
