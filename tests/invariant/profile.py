"""How far the random walks go: short and always the same by default; with `DEEP_SECONDS` that long, and elsewhere each
time. `DEEP_SEED` begins with a seed that was named before, and `DEEP_LOG` is a file that gets a line for each machine.
`WALKS` is how often they walk at most, for mutants: most of these are met by the first walks, or by none.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import time
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

STEPS = 100  # of a walk in a deep run; longer ones say little more and shrink slowly
WALKS = 20  # from one seed


def profile(*, examples: int, steps: int, derandomize: bool = True) -> settings:
    """The settings of random walks. No example database: a run depends on nothing but the code and its seed."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=derandomize,
        print_blob=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def walk(machine: type[RuleBasedStateMachine], *, examples: int, steps: int) -> int:
    """Walk with a machine, `examples` times `steps` or as long as `DEEP_SECONDS` says; returns the steps gone."""
    gone = walks = seeds = 0

    class Counted(machine):  # type: ignore[misc, valid-type]
        new = True

        @invariant()
        def count(self) -> None:
            nonlocal gone, walks
            gone += 1
            walks += self.new
            self.new = False

    Counted.__name__ = Counted.__qualname__ = machine.__name__
    seconds = float(os.environ.get("DEEP_SECONDS", "0"))
    if not seconds:
        few = min(examples, int(os.environ.get("WALKS", examples)))
        run_state_machine_as_test(Counted, settings=profile(examples=few, steps=steps))
        return gone
    began, seed, failure = time.monotonic(), int(os.environ.get("DEEP_SEED", "0")), ""
    far = profile(examples=WALKS, steps=STEPS, derandomize=False)
    try:
        while not seeds or time.monotonic() - began < seconds:
            seed = seed if seed and not seeds else secrets.randbits(63)
            seeds += 1
            run_state_machine_as_test(hypothesis.seed(seed)(Counted), settings=far)
    except BaseException as error:
        failure = f"DEEP_SEED={seed}"
        error.add_note(f"{failure} DEEP_SECONDS=1 and the name of this test walk there again")
        raise
    finally:
        line = {"machine": machine.__name__, "seeds": seeds, "walks": walks, "steps": gone, "failure": failure}
        if log := os.environ.get("DEEP_LOG"):
            with Path(log).open("a", encoding="utf-8") as file:
                print(json.dumps(line | {"seconds": round(time.monotonic() - began)}), file=file)
    return gone


def may_miss(steps: int, usual: int) -> float:
    """How many of the things that a machine should have seen it may miss in so many steps.

    A short walk may miss a few that are `usual`ly rare, a long walk has no excuse, and one that `WALKS` cut has any.
    """
    if "WALKS" in os.environ:
        return math.inf
    return 0 if steps >= 100_000 else usual
