"""One function of ours on a stranger's file, in a fresh process of its own: previews, thumbnails, readers of odd
formats."""

from __future__ import annotations

import json
import site
import sys
from pathlib import Path
from typing import Any, Final

from registry.documents.canonical import parse_json
from registry.errors import InputError, RunFailed
from registry.sandbox.process import Stdin, run
from registry.sandbox.spec import Limits, Spec, Tier
from registry.sandbox.started import interpreter

__all__ = ["INSIDE", "call"]

INSIDE: Final = "/opt/inside"
"""Where our programs for the inside are laid."""

PROGRAMS: Final = Path(__file__).with_name("inside")

_PACKAGE: Final = Path(__file__).parents[1]


def call(
    function: str,
    *arguments: Any,
    stdin: Stdin = None,
    limits: Limits | None = None,
    least: Tier = Tier.BUBBLEWRAP,
) -> Any:
    """Call ``module:function``, which is installed here, and return its result: bytes, or what JSON can say.

    The module is imported inside only. An argument that is a `Path` is laid there, to be read, and the function gets
    its path inside as text; the others are JSON. It may read `stdin`, which is streamed. Nothing is shared between two
    calls.

    Raises `RunFailed` if it raises, passes a limit, or answers with what is no JSON; `InputError` for arguments that
    are none; and what `run` raises."""
    folders = [path for path in map(Path, [*site.getsitepackages(), sys.prefix]) if path.name == "site-packages"]
    # What is imported from a checkout lies beside the packages that are installed.
    roots = dict.fromkeys([*folders, _PACKAGE.parent] if _PACKAGE.parent not in folders else folders)
    mounts = {INSIDE: PROGRAMS}
    path = []
    for number, root in enumerate(roots):
        if root == _PACKAGE.parent and root not in folders:
            mounts[f"/opt/path/{number}/{_PACKAGE.name}"] = _PACKAGE
        else:
            mounts[f"/opt/path/{number}"] = root
        path.append(f"/opt/path/{number}")
    path.append(INSIDE)
    handed: list[Any] = []
    for number, argument in enumerate(arguments):
        if isinstance(argument, Path):
            inside = f"/data/in/{number}/{argument.name or 'it'}"
            mounts[inside] = argument
            argument = inside
        handed.append(argument)
    try:
        orders = json.dumps({"path": path, "function": function, "arguments": handed})
    except (TypeError, ValueError) as error:
        raise InputError(f"The arguments of {function} cannot be handed to another process: {error}.") from error
    pieces: list[bytes] = []
    spec = Spec(
        command=(str(interpreter()), "-I", "-S", "-B", f"{INSIDE}/call.py", orders),
        mounts=mounts,
        variables=CALM,
        limits=limits or Limits(seconds=20, processes=16, scratch=64 * 2**20),
        least=least,
    )
    outcome = run(spec, stdin=stdin, on_output=pieces.append).check()
    answer = b"".join(pieces)
    if answer[:1] == b"b":
        return answer[1:]
    value, faults = parse_json(answer[1:])
    if faults or answer[:1] != b"j":
        raise RunFailed("gave no answer that can be read", outcome.text()[-2_000:])
    return value


CALM: Final = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "315532800",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "ARROW_NUM_THREADS": "1",
}
"""The environment of a run: nothing of this machine, one thread, the same order of sets, 1 January 1980."""
