"""For all tests: nothing that the user of this machine has set up is used, and none is skipped in silence."""

from __future__ import annotations

import os
import signal
import sys

from hypothesis import settings
from skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

os.environ["IPFS_GATEWAY"] = ""  # no gateway, neither from a file

# A shell starts what runs in the background with SIGINT ignored, and children inherit that; some tests press Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A property fails by what it finds, and never by how busy the machine is. Hunts bring a profile of their own.
if settings.get_current_profile_name() == "default":
    settings.register_profile("registry", deadline=None)
    settings.load_profile("registry")


def pytest_sessionfinish() -> None:
    """Write down what `make coverage-python` counted: a worker that takes over ten seconds to end is killed."""
    if "coverage" in sys.modules and (running := sys.modules["coverage"].Coverage.current()):
        running.stop()
        running.save()
