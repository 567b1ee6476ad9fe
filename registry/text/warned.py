"""Warnings for whoever called the package, who cannot mend the lines of ours that Python would show beside them."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Final

__all__ = ["warn_caller"]

_OURS: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def warn_caller(told: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line outside the package that led here. (`skip_file_prefixes` does it from Python 3.12 on.)"""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(told, category, stacklevel=level)
