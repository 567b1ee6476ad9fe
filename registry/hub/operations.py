"""What a hub can be asked: each path with its parameters, how they are checked, and what answers.

The table makes the routes and the OpenAPI document, so neither can have what the other lacks. There is no query
language: each parameter has one meaning, one type and bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry.documents.ddo import ASSET_TYPES
from registry.errors import InputError, InvalidCID
from registry.index.index_reader import IndexReader
from registry.index.models import (
    ActivityPage,
    Earnings,
    Hit,
    Hits,
    Holders,
    Model,
    OwnedList,
    Power,
    Root,
    Sales,
    StatementNames,
    Statements,
    Suggestions,
    TableRows,
    TeamsShown,
    TreeNode,
)
from registry.index.questions import MOST_VALUES, QUESTIONS, read_values, written_rows
from registry.index.search.query import MOST_HITS, MOST_LETTERS, SORTS, SearchQuery
from registry.ipfs.cid import CID

__all__ = ["OPERATIONS", "Operation", "Parameter", "read_parameters"]

LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, the schema that it has in JSON, what it is in words, and whether it is in the path."""

    name: str
    schema: Mapping[str, Any]
    words: str
    in_path: bool = False

    def read(self, text: str) -> Any:
        """The value of a text. Raises `InputError`."""
        kind = self.schema["type"]
        if kind == "integer":
            low, high = self.schema.get("minimum", 0), self.schema.get("maximum", LARGEST)
            if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
                raise self._wrong(text, f"a whole number from {low} to {high}")
            return int(text)
        if kind == "boolean":
            if text not in ("true", "false"):
                raise self._wrong(text, "true or false")
            return text == "true"
        if "enum" in self.schema and text not in self.schema["enum"]:
            raise self._wrong(text, f"one of {', '.join(self.schema['enum'])}")
        if len(text) > self.schema.get("maxLength", 256):
            raise self._wrong(text, f"at most {self.schema.get('maxLength', 256)} letters")
        pattern = self.schema.get("pattern")
        if pattern is not None and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text):
            raise self._wrong(text, f"of the form {pattern}")
        return text

    def _wrong(self, text: str, words: str) -> InputError:
        return InputError(f"{self.name} is {text[:80]!r}, and is {words}.", hint="See /openapi.json.")


@dataclass(frozen=True, slots=True)
class Operation:
    """One path: what it is for, its parameters, what it answers, and how."""

    path: str
    words: str
    parameters: tuple[Parameter, ...]
    model: type[Model] | None
    answer: Callable[[IndexReader, dict[str, Any]], Any]
    media: str = "application/json"


def _number(name: str, words: str, *, low: int = 0, high: int = LARGEST, in_path: bool = False) -> Parameter:
    return Parameter(name, {"type": "integer", "minimum": low, "maximum": high}, words, in_path)


def _text(name: str, words: str, *, most: int = 256, **schema: Any) -> Parameter:
    return Parameter(name, {"type": "string", "maxLength": most, **schema}, words)


def _flag(name: str, words: str) -> Parameter:
    return Parameter(name, {"type": "boolean"}, words)


_ID = _number("id", "Number of the asset.", low=1, in_path=True)
_WHOSE = Parameter("account", {"type": "string", "pattern": "^0x[0-9a-f]{40}$"}, "Account, in lower case.", True)
_AFTER = _text("after", "Where the page before ended.", most=80, pattern="^[0-9a-fx.]{0,80}$")
_LIMIT = _number("limit", "How many.", low=1, high=MOST_HITS)
_LIMIT_LONG = _number("limit", "How many.", low=1, high=200)
_FINAL = _number("block", "At this final block; by default at the last.")
_OF_ASSET = _number("asset", "Number of the asset.", low=1)
_OF_ACCOUNT = _text("account", "Account, in lower case.", most=42, pattern="^0x[0-9a-f]{40}$")

_OF_OWNER = _text("owner", "Account, in lower case.", most=42, pattern="^0x[0-9a-f]{40}$")

