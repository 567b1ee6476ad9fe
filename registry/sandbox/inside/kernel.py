"""The kernel of a notebook, which notices what keeps it from coming out the same again: ``kernel.py BOOK -f FILE``."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Become the kernel."""
    sys.path.insert(0, HERE)
    import observe

    sys.path.remove(HERE)
    book = sys.argv.pop(1)
    observe.begin(os.path.dirname(book))
    with open(book, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] == "code":
            observe.clocks(f"{book}, cell {number}", "".join(cell["source"]))
    observe.write()  # a kernel may be ended without a word
    sys.path.insert(0, observe.folder)
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
