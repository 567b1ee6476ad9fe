"""Code that is run: a folder with a ``run.toml``, or one file, a program or a notebook.

::

    entry = "train.py"                                   # or a notebook
    arguments = ["{inputs}/penguins/penguins.csv", "{outputs}/weights.json"]
    requirements = ["numpy==1.26.4"]                     # what 'registry sandbox lock' turns into run.lock.json
    python = "3.11"

    serves = "streamlit"                                 # an app; or "gradio", or a "program" that listens at
                                                         # the Unix socket REGISTRY_SOCKET

    [limits]
    seconds = 60
    memory = 1_073_741_824

    [outputs."weights.json"]
    compare = "exact"                                    # byte for byte; the default

    [outputs."scores.csv"]
    compare = "close"                                    # numbers within atol + rtol * |recorded|
    rtol = 1e-9
    atol = 1e-12

    [outputs."samples.csv"]
    compare = "statistical"                              # columns of the same distribution, by Kolmogorov and Smirnov
    alpha = 0.001
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from registry.documents.canonical import pointer
from registry.errors import Fault, InputError, InvalidRecord
from registry.sandbox.runs.document import Line, RunPart
from registry.sandbox.runs.lock import LOCK_FILE, Lock
from registry.sandbox.spec import Limits

__all__ = ["RUN_FILE", "Code", "Compare", "read_code", "read_lock", "requirements_of"]

RUN_FILE: Final = "run.toml"

_MOST: Final = 2**20

EXACT_RTOL: Final = 0.0


class Compare(RunPart):
    """How an output is compared when it is made again; what the author calls close enough is the author's word."""

    compare: Literal["exact", "close", "statistical"] = "exact"
    rtol: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    atol: Annotated[float, Field(ge=0, le=1e300, strict=False)] | None = None
    alpha: Annotated[float, Field(gt=0, lt=1, strict=False)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        tolerances = (self.rtol, self.atol)
        if (self.compare == "close") != (tolerances != (None, None)):
            raise ValueError("rtol and atol belong to 'close', and it needs one of them")
        if any(value is not None and not math.isfinite(value) for value in (*tolerances, self.alpha)):
            raise ValueError("a tolerance is a finite number")
        if self.alpha is not None and self.compare != "statistical":
            raise ValueError("alpha belongs to 'statistical'")
        return self

    def in_words(self) -> str:
        """The comparison as a clause."""
        if self.compare == "close":
            return f"close: rtol {self.rtol or 0:g}, atol {self.atol or 0:g}"
        return f"statistical: alpha {self.alpha or ALPHA:g}" if self.compare == "statistical" else "exact"


ALPHA: Final = 0.001
"""How often equal distributions may be called different, where the author says nothing."""


class _RunFile(RunPart):
    entry: Line
    arguments: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    requirements: Annotated[tuple[Line, ...], Field(max_length=1_000)] = ()
    python: Annotated[str, Field(pattern=r"^3\.[1-9][0-9]$")] | None = None
    serves: Literal["streamlit", "gradio", "program"] | None = None
    limits: dict[str, float] = Field(default_factory=dict)
    outputs: dict[str, Compare] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Code:
    """What is to be run: `root` is a folder or one file, `entry` the program below it.

    `lock` is None for code that needs the standard library only. `outputs` says by patterns how outputs are compared.
    `serves` is by what an app is served, None for code that is run to its end.
    """

    root: Path
    entry: str
    arguments: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    python: str | None = None
    lock: Lock | None = None
    serves: str | None = None
    limits: Limits = field(default_factory=Limits)
    outputs: Mapping[str, Compare] = field(default_factory=dict)

    def compared(self, path: str) -> Compare:
        """How an output is compared: by its own name first, then by the patterns in their order."""
        if path in self.outputs:
            return self.outputs[path]
        return next((how for pattern, how in self.outputs.items() if fnmatchcase(path, pattern)), Compare())


def read_code(root: Path, name: str | None = None, *, unlocked: bool = False) -> Code:
    """Read what a folder or a file says of itself; `name` is what a file is called, where it lies under another name.
    With `unlocked`, its environment comes from elsewhere.

    Raises `InputError` for what cannot be run, `InvalidRecord`.
    """
    if not root.exists():
        raise InputError(f"There is no code at {str(root)!r}.", hint="Name a folder, a .py file or a notebook.")
    if root.is_file():
        folder, said = root.parent, {"entry": name or root.name}
    else:
        folder, said = root, _said(root / RUN_FILE)
    run_file = _made(said)
    entry = run_file.entry
    if {"", ".", ".."} & set(PurePosixPath(entry).parts) or entry.startswith("/"):
        inside = False
    else:
        inside = root.is_file() or (folder / entry).is_file()
    if not inside:
        raise InputError(f"The program {entry!r} is not in {str(folder)!r}.", hint=f"Correct 'entry' in {RUN_FILE}.")
    if not entry.endswith((".py", ".ipynb")):
        raise InputError(f"{entry!r} is neither a Python program (.py) nor a notebook (.ipynb).")
    lock = read_lock(root) if root.is_dir() and (root / LOCK_FILE).is_file() else None
    if run_file.serves is not None and not entry.endswith(".py"):
        raise InputError(f"{entry!r} is a notebook, and an app is a program (.py).")
    if run_file.requirements and lock is None and not unlocked:
        raise InputError(
            f"{str(folder)!r} has requirements and no lock of them.", hint=f"Lock them: registry sandbox lock {folder}"
        )
    return Code(
        root=root,
        entry=entry,
        arguments=run_file.arguments,
        requirements=run_file.requirements,
        python=run_file.python,
        lock=lock,
        serves=run_file.serves,
        limits=_limits(run_file.limits),
        outputs=run_file.outputs,
    )


def read_lock(root: Path) -> Lock:
    """The lock of a folder, or a lock that is a file. Raises `InputError` and `InvalidRecord`."""
    return Lock.from_bytes(_read(root / LOCK_FILE if root.is_dir() else root))


def requirements_of(root: Path) -> tuple[tuple[str, ...], str | None]:
    """What a folder of code requires, and its Python, whether they are locked or not. A notebook needs its kernel."""
    run_file = _made(_said(root / RUN_FILE))
    kernel = ("ipykernel", "nbclient") if run_file.entry.endswith(".ipynb") else ()
    named = {name.partition("=")[0].partition(">")[0].strip() for name in run_file.requirements}
    return (*run_file.requirements, *(name for name in kernel if name not in named)), run_file.python


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST + 1)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def _said(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"The folder {str(path.parent)!r} does not say what to run.",
            hint=f'Write {path.name} with a line like: entry = "train.py"',
        )
    try:
        return tomllib.loads(_read(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{str(path)!r} is not TOML: {error}.") from None


def _made(said: dict[str, Any]) -> _RunFile:
    try:
        return _RunFile.model_validate(said, strict=False)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise InvalidRecord(RUN_FILE, [Fault(pointer(d["loc"]), d["msg"]) for d in details]) from None


def _limits(said: dict[str, float]) -> Limits:
    known = {entry.name for entry in fields(Limits)}
    if unknown := sorted(set(said) - known):
        raise InputError(f"{unknown[0]!r} is not a limit.", hint=f"There are: {', '.join(sorted(known))}.")
    return Limits(**{name: value if name == "seconds" else int(value) for name, value in said.items()})  # type: ignore[arg-type]
