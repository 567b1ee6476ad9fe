"""ABIs, creation code and error texts of the contracts, from the manifest that ships with the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from registry.errors import InputError


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract.

    `abi` is the JSON ABI, `bytecode` the creation code without constructor arguments (empty for an
    interface), `errors` the NatSpec sentence of each error by its signature.
    """

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    errors: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Artifact({self.name}, {len(self.abi)} entries, {len(self.bytecode):,} bytes)"


@lru_cache(maxsize=1)
def _manifest() -> dict[str, Artifact]:
    data = json.loads(files("registry.chain").joinpath("manifest.json").read_text(encoding="utf-8"))
    return {
        name: Artifact(name, entry["abi"], bytes.fromhex(entry["bytecode"].removeprefix("0x")), entry["errors"])
        for name, entry in data["contracts"].items()
    }


def names() -> tuple[str, ...]:
    """Return the names of all contracts of the manifest."""
    return tuple(_manifest())


def artifact(name: str) -> Artifact:
    """Return the contract called `name`; raises `InputError` if the manifest has none."""
    try:
        return _manifest()[name]
    except KeyError:
        raise InputError(f"There is no contract {name!r}.", hint=f"There are: {', '.join(names())}.") from None
