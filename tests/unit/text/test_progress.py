"""Progress of long work: a line where somebody looks, none elsewhere, and gone when the work is done."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from registry import Registry, session
from registry.text import kernel, progress, waits
from registry.text.progress import LONG, OFTEN, PAUSE, WIDTH, Progress, ProgressLine, show_progress


class Screen(io.StringIO):
    """A terminal, as far as a program asks; `line` is what stands in the line that is being written."""

    def isatty(self) -> bool:
        return True

    @property
    def line(self) -> str:
        """A carriage return leaves what stands behind what is written next."""
        shown = ""
        for text in self.getvalue().split("\n")[-1].split("\r"):
            shown = text + shown[len(text) :]
        return shown.rstrip()


class Clock:
    """A clock that a test moves."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    made = Screen()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=made))  # pytest sets its own again
    return made


@pytest.fixture
def show() -> ProgressLine:
    return ProgressLine()


def test_long_work_has_a_line_that_says_how_far_it_is_and_goes_when_it_is_over(
    clock: Clock, screen: Screen, show: Progress
) -> None:
    show("downloading Penguins", 0, 100)
    clock.now += LONG - 0.5
    show("downloading Penguins", 10, 100)
    assert screen.getvalue() == ""  # most work is over by then
    clock.now += 0.5
    show("downloading Penguins", 20, 100)
    assert screen.line.startswith("downloading Penguins ") and screen.line.endswith(" 20%, 0:00:08 left")
    clock.now += OFTEN / 2
    show("downloading Penguins", 21, 100)
    assert " 20%" in screen.line
    clock.now += OFTEN
    show("downloading Penguins", 50, 100)
    assert " 50%" in screen.line and len(screen.line) <= WIDTH
    show("downloading Penguins", 100, 100)
    assert screen.line == ""


def test_many_short_stages_are_long_work(clock: Clock, screen: Screen, show: Progress) -> None:
    for number in range(40):
        for done in range(3):
            show(f"hashing {number}", done, 2)
            clock.now += LONG / 40
    assert "hashing 30" in screen.getvalue() and screen.line == ""
    clock.now += PAUSE + 0.1
    before = screen.getvalue()
    show("hashing more", 0, 2)
    show("hashing more", 1, 2)
    assert screen.getvalue() == before


def test_a_stage_without_a_known_end_is_named_once(clock: Clock, screen: Screen, show: Progress) -> None:
    for _ in range(20):
        show("waiting for blocks", 0, 0)
        clock.now += 0.5
    assert screen.getvalue() == "waiting for blocks ...\n"


def test_an_unfinished_line_makes_room_for_the_next_stage(clock: Clock, screen: Screen, show: Progress) -> None:
    for what in ("fetching a", "fetching b"):
        for done in range(5):
            show(what, done, 10)
            clock.now += 1
        assert screen.line.startswith(what)
    assert screen.getvalue().count("\n") == 0


@pytest.mark.parametrize(
    "name", ["\x1b[2J\x1b]0;title\x07", "a\rb\nc", "\u202egnp", "数据" * 100, "x" * 1_000], ids=range(5)
)
def test_names_of_strangers_do_nothing_to_a_terminal(clock: Clock, screen: Screen, show: Progress, name: str) -> None:
    for total in (10, 0):
        show(f"downloading {name} {total}", 1, total)
        clock.now += LONG
        show(f"downloading {name} {total}", 1, total)
    written = screen.getvalue()
    assert written.replace("\r", "").replace("\n", "").isprintable()
    assert written.count("\n") == 1 and "10%" in written


def test_work_goes_on_when_its_terminal_is_gone(clock: Clock, monkeypatch: pytest.MonkeyPatch, show: Progress) -> None:
    class Gone(Screen):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    for screen in (Gone(), closed := Gone()):
        if screen is closed:
            screen.close()
        monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=screen))
        for done in range(9):
            show("publishing", done, 10)
            clock.now += 1


def test_nothing_is_written_where_nobody_looks(clock: Clock, monkeypatch: pytest.MonkeyPatch, show: Progress) -> None:
    pipe = io.StringIO()
    for stderr in (pipe, None):  # a program without a console has none
        monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stderr))
        for done in range(9):
            show("downloading", done, 10)
            clock.now += 1
    assert pipe.getvalue() == ""


def test_below_a_cell_somebody_looks_although_it_is_no_terminal(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, show: Progress
) -> None:
    cell = io.StringIO()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=cell))
    monkeypatch.setattr(kernel, "_shell", lambda: type("Shell", (), {"kernel": object()})())
    for done in range(9):
        show("downloading", done, 10)
        clock.now += 1
    assert " 80%" in cell.getvalue()


def test_what_is_waited_for_is_a_line_of_its_own_in_python_too(
    clock: Clock, screen: Screen, show: ProgressLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = threading.Event()
    monkeypatch.setattr(waits, "LONG", 0.0)
    monkeypatch.setattr(waits, "_LOOK", 0.01)
    monkeypatch.setattr(waits, "_clients", [])
    monkeypatch.setattr(screen, "flush", written.set)

    class Client:
        progress = show

    client = Client()
    waits.tell_waits(client)
    with waits.waiting_for("the node of a screen", 30):
        assert written.wait(60)
    assert screen.getvalue().startswith("waiting for the node of a screen, seconds: 0 of 30\n")


def test_clients_show_progress_unless_they_are_told_none(
    shared: Registry, clock: Clock, screen: Screen, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LONG", -1.0)
    vars(show_progress).update(vars(ProgressLine()))  # by another clock it heard of work before

    def publish(**told: None) -> None:
        client = Registry(
            shared.chain, shared.deployment, signer=shared.signer, store=shared.store, journal=shared.journal, **told
        )
        for made in (client, client.as_account("editor")):
            made.publish(folder, name="Penguins", type="dataset", license="CC0-1.0", dry_run=True)

    told: list[waits.ShowsProgress] = []
    monkeypatch.setattr(session, "tell_waits", told.append)
    publish(progress=None)
    assert screen.getvalue() == "" and not told
    publish()
    assert {id(client.progress) for client in told} == {id(show_progress)}
    assert screen.getvalue().startswith("\rhashing ") and screen.line == ""
