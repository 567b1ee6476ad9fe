"""The kernel of a notebook, which notices what keeps it from coming out the same again: ``kernel.py CODE -f FILE``."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Become the kernel."""
    sys.path.insert(0, HERE)
    import observe

    sys.path.remove(HERE)
    observe.begin(sys.argv.pop(1))
    sys.path.insert(0, observe.folder)
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
