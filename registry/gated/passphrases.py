"""What only a passphrase opens: files of age, whose passphrases take a second of work on purpose."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pyrage

from registry.errors import InputError, WrongPassword

_TRIES: Final = 5
_PAUSE: Final = 0.2
"""Seconds until the machine is measured once more."""


def opened(data: bytes, passphrase: str, path: Path) -> bytes:
    """What is in the file at `path`, which has these bytes.

    age does no work that it takes for more than some 16 seconds here, and measures for a moment how fast this machine
    is. On a busy one that may tell so little of it that a file of its own is refused: then it is measured again.

    Raises `WrongPassword`, and `InputError` for a file that asks for too much work.
    """
    for tries in range(1, _TRIES + 1):
        try:
            return bytes(pyrage.passphrase.decrypt(data, passphrase))
        except pyrage.DecryptError as error:
            if "Excessive work" not in str(error):
                raise WrongPassword(path) from None
        if tries < _TRIES:
            time.sleep(_PAUSE)
    raise InputError(
        f"{str(path)!r} asks for more work than this machine does in a quarter of a minute, whatever the passphrase.",
        hint="Try again when it is less busy, or open it on a faster machine.",
    )
