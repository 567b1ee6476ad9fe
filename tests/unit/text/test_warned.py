"""Warnings name the line of whoever called the package."""

from __future__ import annotations

import pytest

from registry.imports.runnable import CodeWarning, say_of_code


def test_a_warning_names_the_line_outside_the_package_however_deep_it_arose() -> None:
    with pytest.warns(CodeWarning) as told:
        say_of_code(["weights.pkl"])
    assert told[0].filename == __file__
