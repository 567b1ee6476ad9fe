"""JSON with exactly one spelling: RFC 8785 bytes out, and nothing but those bytes in.

The digest of a document stands on chain, so reading must be as strict as writing: what cannot be
written back byte for byte is refused. Every fault is named by its RFC 6901 pointer. The reader is
safe against documents made to hurt it: depth and number of values are bounded before any recursion.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

import rfc8785

from registry.errors import Fault
from registry.ipfs.nesting import json_too_deep

MAX_DEPTH: Final = 64
"""Deepest nesting of arrays and objects that is read or written."""

MAX_VALUES: Final = 2**19
"""Most values in a document; one of 1 MiB cannot hold more."""

SAFE_INTEGER: Final = 2**53 - 1
"""Largest integer that every JSON reader keeps exactly (RFC 7493)."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class FrozenDict(dict[str, Any]):
    """A JSON object that cannot be changed, so that a frozen document is frozen all the way down."""

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("The document is frozen; make a changed copy with with_changes().")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


class _Parsed(dict[str, Any]):
    """An object as read, with the names that came more than once."""

    duplicates: tuple[str, ...] = ()


def pointer(parts: Iterable[str | int]) -> str:
    """Return the RFC 6901 pointer of a path: ``~`` as ``~0``, ``/`` as ``~1``; ``""`` is the whole document."""
    return "".join("/" + printable(str(part).replace("~", "~0").replace("/", "~1")) for part in parts)


def printable(text: str) -> str:
    """Return `text` with lone surrogates spelled out, so that it can be encoded."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def json_faults(value: object, *, depth: int = 0) -> list[Fault]:
    """Return all that keeps `value` from being written as RFC 8785 JSON and read back the same.

    Allowed: None, bool, int within +-(2**53-1), finite float that is not a whole number beyond that, text
    without lone surrogates, list, tuple, and mappings with text keys. `depth` is at how many levels `value` itself
    will stand in its document.
    """
    faults: list[Fault] = []
    pending: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    seen = 0
    while pending:
        path, item = pending.pop()
        seen += 1
        children: list[tuple[str | int, object]] = []
        if isinstance(item, Mapping | list | tuple) and len(path) + depth >= MAX_DEPTH:
            # Nothing below can be judged, and a value that holds itself would go on for ever.
            return [*faults, Fault(pointer(path), f"is nested deeper than {MAX_DEPTH} levels")]
        if isinstance(item, Mapping):
            for key, child in item.items():
                if isinstance(key, str):
                    if _SURROGATE.search(key):
                        faults.append(Fault(pointer([*path, key]), "its name has half of a surrogate pair"))
                    children.append((key, child))
                else:
                    faults.append(Fault(pointer([*path, str(key)]), "its name is not text"))
            if isinstance(item, _Parsed):
                faults.extend(Fault(pointer([*path, name]), "is there more than once") for name in item.duplicates)
        elif isinstance(item, list | tuple):
            children.extend(enumerate(item))
        elif reason := _scalar_fault(item):
            faults.append(Fault(pointer(path), reason))
        if len(children) + seen + len(pending) > MAX_VALUES:
            return [*faults, Fault("", f"has more than {MAX_VALUES:,} values")]
        pending.extend(((*path, key), child) for key, child in reversed(children))
    return faults


def _scalar_fault(item: object) -> str:
    if item is None or isinstance(item, bool):
        return ""
    if isinstance(item, str):
        return "has half of a surrogate pair" if _SURROGATE.search(item) else ""
    if isinstance(item, int):
        return "" if abs(item) <= SAFE_INTEGER else "is an integer beyond 2**53-1; write it as text"
    if isinstance(item, float):
        if not math.isfinite(item):
            return "is not a finite number"
        # RFC 8785 prints these without exponent, so they would come back as integers out of range.
        if SAFE_INTEGER < abs(item) < 1e21:
            return "is a whole number beyond 2**53-1; write it as text"
        return ""
    return f"is {type(item).__name__}, which JSON does not have"


def freeze(value: Any) -> Any:
    """Return JSON `value` (without faults) with objects as `FrozenDict`, arrays as tuples, 1.0 as 1."""
    if isinstance(value, Mapping):
        return FrozenDict({str(key): freeze(child) for key, child in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(child) for child in value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= SAFE_INTEGER:
        return int(value)
    return value


def thaw(value: Any) -> Any:
    """Return `value` with plain dicts and lists, as `json.loads` makes them."""
    if isinstance(value, Mapping):
        return {key: thaw(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(child) for child in value]
    return value


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of `value`, which must have no `json_faults`."""
    return rfc8785.dumps(value)


def parse_json(data: bytes) -> tuple[Any, list[Fault]]:
    """Read JSON `data` of any spelling and return it with its faults; the value is None if it has no form at all.

    Never raises and never recurses deeper than `MAX_DEPTH`.
    """
    deep = json_too_deep(data, MAX_DEPTH)
    if deep is not None:
        return None, [Fault("", f"is nested deeper than {MAX_DEPTH} levels at byte {deep}")]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, [Fault("", f"is not UTF-8 at byte {error.start}")]
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_constant=float)
    except json.JSONDecodeError as error:
        return None, [Fault("", f"is not JSON: {error.msg} at byte {len(text[: error.pos].encode())}")]
    return value, json_faults(value)


def _object(pairs: list[tuple[str, Any]]) -> _Parsed:
    result = _Parsed(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        seen: set[str] = set()
        result.duplicates = tuple(dict.fromkeys(name for name in names if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    return result


def _integer(digits: str) -> int | float:
    # 17 characters hold any safe integer; longer ones could take int() past its limit of digits.
    return int(digits) if len(digits) <= 17 else float(digits)
