"""Write into the wallet script what it must know of the contracts, and beside it its digest and the CID of all that
pages load: ``wallet_script.py``, after each change of a contract, of a script, of the style; ``--check`` says whether
that was done.

Code is known by the digest of what is on chain with its immutable values left out, so that it is the same for every
registry of a release: a PUSH32 that stands before 32 zero bytes in the creation code is one of these.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from eth_utils.crypto import keccak

from registry import Registry
from registry.chain.artifacts import artifact
from registry.chain.calldata import signature_of
from registry.ipfs.unixfs import compute_cid

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ROOT / "registry" / "hub" / "pages"
SCRIPT: Final = PAGES / "static" / "wallet.js"
DIGEST: Final = PAGES / "wallet.sha256"
FOLDER: Final = PAGES / "pages.cid"

MOST: Final = 40 * 1024
"""Bytes of the script, which has fewer."""

FUNCTIONS: Final = {
    "AssetRegistry": (
        "contracts",
        "assetInfo",
        "licenceOf",
        "accessOf",
        "streamsOf",
        "redeem",
        "mintItem",
        "paymentTokens",
        "publish",
    ),
    "Marketplace": ("registry", "quote", "buyAccess", "buyAccessWithPermit"),
    "Streams": (
        "quoteExtension",
        "subscriptionOf",
        "subscribe",
        "subscribeWithPermit",
        "extend",
        "extendWithPermit",
        "cancel",
    ),
    "RegistryGovernor": ("token", "state", "hasVoted", "proposalSnapshot", "castVote", "castVoteWithReason"),
    "RegistryToken": (
        "delegate",
        "delegates",
        "getPastVotes",
        "balanceOf",
        "allowance",
        "approve",
        "nonces",
        "symbol",
        "decimals",
        "eip712Domain",
    ),
    "Curation": ("bondIn", "flag"),
}
"""What the script reads and calls."""

ERRORS: Final = (
    "AssetNotFound",
    "LicenceNotFound",
    "AlreadyHeld",
    "CapExceeded",
    "LicenceClosed",
    "LimitExceeded",
    "NotForSale",
    "OtherDocument",
    "SalesArePaused",
    "ERC20InsufficientAllowance",
)
"""Reverts that a reader can meet, which are said in words."""


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Write nothing; end with 1 if something is stale.")
    chosen = parser.parse_args()
    script = with_known(SCRIPT.read_text(encoding="utf-8"))
    wanted = {SCRIPT: script, DIGEST: digest(script.encode("utf-8")) + "\n"}
    stale = [path.name for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if not FOLDER.exists() or FOLDER.read_text("ascii").strip() != str(compute_cid(SCRIPT.parent)):
        stale.append(FOLDER.name)
    if chosen.check:
        sys.exit(f"Run scripts/_toolchain/wallet_script.py: {', '.join(stale)}." if stale else 0)
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    FOLDER.write_text(f"{compute_cid(SCRIPT.parent)}\n", encoding="ascii")


def digest(data: bytes) -> str:
    """A digest as pages name it (Subresource Integrity)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode()


def with_known(script: str) -> str:
    """The script with what it must know."""
    parts = {"RELEASE": release(), "CODES": codes(), "SELECTORS": selectors(), "ERRORS": errors()}
    dense = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    lines = [f"const {name} = {dense.encode(value)};" for name, value in parts.items()]
    return re.sub(
        r"// <known>\n.*?// </known>",
        lambda _: "\n".join(["// <known>", *lines, "// </known>"]),
        script,
        flags=re.DOTALL,
    )


def release() -> str:
    """The version of the package."""
    import tomllib

    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def selectors() -> dict[str, str]:
    """Selectors by the names of functions."""
    found: dict[str, str] = {}
    for contract, names in FUNCTIONS.items():
        abi = artifact(contract).abi
        for name in names:
            (entry,) = [one for one in abi if one.get("type") == "function" and one["name"] == name]
            found[name] = keccak(text=signature_of(entry))[:4].hex()
    return found


def errors() -> dict[str, str]:
    """What reverts mean, by their selectors."""
    found: dict[str, str] = {}
    for contract in FUNCTIONS:
        for signature, words in artifact(contract).errors.items():
            if signature.partition("(")[0] in ERRORS:
                found["0x" + keccak(text=signature)[:4].hex()] = words
    return found


def codes() -> dict[str, tuple[str, int, list[int]]]:
    """By contract: the digest of its code without immutable values, its size, and where these stand."""
    registry = Registry.local(dao=True)
    deployment, dao = registry.deployment, registry.governance.dao
    places = {
        "AssetRegistry": deployment.registry,
        "Marketplace": deployment.marketplace,
        "Streams": deployment.streams,
        "RegistryGovernor": dao.governor,
        "RegistryToken": dao.token,
        "Curation": dao.curation,
    }
    return {name: known(bytes(registry.chain.w3.eth.get_code(at)), name) for name, at in places.items()}


def known(code: bytes, name: str) -> tuple[str, int, list[int]]:
    """Digest, size and places of immutable values of a contract's code."""
    pushed = list(_pushed(code))
    creation = artifact(name).bytecode
    for start in range(len(creation) - len(code) + 1):
        template = creation[start : start + len(code)]
        places = [at for at in pushed if template[at : at + 32] == bytes(32)]
        bare = bytearray(code)
        for at in places:
            bare[at : at + 32] = bytes(32)
        if bare == template:
            return hashlib.sha256(template).hexdigest(), len(code), places
    raise SystemExit(f"The code of {name} is not in its creation code.")


def _pushed(code: bytes) -> Iterator[int]:
    """Where the values of PUSH32 stand."""
    at = 0
    while at < len(code):
        size = code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0
        if size == 32:
            yield at + 1
        at += 1 + size


if __name__ == "__main__":
    main()
