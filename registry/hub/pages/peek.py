"""Looks into one file that a stranger made, inside the sandbox: the only code of the pages that reads such bytes.

Each function takes the path of the file (or of its beginning) and returns what JSON can say, bounded in every
direction, or the bytes of a picture that was drawn anew. Nothing of the file itself comes out, and markup only where a
sanitizer has made it. Libraries are imported where they are needed, for this process looks at one file and ends.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from registry.text.letters import TURNING

__all__ = ["changes", "image", "markdown", "notebook", "parquet", "table", "text", "tree"]

ROWS: Final = 50
COLUMNS: Final = 40
CELL: Final = 200
"""Letters of a cell."""

SUMMED: Final = 2_000
"""Rows that are summed up, from the first on."""

SUMMED_BYTES: Final = 32 * 2**20
"""Bytes of Parquet, unpacked, that are read for it."""

BINS: Final = 16
COMMON: Final = 4
"""Values of a column whose shares are told."""

LINES: Final = 400
TEXT: Final = 24_000
"""Letters of a text."""

NODES: Final = 400
DEEP: Final = 12

PIXELS: Final = 40_000_000
"""Of a picture that is opened at all."""

SIDE: Final = 1_280
"""Pixels of the longer side of a picture that is shown."""

HTML: Final = 30_000
"""Letters of markup made of a stranger's text."""

# --- Text and tables -----------------------------------------------------------------------------


def text(path: str) -> dict[str, Any]:
    """Plain text, its first lines."""
    found, cut = _text(path)
    lines = found.splitlines()
    return {"lines": [_cell(line, 2_000) for line in lines[:LINES]], "cut": cut or len(lines) > LINES}


def _text(path: str, most: int = TEXT) -> tuple[str, bool]:
    data = Path(path).read_bytes()
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    found = data.decode(coding, "replace").replace("\r\n", "\n").replace("\r", "\n")
    return TURNING.sub("\ufffd", found[:most].replace("\0", "\ufffd")), len(found) > most


def _cell(value: Any, most: int = CELL) -> str:
    """A value as text without anything that turns or hides writing; longer ones end in three dots."""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    found = f"{value:.10g}" if isinstance(value, float) else str(value)
    seen = "".join(one if one.isprintable() or one in "\t" else "\ufffd" for one in found[:most])
    return seen + "\u2026" * (len(found) > most)


def table(path: str, name: str) -> dict[str, Any]:
    """The first rows of values with commas, tabs or semicolons between them."""
    found, cut = _text(path, 2**20)
    csv.field_size_limit(2**20)
    if cut or found.count("\n") > ROWS:
        found = found.rpartition("\n")[0] or found
    first = found[:4_096].partition("\n")[0]
    mark = "\t" if name.endswith(".tsv") else max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(found), delimiter=mark)
    rows = list(islice(reader, SUMMED + 1))
    head, rest = (rows[0], rows[1:]) if rows else ([], [])
    shown = [[_cell(value) for value in row[:COLUMNS]] for row in rest[:ROWS]]
    names = [_cell(value, 64) for value in head[:COLUMNS]]
    kinds = _kinds(shown, len(names))
    columns = [[row[place] if place < len(row) else "" for row in rest] for place in range(len(names))]
    return _as_table(
        names,
        kinds,
        shown,
        columns=len(head),
        more=cut or len(rest) > ROWS,
        spreads=[_spread(values, is_number=kind == "number") for values, kind in zip(columns, kinds, strict=True)],
        summed=len(rest),
        **({} if cut or next(reader, None) is not None else {"total": len(rest)}),
    )


# --- How the values of a column are spread --------------------------------------------------------

_MISSING: Final = frozenset({"", "na", "nan", "null", "none"})


def _spread(values: Sequence[Any], *, is_number: bool) -> dict[str, Any]:
    """What the values of a column are: how many are missing (`empty`) and how many different (`distinct`); of numbers
    the `low` and `high` as text, and of `BINS` ranges between them the heights, 0 to 100; of others the most `common`,
    each with its share in per cent. Nothing but `empty` of values that are neither numbers, words nor moments."""
    there = [value for value in values if value is not None and str(value).strip().lower() not in _MISSING]
    found: dict[str, Any] = {"empty": len(values) - len(there)}
    numbers = [_number(value) for value in there] if is_number else [None]
    if there and all(one is not None for one in numbers):
        sure = [one for one in numbers if one is not None]
        return found | {"low": _brief(min(sure)), "high": _brief(max(sure)), "bars": _bars(sure)}
    if not there or not all(isinstance(value, (str, bool, int, date)) for value in there):
        return found
    tally = Counter(_cell(value, 40) for value in there)
    common = [[name, round(100 * count / len(there))] for name, count in tally.most_common(COMMON)]
    return found | {"distinct": len(tally), "common": common}


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _brief(value: float) -> str:
    if not value.is_integer() or abs(value) >= 1e9:
        return f"{value:.4g}"
    return f"{int(value):,}" if abs(value) >= 10_000 else f"{int(value)}"  # years have no comma


