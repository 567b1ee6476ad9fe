"""Running a `Spec`: in the tier that it asks for, until it ends or passes a limit, and nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Final

from registry.errors import SandboxUnavailable
from registry.sandbox import bare, bubblewrap, container, landlock
from registry.sandbox.bounded_log import Log
from registry.sandbox.cgroup import Cgroup
from registry.sandbox.machine import reach
from registry.sandbox.outputs import Collected, collect, read_small
from registry.sandbox.spec import MIB, Ended, Outcome, Spec, Tier
from registry.sandbox.started import Started
from registry.sandbox.watch import Watch, below
from registry.system.disk import refuse_taken

__all__ = ["reached", "run"]

Stdin = bytes | IO[bytes] | Iterable[bytes] | None

NOTES_FILE: Final = "notes.json"
"""What our own code inside writes down, in `NOTES`."""

_TICK: Final = 0.1
"""Seconds between two looks at what a run uses."""

_PIECE: Final = 2**16
_STARTERS: Final = {
    Tier.NONE: bare.start,
    Tier.PROCESS: landlock.start,
    Tier.BUBBLEWRAP: bubblewrap.start,
    Tier.CONTAINER: container.start,
}


def run(
    spec: Spec,
    *,
    stdin: Stdin = None,
    on_output: Callable[[bytes], object] | None = None,
    on_log: Callable[[bytes], object] | None = None,
    on_begin: Callable[[int], object] | None = None,
    cancel: threading.Event | None = None,
    tier: Tier | None = None,
) -> Outcome:
    """Run a program and return what became of it; how it ends is no error of ours (see `Outcome.check`).

    It runs in the highest tier that this machine reaches, or in `tier`; with an image, in a container. `stdin` is
    bytes, an open file, or pieces that are handed in as they are taken. With `on_output` standard output is handed over
    piece by piece instead of going to the log, at most `Limits.output` bytes of it; `on_log` sees the log as it comes.
    `on_begin` is called just before the program begins, with the open folder that is `NOTES` inside. `cancel` ends the
    run when it is set, and so do Ctrl-C and an error of these functions.

    Raises `SandboxUnavailable` for a tier that is not reached here, `SandboxFailed` if the sandbox itself fails, and
    `InputError` for a folder of outputs that is taken.
    """
    chosen = _tier(spec, tier)
    if spec.outputs is not None:
        refuse_taken(spec.outputs)
    with ExitStack() as stack:
        handle, pieces = _stdin(stdin, stack)
        begun = time.monotonic()
        started = _STARTERS[chosen](spec, stack, handle)
        contained = chosen is Tier.CONTAINER  # where the engine counts memory and processes
        group = None if contained else _group(spec, started, stack)
        conversation = _Conversation(spec, started, pieces, on_output, on_log)
        watch = Watch(None if contained else started.pid, spec.limits, started.disks, group)
        if on_begin is not None:
            on_begin(started.notes)
        started.release()
        ended = conversation.until_over(watch, cancel, begun)
        started.end()
        conversation.drain()
        seconds = time.monotonic() - begun
        if started.ran_out:
            ended = "memory"
        if ended is None:
            ended = "output" if conversation.over_limit else "failed" if started.exit else "finished"
        taken = Collected(())
        if ended == "finished":
            taken = collect(started.out, spec.outputs, spec.limits)
            ended = taken.ended
        return Outcome(
            ended=ended,
            exit=started.exit,
            tier=chosen,
            limits=spec.limits,
            seconds=seconds,
            cpu_seconds=started.cpu_seconds,
            memory=max(watch.peak, started.peak, group.peak() if group else 0),
            log=conversation.log.kept(),
            log_size=conversation.log.size,
            outputs=taken.files,
            notes=read_small(started.notes, NOTES_FILE, MIB),
            refused=taken.refused,
        )


def _tier(spec: Spec, asked: Tier | None) -> Tier:
    """The tier to run in. Raises `SandboxUnavailable` rather than take one that is less than was accepted."""
    least = spec.least
    if spec.image is not None:
        if asked not in (None, Tier.CONTAINER) or least > Tier.CONTAINER:
            raise SandboxUnavailable("a run from an image is one in a container, and another tier was asked for")
        return Tier.CONTAINER
    return reached(least, asked)


def reached(least: Tier, asked: Tier | None = None) -> Tier:
    """The tier that was `asked` for, or the highest that this machine reaches. Raises `SandboxUnavailable` with what
    is missing where that is less than `least`."""
    if asked is not None and asked < least:
        raise SandboxUnavailable(
            f"tier {asked.value} was asked for, and tier {least.value} is the least that is accepted",
            hint="Run it in a higher tier: 'registry sandbox check' says which one this machine reaches.",
        )
    found = reach()
    wanted = asked if asked is not None else max(least, found.tier) if least is not Tier.NONE else Tier.NONE
    if wanted is not Tier.NONE and (wanted > found.tier or wanted not in _STARTERS):
        reason = found.why
        if wanted > Tier.BUBBLEWRAP:
            reason = "no image was named" if wanted is Tier.CONTAINER else "this version runs no virtual machines"
        raise SandboxUnavailable(
            f"tier {wanted.value} ({wanted.name.lower()}) is wanted, this machine reaches {found.tier.value}: {reason}",
            hint=found.hint,
        )
    return wanted


def _stdin(stdin: Stdin, stack: ExitStack) -> tuple[int, Iterator[bytes] | None]:
    """What to hand to the program, and the pieces that must be handed on."""
    if stdin is None:
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, null)
        return null, None
    if isinstance(stdin, bytes):
        return -1, iter([stdin])
    read = getattr(stdin, "read", None)
    if read is None:
        return -1, iter(stdin)
    with contextlib.suppress(AttributeError, OSError):
        return stdin.fileno(), None  # type: ignore[attr-defined]
    return -1, iter(lambda: read(_PIECE), b"")


def _group(spec: Spec, started: Started, stack: ExitStack) -> Cgroup | None:
    limits = spec.limits
    group = Cgroup.make(limits.memory + 2 * limits.scratch + limits.output, limits.processes)
    if group is None:
        return None
    stack.callback(group.remove)
    try:
        group.add([started.process.pid, *below(started.process.pid)])
    except OSError:
        return None
    return group


class _Conversation:
    """What goes in and comes out of a run, while it lasts."""

    def __init__(
        self,
        spec: Spec,
        started: Started,
        pieces: Iterator[bytes] | None,
        on_output: Callable[[bytes], object] | None,
        on_log: Callable[[bytes], object] | None,
    ) -> None:
        self.spec, self.started = spec, started
        self.on_output, self.on_log = on_output, on_log
        self.log = Log(spec.limits.log)
        self.over_limit = False
        self._handed = 0
        self._pieces, self._piece = pieces, b""
        self._selector = selectors.DefaultSelector()
        process = started.process
        assert process.stdout is not None and process.stderr is not None
        for stream, take in ((process.stdout, self._take_output), (process.stderr, self._take_log)):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, take)
        self._exit = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else None
        if self._exit is not None:  # wakes up when it ends, and is never read
            self._selector.register(self._exit, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE)

    def until_over(self, watch: Watch, cancel: threading.Event | None, begun: float) -> Ended | None:
        """Talk until the program ends, and return None; or until it must end, and return why."""
        until = begun + self.spec.limits.seconds
        look = begun + _TICK / 2
        while not self.started.over():
            self._talk(max(min(look, until) - time.monotonic(), 0))
            now = time.monotonic()
            if cancel is not None and cancel.is_set():
                return "cancelled"
            if self.over_limit:
                return "output"
            if now >= until:
                return "seconds"
            if now >= look:
                look = now + _TICK
                if (passed := watch.look()) is not None:
                    return passed
        # The kernel ends a group by itself, between two looks.
        return "memory" if watch.cgroup is not None and watch.cgroup.killed() else None

    def drain(self) -> None:
        """Take what is still in the pipes, which nobody writes to any more."""
        if self._exit is not None:
            self._selector.unregister(self._exit)
            os.close(self._exit)
        until = time.monotonic() + 1.0
        while self._talk(0) and time.monotonic() < until:
            pass
        self._selector.close()
        for stream in (self.started.process.stdin, self.started.process.stdout, self.started.process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _talk(self, seconds: float) -> bool:
        if not self._selector.get_map():
            time.sleep(min(seconds, 0.01))
            return False
        # A program that closes its streams early still has to be waited for: not longer than this at a time.
        ready = self._selector.select(min(seconds, _TICK / 2))
        for key, events in ready:
            if events & selectors.EVENT_WRITE:
                self._feed(key.fileobj)  # type: ignore[arg-type]
            elif key.data is not None:
                data = os.read(key.fd, _PIECE)
                if data:
                    key.data(data)
                else:
                    self._selector.unregister(key.fileobj)
        return bool(ready)

    def _feed(self, stream: IO[bytes]) -> None:
        assert self._pieces is not None
        if not self._piece:
            self._piece = next(self._pieces, b"")
        try:
            if self._piece:
                self._piece = self._piece[os.write(stream.fileno(), self._piece) :]
                return
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass  # it reads no more, which is its own affair
        self._selector.unregister(stream)
        with contextlib.suppress(OSError):
            stream.close()

    def _take_output(self, data: bytes) -> None:
        if self.on_output is None:
            self._take_log(data)
            return
        room = self.spec.limits.output - self._handed
        self.over_limit = self.over_limit or len(data) > room
        if room > 0:
            self._handed += min(len(data), room)
            self.on_output(data[:room])

    def _take_log(self, data: bytes) -> None:
        self.log.add(data)
        if self.on_log is not None:
            self.on_log(data)
