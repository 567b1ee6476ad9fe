"""What differs between two documents of an asset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from registry.documents.ddo import DDO
from registry.text.html import Shown

__all__ = ["DocumentChanges", "compare_documents"]

_FIELDS: Final = (
    "name",
    "type",
    "description",
    "author",
    "license",
    "image",
    "external_url",
    "tags",
    "licences",
    "parents",
    "conforms_to",
    "made_by",
    "compute",
    "additional",
)
"""Those that are compared; files are, too."""

_LETTERS: Final = 2_000
"""Of a value that is shown."""


@dataclass(frozen=True, slots=True)
class DocumentChanges(Shown):
    """What differs between two documents: `fields` by their names with the values before and after, as text; and paths
    of files that were `added`, `removed` or `changed`."""

    fields: tuple[tuple[str, str, str], ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def in_words(self) -> str:
        """What differs, in a line."""
        parts = [name for name, _, _ in self.fields]
        counted = ((self.added, "added"), (self.changed, "changed"), (self.removed, "removed"))
        parts += [f"{len(some)} file{'s' * (len(some) != 1)} {verb}" for some, verb in counted if some]
        return ", ".join(parts) or "nothing that is shown"


def compare_documents(before: DDO, after: DDO) -> DocumentChanges:
    """What differs between two documents."""
    fields = tuple(
        (name.replace("_", " "), _value(getattr(before, name)), _value(getattr(after, name)))
        for name in _FIELDS
        if getattr(before, name) != getattr(after, name)
    )
    a, b = ({one.path: one.cid for one in (d.content.files if d.content is not None else ())} for d in (before, after))
    return DocumentChanges(
        fields,
        tuple(path for path in b if path not in a),
        tuple(path for path in a if path not in b),
        tuple(path for path in b if path in a and a[path] != b[path]),
    )


def _value(value: Any) -> str:
    if value is None or value == () or value == "":
        return "none"
    if isinstance(value, tuple):
        return ", ".join(_value(one) for one in value)[:_LETTERS]
    name = getattr(value, "name", None)
    return str(name if isinstance(name, str) else value)[:_LETTERS]
