"""Call one function of ours, in a process of its own, and hand over what it returns: ``call.py ORDERS``.

`ORDERS` is JSON: where modules are found, ``module:function``, its arguments. The answer is on standard output: ``b``
and the bytes, or ``j`` and JSON. What the function prints goes to standard error."""

import importlib
import json
import os
import sys


def main() -> None:
    """Call, and answer."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders = json.loads(sys.argv[1])
    sys.path[:0] = orders["path"]
    module, _, function = orders["function"].partition(":")
    result = getattr(importlib.import_module(module), function)(*orders["arguments"])
    with answer:
        answer.write(b"b" + result if isinstance(result, bytes) else b"j" + json.dumps(result).encode())


if __name__ == "__main__":
    main()
