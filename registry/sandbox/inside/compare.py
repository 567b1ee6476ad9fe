"""Compare what a run made with what a record says it made. Both are strangers' files, so it is done inside."""

import csv
import hashlib
import io
import json
import math
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHOWN = 10
"""Places that are named of a file that differs."""

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
Pair = tuple[str, Any, Any]


def compare(recorded: str, made: str, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A verdict for each output: ``same``, ``close``, ``differs`` or ``not comparable``, in words and with the first
    places."""
    return [one(Path(recorded, entry["path"]), Path(made, entry["path"]), entry) for entry in outputs]


def one(recorded: Path, made: Path, how: dict[str, Any]) -> dict[str, Any]:
    """The verdict on one output."""
    if recorded.suffix == ".ipynb":
        return judged(cells(recorded, made), how, exact="cell by cell")
    old, new = recorded.read_bytes(), made.read_bytes()
    if old == new:
        return verdict("same", "byte for byte")
    if how["compare"] == "exact":
        at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        return verdict(
            "differs",
            f"{len(old):,} bytes then, {len(new):,} now",
            [[f"byte {at}", old[at : at + 20], new[at : at + 20]]],
        )
    try:
        pairs = PAIRS.get(recorded.suffix.lower(), text)(old, new)
        return statistical(pairs, how) if how["compare"] == "statistical" else judged(pairs, how)
    except (ValueError, KeyError, struct.error, RecursionError, csv.Error) as error:
        return verdict("not comparable", f"{recorded.suffix or 'this kind of file'} cannot be read: {error}")


def verdict(word: str, why: str, places: list[list[Any]] | None = None) -> dict[str, Any]:
    """A verdict as it is handed back."""
    shown = [[str(part)[:200] for part in place] for place in (places or [])[:SHOWN]]
    return {"verdict": word, "why": why, "places": shown}


def judged(pairs: Iterator[Pair], how: dict[str, Any], exact: str = "") -> dict[str, Any]:
    """All pairs within the tolerances, or where they first are not."""
    rtol, atol = how.get("rtol") or 0.0, how.get("atol") or 0.0
    places, worst, changed = [], 0.0, False
    for where, old, new in pairs:
        if old == new:
            continue
        changed = True
        if number(old) and number(new):
            if math.isnan(old) and math.isnan(new):
                continue
            away = abs(new - old)
            if away <= atol + rtol * abs(old):
                worst = max(worst, away / abs(old) if old else away)
                continue
        places.append([where, old, new])
        if len(places) == SHOWN:
            break
    if places:
        return verdict(
            "differs", f"beyond rtol {rtol:g}, atol {atol:g}" if rtol or atol else exact or "other values", places
        )
    if exact and not worst:
        return verdict("same", exact)
    return verdict("close", f"at most {worst:.2g} away" if changed else "the same values, written otherwise")


def number(value: Any) -> bool:
    """Whether it is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- What there is to compare, place by place ----------------------------------------------------


def text(old: bytes, new: bytes) -> Iterator[Pair]:
    """Lines, with the numbers in them as numbers."""
    for place, (a, b) in enumerate(zip_all(old.decode().splitlines(), new.decode().splitlines()), start=1):
        if a is None or b is None or NUMBER.sub("#", a) != NUMBER.sub("#", b):
            yield f"line {place}", a, b
            continue
        for x, y in zip(NUMBER.findall(a), NUMBER.findall(b), strict=True):
            yield f"line {place}", float(x), float(y)


def table(old: bytes, new: bytes, delimiter: str = ",") -> Iterator[Pair]:
    """Cells by row and by the name of their column."""
    rows = [list(csv.reader(io.StringIO(data.decode()), delimiter=delimiter)) for data in (old, new)]
    names = rows[0][0] if rows[0] else []
    for row, (a, b) in enumerate(zip_all(*rows), start=1):
        if a is None or b is None:
            yield f"row {row}", a, b
            continue
        for column, (x, y) in enumerate(zip_all(a, b)):
            name = names[column] if column < len(names) else column + 1
            yield f"row {row}, {name}", read_number(x), read_number(y)


def tree(old: bytes, new: bytes) -> Iterator[Pair]:
    """Values of JSON by their RFC 6901 pointers."""
    waiting = [("", json.loads(old), json.loads(new))]
    while waiting:
        where, a, b = waiting.pop()
        if isinstance(a, dict) and isinstance(b, dict):
            waiting += [(f"{where}/{key}", a.get(key), b.get(key)) for key in reversed(sorted({*a, *b}))]
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            waiting += [(f"{where}/{n}", x, y) for n, (x, y) in reversed(list(enumerate(zip(a, b, strict=True))))]
        else:
            yield where or "/", a, b


def array(old: bytes, new: bytes) -> Iterator[Pair]:
    """Numbers of a .npy file by their place; its shape and its type come first."""
    (kind, shape, values), (other, other_shape, others) = npy(old), npy(new)
    yield "type and shape", f"{kind} {shape}", f"{other} {other_shape}"
    if (kind, shape) == (other, other_shape):
        for place, (a, b) in enumerate(zip(values, others, strict=True)):
            yield f"[{place}]", a, b


def npy(data: bytes) -> tuple[str, tuple[int, ...], list[float]]:
    """Type, shape and values of a .npy file. Raises ValueError for what is none, or has no plain numbers."""
    import ast

    if data[:6] != b"\x93NUMPY":
        raise ValueError("it is no .npy file")
    size, start = (
        (struct.unpack_from("<H", data, 8)[0], 10) if data[6] == 1 else (struct.unpack_from("<I", data, 8)[0], 12)
    )
    header = ast.literal_eval(data[start : start + size].decode("latin-1"))
    code = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I"}
    code |= {"u2": "H", "u1": "B", "b1": "?"}
    kind = header["descr"]
    if not isinstance(kind, str) or kind[1:] not in code:
        raise ValueError(f"its type is {kind}")
    letter, body = code[kind[1:]], data[start + size :]
    count = len(body) // struct.calcsize(letter)
    return kind, tuple(header["shape"]), list(struct.unpack(f"{'>' if kind[0] == '>' else '<'}{count}{letter}", body))


def cells(recorded: Path, made: Path) -> Iterator[Pair]:
    """The outputs of a notebook, cell by cell, without what counts and dates them."""
    books = [json.loads(path.read_bytes())["cells"] for path in (recorded, made)]
    for place, (a, b) in enumerate(zip_all(*books), start=1):
        if a is None or b is None or a["source"] != b["source"]:
            yield f"cell {place}", "its source", "another source"
            continue
        for output, (x, y) in enumerate(zip_all(shown(a), shown(b)), start=1):
            where = f"cell {place}, output {output}"
            if x is None or y is None or x[0] != y[0]:
                yield where, x and x[0], y and y[0]
            elif x[0].startswith("text"):
                yield from ((f"{where}, {at}", old, new) for at, old, new in text(x[1].encode(), y[1].encode()))
            else:
                yield where, x[1], y[1]


def shown(cell: dict[str, Any]) -> list[tuple[str, str]]:
    """What a cell shows: its kind and its text, pictures and others by their digest."""
    found = []
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            found.append((f"text on {output['name']}", joined(output["text"])))
        elif output["output_type"] == "error":
            found.append(("text of an error", f"{output['ename']}: {output['evalue']}"))
        for kind, data in sorted(output.get("data", {}).items()):
            value = joined(data)
            if not kind.startswith("text"):
                value = hashlib.sha256(value.encode()).hexdigest()
            found.append((kind, re.sub(r"0x[0-9a-f]{6,}", "0x...", value)))
    return found


def joined(value: Any) -> str:
    """Text that may be kept in lines."""
    return (
        "".join(value)
        if isinstance(value, list)
        else value
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True)
    )


