"""The card of a repository (its README with YAML at the top), as far as a document has a place for it. It is data of a
stranger: read without tags and aliases, within bounds, and cleaned."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from registry.text.letters import turns_writing, unseen

__all__ = ["MOST", "Card", "clean", "read_card", "shortened"]

MOST: Final = 2**20
"""Bytes of a card; one that is longer is content and no card."""

_DEPTH, _TOKENS = 16, 50_000
_WORD: Final = 100
_SUMMARY: Final = 2_000
_MANY: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a card says; all texts are clean, and lists have at most 64 of them."""

    title: str = ""
    summary: str = ""
    licences: tuple[str, ...] = ()
    licence_name: str = ""
    licence_link: str = ""
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    authors: str = ""
    version: str = ""
    citation: str = ""
    fault: str = ""


def read_card(data: bytes) -> Card:
    """Read a card. What is wrong with its YAML is in `fault`, and nothing of it is believed then."""
    if len(data) > MOST:
        return Card(fault=f"it has more than {MOST:,} bytes")
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").lstrip("\ufeff")
    front, body, fault = _split(text)
    values: Mapping[str, Any] = {}
    if front and not fault:
        values, fault = _values(front)
    title = next(iter(_words(values, "pretty_name", "title")), "") or _heading(body)
    return Card(
        title=title,
        summary=_summary(body),
        licences=_words(values, "license", "licenses"),
        licence_name=next(iter(_words(values, "license_name")), ""),
        licence_link=next(iter(_words(values, "license_link")), ""),
        tags=_words(values, "tags"),
        languages=_words(values, "language", "languages"),
        tasks=_words(values, "task_categories", "pipeline_tag", "task_ids"),
        sizes=_words(values, "size_categories"),
        base_models=_words(values, "base_model"),
        datasets=_words(values, "datasets", "source_datasets"),
        fault=fault,
    )


def _split(text: str) -> tuple[str, str, str]:
    if not text.startswith("---\n"):
        return "", text, ""
    end = re.search(r"^---[ \t]*$", text[4:], re.MULTILINE)
    if end is None:
        return "", text, "its first lines have no end"
    return text[4 : 4 + end.start()], text[4 + end.end() :], ""


def _values(front: str) -> tuple[Mapping[str, Any], str]:
    try:
        # Bounds are looked at while it is a row of tokens: what is deep takes long, and an alias may stand for much.
        depth = 0
        for number, token in enumerate(yaml.scan(front, Loader=yaml.BaseLoader)):
            if isinstance(token, yaml.tokens.AliasToken):
                return {}, "it has aliases"
            depth += isinstance(token, _OPENS) - isinstance(token, _CLOSES)
            if depth > _DEPTH or number > _TOKENS:
                return {}, "it is too deep or too long"
        read = yaml.load(front, Loader=yaml.BaseLoader)  # nosec B506 # it makes texts, lists and mappings only
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return {}, f"it is not YAML ({(str(error).splitlines() or [''])[0][:100]})"
    return (read, "") if isinstance(read, dict) else ({}, "it is no mapping")


_OPENS: Final = (
    yaml.tokens.BlockMappingStartToken,
    yaml.tokens.BlockSequenceStartToken,
    yaml.tokens.FlowMappingStartToken,
    yaml.tokens.FlowSequenceStartToken,
)
_CLOSES: Final = (yaml.tokens.BlockEndToken, yaml.tokens.FlowMappingEndToken, yaml.tokens.FlowSequenceEndToken)


def _words(values: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """The texts under some names, each once."""
    found: list[str] = []
    for name in names:
        value = values.get(name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and (word := clean(text)[:_WORD].strip()):
                found.append(word)
    return tuple(dict.fromkeys(found))[:_MANY]


def clean(text: str) -> str:
    """One line of what can be seen: no control, no direction, no letters that nobody sees."""
    line = "".join(" " if c in "\n\t\r" or unicodedata.category(c) in ("Zl", "Zp", "Zs") else c for c in text)
    line = "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
    while (odd := unseen(line)) is not None:
        line = line.replace(odd, "")
    return " ".join((line if not turns_writing(line) else "").split())


def _heading(body: str) -> str:
    found = re.search(r"^#[ \t]+(\S.*)$", body, re.MULTILINE)
    return clean(found[1])[:_WORD].strip() if found else ""


_NO_PROSE: Final = re.compile(r"^\s*([#<>|\[!*`~=-]|\d+\.|$)")


def _summary(body: str) -> str:
    """The first paragraph of prose: no heading, list, table, picture, code or HTML."""
    for paragraph in re.split(r"\n\s*\n", re.sub(r"(?s)<!--.*?(-->|\Z)|```.*?(```|\Z)", "", body[: 4 * 65_536])):
        lines = paragraph.strip().splitlines()
        if lines and not any(_NO_PROSE.match(line) for line in lines):
            return shortened(clean(" ".join(lines)))
    return ""


def shortened(text: str) -> str:
    """A text of at most as many letters as a summary has."""
    return text if len(text) <= _SUMMARY else text[: _SUMMARY - 3].rstrip() + "..."
