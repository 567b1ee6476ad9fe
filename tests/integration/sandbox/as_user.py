"""Run pickled calls as whoever this process is: a line of hex on standard input for each, one of its result back."""

from __future__ import annotations

import pickle
import sys

for line in sys.stdin:
    function, arguments, options = pickle.loads(bytes.fromhex(line))
    try:
        result = function(*arguments, **options)
    except Exception as error:
        result = error
    sys.stdout.write(pickle.dumps(result).hex() + "\n")
    sys.stdout.flush()