def zip_all(a: list[Any], b: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs, None where one has no more."""
    for place in range(max(len(a), len(b))):
        yield (a[place] if place < len(a) else None), (b[place] if place < len(b) else None)


def read_number(value: Any) -> Any:
    """A number where text is one."""
    try:
        return float(value) if isinstance(value, str) and NUMBER.fullmatch(value.strip()) else value
    except ValueError:
        return value


PAIRS = {".json": tree, ".csv": table, ".tsv": lambda a, b: table(a, b, "\t"), ".npy": array}


# --- Statistics ----------------------------------------------------------------------------------


def statistical(pairs: Iterator[Pair], how: dict[str, Any]) -> dict[str, Any]:
    """Whether columns are of the same distribution, by the test of Kolmogorov and Smirnov at the author's level."""
    columns: dict[str, tuple[list[float], list[float]]] = {}
    for where, old, new in pairs:
        name = where.rpartition(", ")[2] if ", " in where else "values"
        for value, sample in zip((old, new), columns.setdefault(name, ([], [])), strict=True):
            if number(value) and math.isfinite(value):
                sample.append(float(value))
    alpha = how.get("alpha") or 0.001
    places, worst = [], 0.0
    for name, (old_sample, new_sample) in columns.items():
        if not old_sample and not new_sample:
            continue
        if not old_sample or not new_sample:
            places.append([name, f"{len(old_sample)} numbers", f"{len(new_sample)} numbers"])
            continue
        distance = kolmogorov_smirnov(old_sample, new_sample)
        n, m = len(old_sample), len(new_sample)
        critical = math.sqrt(-math.log(alpha / 2) / 2 * (n + m) / (n * m))
        worst = max(worst, distance / critical)
        if distance > critical:
            places.append([name, f"distance {distance:.3g}", f"critical {critical:.3g}"])
    if places:
        return verdict("differs", f"other distributions at level {alpha:g}", places)
    if not worst and not columns:
        return verdict("not comparable", "it has no numbers")
    return verdict("close", f"the same distributions at level {alpha:g} ({worst:.0%} of the critical distance)")


def kolmogorov_smirnov(a: list[float], b: list[float]) -> float:
    """The largest distance between two empirical distribution functions."""
    a, b = sorted(a), sorted(b)
    i = j = 0
    most = 0.0
    while i < len(a) and j < len(b):
        value = min(a[i], b[j])
        while i < len(a) and a[i] == value:
            i += 1
        while j < len(b) and b[j] == value:
            j += 1
        most = max(most, abs(i / len(a) - j / len(b)))
    return most