def _bars(numbers: Sequence[float]) -> list[int]:
    low, high = min(numbers) / 2, max(numbers) / 2  # halves, whose difference is finite
    counts = [0] * BINS
    for one in numbers:
        counts[min(BINS - 1, int(BINS * ((one / 2 - low) / (high - low)))) if high > low else BINS // 2] += 1
    most = max(counts)
    return [math.ceil(100 * count / most) for count in counts]


def _as_table(
    names: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[str]], *, columns: int, more: bool, **facts: Any
) -> dict[str, Any]:
    whole = [[*row, *[""] * (len(names) - len(row))][: len(names)] for row in rows]
    return {"names": names, "kinds": kinds, "rows": whole, "columns": columns, "more": more, **facts}


def _kinds(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Whether what stands in each column are numbers or texts."""

    def is_number(value: str) -> bool:
        try:
            return math.isfinite(float(value)) or True
        except ValueError:
            return value.strip().lower() in ("", "na", "nan", "null", "none")

    found = []
    for place in range(width):
        values = [row[place] for row in rows if place < len(row)]
        found.append("number" if any(values) and all(map(is_number, values)) else "text")
    return found


def parquet(path: str) -> dict[str, Any]:
    """The first rows of a Parquet file, and what its footer claims."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    with pq.ParquetFile(
        path, memory_map=True, thrift_string_size_limit=2**20, thrift_container_size_limit=20_000
    ) as file:
        schema = file.schema_arrow
        wanted = schema.names[:COLUMNS]
        batches = file.iter_batches(batch_size=ROWS, row_groups=[0], columns=wanted, use_threads=False)
        columns: list[list[Any]] = [[] for _ in wanted]
        read = 0
        for batch in batches if file.num_row_groups else ():
            for n, column in enumerate(columns):
                column += batch.column(n).to_pylist()
            read += batch.nbytes
            if read > SUMMED_BYTES or len(columns[0]) >= SUMMED:
                break
        rows = [
            [_cell("" if value is None else value) for value in row]
            for row in zip(*(column[:ROWS] for column in columns), strict=True)
        ]
        kinds = [_cell(field.type, 40) for field in islice(schema, len(wanted))]
        names = [_cell(name, 64) for name in wanted]
        return _as_table(
            names,
            kinds,
            rows,
            columns=len(schema.names),
            more=file.metadata.num_rows > len(rows),
            total=int(file.metadata.num_rows),
            groups=int(file.num_row_groups),
            spreads=[
                _spread(values, is_number=_is_numeric(field)) for values, field in zip(columns, schema, strict=False)
            ],
            summed=len(columns[0]) if columns else 0,
        )


def _is_numeric(field: Any) -> bool:
    import pyarrow.types as kinds  # type: ignore[import-untyped]

    return bool(kinds.is_integer(field.type) or kinds.is_floating(field.type) or kinds.is_decimal(field.type))


def tree(path: str) -> dict[str, Any]:
    """JSON as lines of an outline: how deep, its name, its value. Lines of JSON (.jsonl) are one list."""
    data = Path(path).read_text("utf-8", "replace")
    try:
        value = json.loads(data)
    except ValueError:
        lines = [line for line in data.splitlines()[:200] if line.strip()]
        value = [json.loads(line) for line in lines]
    found: list[list[Any]] = []
    waiting: list[tuple[int, str, Any]] = [(0, "", value)]
    while waiting and len(found) < NODES:
        depth, name, one = waiting.pop()
        if isinstance(one, dict):
            found.append([depth, _cell(name, 80), f"{{{len(one):,}}}", "many"])
            below: Iterator[tuple[Any, Any]] = iter(one.items())
        elif isinstance(one, list):
            found.append([depth, _cell(name, 80), f"[{len(one):,}]", "many"])
            below = enumerate(one)
        else:
            kind = "text" if isinstance(one, str) else "plain"
            found.append([depth, _cell(name, 80), _cell(json.dumps(one, ensure_ascii=False)), kind])
            continue
        if depth < DEEP:
            some = list(islice(below, 60))
            if len(one) > len(some):
                waiting.append((depth + 1, "\u2026", f"{len(one) - len(some):,} more"))
            waiting += [(depth + 1, str(key), part) for key, part in reversed(some)]
    return {"lines": found, "cut": bool(waiting)}


