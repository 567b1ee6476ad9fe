"""Short names that a user gives to assets, kept at home: ``penguins`` in the place of a DID."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from registry.did import DID, is_short_name
from registry.errors import InputError, InvalidDID
from registry.home import make_home, private_lock
from registry.ipfs.nesting import load_json
from registry.system import disk

__all__ = ["ShortNames"]

MOST_BYTES: Final = 2**20
FILE: Final = "names.json"


class ShortNames:
    """The names below a `home`. They are the user's own word: nobody else knows them, and nothing on chain has them."""

    def __init__(self, home: Path | None) -> None:
        self._home = home

    def all(self) -> dict[str, DID]:
        """Every name with its asset, by name. Raises `InputError` for a file that is damaged."""
        file = self._file()
        if file is None or not file.exists():
            return {}
        try:
            data = disk.read(file, MOST_BYTES)
            told = load_json(data)
            if len(data) > MOST_BYTES or not isinstance(told, dict) or not all(map(is_short_name, told)):
                raise ValueError("it is no list of names")
            return {name: DID.parse(told[name]) for name in sorted(told)}
        except (OSError, ValueError, InvalidDID) as error:
            raise InputError(
                f"The names in {file} cannot be read: {error}.", hint="Mend it, or move it away."
            ) from error

    def get(self, name: str) -> DID | None:
        """The asset of a name; None for a name that is not kept."""
        return self.all().get(name) if is_short_name(name) else None

    def add(self, name: str, did: DID) -> None:
        """Keep a name. Raises `InputError` for what can be none, and for one that another asset has."""
        if not is_short_name(name):
            raise InputError(
                f"{name[:80]!r} cannot be a name of an asset.",
                hint="Begin with a small letter, then small letters, digits and hyphens, 63 at most.",
            )
        file = self._file()
        if file is None:
            raise InputError(
                "This client has no home to keep names in.", hint="Connect with home= (--home), or as usual."
            )
        make_home(file.parent)
        with private_lock(file.with_suffix(".lock")):
            known = self.all()
            if known.get(name, did) != did:
                raise InputError(
                    f"{name!r} is {known[name]} here.", hint=f"Take another, or first: registry name remove {name}."
                )
            self._write(file, {**known, name: did})

    def remove(self, name: str) -> DID:
        """Forget a name; returns the asset that had it. Raises `InputError` for one that is not kept."""
        file, known = self._file(), self.all()
        if file is None or name not in known:
            told = ", ".join(list(known)[:20])
            raise InputError(
                f"No asset is called {name[:80]!r} here.", hint=f"There are: {told}." if told else "No names are kept."
            )
        with private_lock(file.with_suffix(".lock")):
            known = self.all()
            did = known.pop(name)
            self._write(file, known)
        return did

    def _write(self, file: Path, names: dict[str, DID]) -> None:
        told = json.dumps({name: str(names[name]) for name in sorted(names)}, indent=2)
        try:
            disk.write_whole(file, told.encode() + b"\n")
        except OSError as error:
            raise InputError(f"The names could not be written to {file}: {error.strerror}.") from error

    def _file(self) -> Path | None:
        return None if self._home is None else self._home / FILE
