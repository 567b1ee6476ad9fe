"""What is wrong with a document, each fault with its JSON pointer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from registry.documents.canonical import pointer, printable
from registry.documents.fields import _FieldError
from registry.errors import Fault

# --- Faults --------------------------------------------------------------------------------------

_MESSAGES: Final = {"extra_forbidden": "is not a known field", "missing": "is missing"}


def faults_of(error: ValidationError) -> list[Fault]:
    """Return what pydantic found wrong, each under its RFC 6901 pointer."""
    faults: list[Fault] = []
    for detail in error.errors(include_url=False, include_input=False):
        at = pointer(detail["loc"])
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, _FieldError):
            faults.extend(Fault(at + fault.pointer, fault.message) for fault in cause.faults)
        elif isinstance(cause, ValueError):
            faults.append(Fault(at, str(cause)))
        else:
            faults.append(Fault(at, _MESSAGES.get(detail["type"], _lower_first(printable(detail["msg"])))))
    return faults


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def differences(read: Any, written: Any, path: tuple[str | int, ...] = ()) -> list[Fault]:
    """Return what the document as read has otherwise than it would be written."""
    if isinstance(read, Mapping) and isinstance(written, Mapping):
        faults = [Fault(pointer([*path, key]), "has no value; leave it out") for key in read if key not in written]
        faults += [Fault(pointer([*path, key]), "is missing") for key in written if key not in read]
        for key in written:
            if key in read:
                faults += differences(read[key], written[key], (*path, key))
        return faults
    if isinstance(read, list) and isinstance(written, list):
        pairs = enumerate(zip(read, written, strict=True))
        return [fault for place, (a, b) in pairs for fault in differences(a, b, (*path, place))]
    return [] if read == written else [Fault(pointer(path), "is not in its usual form")]


def spelling_fault(data: bytes, canonical: bytes) -> Fault:
    """Return the fault that names the first byte at which `data` is not canonical."""
    place = next((i for i, (a, b) in enumerate(zip(data, canonical, strict=False)) if a != b), len(canonical))
    return Fault("", f"is not canonical JSON (RFC 8785) from byte {place} on")
