"""Tier 3: a container of podman or docker, from an image that is named by its digest and lies on this machine already.

The image brings its own system and Python, so the command of a `Spec` is one of the image's. What stands around it is
the engine's; rootless, its root is nobody here. `command` is the whole of what the engine is told.

Outputs lie in a folder of this machine, which a watch counts ten times a second: unlike in tier 2, a run may be a
tenth of a second over its limit before it is ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from registry.errors import InputError, SandboxFailed, SandboxUnavailable
from registry.ipfs.nesting import load_json
from registry.sandbox.run_account import own_account
from registry.sandbox.spec import MIB, NOTES, OUT, TMP, Spec, Tier
from registry.sandbox.started import PATIENCE, Started, installing
from registry.sandbox.watch import on_folder

__all__ = ["ContainerEngine", "command", "engine", "start"]

PROGRAMS: Final = ("podman", "docker")

_HARDENED: Final = (
    *("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pull=never"),
    *("--no-healthcheck", "--log-driver=none", "--hostname=sandbox", "--workdir=/", "--interactive"),
)

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Engines hand these to a container unasked, with the password that may be in them."""


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """An engine that answers: its `name`, its `program`, and whether it runs without root."""

    name: str
    program: str
    rootless: bool


def engine() -> ContainerEngine:
    """The engine of this machine, one without root before one with it, podman before docker.

    Raises `SandboxUnavailable` with the command that helps where none answers."""
    found, faults = [], []
    for program in filter(None, map(shutil.which, PROGRAMS)):
        name = Path(program).name
        try:
            found.append(
                ContainerEngine(name, program, _rootless(name, load_json(_ask(program, "info", "--format=json"))))
            )
        except (SandboxFailed, ValueError) as error:
            faults.append(f"{name} does not answer: {getattr(error, 'reason', error)}")
    if found:
        return max(found, key=lambda one: one.rootless)
    raise SandboxUnavailable(
        "; ".join(faults) or "neither podman nor docker is installed",
        hint=f"Install an engine that needs no root: {installing('podman')}"
        if not faults
        else "Make 'podman info' or 'docker info' succeed for this user.",
    )


def _rootless(name: str, info: Any) -> bool:
    try:
        if name == "podman":
            return bool(info["host"]["security"]["rootless"])
        return "name=rootless" in info["SecurityOptions"]
    except (KeyError, TypeError):
        return False


def command(
    engine: ContainerEngine, spec: Spec, name: str, folders: Mapping[str, Path], account: tuple[int, int]
) -> list[str]:
    """What the engine is told, word for word, to make a container called `name` for a spec.

    `folders` are laid to be written, by their place inside; `account` is the user and the group that it runs as where
    the engine has root. Raises `InputError` for a path that a list of words with commas cannot hold.
    """
    limits = spec.limits
    words = [engine.program, "create", f"--name={name}", *_HARDENED]
    if not engine.rootless:
        words += [f"--user={account[0]}:{account[1]}"]
    elif engine.name == "podman":
        words += ["--userns=keep-id", f"--user={account[0]}:{account[1]}"]
    else:  # root inside is the user who started it
        words += ["--user=0:0"]
    memory = limits.memory + 2 * limits.scratch
    words += [f"--memory={memory}", f"--memory-swap={memory}", f"--pids-limit={limits.processes}"]
    size = max(limits.output, limits.scratch)
    words += [f"--ulimit=fsize={size}:{size}", "--ulimit=nofile=256:256", "--ulimit=core=0:0"]
    if not engine.rootless and account[0] != os.getuid():
        # The account has no other processes. Unasked, podman raises this limit, for which root in a machine may lack
        # the right.
        words += [f"--ulimit=nproc={limits.processes}:{limits.processes}"]
    # Podman has no word for how many files there may be: their inodes then count as memory of the container.
    files = "" if engine.name == "podman" else f",nr_inodes={limits.files + 2}"
    words += [f"--tmpfs={TMP}:rw,nosuid,nodev,mode=1777,size={limits.scratch}{files}"]
    words += [f"--shm-size={limits.scratch}"]
    for places, mode in ((spec.mounts, ",readonly"), (folders, "")):
        for inside, path in places.items():
            words.append(f"--mount=type=bind,source={_plain(str(path.resolve()))},target={_plain(inside)}{mode}")
    words += ["--http-proxy=false"] if engine.name == "podman" else []
    variables = {**dict.fromkeys((*_PROXIES, *map(str.lower, _PROXIES)), ""), **spec.variables}
    words += [f"--env={variable}={value}" for variable, value in variables.items()]
    return [*words, f"--entrypoint={json.dumps([spec.command[0]])}", "--", _image(spec), *spec.command[1:]]


