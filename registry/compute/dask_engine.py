"""Runs on the workers of a Dask cluster (extra ``dask``).

Dask finds a worker and tells when one is gone. It stops no task that runs: so each run has a pulse, a file that its
host writes anew each second, and the worker ends the sandbox when that stands still or is gone. Workers see the home of
the host and its data at the same paths (a shared file system), and have the same Python.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.compute.run_engine import LocalEngine, RunTask
from registry.errors import ConnectionFailed, EngineFailed, InputError
from registry.ipfs.store import MemoryStore
from registry.sandbox import Outcome
from registry.sandbox.runs.environment import environment
from registry.sandbox.runs.running import Workshop, lock_of

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskEngine", "run_on_worker"]

PULSE: Final = 1.0
"""Seconds between two beats of a host."""

SILENCE: Final = 30.0
"""Seconds without a beat after which a worker ends a run: its host is gone."""

_LOOK: Final = 0.2
_CONNECT: Final = 30.0
_FAREWELL: Final = 15.0
"""Seconds that a worker has to end a run that was cancelled."""


class DaskEngine:
    """The workers of one scheduler, at `address`; without one, that of Dask's own configuration (``scheduler-address``,
    ``DASK_SCHEDULER_ADDRESS``). How it is reached, by TLS for one, is said there too.

    Raises `InputError` where Dask is not installed, or no address is known.
    """

    def __init__(self, address: str = "") -> None:
        try:
            import dask
            import distributed  # noqa: F401 # said now, not at the first job
        except ModuleNotFoundError as error:
            raise InputError(
                f"The engine needs {error.name}, which is not installed.",
                hint="Install it with: pip install 'asset-registry[dask]'",
            ) from error
        self.address: Final = address or dask.config.get("scheduler-address", None) or ""
        if not self.address:
            raise InputError(
                "No scheduler of Dask is named.", hint="Name it, as dask:tcp://HOST:PORT, or in DASK_SCHEDULER_ADDRESS."
            )
        self._guard = threading.Lock()
        self._known: Client | None = None

    def execute(self, workshop: Workshop, task: RunTask, cancel: threading.Event) -> Outcome:
        """Run it on a worker. Raises `ConnectionFailed` for a scheduler that is not there, and `EngineFailed` for
        workers that died or could not run it."""
        # Here, where the wheels are; workers find it by the digest of its lock.
        environment(lock_of(task.program), workshop.store, workshop.home, progress=workshop.progress)
        # What an attempt leaves that was thought dead goes nowhere.
        attempt = replace(task, outputs=task.outputs.with_name(f"{task.outputs.name}.{secrets.token_hex(8)}"))
        outcome = self._followed(self._client(), workshop.home, attempt, cancel)
        if outcome.ok:
            attempt.outputs.rename(task.outputs)
        return outcome

    def close(self) -> None:
        """Let go of the scheduler."""
        with self._guard:
            client, self._known = self._known, None
        if client is not None:
            client.close(timeout=5)

    def _client(self) -> Client:
        from distributed import Client

        with self._guard:
            if self._known is not None and self._known.status == "running":
                return self._known
            try:
                self._known = Client(self.address, timeout=_CONNECT, set_as_default=False)
            except (OSError, ValueError) as error:  # Dask's time-outs are errors of the system
                raise ConnectionFailed(self.address, f"no scheduler of Dask answers: {error}") from error
            return self._known

    def _followed(self, client: Client, home: Path, task: RunTask, cancel: threading.Event) -> Outcome:
        with _beating(task.spool / "pulse") as pulse:
            # Not pure: the same run again is another run. A worker that dies is Dask's to replace.
            future = client.submit(run_on_worker, home, task, pulse, SILENCE, pure=False, retries=0)
            try:
                while not cancel.is_set():
                    if (ended := _ended(future, _LOOK)) is None:
                        continue
                    if ended.ended == "cancelled":
                        raise EngineFailed(f"its worker heard nothing of this host for {SILENCE:g} s")
                    return ended
                pulse.unlink(missing_ok=True)
                until = time.monotonic() + _FAREWELL
                while time.monotonic() < until:
                    if future.status == "pending" and not _begun(pulse).exists():
                        break  # no worker has it
                    if (ended := _ended(future, _LOOK)) is not None:
                        return ended
                raise EngineFailed("a run was cancelled that no worker had ended or begun")
            finally:
                with suppress(Exception):
                    future.cancel()


def run_on_worker(home: Path, task: RunTask, pulse: Path, silence: float) -> Outcome | str:
    """One run, on a worker, in a sandbox of its own, which ends after `silence` seconds without a beat; or why it could
    not be run. Errors go as text: not each of them can be sent."""
    over, silent = threading.Event(), threading.Event()

    def listen() -> None:
        last, heard = "", time.monotonic()
        while not over.wait(_LOOK):
            try:
                now = pulse.read_text()
            except FileNotFoundError:
                silent.set()
                return
            except OSError:  # a file system that hangs is as good as silent, in a while
                now = last
            if now != last:
                last, heard = now, time.monotonic()
            elif time.monotonic() > heard + silence:
                silent.set()
                return

    listener = threading.Thread(target=listen, name="registry-pulse", daemon=True)
    try:
        if not task.spool.is_dir():
            return f"this worker ({os.uname().nodename}) does not see {task.spool}: it needs the host's file system"
        _begun(pulse).touch()
        listener.start()
        return LocalEngine().execute(Workshop(MemoryStore(), home), task, silent)
    except Exception as error:
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    finally:
        over.set()


def _begun(pulse: Path) -> Path:
    return pulse.with_name("begun")


@contextmanager
def _beating(pulse: Path) -> Iterator[Path]:
    """A file that says something else each second, until it is taken away."""
    over = threading.Event()
    pulse.write_text("0")

    def beat() -> None:
        count = 0
        while not over.wait(PULSE):
            count += 1
            with suppress(OSError), pulse.open("r+") as file:  # one that was taken away stays so
                file.write(str(count))

    thread = threading.Thread(target=beat, name="registry-beat", daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        over.set()
        thread.join()
        pulse.unlink(missing_ok=True)


def _ended(future: Future[Any], seconds: float) -> Outcome | None:
    """How a run ended, None for one that has not after so many seconds. Raises `EngineFailed`."""
    try:
        found: Outcome | str = future.result(timeout=seconds)
    except TimeoutError:
        return None
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "CancelledError":
            raise
        raise EngineFailed(f"its worker is gone ({type(error).__name__}: {str(error)[:200]})") from error
    if isinstance(found, str):
        raise EngineFailed(found)
    return found
