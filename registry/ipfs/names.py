"""Which names a file may have: what is refused when publishing, and what is never believed when reading."""

from __future__ import annotations

import posixpath
import unicodedata
from typing import Final

from registry.text.letters import unseen

__all__ = ["link_fault", "reading_fault", "writing_fault"]

# Windows opens a device for these, with any extension.
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)


def reading_fault(name: str) -> str | None:
    """Why a name cannot be that of an entry in any folder, or None. Such names reach outside the folder, hide, or
    write to the terminal that lists them."""
    if not name:
        return "a name is empty"
    if name in (".", ".."):
        return f"the name {name!r} means another folder"
    if name.isprintable() and "/" not in name and "\\" not in name:
        return None
    for char in name:
        if char in "/\\":
            return f"the name {name!r} has a {char!r} in it"
        if unicodedata.category(char) == "Cc":
            return f"the name {name!r} has the control character U+{ord(char):04X} in it"
        if unicodedata.category(char) == "Cs":
            return f"the name {name!r} is not UTF-8"
    return None


def writing_fault(name: str) -> str | None:
    """Why a name should not be published, or None: all that `reading_fault` says, and what some system that will
    receive the file cannot hold or will show as something else."""
    fault = reading_fault(name)
    if fault:
        return fault
    if name.split(".")[0].rstrip(" ").lower() in _DEVICES:
        return f"the name {name!r} is a device on Windows"
    if name[-1] in ". " or name[0] == " ":
        return f"the name {name!r} begins with a space, or ends with a space or a dot"
    hidden = unseen(name)
    if hidden:
        return f"the name {name!r} has the invisible character U+{ord(hidden):04X} in it"
    return None


def link_fault(path: str, target: bytes) -> str | None:
    """Why a symbolic link at `path` (from the root of its tree, with slashes) may not hold `target`, or None.

    By its letters alone: whoever has the tree on disk must also look where the link really leads, since a link may
    pass through another.
    """
    try:
        text = target.decode("utf-8")
    except UnicodeDecodeError:
        return "it is a link whose target is not UTF-8"
    if not text or "\0" in text:
        return f"it is a link to {text!r}, which is no path"
    if text.startswith(("/", "\\")) or text[1:2] == ":":
        return f"it is a link to {text!r}, which is not relative to it"
    landed = posixpath.normpath(posixpath.join(posixpath.dirname(path), text.replace("\\", "/")))
    if landed == ".." or landed.startswith("../"):
        return f"it is a link to {text!r}, out of the folder"
    return None
