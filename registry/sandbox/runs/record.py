"""The record of a run: all that it takes to run it again, and what came of it. Canonical JSON, one raw block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from registry.ipfs.cid import CID
from registry.sandbox.runs.code import Compare
from registry.sandbox.runs.document import CIDText, Document, Json, Line, Name, RunPart
from registry.text.html import Shown

__all__ = ["Environment", "Finding", "Input", "Machine", "Output", "Program", "RunRecord", "Usage"]

_Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
_Seconds = Annotated[float, Field(ge=0, le=1e9, strict=False)]
_Did = Annotated[str, Field(pattern=r"^did:nft:eip155:[1-9][0-9]*_erc721:0x[0-9a-f]{40}_(0|[1-9][0-9]*)$")]
_Moment = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]


class Program(RunPart):
    """The code: `cid` of its folder or file, `entry` below it, its `arguments`; `did` and `version` of its asset."""

    name: Line
    cid: CIDText
    entry: Line
    arguments: tuple[Line, ...] = ()
    did: _Did | None = None
    version: _Count | None = None


class Environment(RunPart):
    """The Python (``3.11.7``), the C library, the `lock` (CID of its document, None for the standard library alone),
    the variables; `did` and `version` of the asset that the lock came from, if not from the code."""

    python: Annotated[str, Field(pattern=r"^3\.[1-9][0-9]?(\.[0-9A-Za-z+]{1,20})?$")]
    platform: Line
    libc: Line
    lock: CIDText | None = None
    variables: Json
    did: _Did | None = None
    version: _Count | None = None


class Machine(RunPart):
    """What it ran on, where results may depend on it: the processor, those of its instructions that numerical libraries
    choose by, and the kernel of linear algebra that was in use."""

    processor: Line
    instructions: tuple[Line, ...] = ()
    blas: Line | None = None
    threads: _Count


class Input(RunPart):
    """What was read, at ``{inputs}/<name>``: the `cid` of its root and its `size` in bytes. Without `did` it is only as
    lasting as whoever keeps the content."""

    name: Name
    cid: CIDText
    size: _Count
    did: _Did | None = None
    version: _Count | None = None


class Output(RunPart):
    """A file that was made, and how it is compared when it is made again."""

    path: Line
    size: _Count
    cid: CIDText
    compared: Compare


class Usage(RunPart):
    """Seconds from start to end, seconds of processors, bytes of memory at most, and the tier of the sandbox."""

    seconds: _Seconds
    cpu_seconds: _Seconds
    memory: _Count
    tier: Annotated[int, Field(ge=0, le=4)]


class Finding(RunPart):
    """What may keep the run from coming out the same again: the `kind`, `where` in the code (``train.py:12``), in
    words."""

    kind: Literal["clock", "network", "randomness", "input", "code"]
    where: Line
    what: Line


class RunRecord(Shown, Document):
    """A run. `result` is the root of all outputs together; `limits` are those that it ran within."""

    called: ClassVar[str] = "The run record"

    format: Literal["asset-registry.run/1"] = "asset-registry.run/1"
    created: _Moment
    code: Program
    environment: Environment
    machine: Machine
    inputs: Annotated[tuple[Input, ...], Field(max_length=100)] = ()
    params: Json
    limits: Json
    outputs: Annotated[tuple[Output, ...], Field(max_length=2_000)]
    result: CIDText
    usage: Usage
    findings: Annotated[tuple[Finding, ...], Field(max_length=100)] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """DIDs of the assets that it was made from: code, environment and data, each once."""
        named = [self.code.did, self.environment.did, *(entry.did for entry in self.inputs)]
        return tuple(dict.fromkeys(did for did in named if did is not None))

    def roots(self) -> Iterator[tuple[CID, str]]:
        """What must be kept for it to be run again, each with a name; the wheels are named by the lock."""
        yield self.cid, f"run of {self.code.name}"
        yield self.code.cid, f"code of {self.code.name}"
        yield self.result, f"outputs of {self.code.name}"
        if self.environment.lock is not None:
            yield self.environment.lock, f"lock of {self.code.name}"
        for entry in self.inputs:
            if entry.did is None:
                yield entry.cid, f"input {entry.name} of {self.code.name}"
