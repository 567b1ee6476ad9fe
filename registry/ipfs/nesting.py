"""How deep JSON and CBOR are nested, seen without recursion.

Their decoders recurse, and stop at Python's limit. Libraries of the chain raise that limit so far (py_ecc to 100,000)
that a stranger's brackets would run through the stack and end the process. So bytes from strangers are counted first.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["cbor_too_deep", "json_too_deep", "load_json"]

MOST: Final = 64
"""How deep JSON from elsewhere may be nested where nothing else is said."""

_TOKEN: Final = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)
_BYTES, _TEXT, _ARRAY, _MAP, _TAG = 2, 3, 4, 5, 6


def load_json(data: bytes | str, most: int = MOST) -> Any:
    """The value of JSON in UTF-8 that somebody else wrote.

    Raises `ValueError` for what is no JSON, in another encoding, or nested deeper than `most`.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    # The decoder would guess UTF-16 and UTF-32 too, in which bytes of letters pass for the quotes that are counted.
    text = raw.decode("utf-8-sig")
    at = json_too_deep(raw, most)
    if at is not None:
        raise ValueError(f"it is nested deeper than {most} levels at byte {at}")
    return json.loads(text)


def json_too_deep(data: bytes, most: int) -> int | None:
    """Where arrays and objects are first nested deeper than `most`, None if nowhere. Whether `data` is JSON is left to
    the decoder. One pass, so that no crafted text makes it slow."""
    depth, in_string = 0, False
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token == b'"':
            in_string = not in_string
        elif in_string or len(token) > 1:
            continue
        elif token in b"[{":
            depth += 1
            if depth > most:
                return match.start()
        else:
            depth -= 1
    return None


def cbor_too_deep(data: bytes, most: int) -> bool:
    """Whether arrays, maps and tags are nested deeper than `most`. Whether `data` is CBOR is left to the decoder, as is
    all that states no length, which DAG-CBOR does not allow."""
    left: list[int] = []  # items to come in each container that is open
    at = 0
    while at < len(data):
        kind, value = data[at] >> 5, data[at] & 0x1F
        at += 1
        if value >= 28:
            return False
        if value >= 24:
            size = 1 << (value - 24)
            value = int.from_bytes(data[at : at + size], "big")
            at += size
        if kind in (_BYTES, _TEXT):
            at += value
        elif kind in (_ARRAY, _MAP, _TAG):
            items = {_ARRAY: value, _MAP: 2 * value, _TAG: 1}[kind]
            if items:
                left.append(items)
                if len(left) > most:
                    return True
                continue
        while left:
            left[-1] -= 1
            if left[-1]:
                break
            left.pop()
        if not left:
            return False
    return False
