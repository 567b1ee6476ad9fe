"""A plugin of pytest: notes which instructions the EVM in this process runs, and which way each jump goes.

Code that was not optimised is larger than a chain allows, so the limits of size are lifted here.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

from eth.vm.code_stream import CodeStream
from eth.vm.forks.shanghai import computation as shanghai
from eth.vm.forks.spurious_dragon import computation as spurious_dragon

JUMPI = 0x57
STOP = 0x00

# By code: a byte for each position, 1 where it was executed; and the jumps, by position, taken or not.
_executed: dict[bytes, bytearray] = {}
_jumps: dict[bytes, set[tuple[int, bool]]] = {}


def _run(stream: CodeStream) -> Iterator[int]:
    """`CodeStream.__iter__` as py-evm has it, with notes."""
    code = stream._raw_code_bytes
    executed = _executed.setdefault(code, bytearray(len(code)))
    jumps = _jumps.setdefault(code, set())
    while (at := stream.program_counter) < len(code):
        opcode = code[at]
        executed[at] = 1
        stream.program_counter = at + 1
        yield opcode
        if opcode == JUMPI:
            jumps.add((at, stream.program_counter != at + 1))
    yield STOP


def pytest_configure() -> None:
    """Start to take notes."""
    CodeStream.__iter__ = _run
    spurious_dragon.EIP170_CODE_SIZE_LIMIT = 2**24
    shanghai.MAX_INITCODE_SIZE = 2**24


def pytest_sessionfinish() -> None:
    """Write them down, one file a process."""
    folder = Path(os.environ["COVERAGE_FOLDER"]) / "notes"
    folder.mkdir(parents=True, exist_ok=True)
    notes = {code: (bytes(executed), _jumps[code]) for code, executed in _executed.items()}
    (folder / f"{os.getpid()}.pickle").write_bytes(pickle.dumps(notes))
