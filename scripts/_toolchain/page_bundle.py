"""Make the one file in which pages have what they need of npm to open gated content, of the packages that
package-lock.json pins: ``page_bundle.py``, after a change of those or of ``sealed/``; ``--check`` says whether that was
done. Beside the file go its digest and the licences of what is in it. The same packages make the same bytes."""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = Path(__file__).with_name("sealed")
MODULES: Final = ROOT / "node_modules"
PAGES: Final = ROOT / "registry" / "hub" / "pages"
BUNDLE: Final = PAGES / "static" / "sealed.js"
LICENCES: Final = PAGES / "static" / "sealed.LICENCES.txt"
DIGEST: Final = PAGES / "sealed.sha256"

HEAD: Final = (
    "// Made by scripts/_toolchain/page_bundle.py of the packages in sealed.LICENCES.txt; not written by hand."
)

PERMISSIVE: Final = frozenset({"MIT", "BSD-3-Clause", "ISC", "0BSD"})
"""Licences whose works may be handed on with this package, which is under MIT, with their notices."""


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing; end with 1 if something is stale.")
    wanted = made()
    stale = [path.name for path, data in wanted.items() if not path.exists() or path.read_bytes() != data]
    if parser.parse_args().check:
        sys.exit(f"Run scripts/_toolchain/page_bundle.py: {', '.join(stale)}." if stale else 0)
    for path, data in wanted.items():
        path.write_bytes(data)


def made() -> dict[Path, bytes]:
    """The files, as they should be. Ends the program where a package is not there, or not under such a licence."""
    bundler = MODULES / ".bin" / "esbuild"
    if not bundler.exists():
        raise SystemExit(f"{bundler} is missing: run make node_modules/installed.")
    with tempfile.TemporaryDirectory() as place:
        out, told = Path(place) / "sealed.js", Path(place) / "told.json"
        parts, left_out = SOURCES / "node_parts.js", SOURCES / "left_out.js"
        options = ["--bundle", "--format=esm", "--platform=browser", "--target=es2022", "--minify", "--charset=ascii"]
        options += ["--legal-comments=none", "--log-level=warning", f"--banner:js={HEAD}"]
        options += [f"--alias:crypto={parts}", f"--inject:{parts}"]
        options += [f"--alias:{name}={left_out}" for name in ("@noble/post-quantum/hybrid.js", "@noble/curves/nist.js")]
        command = [bundler, SOURCES / "entry.js", *options, f"--outfile={out}", f"--metafile={told}"]
        subprocess.run(command, cwd=ROOT, check=True)
        script, inputs = out.read_bytes(), json.loads(told.read_text())["inputs"]
    digest = "sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode()
    return {BUNDLE: script, LICENCES: licences(inputs), DIGEST: f"{digest}\n".encode("ascii")}


def licences(inputs: dict[str, object]) -> bytes:
    """The packages that are in the bundle, with their versions, licences and notices."""
    folders = {package(Path(name)) for name in inputs if name.startswith("node_modules/")}
    texts = []
    for folder in sorted(folders):
        about = json.loads((ROOT / folder / "package.json").read_text())
        if about["license"] not in PERMISSIVE:
            raise SystemExit(f"{about['name']} is under {about['license']}, which is not one of {sorted(PERMISSIVE)}.")
        notice = (ROOT / folder / "LICENSE").read_text(encoding="utf-8").strip()
        texts.append(f"{about['name']} {about['version']} ({about['license']})\n\n{notice}\n")
    rule = "\n" + "-" * 80 + "\n\n"
    return ("sealed.js is made of these packages of npm.\n" + rule + rule.join(texts)).encode("utf-8")


def package(path: Path) -> Path:
    """The folder of the package that a file is of."""
    at = len(path.parts) - 1 - path.parts[::-1].index("node_modules")
    return Path(*path.parts[: at + 2 + path.parts[at + 1].startswith("@")])


if __name__ == "__main__":
    main()
