"""The parsers that are fed with bytes made up: for each what must hold, and what to begin from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from . import blocks, documents

#: Inputs that broke a promise once, one file each, in a folder for each target.
FOUND: Final = Path(__file__).parent / "found"


class Target(NamedTuple):
    """A parser. `check` says whether it took the input, and fails if anything is not as it must be; `seeds` are inputs
    that it takes; `longest` is the most bytes that are worth trying."""

    check: Callable[[bytes], bool]
    seeds: Callable[[], Iterable[bytes]]
    longest: int


TARGETS: Final = {
    "cid": Target(blocks.check_cid, blocks.cid_seeds, 512),
    "car": Target(blocks.check_car, blocks.car_seeds, 4096),
    "dag-pb": Target(blocks.check_dag_pb, blocks.dag_pb_seeds, 2048),
    "ddo": Target(documents.check_ddo, documents.ddo_seeds, 8192),
    "sign-in": Target(documents.check_sign_in, documents.sign_in_seeds, 2400),
    "proposal": Target(documents.check_proposal, documents.proposal_seeds, 4096),
}


def inputs(name: str) -> list[bytes]:
    """The seeds of a target and all that was found by it."""
    found = sorted((FOUND / name).iterdir()) if (FOUND / name).is_dir() else []
    return [*TARGETS[name].seeds(), *(path.read_bytes() for path in found)]
