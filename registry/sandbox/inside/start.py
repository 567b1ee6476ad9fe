"""Start the program of a run: ``start.py CODE ENTRY [ARGUMENT ...]``. In arguments ``{inputs}``, ``{outputs}`` and
``{params}`` stand for where these are."""

import os
import runpy
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> int:
    """Become the program; a notebook gives an exit code."""
    code, entry, *arguments = sys.argv[1:]
    sys.path.insert(0, HERE)
    import notebook
    import observe

    sys.path.remove(HERE)
    places = {name: os.environ[f"REGISTRY_{name.upper()}"] for name in ("inputs", "outputs", "params")}
    for name, path in places.items():
        arguments = [argument.replace(f"{{{name}}}", path) for argument in arguments]
    # A file is laid by itself, and then is all of the code.
    program = os.path.join(code, entry) if os.path.isdir(code) else code
    os.chdir(places["outputs"])
    if entry.endswith(".ipynb"):
        return int(notebook.execute(program, os.path.join(places["outputs"], os.path.basename(entry))))
    observe.begin(code if os.path.isdir(code) else os.path.dirname(program))
    observe.clocks(program)
    sys.argv = [program, *arguments]
    sys.path.insert(0, os.path.dirname(program))
    runpy.run_path(program, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
