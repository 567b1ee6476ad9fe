"""A virtual environment, and what is installed in it: ``install.py FOLDER ARGUMENTS_OF_PIP_INSTALL...``.

The work is done by uv, which takes one minute of CPU where pip takes ten. pip brings uv, and what pip is told of the
places where packages are is handed on, since uv reads another configuration. Where uv fails, pip does it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

UV: Final = "uv==0.13.9"

# What uv calls the settings of pip that say where packages come from.
SETTINGS: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "no-index": "UV_NO_INDEX",
}


def main(folder: Path, *wanted: str) -> int:
    """Make the environment if there is none, and install what is wanted; the exit code of what installed it."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True, symlinks=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    environment = {**os.environ, **uv_environment(pip)}
    uv = [str(folder / "bin" / "uv"), "pip", "install", "-q", "--compile-bytecode", "--python", str(python)]
    by_uv = (
        subprocess.run([*pip, "install", "-q", UV]).returncode == 0
        and subprocess.run([*uv, *wanted], env=environment).returncode == 0
    )
    if by_uv:
        return 0
    sys.stderr.write("uv could not install it; pip takes a few minutes longer.\n")
    return subprocess.run([*pip, "install", "-q", *wanted]).returncode


def uv_environment(pip: Sequence[str]) -> dict[str, str]:
    """The variables by which uv looks where this pip does, and takes the best of all places, as pip does."""
    return {**handed_on(_settings(pip)), "UV_INDEX_STRATEGY": "unsafe-best-match"}


def handed_on(settings: Mapping[str, str]) -> dict[str, str]:
    """pip's settings as environment variables of uv; what pip separates by lines, uv does by blanks."""
    return {SETTINGS[name]: " ".join(value.split()) for name, value in settings.items() if name in SETTINGS}


def _settings(pip: Sequence[str]) -> dict[str, str]:
    """What pip's files and variables say: what is meant for `install` over what is for all, a variable over both."""
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.splitlines():
        place, _, value = line.partition("=")
        section, _, name = place.partition(".")
        if section in found:
            found[section][name] = ast.literal_eval(value)
    return {name: value for section in found.values() for name, value in section.items()}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