# --- Pictures ------------------------------------------------------------------------------------


def image(path: str) -> bytes:
    """A picture drawn anew as WebP: within `SIDE`, one frame, without what else its file carried."""
    return _drawn(Path(path).read_bytes(), SIDE)


def _drawn(data: bytes, side: int) -> bytes:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = PIXELS
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as opened:
        if opened.width * opened.height > PIXELS:
            raise ValueError(f"the picture claims {opened.width:,} x {opened.height:,} pixels")
        opened.draft("RGB", (side, side))
        found = ImageOps.exif_transpose(opened)
        assert found is not None
        found = found.convert("RGBA" if "A" in found.mode or "transparency" in found.info else "RGB")
        found.thumbnail((side, side))
        out = io.BytesIO()
        found.save(out, "WEBP", quality=82, method=3)
        return out.getvalue()


# --- Markdown ------------------------------------------------------------------------------------

_TAGS: Final = frozenset(
    [
        "a",
        "p",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "blockquote",
        "pre",
        "code",
        "em",
        "strong",
        "del",
        "hr",
        "br",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "img",
        "span",
    ]
)
_CLASSES: Final = frozenset(
    [
        "k",
        "s",
        "c",
        "n",
        "m",
        "o",
        "p",
        "nf",
        "nc",
        "nb",
        "nn",
        "kn",
        "mi",
        "mf",
        "s1",
        "s2",
        "sd",
        "se",
        "c1",
        "kd",
        "kc",
        "kt",
        "ow",
        "bp",
        "nd",
        "na",
        "nt",
        "nv",
        "gp",
        "go",
        "err",
    ]
)


def markdown(path: str, base: str, names: Sequence[str]) -> dict[str, Any]:
    """Markdown as markup that is safe to show, and its front matter. `base` is the address of the asset's page, `names`
    are the paths of its files: links and pictures lead to these, to other sites by a click only, or nowhere."""
    found, cut = _text(path, 64 * 1024)
    front, body = _front_matter(found)
    first, _, rest = body.lstrip("\n").partition("\n")
    title = _cell(first[2:].strip().strip("#").strip()) if first.startswith("# ") else ""
    html, whole = _markup(rest if title else body, base, frozenset(names))
    return {"front": front, "title": title, "html": html, "cut": cut or not whole}


def _front_matter(found: str) -> tuple[dict[str, Any], str]:
    """The YAML at the head of a README, as short texts by name, and what follows it."""
    import yaml

    if not found.startswith("---\n"):
        return {}, found
    head, line, body = found[4:].partition("\n---\n")
    # Aliases can make a few lines into gigabytes, and no card needs them.
    if not line or len(head) > 8_192:
        return {}, found
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(head, Loader=yaml.SafeLoader)):
            return {}, body
        read = yaml.safe_load(head)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}, body
    if not isinstance(read, Mapping):
        return {}, body
    front: dict[str, Any] = {}
    for name, value in islice(read.items(), 24):
        if isinstance(value, list):
            front[_cell(name, 40)] = [_cell(one, 80) for one in value[:16] if not isinstance(one, dict | list)]
        elif not isinstance(value, dict):
            front[_cell(name, 40)] = _cell(value)
    return front, body


def _markup(body: str, base: str, names: frozenset[str]) -> tuple[str, bool]:
    import nh3
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "highlight": _coloured})
    reader.enable(["table", "strikethrough"])
    tokens = reader.parse(body)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 1)}"  # the page has its own first heading
        for child in token.children or ():
            if child.type == "image" and not _pictured(child, base, names):
                # What lies elsewhere is not fetched: its words stand for it.
                child.type, child.tag, child.content = "text", "", f"[picture: {child.content}]"
                child.children = None
            elif child.type == "link_open":
                child.attrSet("href", _led(str(child.attrGet("href") or ""), base, names))
    html = reader.renderer.render(tokens, reader.options, {})
    whole = len(html) <= HTML
    if not whole:
        html = html[: html.rfind("<", 0, HTML)]
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={"a": {"href"}, "img": {"src", "alt"}, "th": {"align"}, "td": {"align"}},
        allowed_classes={"span": set(_CLASSES)},
        url_schemes={"http", "https", "mailto"},
        set_tag_attribute_values={"pre": {"tabindex": "0"}, "table": {"tabindex": "0"}},  # to be scrolled by keys
        link_rel="nofollow noopener noreferrer ugc",
        attribute_filter=lambda tag, name, value: (
            None if tag == "img" and name == "src" and not value.startswith("/a/") else value
        ),
    ), whole


