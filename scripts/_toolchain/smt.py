"""Decide a query of the prover with cvc5, on integers: ``smt.py query.smt2`` prints what a solver prints.

Bit-vectors of 256 bits that are multiplied and divided are out of reach of bit-blasting at any width that matters here.
Translated into integers, modulo 2**256, they are decided in a second (Zohar et al., "Bit-Precise Reasoning via
Int-Blasting", VMCAI 2022). The solver comes from PyPI as a library without a command, hence this.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cvc5


def main(query: Path) -> None:
    """Run each command of the query and print its answer."""
    solver = cvc5.Solver(cvc5.TermManager())
    for name, value in {"solve-bv-as-int": "sum", "produce-models": "true"}.items():
        solver.setOption(name, value)
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, str(query))
    while not (command := parser.nextCommand()).isNull():
        sys.stdout.write(command.invoke(solver, parser.getSymbolManager()))
        sys.stdout.flush()


main(Path(sys.argv[1]))
