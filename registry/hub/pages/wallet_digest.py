"""The digests of the scripts that pages name: the wallet script, and what is vendored for opening content."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

DIGEST: Final = Path(__file__).with_name("wallet.sha256").read_text(encoding="ascii").strip()
"""That of the wallet script as pages name it (Subresource Integrity): a browser runs no other."""

SEALED: Final = Path(__file__).with_name("sealed.sha256").read_text(encoding="ascii").strip()
"""That of the bundle of npm packages by which pages open gated content, in the same form."""


def digest_of(script: bytes) -> str:
    """The digest of a script in the same form."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode()
