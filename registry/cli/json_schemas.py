"""JSON schemas of what the commands answer with ``--json``, made from the types of their results.

``python -m registry.cli.json_schemas`` writes one for each command to ``docs/schemas``; a test holds them fresh, and
every answer that a test sees is held against that of its command. They follow `registry.cli.console.plain`, which
turns results into JSON.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import sys
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from registry.cli.console import AS_TEXT
from registry.cli.json_shapes import ANSWERS, SHAPES, With
from registry.did import DID
from registry.documents.part import DocumentPart
from registry.ipfs.cid import CID
from registry.money import Amount
from registry.sandbox.runs.document import RunPart

TARGET: Final = Path(__file__).resolve().parents[2] / "docs" / "schemas"

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

EXACT_TO: Final = 2**53
"""Up to here every JSON reader keeps a whole number exactly."""

Schema = dict[str, Any]

_PRIMITIVES: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "minimum": -EXACT_TO, "maximum": EXACT_TO},
    float: {"type": "number"},
    bytes: {"type": "string", "pattern": "^0x([0-9a-f]{2})*$"},
    type(None): {"type": "null"},
    Any: {},
    object: {},
}

_AMOUNT: Final = {"units": str, "decimals": int, "symbol": str, "token": (str, None)}


def schema_of(command: str) -> Schema:
    """The schema of what a command answers, by its words: ``"show"``, ``"dao vote"``. Raises `KeyError`."""
    maker = _Maker()
    made = maker.of(ANSWERS[command])
    defs = {"$defs": dict(sorted(maker.defs.items()))} if maker.defs else {}
    return {"$schema": DIALECT, "title": f"registry {command} --json", **made, **defs}


def files() -> dict[str, str]:
    """The text of each schema by the name of its file."""
    return {
        f"{command.replace(' ', '-')}.json": json.dumps(schema_of(command), indent=1, ensure_ascii=False) + "\n"
        for command in ANSWERS
    }


class _Maker:
    """Makes one schema, and collects in `defs` what it refers to."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}
        self._kinds: dict[str, object] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a shape of `registry.cli.json_shapes`, or of a type."""
        if isinstance(kind, dict):
            return self._object({name: (one, True) for name, one in kind.items()})
        if isinstance(kind, list):
            return {"type": "array", "items": self.of(kind[0])}
        if isinstance(kind, With):
            return self._with(kind)
        if isinstance(kind, tuple):
            return self._any_of(kind)
        if kind is None or kind in _PRIMITIVES:
            return dict(_PRIMITIVES[type(None) if kind is None else kind])
        if isinstance(kind, NewType):
            return self.of(kind.__supertype__)
        if get_origin(kind) is not None:
            return self._generic(get_origin(kind), get_args(kind))
        return self._class(kind)

    def _generic(self, origin: Any, args: tuple[Any, ...]) -> Schema:
        if origin is Annotated:
            return self.of(args[0])
        if origin is Literal:
            return {"enum": list(args)}
        if origin in (Union, types.UnionType):
            return self._any_of(args)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if origin is tuple and args[-1:] != (...,):
            fixed = {"prefixItems": [self.of(one) for one in args], "items": False, "minItems": len(args)}
            return {"type": "array", **fixed}
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return {"type": "array", "items": self.of(args[0])}
        return self.of(origin)

    def _any_of(self, kinds: Sequence[Any]) -> Schema:
        made = [self.of(one) for one in kinds]
        return made[0] if len(made) == 1 else {"anyOf": made}

    def _class(self, kind: Any) -> Schema:
        if not isinstance(kind, type):
            return {}  # a type variable, an alias of none: anything
        if issubclass(kind, Enum):
            return {"enum": [one.name.lower() for one in kind]}
        if kind in SHAPES:
            return self._referred(kind, lambda: self.of(SHAPES[kind]))
        if issubclass(kind, DocumentPart):
            return self._referred(kind, lambda: self._part(kind))
        if issubclass(kind, BaseModel) and hasattr(kind, "to_dict"):
            return self._referred(kind, lambda: self._model(kind))
        if dataclasses.is_dataclass(kind) and kind not in (DID, CID, Amount):
            return self._referred(kind, lambda: self._dataclass(kind))
        return {"type": "string"}

    def _referred(self, kind: type, make: Any) -> Schema:
        name = kind.__name__
        if self._kinds.setdefault(name, kind) is not kind:
            raise TypeError(f"two types are called {name}: name one of them in full")
        if name not in self.defs:
            self.defs[name] = {}  # in case it refers to itself
            self.defs[name] = make()
        return {"$ref": f"#/$defs/{name}"}

    def _with(self, kind: With) -> Schema:
        base, more = self._plain(kind.kind), self._object({name: (one, True) for name, one in kind.more.items()})
        required = sorted({*base.get("required", ()), *more["required"]} - set(kind.without))
        properties = {name: one for name, one in base["properties"].items() if name not in kind.without}
        return {**base, "properties": {**properties, **more["properties"]}, "required": required}

    def _plain(self, kind: Any) -> Schema:
        """The schema of an object itself, and no reference to it."""
        if isinstance(kind, With):
            return self._with(kind)
        if isinstance(kind, dict):
            return self.of(kind)
        if kind in SHAPES:
            return self._plain(SHAPES[kind])
        if issubclass(kind, DocumentPart):
            return self._part(kind)
        return self._model(kind) if issubclass(kind, BaseModel) else self._dataclass(kind)

    def _object(self, fields: Mapping[str, tuple[Any, bool]]) -> Schema:
        """An object of these fields and no others; a name that ends in ``?`` may be missing."""
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for asked, (kind, always) in fields.items():
            name = asked.removesuffix("?")
            for told, one, sure in _named(name, kind):
                properties[told] = self.of(one)
                if sure and always and name == asked:
                    required.append(told)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _dataclass(self, kind: type) -> Schema:
        hints = _hints(kind)
        fields: dict[str, tuple[Any, bool]] = {}
        for field in dataclasses.fields(kind):
            if kind.__name__ == "Receipt" and field.name == "events":
                continue
            hint = hints[field.name]
            fields[field.name] = (_as_text(hint) if field.name in AS_TEXT else hint, True)
        return self._object(fields)

    def _part(self, kind: type[DocumentPart]) -> Schema:
        always = kind._always | {name for name, field in kind.model_fields.items() if field.is_required()}
        hints = _hints(kind)
        return self._object(
            {
                field.serialization_alias or name: (hints[name], name in always and hints[name] is not bool)
                for name, field in kind.model_fields.items()
            }
        )

    def _model(self, kind: type[BaseModel]) -> Schema:
        kind.model_rebuild()
        made = kind.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
        for name, one in made.pop("$defs", {}).items():
            self.defs[name] = _strict(one, optional=issubclass(kind, RunPart))
        strict: Schema = _strict(made, optional=issubclass(kind, RunPart))
        return strict


def _named(name: str, kind: Any) -> list[tuple[str, Any, bool]]:
    """A field, what machines get beside it, and whether each is always there."""
    parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else kind if type(kind) is tuple else (kind,)
    some = [one for one in parts if one not in (None, type(None))]
    sure = len(some) == len(parts)
    if some == [Amount]:
        return [(name, kind, True), (f"{name}_exact", _AMOUNT, sure)]
    if name == "did" and some == [DID]:
        return [(name, kind, True), ("asset_number", str, sure)]
    if len(some) == 1 and (some == [[Amount]] or (get_origin(some[0]) and get_args(some[0])[:1] == (Amount,))):
        return [(name, kind, True), (f"{name}_exact", [_AMOUNT], False)]
    return [(name, kind, True)]


def _as_text(hint: Any) -> Any:
    """A type with text in the place of whole numbers."""
    if hint is int or (isinstance(hint, NewType) and hint.__supertype__ is int):
        return str
    origin, parts = get_origin(hint), tuple(map(_as_text, get_args(hint)))
    if origin in (Union, types.UnionType):
        return parts
    generic: Any = tuple
    return generic[parts] if origin is tuple else hint


def _hints(kind: type) -> dict[str, Any]:
    """The types of a class's fields, those too that its module imports for the type checker alone."""
    known: dict[str, Any] = {}
    for base in kind.__mro__:
        module = sys.modules.get(base.__module__)
        if module is not None and base.__module__.startswith("registry."):
            known |= {name: one for name, one in _for_checkers(module).items() if name not in known}
    hints = get_type_hints(kind, localns=known)
    return {name: (object if isinstance(one, TypeVar) else one) for name, one in hints.items()}


def _for_checkers(module: types.ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            continue
        for line in node.body:
            if isinstance(line, ast.ImportFrom) and line.module:
                place = import_module(line.module)
                found |= {one.asname or one.name: getattr(place, one.name) for one in line.names}
    return found


def _strict(schema: Any, *, optional: bool) -> Any:
    """What pydantic made, admitting no other fields and only whole numbers that everybody reads exactly; `optional`
    where a field without a value is left out."""
    if isinstance(schema, list):
        return [_strict(one, optional=optional) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: _strict(one, optional=optional)
        for name, one in schema.items()
        if name not in ("title", "default", "description") or isinstance(one, dict)
    }
    if "properties" in made:
        made.setdefault("additionalProperties", False)
        if optional:
            made["required"] = []
    if made.get("type") == "integer":
        made["maximum"] = min(made.get("maximum", EXACT_TO), EXACT_TO)
    return made


def main() -> None:
    """Write them all, and remove what is none any more."""
    TARGET.mkdir(exist_ok=True)
    made = files()
    for old in TARGET.glob("*.json"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (TARGET / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
