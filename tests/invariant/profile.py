"""How far the random walks go: short and always the same by default, long and new each time with `DEEP=1`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

DEEP_WALK = 100  # steps of one walk; longer ones say little more and shrink slowly


def deep() -> bool:
    return os.environ.get("DEEP", "") not in ("", "0")


def profile(*, examples: int, steps: int) -> settings:
    """The settings of a random walk; `DEEP_STEPS` overrides both numbers when `DEEP` is set.

    No example database: the default run depends on nothing but the code. A deep run prints what reproduces a failure.
    """
    if deep():
        examples, steps = max(1, int(os.environ.get("DEEP_STEPS", "200000")) // DEEP_WALK), DEEP_WALK
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=not deep(),
        print_blob=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
