"""The branches of the package that the tests went through, for each of its packages; ends with 1 below 92 % in all.

coverage json -o .coverage/report.json && python scripts/_toolchain/branches.py .coverage/report.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path, PurePath
from typing import Final

LEAST: Final = 92.0


def main(report: str) -> int:
    """Print the table; coverage counts lines and branches as one number, and here branches alone are what counts."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, file in json.loads(Path(report).read_text())["files"].items():
        summary = file["summary"]
        package = str(PurePath(name).parent).replace("/", ".")
        row = (
            summary["covered_branches"],
            summary["num_branches"],
            summary["covered_lines"],
            summary["num_statements"],
        )
        for total in (counts[package], counts["all"]):
            for place, number in enumerate(row):
                total[place] += number
    sys.stdout.write(f"{'package':28} {'branches':>16} {'lines':>24}\n")
    for package, (branches, of, lines, statements) in sorted(counts.items(), key=lambda item: (item[0] == "all", item)):
        sys.stdout.write(
            f"{package:28} {branches:>6,}/{of:<6,} {100 * branches / (of or 1):5.1f} %"
            f" {lines:>8,}/{statements:<8,} {100 * lines / (statements or 1):5.1f} %\n"
        )
    covered, of = counts["all"][:2]
    return 0 if of and 100 * covered / of >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
