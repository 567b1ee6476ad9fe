"""Results in notebooks: whatever a verb returns shows itself, and nothing that anybody wrote becomes markup."""

from __future__ import annotations

import ast
import builtins
import collections.abc
import importlib
import re
import sys
import types
import typing
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from selling import CALLS, MONTH
from traitlets.config import Config

from registry import CID, DID, Amount, Kind, Offer, Registry, Token
from registry.errors import HubLied, InsufficientBalance, RegistryError
from registry.governance.simulation import Change
from registry.text.html import LETTERS, ROWS, Shown, table
from registry.text.kernel import in_notebook, show_lists_as_tables
from registry.text.letters import visible
from registry.types import Digest, to_address

ROOT = Path(__file__).parents[3]
MARK = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e'\"&"
ADDRESS = "0x" + "11" * 20
SAFE = "1.4.1"
"""A version, as the Safe's own code wants one before it says anything."""
TAGS = {"div", "b", "p", "table", "tr", "th", "td"}

VERBS = (
    "Registry",
    "Streams",
    "Collections",
    "Revenue",
    "Teams",
    "Experiments",
    "Imports",
    "Exports",
    "Computing",
    "JobDesk",
    "JobEscrow",
    "OrderedJob",
    "ShortNames",
    "Governance",
    "Talking",
    "Requests",
)

# What verbs return beside results, and why it has no card.
NO_CARD = {
    "CID": "its text says all",
    "DID": "its text says all",
    "Amount": "its text says all",
    "Token": "its text says all",
    "Code": "files, and how they are run",
    "CollectionState": "a word",
    "GatedContent": "an open file",
    "Identity": "a private key",
    "KeyStore": "private keys",
    "KeysInUse": "private keys",
    "NetworkReach": "a setting",
    "PinReceipts": "a file",
    "RedundantJob": "jobs, and what to do with them",
    "Signer": "who signs",
}


