"""What the documents of runs share: one spelling (RFC 8785), read as strictly as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationError
from pydantic.alias_generators import to_camel

from registry.documents.canonical import FrozenDict, canonical_bytes, freeze, json_faults, parse_json, pointer, thaw
from registry.errors import Fault, InvalidCID, InvalidRecord
from registry.ipfs.cid import CID, RAW

__all__ = ["CIDText", "Document", "Json", "Line", "Name", "RunPart"]

MAX_BYTES: Final = 2**20
"""Largest document: one block that every IPFS node passes on."""


def _cid(value: object) -> CID:
    if isinstance(value, CID):
        return value
    try:
        cid = CID.parse(value) if isinstance(value, str) else None
    except InvalidCID as error:
        raise ValueError(error.message.rstrip(".")) from None
    if cid is None or str(cid) != value:
        raise ValueError("is not a CID in its usual form")
    return cid


def _json(value: object) -> FrozenDict:
    if not isinstance(value, Mapping):
        raise ValueError("is not an object")
    if faults := json_faults(value, depth=2):
        raise ValueError(str(faults[0]))
    frozen: FrozenDict = freeze(value)
    return frozen


CIDText = Annotated[CID, PlainValidator(_cid), PlainSerializer(str)]
Json = Annotated[Mapping[str, Any], PlainValidator(_json), PlainSerializer(thaw)]
Line = Annotated[str, Field(max_length=1024, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$")]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]


class RunPart(BaseModel):
    """A frozen part of a document. Without a value an optional field is left out."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True, defer_build=True
    )

    def to_dict(self) -> dict[str, Any]:
        """The part as plain JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Document(RunPart):
    """A document in one raw block."""

    called: ClassVar[str]
    """What a person calls it."""

    @property
    def cid(self) -> CID:
        """CID of the document."""
        return CID.of(self.to_bytes(), codec=RAW)

    def to_bytes(self) -> bytes:
        """The document as it is stored. Raises `InvalidRecord` if it is larger than a block may be."""
        data = canonical_bytes(self.to_dict())
        if len(data) > MAX_BYTES:
            raise InvalidRecord(self.called, [Fault("", f"has {len(data):,} bytes, more than {MAX_BYTES:,}")])
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a document. Raises `InvalidRecord` with all that is wrong with it."""
        if len(data) > MAX_BYTES:
            raise InvalidRecord(cls.called, [Fault("", f"has more than {MAX_BYTES:,} bytes")])
        value, faults = parse_json(data)
        if faults:
            raise InvalidRecord(cls.called, faults)
        read = cls.made(value)
        if read.to_bytes() != data:
            raise InvalidRecord(cls.called, [Fault("", "is not in the one form that its digest stands for")])
        return read

    @classmethod
    def made(cls, value: Any) -> Self:
        """Make a document of plain JSON. Raises `InvalidRecord`."""
        try:
            # As JSON, where a list is what becomes a tuple.
            return (
                cls.model_validate_json(canonical_bytes(value))
                if isinstance(value, dict)
                else cls.model_validate(value)
            )
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            raise InvalidRecord(cls.called, [Fault(pointer(d["loc"]), d["msg"]) for d in details]) from None
