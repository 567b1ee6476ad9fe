"""The digest of the wallet script."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DIGEST: Final = Path(__file__).with_name("wallet.sha256").read_text(encoding="ascii").strip()
"""As pages name it (Subresource Integrity): a browser runs no other."""
