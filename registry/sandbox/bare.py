"""Tier 0: nothing between the program and this machine, for one's own code; and what tier 1 shares with it.

Without namespaces nothing can be laid at ``/data`` or ``/code``. So a folder of the run's own has the layout of the
inside, with links to what is laid there, and paths in the command and the environment are put below it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.sandbox.spec import NOTES, OUT, TMP, Spec, Tier
from registry.sandbox.started import Started
from registry.sandbox.watch import on_folder

__all__ = ["Layout", "lay", "start", "write_to"]

_OWN: Final = (OUT, NOTES, TMP)


@dataclass(frozen=True, slots=True)
class Layout:
    """A `root` with the layout of the inside, and the command and the environment for it."""

    root: Path
    command: tuple[str, ...]
    variables: dict[str, str]


def lay(spec: Spec, stack: ExitStack) -> Layout:
    """Make the layout; it goes with the stack."""
    root = Path(tempfile.mkdtemp(prefix="asset-registry-run-"))
    stack.callback(shutil.rmtree, root, ignore_errors=True)
    for name in _OWN:
        (root / name[1:]).mkdir(parents=True)
    for inside, path in spec.mounts.items():
        place = root / inside[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path.resolve())
    places = sorted({"/" + name.split("/")[1] for name in (*spec.mounts, *_OWN)})

    def put(text: str) -> str:
        head, mark, path = text.rpartition("=")
        if any(path == place or path.startswith(place + "/") for place in places):
            return f"{head}{mark}{root}{path}"
        return text

    return Layout(root, tuple(map(put, spec.command)), {name: put(value) for name, value in spec.variables.items()})


def write_to(started: Started, layout: Layout, spec: Spec, stack: ExitStack) -> None:
    """Open the folders that the program writes to, and count what is in them."""
    for name in (OUT, NOTES):
        folder = os.open(layout.root / name[1:], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, folder)
        if name == OUT:
            started.out = folder
        else:
            started.notes = folder
    started.disks = [
        (on_folder(layout.root / OUT[1:]), spec.limits.output, "output"),
        (on_folder(layout.root / TMP[1:]), spec.limits.scratch, "scratch"),
    ]


def start(spec: Spec, stack: ExitStack, stdin: int) -> Started:
    """Start a program as it is. Raises `SandboxFailed` if it cannot be."""
    layout = lay(spec, stack)
    started = Started(layout.command, Tier.NONE, stack, stdin=stdin, env={"PATH": os.defpath, **layout.variables})
    write_to(started, layout, spec, stack)
    return started
