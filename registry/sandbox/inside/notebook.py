"""Run a notebook from its first cell to its last, and write it with its outputs. nbclient and ipykernel are in its
lock.

The kernel is spoken to over Unix sockets, the only ones that there are.
"""

import json
import os
import sys


def execute(source: str, target: str) -> int:
    """Run `source` and write `target`; the exit code is 1 if a cell raised an error, and the rest was not run."""
    import nbformat
    from jupyter_client.manager import KernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    book = nbformat.read(source, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    # Its sockets lie beside this file: what is in the current folder is a result.
    sockets = os.path.join(os.environ["HOME"], "kernel.json")
    manager = KernelManager(transport="ipc", kernel_name="python3", connection_file=sockets)
    here = os.path.dirname(os.path.abspath(__file__))
    command = [sys.executable, "-s", "-P", "-B", os.path.join(here, "kernel.py"), source]
    manager._kernel_spec = _spec([*command, "-f", "{connection_file}"])
    client = NotebookClient(
        book, km=manager, timeout=None, record_timing=False, resources={"metadata": {"path": os.getcwd()}}
    )
    failed = 0
    try:
        client.execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        failed = 1
    finally:
        # What depends on where and when it was run, and on nothing in it.
        book.metadata.pop("widgets", None)
        with open(target, "w", encoding="utf-8") as file:
            json.dump(book, file, indent=1, sort_keys=True, ensure_ascii=False)
            file.write("\n")
    return failed


def _spec(command: list[str]) -> object:
    from jupyter_client.kernelspec import KernelSpec

    return KernelSpec(argv=command, display_name="Python 3", language="python")