def _pictured(token: Any, base: str, names: frozenset[str]) -> bool:
    path = unquote(str(token.attrGet("src") or "")).removeprefix("./")
    if path not in names or not path.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".webp")):
        return False
    token.attrs = {"src": f"{base}/image/{quote(path)}", "alt": ""}
    return True


def _led(target: str, base: str, names: frozenset[str]) -> str:
    """Where a link leads: another site, a file of the asset, or nowhere."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "#"
    if parts.scheme in ("http", "https", "mailto"):
        return target
    path = unquote(parts.path).removeprefix("./")
    return f"{base}/files/{quote(path)}" if not parts.scheme and not parts.netloc and path in names else "#"


def _coloured(code: str, language: str, _: str) -> str:
    """Code with its words marked; that of languages which are rarely shown, or is long, stays plain."""
    if language not in ("python", "py", "bash", "sh", "json", "yaml", "toml", "sql", "r", "pycon") or len(code) > 8_192:
        return ""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    marked = highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    return str(marked)


# --- Notebooks -----------------------------------------------------------------------------------


def notebook(path: str, base: str, names: Sequence[str]) -> dict[str, Any]:
    """The cells of a notebook (nbformat 4) and what is safe of their outputs: text, and pictures drawn anew. Markup and
    script in outputs are named, and left out."""
    read = json.loads(Path(path).read_text("utf-8", "replace"))
    cells: list[dict[str, Any]] = []
    room, pictures = 3 * HTML, 12
    for cell in islice(read.get("cells", ()), 80):
        source = _joined(cell.get("source"))[:8_000]
        if cell.get("cell_type") == "markdown":
            html, _ = _markup(source, base, frozenset(names))
            shown: dict[str, Any] = {"kind": "words", "html": html}
        else:
            outputs = []
            for output in islice(cell.get("outputs", ()), 8):
                told = _output(output, pictures)
                pictures -= told["kind"] == "picture"
                outputs.append(told)
            code = _coloured(source, "python", "") if cell.get("cell_type") == "code" else ""
            shown = {"kind": "code", "source": source, "html": code, "outputs": outputs}
            shown["number"] = _cell(cell.get("execution_count") or "", 8)
        room -= len(json.dumps(shown))
        if room < 0:
            return {"cells": cells, "cut": True}
        cells.append(shown)
    return {"cells": cells, "cut": len(read.get("cells", ())) > len(cells)}


def _joined(value: Any) -> str:
    return "".join(one for one in value if isinstance(one, str)) if isinstance(value, list) else str(value or "")


def _output(output: Mapping[str, Any], pictures: int) -> dict[str, Any]:
    if "text" in output:
        return {"kind": "text", "text": _lines(_joined(output["text"]))}
    if "ename" in output:
        return {"kind": "text", "text": _cell(f"{output['ename']}: {output.get('evalue', '')}", 500)}
    data = output.get("data") or {}
    for media in ("image/png", "image/jpeg"):
        if media in data and pictures > 0:
            try:
                drawn = _drawn(base64.b64decode(_joined(data[media])), 640)
            except (ValueError, OSError):
                return {"kind": "left out", "text": f"a picture that cannot be read ({media})"}
            if len(drawn) < 30_000:
                return {"kind": "picture", "data": "data:image/webp;base64," + base64.b64encode(drawn).decode()}
    if "text/plain" in data:
        return {"kind": "text", "text": _lines(_joined(data["text/plain"]))}
    return {"kind": "left out", "text": ", ".join(_cell(media, 60) for media in islice(data, 4)) or "nothing"}


def _lines(found: str) -> str:
    return "\n".join(_cell(line, 400) for line in found.splitlines()[:60])


# --- Two versions --------------------------------------------------------------------------------


def changes(old: str, new: str) -> dict[str, Any]:
    """The lines of two texts that differ, each with two of those around: a sign, and the line."""
    before, after = (_text(path)[0].splitlines()[:1_000] for path in (old, new))
    found: list[list[str]] = []
    for group in SequenceMatcher(None, before, after, autojunk=True).get_grouped_opcodes(2):
        found.append(["@", f"line {group[0][3] + 1}"])
        for tag, a, b, c, d in group:
            if tag == "equal":
                found += [[" ", _cell(line, 400)] for line in before[a:b]]
            else:
                found += [["-", _cell(line, 400)] for line in before[a:b]] + [
                    ["+", _cell(line, 400)] for line in after[c:d]
                ]
    return {"lines": found[:LINES], "cut": len(found) > LINES}
