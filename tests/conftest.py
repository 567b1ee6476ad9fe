"""For all tests: nothing that the user of this machine has set up is used."""

from __future__ import annotations

import os

os.environ["IPFS_GATEWAY"] = ""  # no gateway, neither from a file
