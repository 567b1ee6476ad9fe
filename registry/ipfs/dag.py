"""DAG-CBOR and DAG-JSON, and what a block links to, in any codec that has links.

DAG-CBOR is encoded and decoded by libipld. It hands over links as bytes, so a byte string that happens to be a CID
cannot be told from one; such values are refused both ways rather than confused, as are blocks that are not canonical.

DAG-JSON is written here, on the standard library's JSON: the one library for it (dag-json 0.3) takes
``{"/": cid, "x": 1}`` for a link and forgets x, so that what it decodes is not what was hashed. Its numbers are written
as other writers do, in the way of ECMAScript, with ".0" behind a float that is whole.

https://ipld.io/specs/codecs/dag-cbor/spec/ and https://ipld.io/specs/codecs/dag-json/spec/
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from registry.errors import InputError, LimitExceeded, UnsupportedCodec, Unverified
from registry.ipfs.cid import CID, DAG_CBOR, DAG_JSON, DAG_PB, LEAVES
from registry.ipfs.dagpb import decode_node
from registry.ipfs.limits import LIMITS, ReadLimits
from registry.ipfs.nesting import cbor_too_deep, json_too_deep

__all__ = ["CODECS", "decode", "encode", "links"]

_DEPTH: Final = 128
CODECS: Final = {"dag-cbor": DAG_CBOR, "dag-json": DAG_JSON}


def encode(value: Any, codec: str = "dag-cbor") -> bytes:
    """The canonical block of a value of None, bool, int, float, str, bytes, list, dict with text keys, and `CID`.

    `codec` is "dag-cbor" or "dag-json". Negative zero is written as zero in DAG-CBOR, where it is not allowed. Raises
    `InputError` for what has no such form.
    """
    if codec not in CODECS:
        raise InputError(f"{codec!r} is not a codec that is written here.", hint=f"Known: {', '.join(CODECS)}.")
    try:
        if codec == "dag-json":
            return _to_json(value, 0).encode("utf-8")
        import libipld

        return libipld.encode_dag_cbor(_to_cbor(value, 0))
    except (ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The value has no {codec} form: {error}.", hint="Use the types of the IPLD data model."
        ) from None


def decode(block: bytes, codec: int | str = "dag-cbor") -> Any:
    """The value in a block, links as `CID`. Raises ValueError for what is malformed or not canonical DAG-CBOR."""
    try:
        # A little more than is allowed in the end, for the forms that links and bytes have.
        if codec in ("dag-json", DAG_JSON):
            if json_too_deep(block, _DEPTH + 2) is not None:
                raise ValueError(f"it is nested more than {_DEPTH} deep")
            text = block.decode("utf-8")
            return _from_json(json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant), 0)
        if cbor_too_deep(block, _DEPTH + 2):
            raise ValueError(f"it is nested more than {_DEPTH} deep")
        import libipld

        value = libipld.decode_dag_cbor(block)
        again = libipld.encode_dag_cbor(value)
    except RecursionError:  # of a caller that is near the limit already
        raise ValueError("it is nested too deep") from None
    if again != block:
        raise ValueError("it is not canonical, or has bytes that look like a link and are none")
    return _from_cbor(value, 0)


def links(cid: CID, block: bytes, limits: ReadLimits = LIMITS) -> tuple[CID, ...]:
    """The CIDs that a verified block links to, in its order.

    Raises `UnsupportedCodec`, `Unverified` if it is malformed, and `LimitExceeded` if they are too many."""
    if cid.codec in LEAVES:
        return ()
    try:
        if cid.codec == DAG_PB:
            found = tuple(link.cid for link in decode_node(block).links)
        elif cid.codec in (DAG_CBOR, DAG_JSON):
            found = tuple(_links(decode(block, cid.codec)))
        else:
            raise UnsupportedCodec(cid, cid.codec)
    except ValueError as error:
        raise Unverified(cid, Unverified.PUBLISHER, f"it is malformed: {getattr(error, 'message', error)}") from None
    if len(found) > limits.fanout:
        raise LimitExceeded(f"The number of links of {cid}", len(found), limits.fanout)
    return found


def _links(value: Any) -> Iterator[CID]:
    if isinstance(value, CID):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _links(item)
    elif isinstance(value, list):
        for item in value:
            yield from _links(item)


def _deeper(depth: int) -> int:
    if depth >= _DEPTH:
        raise ValueError(f"it is nested more than {_DEPTH} deep")
    return depth + 1


# --- DAG-CBOR ------------------------------------------------------------------------------------


def _is_link(data: bytes) -> bool:
    import libipld

    try:
        libipld.decode_cid(data)
    except ValueError:
        return False
    return True


def _to_cbor(value: Any, depth: int) -> Any:
    if isinstance(value, CID):
        return bytes(value)
    if isinstance(value, bytes):
        if _is_link(value):
            raise InputError(
                "The value has bytes that are a CID.", hint="Wrap them in CID if they are meant as a link."
            )
        return value
    if isinstance(value, dict):
        return {key: _to_cbor(item, _deeper(depth)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_cbor(item, _deeper(depth)) for item in value]
    return value


def _from_cbor(value: Any, depth: int) -> Any:
    if isinstance(value, bytes):
        return CID.link(value) if _is_link(value) else value
    if isinstance(value, dict):
        return {key: _from_cbor(item, _deeper(depth)) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_cbor(item, _deeper(depth)) for item in value]
    return value


# --- DAG-JSON ------------------------------------------------------------------------------------


def _to_json(value: Any, depth: int) -> str:
    match value:
        case CID():
            return f'{{"/":"{value}"}}'
        case bytes():
            return f'{{"/":{{"bytes":"{base64.b64encode(value).decode("ascii").rstrip("=")}"}}}}'
        case dict():
            if not all(isinstance(key, str) for key in value):
                raise InputError("The value has a key that is not text.", hint="Turn its keys into text.")
            if "/" in value:
                raise InputError(
                    'The value has the key "/", which DAG-JSON reserves.', hint="Use DAG-CBOR or another key."
                )
            deeper = _deeper(depth)
            return f"{{{','.join(f'{_text(key)}:{_to_json(value[key], deeper)}' for key in sorted(value))}}}"
        case list() | tuple():
            deeper = _deeper(depth)
            return f"[{','.join(_to_json(item, deeper) for item in value)}]"
        case float():
            return _number(value)
        case None | bool() | int() | str():
            return _text(value)
    raise InputError(f"The value has a {type(value).__name__}.", hint="Use the types of the IPLD data model.")


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """A float in the shortest digits that read as it, with an exponent below 1e-6 and from 1e21 on."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number of JSON")
    if 1e-6 <= abs(value) < 1e21 or not value:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    digits, exponent = repr(value).split("e")
    return f"{digits}e{int(exponent):+}"


def _from_json(value: Any, depth: int) -> Any:
    if isinstance(value, list):
        return [_from_json(item, _deeper(depth)) for item in value]
    if not isinstance(value, dict):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number is out of range")
        return value
    if "/" not in value:
        return {key: _from_json(item, _deeper(depth)) for key, item in value.items()}
    inner = value["/"]
    if len(value) == 1 and isinstance(inner, str):
        return CID.link(inner)
    if len(value) == 1 and isinstance(inner, dict) and inner.keys() == {"bytes"} and isinstance(inner["bytes"], str):
        text = inner["bytes"]
        if "=" in text:
            raise ValueError("its bytes are padded")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    raise ValueError('the key "/" is reserved')


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")
