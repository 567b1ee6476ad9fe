"""The digest of the wallet script."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

DIGEST: Final = Path(__file__).with_name("wallet.sha256").read_text(encoding="ascii").strip()
"""As pages name it (Subresource Integrity): a browser runs no other."""


def digest_of(script: bytes) -> str:
    """The digest of a script in the same form."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script).digest()).decode()