@cache
def classes() -> dict[str, tuple[str, ast.ClassDef]]:
    """Every class at the top of a module, by its name, which is used once."""
    found = {}
    for path in sorted((ROOT / "registry").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = module, node
    return found


def returned_by(name: str) -> set[str]:
    """Names of our classes in what the public verbs of a class, and of those it is made of, say that they return."""
    _, node = classes()[name]
    found: set[str] = set()
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.returns is not None and not part.name.startswith("_"):
            found |= set(re.findall(r"\w+", ast.unparse(part.returns)))
    for base in node.bases:
        for word in re.findall(r"\w+", ast.unparse(base)):
            found |= returned_by(word) if word in classes() else set()
    return found & set(classes())


RESULTS = sorted({name for verbs in VERBS for name in returned_by(verbs)} - set(VERBS) - set(NO_CARD))


def load(name: str) -> type:
    found: type = getattr(importlib.import_module(classes()[name][0]), name)
    return found


class Ours(dict[str, Any]):
    """Every class of ours by its name, loaded when an annotation names it."""

    def __missing__(self, name: str) -> type:
        if name not in classes():
            raise KeyError(name)
        return load(name)


def hints(cls: Any) -> dict[str, Any]:
    """The types of the fields of a dataclass or a model, also of those that only type checkers import."""
    if not is_dataclass(cls):
        cls.model_rebuild()
        return {
            name: Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            for name, field in cls.model_fields.items()
        }
    homes = [vars(sys.modules[base.__module__]) for base in cls.__mro__]
    known = ChainMap(*homes, Ours(), vars(typing), vars(collections.abc), {"Fraction": Fraction, "Decimal": Decimal})
    return {field.name: eval(str(field.type), dict(vars(builtins)), known) for field in fields(cls)}


def example(hint: Any, depth: int = 0) -> Any:
    """A value of a type; in whatever is text, and not told by a pattern, a stranger wrote what browsers obey."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        patterns = [found for part in args[1:] if (found := getattr(part, "pattern", None)) is not None] + [
            found
            for part in args[1:]
            for inner in getattr(part, "metadata", ())
            if (found := getattr(inner, "pattern", None)) is not None
        ]
        tries = ("1", ADDRESS, "0x" + "11" * 32, "11" * 32, str(CID.raw(b"1")))
        fits = [one for one in tries if patterns and re.search(patterns[0], one)]
        return fits[0] if fits else example(args[0], depth)
    if isinstance(hint, NewType):
        return ADDRESS if hint.__name__ == "Address" else example(hint.__supertype__, depth)
    if origin in (Union, types.UnionType):
        return example(next(one for one in args if one is not type(None)), depth)
    if origin is Literal:
        return args[0]
    if origin is tuple and Ellipsis not in args:
        return tuple(example(one, depth) for one in args)
    if origin is not None and issubclass(origin, collections.abc.Mapping):
        return {example(args[0], depth): example(args[1], depth)}
    if origin is not None and issubclass(origin, collections.abc.Iterable):
        return () if depth > 3 else (example(args[0], depth + 1),) * 2
    plain: dict[Any, Any] = {bool: True, int: 7, float: 1.5, bytes: b"\x07" * 32, Decimal: Decimal("1.5")}
    plain |= {Fraction: Fraction(1, 2), CID: CID.raw(b"1"), HubLied: HubLied(MARK, MARK, MARK, MARK, MARK)}
    plain |= {Offer: an_offer()}
    if hint in plain:
        return plain[hint]
    if not isinstance(hint, type):
        return MARK
    if issubclass(hint, Enum):
        return next(iter(hint))
    if issubclass(hint, InsufficientBalance):
        return hint(MARK, MARK, MARK)
    if issubclass(hint, RegistryError):
        return RegistryError(MARK)
    if is_dataclass(hint) or hasattr(hint, "model_fields"):
        return made(hint, depth + 1)
    return MARK


def an_offer() -> Offer:
    """What it says in words is a licence, whose name and terms are checked."""
    price = Amount(12_500_000, Token("<b>USD</b>", 6, to_address(ADDRESS), 1))
    did, digest = DID(31337, to_address(ADDRESS), 1), Digest(b"\x07" * 32)
    words = {"description": MARK, "terms": MARK}
    return Offer(did, 0, "month", Kind.PERIOD, 2_592_000, price, 9, 0, 1, True, digest, **words)


def test_a_table_of_offers_begins_with_what_one_chooses_by() -> None:
    told = table([an_offer()])
    assert told is not None and "month" in told and "30 days of access" in told
    assert "did:nft" not in told and "digest" not in told


def made(cls: Any, depth: int = 0) -> Any:
    """A result with an example in each field, past all checks."""
    if cls is Offer:
        return an_offer()
    told = {name: example(hint, depth) for name, hint in hints(cls).items()}
    if told.get("version") == MARK:
        told["version"] = SAFE
    if not is_dataclass(cls):
        return cls.model_construct(**told)
    result = object.__new__(cls)
    for name, value in told.items():
        object.__setattr__(result, name, value)
    return result


class Strict(HTMLParser):
    """Reads HTML, and refuses any tag, attribute or comment that a card has no use for."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.told: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS and {name for name, _ in attrs} <= {"style"}, (tag, attrs)
        assert all("url" not in str(value) for _, value in attrs)
        self.open.append(tag)
        self.rows += tag == "tr"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.told.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def read(html: str | None) -> Strict:
    """A card or table that is harmless and whole."""
    assert html is not None
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def test_every_result_of_a_verb_shows_itself_or_is_said_to_have_no_card() -> None:
    assert len(RESULTS) > 60
    assert [name for name in RESULTS if not issubclass(load(name), Shown)] == []
    assert {name for verbs in VERBS for name in returned_by(verbs)} >= set(NO_CARD)
    assert [name for name in NO_CARD if issubclass(load(name), Shown)] == []


@pytest.mark.parametrize("name", RESULTS)
def test_what_anybody_wrote_into_a_result_is_text(name: str) -> None:
    cls: Any = load(name)
    result = made(cls)
    card = read(result._repr_html_())
    told = "".join(card.told)
    assert card.told[0] == name
    for field, hint in hints(cls).items():
        if hint is str and getattr(result, field) == MARK and f"{field}=" in repr(result):
            assert visible(MARK) in told, field
    assert "\u202e" not in told
    for several in ([result] * 2, (result,) * 2):
        assert read(table(several)).rows == 3


@given(texts=st.tuples(*[st.text(max_size=2 * LETTERS)] * 3))
def test_a_card_says_what_its_fields_say(texts: tuple[str, str, str]) -> None:
    told = "".join(read(table([Change(*texts)])).told)
    for text in texts:
        shown = visible(text[:LETTERS], keep="")
        assert shown[:LETTERS] in told


def test_a_card_has_an_end_whatever_it_is_told() -> None:
    offer = an_offer()
    object.__setattr__(offer, "description", MARK * 100_000)
    object.__setattr__(offer, "terms", {MARK: [MARK * 1_000] * 100_000})
    assert len(offer._repr_html_().encode()) < 30_000
    told = read(table([offer] * 100_000))
    assert told.rows == ROWS + 1 and told.told[-1] == f"and {100_000 - ROWS:,} more"


def test_who_has_a_signature_may_use_it_so_a_notebook_does_not_keep_it() -> None:
    """IPython saves the plain text of a result beside its card."""
    for name in RESULTS:
        for field in set(hints(load(name))) & {"signature", "secret", "password", "private_key"}:
            result = made(load(name))
            assert f"{field}=" not in repr(result) and f">{field}<" not in result._repr_html_(), name
    assert "signature" in hints(load("SignedReceipt"))


class ShownByItsMaker(list[Any]):
    """A list that shows itself, as those that run SQL in notebooks return."""

    def _repr_html_(self) -> str:
        return "<i>rows</i>"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[InteractiveShell]:
    """IPython, as the kernel of a notebook has it."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell.instance(config=config)
    yield made
    made.restore_sys_module_state()
    InteractiveShell.clear_instance()


def test_in_a_notebook_lists_of_results_are_tables_and_other_lists_are_what_they_were(
    shell: InteractiveShell, author: Registry, publish: Any
) -> None:
    show_lists_as_tables()

    def html(thing: object) -> str | None:
        shown: str | None = shell.display_formatter.format(thing)[0].get("text/html")
        return shown

    done = publish(MONTH, CALLS, name="A & B <b>")
    offers = author.licences(done.did)
    told = "".join(read(html(offers)).told)
    assert "12.5 USD" in told and "30 days" in told and "calls" in told and "None" not in told
    assert shell.display_formatter.format(offers)[0]["text/plain"].startswith("(Offer(")
    for thing in (author.get(done.did), author.search("A & B"), author.buy(done.did, "month", dry_run=True)):
        told = "".join(read(html(thing)).told)
        assert "A & B <b>" in told or "would buy 'month'" in told
        assert "Offer(" not in told and "Amount(" not in told
    for other in ((1, 2), [], ("a", offers[0]), [offers[0], done], [done.did]):
        assert html(other) is None
    assert html(ShownByItsMaker(offers)) == "<i>rows</i>"
    assert not in_notebook()  # no kernel runs this shell


def test_how_somebody_shows_their_lists_is_left_alone(shell: InteractiveShell) -> None:
    shell.display_formatter.formatters["text/html"].for_type(list, lambda things: f"<i>{len(things)}</i>")
    show_lists_as_tables()
    show_lists_as_tables()
    assert shell.display_formatter.format([1, 2])[0]["text/html"] == "<i>2</i>"