def _image(spec: Spec) -> str:
    if spec.image is None:
        raise InputError("A container needs an image.", hint="Name one by its digest: Spec(image='name@sha256:...').")
    return spec.image


def _plain(path: str) -> str:
    if any(c in ',"\n\r' for c in path):
        raise InputError(
            f"{path!r} cannot be laid in a container: its name has a comma, a quote or a line break.",
            hint="Rename it, or lay a folder above it.",
        )
    return path


def start(spec: Spec, stack: ExitStack, stdin: int) -> Started:
    """Start a program in a container.

    Raises `SandboxUnavailable` where no engine answers or the image is not on this machine, `SandboxFailed` for an
    image that would write where nobody counts, and `InputError` for what cannot be laid."""
    found = engine()
    image = _image(spec)
    _refuse_volumes(found, image)
    root = Path(tempfile.mkdtemp(prefix="asset-registry-run-"))
    stack.callback(shutil.rmtree, root, ignore_errors=True)
    folders = {inside: root / inside[1:] for inside in (OUT, NOTES)}
    own = own_account(stack)
    account = (own, own) if own is not None else (os.getuid(), os.getgid())
    for folder in folders.values():
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # nobody else comes as far: the folder above is private
    name = f"asset-registry-{secrets.token_hex(8)}"
    stack.callback(_remove, found, name)
    _ask(*command(found, spec, name, folders, account))
    started = _Contained(found, name, stack, stdin)
    for inside, folder in folders.items():
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, opened)
        if inside == OUT:
            started.out = opened
        else:
            started.notes = opened
    started.disks = [
        (on_folder(folders[OUT]), spec.limits.output, "output"),
        (on_folder(folders[NOTES]), MIB, "output"),
    ]
    return started


class _Contained(Started):
    """A container that was made and is started: the process here is the engine's, which passes streams and exit code
    on."""

    def __init__(self, engine: ContainerEngine, name: str, stack: ExitStack, stdin: int) -> None:
        self._engine, self._name, self._ended = engine, name, False
        command = (engine.program, "start", "--attach", "--interactive", name)
        super().__init__(command, Tier.CONTAINER, stack, stdin=stdin, env=_environment())

    def end(self) -> None:
        """Kill the container, and ask whether it ran out of memory. Raises `SandboxFailed`."""
        if not self._ended:
            self._ended = True
            _ask(self._engine.program, "stop", "--time=0", self._name)
            state = load_json(_ask(self._engine.program, "container", "inspect", self._name))[0]["State"]
            self.ran_out = bool(state.get("OOMKilled"))
        super().end()


def _remove(engine: ContainerEngine, name: str) -> None:
    with contextlib.suppress(SandboxFailed):  # it was never made
        _ask(engine.program, "rm", "--force", "--volumes", name)


def _refuse_volumes(engine: ContainerEngine, image: str) -> None:
    try:
        volumes = load_json(_ask(engine.program, "image", "inspect", "--format={{json .Config.Volumes}}", image))
    except (SandboxFailed, ValueError) as error:
        raise SandboxUnavailable(
            f"the image {image} is not on this machine ({getattr(error, 'reason', error)})",
            hint=f"Fetch it: {engine.name} pull {image}",
        ) from None
    if volumes:
        raise SandboxFailed(f"the image {image} makes volumes, whose size nobody limits: {', '.join(volumes)}")


def _ask(program: str, *words: str) -> str:
    """What an engine answers. Raises `SandboxFailed` if it fails, or says nothing in time."""
    try:
        done = subprocess.run(
            [program, *words], env=_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxFailed(f"{Path(program).name}: {error}") from error
    if done.returncode:
        lines: Iterable[str] = done.stderr.strip().splitlines() or [f"it ended with exit code {done.returncode}"]
        raise SandboxFailed(list(lines)[-1][:500])
    return done.stdout


def _environment() -> dict[str, str]:
    """Where an engine finds its own, and nothing else of ours."""
    names = ("HOME", "PATH", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_HOST", "CONTAINER_HOST")
    return {name: os.environ[name] for name in names if name in os.environ}