_SEARCH: Final = (
    _text("q", "Words; the last one may go on.", most=MOST_LETTERS),
    _text("type", "Kind of asset.", most=16, enum=list(ASSET_TYPES)),
    _text("license", "SPDX expression or URL.", most=2_048),
    _text("tag", "Tags, all of them, with commas between.", most=1_024),
    _text("format", "Endings of files.", most=256),
    _text("standard", "Standards as name@version.", most=1_024),
    _OF_OWNER,
    _number("collection", "Number of the collection."),
    _number("derived_from", "Number of a parent."),
    _number("min_price", "Of the cheapest open offer, in millionths of a dollar."),
    _number("max_price", "Of the cheapest open offer, in millionths of a dollar."),
    _number("min_size", "Of the content, in bytes."),
    _number("max_size", "Of the content, in bytes."),
    _flag("free", "Whether something is free."),
    _flag("paid", "Whether something costs something."),
    _flag("gated", "Whether the content is encrypted."),
    _flag("computable", "Whether one can compute on it."),
    _text("sort", "Order.", most=8, enum=list(SORTS)),
    _LIMIT,
    _AFTER,
    _flag("begun", "Whether the last word may go on."),
    _flag("facets", "Whether to count."),
)


def read_parameters(operation: Operation, path: Mapping[str, str], query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The values of the parameters of a request, those that were not given left out.

    Raises `InputError` for one that is wrong, that there is not, or that is there twice.
    """
    known = {one.name: one for one in operation.parameters}
    found = {name: known[name].read(text) for name, text in path.items()}
    for name, text in query:
        if name not in known or known[name].in_path:
            raise InputError(f"There is no parameter {name[:60]!r} here.", hint="See /openapi.json.")
        if name in found:
            raise InputError(f"The parameter {name} is there twice.", hint="Put commas between values.")
        if text:
            found[name] = known[name].read(text)
    return found


def _search(answers: IndexReader, values: dict[str, Any]) -> Hits:
    facets = values.pop("facets", True)
    several = {"tag": "tags", "format": "formats", "standard": "standards"}
    given: dict[str, Any] = {"text": values.pop("q", "")}
    for name, value in values.items():
        given[several.get(name, name)] = tuple(filter(None, value.split(","))) if name in several else value
    return answers.search(SearchQuery(**given), facets=facets)


def _assets(answers: IndexReader, values: dict[str, Any]) -> Hits:
    listed = values.pop("ids", "")
    if not listed:
        return answers.assets(**values)
    ids = [int(one) for one in listed.split(",") if one]
    if values or len(ids) > MOST_VALUES:
        raise InputError(f"ids has at most {MOST_VALUES} numbers, and stands alone.", hint="See /openapi.json.")
    return answers.some(list(dict.fromkeys(ids)))


def _activity(answers: IndexReader, values: dict[str, Any]) -> ActivityPage:
    names = frozenset(filter(None, values.pop("events", "").split(",")))
    return answers.activity(id=values.pop("asset", 0), names=names, **values)


def _rows(answers: IndexReader, values: dict[str, Any]) -> TableRows:
    name = values["question"]
    block = answers.block  # before its rows, which may be newer
    return written_rows(name, answers.rows(name, *read_values(name, values.get("of", ""))), block)


def _statement(answers: IndexReader, values: dict[str, Any]) -> bytes | None:
    return answers.statement(_digest(values["cid"]))


def _document(answers: IndexReader, values: dict[str, Any]) -> bytes | None:
    return answers.document(_digest(values["cid"]))


def _digest(cid: str) -> bytes:
    try:
        return bytes(CID.parse(cid).digest)
    except InvalidCID as error:
        raise InputError(error.message, hint=error.hint) from error


OPERATIONS: Final = (
    Operation("/v1/search", "Find assets by words and facets.", _SEARCH, Hits, _search),
    Operation(
        "/v1/suggest",
        "Names that begin like what was typed.",
        (_text("q", "What was typed.", most=MOST_LETTERS), _LIMIT),
        Suggestions,
        lambda a, v: a.suggest(v.get("q", ""), limit=v.get("limit", 10)),
    ),
    Operation(
        "/v1/assets",
        "All assets by number, also those that no search shows.",
        (
            _number("after", "The last number of the page before."),
            _OF_OWNER,
            _LIMIT,
            _text("ids", "These alone, with commas between.", most=1_280, pattern="^[0-9]{1,18}(,[0-9]{1,18})*$"),
        ),
        Hits,
        _assets,
    ),
    Operation("/v1/assets/{id}", "One asset.", (_ID,), Hit, lambda a, v: a.asset(v["id"])),
    Operation(
        "/v1/assets/{id}/similar",
        "Assets like one.",
        (_ID, _LIMIT),
        Hits,
        lambda a, v: a.similar(v["id"], limit=v.get("limit", 10)),
    ),
    Operation(
        "/v1/assets/{id}/earnings",
        "What its sales took, by token.",
        (_ID,),
        Earnings,
        lambda a, v: a.earnings(v["id"]),
    ),
    Operation(
        "/v1/assets/{id}/holders",
        "Who holds licences of it.",
        (_ID, _AFTER, _LIMIT_LONG),
        Holders,
        lambda a, v: a.holders(v.pop("id"), **v),
    ),
    Operation(
        "/v1/sales",
        "Sales, the last first.",
        (_OF_ASSET, _OF_ACCOUNT, _AFTER, _LIMIT_LONG),
        Sales,
        lambda a, v: a.sales(id=v.pop("asset", 0), **v),
    ),
    Operation(
        "/v1/activity",
        "What happened, the last first.",
        (
            _OF_ASSET,
            _OF_ACCOUNT,
            _AFTER,
            _LIMIT_LONG,
            _text("events", "Names of events, with commas between.", most=512, pattern="^[A-Za-z,]*$"),
        ),
        ActivityPage,
        _activity,
    ),
    Operation(
        "/v1/dropped",
        "What happened in blocks that were dropped within a day, the last dropped first.",
        (_OF_ASSET, _AFTER, _LIMIT_LONG),
        ActivityPage,
        lambda a, v: a.dropped(id=v.pop("asset", 0), **v),
    ),
    Operation(
        "/v1/accounts/{account}/owned",
        "What an account holds, and until when.",
        (_WHOSE, _AFTER, _LIMIT_LONG),
        OwnedList,
        lambda a, v: a.owned(v.pop("account"), **v),
    ),
    Operation("/v1/accounts/{account}/teams", "Its teams.", (_WHOSE,), TeamsShown, lambda a, v: a.teams(v["account"])),
    Operation("/v1/power", "Who can cast the votes of the DAO.", (), Power, lambda a, v: a.power()),
    Operation(
        "/v1/rows/{question}",
        "Rows of the index, for whoever makes pages of them.",
        (
            Parameter(
                "question", {"type": "string", "enum": sorted(QUESTIONS), "maxLength": 32}, "Which rows.", in_path=True
            ),
            _text("of", "The values that it takes, with points between.", most=2_048, pattern="^[0-9a-fx.,]*$"),
        ),
        TableRows,
        _rows,
    ),
    Operation("/v1/tree", "The root over all assets.", (_FINAL,), Root, lambda a, v: a.root(**v)),
    Operation(
        "/v1/tree/{level}/{place}",
        "A node of the tree below the root.",
        (
            _number("level", "1 is above the leaves.", low=1, high=16, in_path=True),
            _number("place", "From the left.", in_path=True),
            _FINAL,
        ),
        TreeNode,
        lambda a, v: a.node(v.pop("level"), v.pop("place"), **v),
    ),
    Operation(
        "/v1/statements",
        "Names of all that was said, in the order in which this hub took it.",
        (_AFTER, _LIMIT_LONG),
        StatementNames,
        lambda a, v: a.statement_names(**v),
    ),
    Operation(
        "/v1/statements/{cid}",
        "A signed statement.",
        (Parameter("cid", {"type": "string", "pattern": "^[a-zA-Z0-9]{46,64}$"}, "Its name.", True),),
        None,
        _statement,
    ),
    Operation(
        "/v1/assets/{id}/statements",
        "What is said of it, signed.",
        (_ID, _AFTER, _LIMIT_LONG),
        Statements,
        lambda a, v: a.statements(v.pop("id"), **v),
    ),
    Operation(
        "/v1/accounts/{account}/statements",
        "What an account says, signed.",
        (_WHOSE, _AFTER, _LIMIT_LONG),
        Statements,
        lambda a, v: a.statements_by(v.pop("account"), **v),
    ),
    Operation(
        "/v1/accounts/{account}/requests",
        "Requests for its assets, with what was answered and withdrawn there.",
        (_WHOSE, _AFTER, _LIMIT_LONG),
        Statements,
        lambda a, v: a.inbox(v.pop("account"), **v),
    ),
    Operation(
        "/v1/documents/{cid}",
        "A document, as one raw block.",
        (Parameter("cid", {"type": "string", "pattern": "^[a-zA-Z0-9]{46,64}$"}, "Its CID.", True),),
        None,
        _document,
        "application/vnd.ipld.raw",
    ),
)
"""Everything that is answered from an index."""
