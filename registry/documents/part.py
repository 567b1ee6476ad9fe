"""What all parts of a document have in common: frozen, read strictly, told with all faults, written in one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from registry.did import DID
from registry.documents.canonical import thaw
from registry.documents.faults import faults_of
from registry.errors import InvalidDDO
from registry.ipfs.cid import CID

__all__ = ["DocumentPart"]


class DocumentPart(BaseModel):
    """A frozen part of a DDO; making a wrong one raises `InvalidDDO` with all its faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    _always: ClassVar[frozenset[str]] = frozenset()

    if not TYPE_CHECKING:

        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise InvalidDDO(faults_of(error)) from None

        # Parts are validated inside the whole, where their pointers start at its root, and not by this.
        __init__.__pydantic_base_init__ = True

    def to_dict(self) -> dict[str, Any]:
        """Return the part as plain JSON; optional fields without a value are left out."""
        return {
            field.serialization_alias or name: _to_json(value)
            for name, field in type(self).model_fields.items()
            if not _is_empty(value := getattr(self, name)) or name in self._always
        }

    def with_changes(self, /, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked like a new document; None or empty takes one out."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})


def _is_empty(value: Any) -> bool:
    return value is False or value in (None, (), "", {})  # 0 equals False, and is a size


def _to_json(value: Any) -> Any:
    if isinstance(value, DocumentPart):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, CID | DID):
        return str(value)
    return thaw(value)
