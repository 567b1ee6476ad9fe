"""Documents that are legal and unpleasant, or nearly documents: for whoever indexes, ranks and shows them."""

from __future__ import annotations

import json
from typing import Any, Final

from registry.documents.canonical import canonical_bytes
from registry.ipfs.cid import CID
from registry.ipfs.dagpb import Link, Message, Type, encode_message, encode_node

LEGAL: Final[dict[str, dict[str, Any]]] = {
    "sixty-four long tags": {"tags": [f"{n:02d}" + "x" * 254 for n in range(64)]},
    "a name of combining marks": {"name": "a" + "\u0301" * 255},
    "a Cyrillic twin": {"name": "\u0420\u0435nguins"},
    "a Greek twin": {"name": "\u03a1enguins"},
    "a joiner of Persian": {"name": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"},
    "flags of emoji": {"name": "\U0001f1e6\U0001f1f6\U0001f427" * 20},
    "markup": {"name": "<img src=x onerror=alert(1)>", "description": "</script><script>alert(1)</script>"},
    "a script in Markdown": {"description": "[x](javascript:alert(1)) ![y](data:text/html,<script>)"},
    "an image inside of a network": {"image": "https://169.254.169.254/latest/meta-data"},
    "a deep object": {"additional": json.loads('{"a":' * 60 + "1" + "}" * 60)},
    "standards that are nobody's": {"conformsTo": ["bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"]},
    "compute that is none": {"additional": {"compute": "yes"}},
    "a description of one word": {"description": "penguin" * 2_800},
    "operators of engines": {
        "name": 'NEAR("a" b) OR name:* AND NOT',
        "tags": ['"', "*", "a:b", "'; DROP TABLE entry; --"],
    },
    "facets of others": {"name": "x", "tags": ["owner=0x" + "11" * 20, "type=model\nfree=yes".replace("\n", " ")]},
    "a licence of operators": {"license": "MIT AND (Apache-2.0 OR GPL-3.0-only WITH Classpath-exception-2.0)"},
    "fullwidth letters": {"name": "\uff30\uff45\uff4e\uff47\uff55\uff49\uff4e\uff53"},
    "no spaces at all": {"name": "\u5357\u6975\u306e\u30da\u30f3\u30ae\u30f3" * 20},
    "right to left": {"name": "\u05e4\u05d9\u05e0\u05d2\u05d5\u05d5\u05d9\u05e0\u05d9\u05dd"},
}
"""Fields in place of those of a plain document."""

NEARLY: Final[dict[str, bytes]] = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "a list": b"[]",
    "a number": b"1e999",
    "not canonical": b'{"version": "1.0.0"}',
    "deep": b"[" * 100_000,
    "a name that turns the text": canonical_bytes(
        {"version": "1.0.0", "type": "dataset", "name": "a\u202eb", "description": "", "license": "MIT"}
    ),
    "a mebibyte and one": b'{"name":"' + b"x" * 2**20 + b'"}',
    "a NUL": b'{"name":"\\u0000"}',
    "a key twice": b'{"name":"a","name":"b"}',
    "the root of a large file": encode_node(
        [Link(CID.raw(b"%d" % number), b"", 2**20) for number in range(1_024)],
        encode_message(Message(Type.FILE, filesize=2**30, blocksizes=[2**20] * 1_024)),
    ),
}
"""Bytes whose hash is right and that are no document."""


def legal(name: str) -> bytes:
    """A document with the unpleasant fields of a name."""
    plain = {"version": "1.0.0", "type": "dataset", "name": "Plain", "description": "", "license": "MIT"}
    return canonical_bytes({**plain, **LEGAL[name]})


def largest() -> bytes:
    """A document of exactly one mebibyte."""
    plain = {"version": "1.0.0", "type": "dataset", "name": "Large", "description": "", "license": "MIT"}
    empty = canonical_bytes({**plain, "additional": {"x": ""}})
    return canonical_bytes({**plain, "additional": {"x": "x" * (2**20 - len(empty))}})
