"""Drafts of assets in a file: JSON (an array), JSON Lines, or TOML (``[[asset]]``).

Each draft has ``name``, ``type``, ``license``, and if wanted ``path`` (relative to the file), ``hidden``, ``licences``
(texts of `registry.documents.licence_spec`, or objects with ``spec``, ``description``, ``terms``), ``payout``,
``royalty_bps``, ``parents``, and any further field of the document (``description``, ``tags``, ...).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from registry.documents.licence_spec import parse_licence
from registry.errors import InputError, RegistryError
from registry.system import disk

if TYPE_CHECKING:
    from registry.assets.drafting import Draft
    from registry.documents.licence import Licence

MAX_BYTES: Final = 2**26

MAX_LINE: Final = 2**22
"""Bytes of a line of JSON Lines that is read by itself; a document has at most 2**20."""

NEEDED: Final = ("name", "type", "license")

_HINT: Final = 'A draft is like {"path": "data/", "name": "Penguins", "type": "dataset", "license": "CC0-1.0"}.'


def read_drafts(path: Path) -> tuple[Draft, ...]:
    """Read the drafts of a file, by its ending.

    Raises `InputError` naming the file, the place and the value at fault, and `InvalidLicence`.
    """
    try:
        data = disk.read(path, MAX_BYTES)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.", hint="Name a manifest of drafts.") from error
    ending = path.suffix.lower()
    if ending in (".jsonl", ".ndjson"):
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        entries = [(f"{path}, line {number}", _json(line, f"{path}, line {number}")) for number, line in lines]
    elif ending == ".toml":
        try:
            tables = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InputError(f"{path} is not TOML: {error}.", hint="Mend it and try again.") from error
        listed = tables.get("asset", [])
        if set(tables) - {"asset"} or not isinstance(listed, list):
            raise InputError(f"{path} has other tables than [[asset]].", hint="Begin each draft with [[asset]].")
        entries = [(f"{path}, asset {number}", entry) for number, entry in enumerate(listed, 1)]
    elif ending == ".json":
        listed = _json(text, str(path))
        if not isinstance(listed, list):
            raise InputError(f"{path} is not an array of drafts.", hint=_HINT)
        entries = [(f"{path}, draft {number}", entry) for number, entry in enumerate(listed, 1)]
    else:
        raise InputError(f"{path} is no manifest by its name.", hint="It ends with .json, .jsonl or .toml.")
    if not entries:
        raise InputError(f"{path} has no drafts.", hint=_HINT)
    return tuple(_draft(entry, where, path.parent) for where, entry in entries)


def stream_drafts(path: Path) -> Iterator[Draft]:
    """The drafts of a file one by one: of JSON Lines without reading more than a line at once, of others as
    `read_drafts`. Raises what that raises."""
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        yield from read_drafts(path)
        return
    try:
        with path.open("rb") as file:
            for number in count(1):
                line = file.readline(MAX_LINE + 1)
                if not line:
                    return
                where = f"{path}, line {number}"
                if len(line) > MAX_LINE:
                    raise InputError(
                        f"{where} has more than {MAX_LINE:,} bytes.", hint="Put each draft on its own line."
                    )
                if line.strip():
                    yield _draft(_json(_text(line, where), where), where, path.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.", hint="Name a manifest of drafts.") from error


def _text(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8: {error}.", hint="Mend it and try again.") from error


def _draft(entry: object, where: str, folder: Path) -> Draft:
    from registry.assets.drafting import Draft

    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: {entry!r:.80} is not an object.", hint=_HINT)
    fields = dict(entry)
    if missing := [key for key in NEEDED if key not in fields]:
        raise InputError(f"{where}: {missing[0]!r} is missing.", hint=_HINT)
    taken: dict[str, Any] = {key: fields.pop(key) for key in NEEDED}
    path = fields.pop("path", None)
    if path is not None and not isinstance(path, str):
        raise InputError(f"{where}: the path {path!r:.80} is not text.", hint=_HINT)
    kinds = (
        ("payout", str, "an address as text"),
        ("royalty_bps", int, "a whole number"),
        ("hidden", bool, "true or false"),
    )
    for key, kind, words in kinds:
        value = fields.pop(key, None)
        if value is not None and type(value) is not kind:
            raise InputError(f"{where}: {key} {value!r:.80} is not {words}.", hint="Mend it and try again.")
        taken[key] = value
    taken["hidden"] = bool(taken["hidden"])
    parents = fields.pop("parents", ())
    if not isinstance(parents, list | tuple) or not all(isinstance(parent, str) for parent in parents):
        raise InputError(f"{where}: parents {parents!r:.80} is not an array of DIDs.", hint="Write DIDs as text.")
    return Draft(
        path=None if path is None else folder / path,
        licences=_licences(fields.pop("licences", ()), where),
        parents=tuple(parents),
        fields=fields,
        **taken,
    )


def _licences(value: object, where: str) -> Sequence[Licence]:
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: licences {value!r:.80} is not an array.", hint='Write ["research: free"].')
    found = []
    for entry in value:
        words = {"spec": entry} if isinstance(entry, str) else entry
        known = isinstance(words, Mapping) and set(words) <= {"spec", "description", "terms"} and "spec" in words
        if not known or not all(isinstance(text, str) for text in words.values()):
            raise InputError(
                f"{where}: {entry!r:.80} is not a licence.",
                hint='Write "month: 30 days, 12.5 USD", or an object with spec, description and terms.',
            )
        try:
            found.append(
                parse_licence(words["spec"], description=words.get("description", ""), terms=words.get("terms", ""))
            )
        except RegistryError as error:
            error.add_note(where)
            raise
    return found


def _json(text: str, where: str) -> Any:
    from registry.ipfs.nesting import load_json

    try:
        return load_json(text)
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}.", hint="Mend it and try again.") from error
