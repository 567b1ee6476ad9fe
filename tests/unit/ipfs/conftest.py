"""What the tests of the content floor share: the known answers, folders to publish, and a source that may lie."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from .support import DATA, Stranger


@pytest.fixture
def stranger() -> Stranger:
    return Stranger()


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "cid_vectors.json").read_text("utf-8"))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder from paths and contents; None makes a folder."""

    def make(files: dict[str, bytes | None], name: str = "content") -> Path:
        root = tmp_path / name
        root.mkdir()
        for path, content in files.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                place.mkdir(exist_ok=True)
            else:
                place.write_bytes(content)
        return root

    return make


@pytest.fixture
def as_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Do without the right to read everything, which root has and which would hide an unreadable file.

    Run it from within `tmp_path` with relative paths: the folders above may be closed to others.
    """
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)

    @contextmanager
    def drop() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return drop
