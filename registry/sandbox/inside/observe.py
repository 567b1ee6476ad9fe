"""Notice what keeps a run from coming out the same again: the network, a clock, random numbers without a seed.

It is for authors, who want to know. A program that hides what it does is not found out by this, and need not be: its
outputs are compared.
"""

import ast
import atexit
import json
import os
import random
import sys
from types import FrameType

MOST = 50
LARGEST = 2**20

CLOCK = {
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime", "time.asctime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow", "uuid.uuid1"),
}
"""Calls that read a clock whose reading is never the same again; what measures time passing is left alone."""

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.__new__")
INTERNET = (2, 10)

found: list[list[str]] = []
seeded = False
folder = ""
before: object = None


def note(kind: str, where: str, what: str) -> None:
    """Write something down, once."""
    entry = [kind, where, what]
    if entry not in found and len(found) < MOST:
        found.append(entry)


def place() -> str | None:
    """Where in the code of the run we are called from; None while a library is being imported, which is its affair."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(folder):
            return f"{name[len(folder) :].lstrip('/')}:{frame.f_lineno}"
        if name.startswith("<ipython-input") or "/ipykernel_" in name:
            return f"cell, line {frame.f_lineno}"
        if name.startswith("<frozen importlib"):
            return None
        frame = frame.f_back
    return None


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Hear of sockets."""
    if event in NETWORK:
        if event == "socket.__new__" and arguments[1] not in INTERNET:
            return
        if event == "socket.connect" and not isinstance(arguments[1], tuple):
            return
        name = next((str(part) for part in arguments[:2] if isinstance(part, str | bytes)), "")
        note("network", place() or "", f"wanted the network {name}".strip())


def watch_randomness() -> None:
    """Hear of random numbers that come from the system, and of seeds that are set."""
    urandom = os.urandom

    def told(size: int) -> bytes:
        where = place()
        if where is not None:
            note("randomness", where, "random numbers of the system, which differ each time")
        return urandom(size)

    os.urandom = told
    random._urandom = told  # type: ignore[attr-defined]
    seed = random.seed

    def seeding(*arguments: object, **options: object) -> None:
        global seeded
        seeded = seeded or bool(arguments and arguments[0] is not None)
        seed(*arguments, **options)  # type: ignore[arg-type]

    random.seed = seeding


def look_back() -> None:
    """At the end: generators that were used and never seeded, and clocks in the code that was loaded."""
    if not seeded and random.getstate() != before:
        note("randomness", "", "the module random was used without a seed")
    numpy = sys.modules.get("numpy.random.mtrand")
    if numpy is not None:
        try:
            generator = numpy._rand._bit_generator
            # A seed that was given leaves no sequence; its words stand unused until the first number is drawn.
            if generator._seed_seq is not None and generator.state["state"]["pos"] not in (623, 624):
                note("randomness", "", "numpy.random was used without a seed")
        except (AttributeError, KeyError, TypeError):
            pass
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.startswith(folder):
            clocks(path)


def clocks(path: str, source: str | None = None) -> None:
    """Find calls that read a clock in a file of the code."""
    try:
        if source is None:
            with open(path, encoding="utf-8") as file:
                source = file.read(LARGEST)
        tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func) if isinstance(node.func, ast.Attribute | ast.Name) else ""
            head, dot, rest = name.partition(".")
            full = names.get(head, head) + dot + rest
            if full in CLOCK or full.removeprefix("datetime.") in CLOCK:
                note("clock", f"{path[len(folder) :].lstrip('/')}:{node.lineno}", f"reads the clock ({full})")


def blas() -> str:
    """The kernel of linear algebra that is in use, as OpenBLAS calls it."""
    import ctypes

    try:
        with open("/proc/self/maps") as file:
            paths = {line.split()[-1] for line in file if "openblas" in line}
    except OSError:
        return ""
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        for name in ("openblas_get_corename", "scipy_openblas_get_corename"):
            for suffix in ("64_", "", "_64"):
                function = getattr(library, name + suffix, None)
                if function is not None:
                    function.restype = ctypes.c_char_p
                    return "OpenBLAS " + (function() or b"").decode("ascii", "replace")
    return ""


def write() -> None:
    """Write down what was noticed, as far as there is room."""
    try:
        look_back()
        with open(os.environ["REGISTRY_NOTES"] + "/notes.json", "w") as file:
            json.dump({"findings": found, "blas": blas(), "python": sys.version.split()[0]}, file)
    except (OSError, KeyError):
        pass


def begin(code: str) -> None:
    """Notice from now on what the code in this folder does."""
    global folder, before
    folder = code
    sys.addaudithook(watch)
    watch_randomness()
    before = random.getstate()
    atexit.register(write)
