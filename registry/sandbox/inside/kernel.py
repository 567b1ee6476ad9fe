"""The kernel of a notebook, which notices what keeps it from coming out the same again: ``kernel.py CODE -f FILE``."""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import observe  # noqa: E402

sys.path.remove(here)
observe.begin(sys.argv.pop(1))
sys.path.insert(0, observe.folder)

from ipykernel.kernelapp import launch_new_instance  # noqa: E402

launch_new_instance()
