"""For all tests: nothing that the user of this machine has set up is used."""

from __future__ import annotations

import os
import signal

os.environ["IPFS_GATEWAY"] = ""  # no gateway, neither from a file

# A shell starts what runs in the background with SIGINT ignored, and children inherit that; some tests press Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
