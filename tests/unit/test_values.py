"""What the package hands out are values: nobody changes them, and a mistyped field is an error."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "registry"

# Those who keep books or a cache as they go.
CHANGING = {
    "accounts.py:Account",
    "assetfs.py:_Opened",
    "calldata.py:_Node",
    "changes.py:Changes",
    "entries.py:AssetEntry",
}


def test_values_are_frozen_and_have_no_fields_but_their_own() -> None:
    seen, loose = 0, []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ClassDef) or f"{path.name}:{node.name}" in CHANGING:
                continue
            for made in node.decorator_list:
                if "dataclass" not in ast.unparse(made):
                    continue
                seen += 1
                options = {key.arg: ast.unparse(key.value) for key in getattr(made, "keywords", ())}
                # What is computed once is kept beside the fields.
                computed = "cached_property" in ast.unparse(node)
                if options.get("frozen") != "True" or (options.get("slots") != "True") is not computed:
                    loose.append(f"{path.name}:{node.name}")
    assert seen > 100 and not loose
