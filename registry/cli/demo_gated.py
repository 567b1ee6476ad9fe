"""A chapter of ``registry demo``: the paid data set is encrypted, and key gateways hand out its key, 2 of 3."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.cli.console import Console
from registry.documents.licence import Licence
from registry.errors import AccessDenied

if TYPE_CHECKING:
    from registry.client import Registry
    from registry.did import DID
    from registry.gateway.service import GatewayService


@dataclass(frozen=True, slots=True)
class Chapter:
    """What the chapter made: the asset, the first bytes on IPFS, rows read, and what was said of gateways."""

    dataset: str
    on_ipfs: str
    rows: int
    rows_of_new_holder: int
    warned: tuple[str, ...]


def play(
    console: Console, author: Registry, buyer: Registry, friend: Registry, data: Path, refused: dict[str, str]
) -> Chapter:
    """Tell the chapter. `friend` is the account that the buyer passes the access on to."""
    import pandas as pd

    from registry.gated.policy import Gated

    stranger = author.as_account("stranger")
    with _folder() as folder, ExitStack() as running:
        with console.step("Three key gateways start; each will keep a share of a key, and none the data"):
            gateways = [_Gateway(author, folder / name) for name in ("north", "east", "south")]
            for gateway in gateways:
                running.callback(gateway.stop)
                gateway.start()
        console.facts({gateway.name: gateway.url for gateway in gateways})

        with console.step("The author publishes the penguins encrypted: 2 of the 3 gateways make the key"):
            asset = author.publish(
                data,
                name="Palmer penguins, gated",
                type="dataset",
                license="CC0-1.0",
                licences=[Licence.hold("seat", price="20 USD")],
                gated=Gated(gateways=[gateway.url for gateway in gateways], threshold=2),
            )
        first = _first_bytes(author, asset.did)
        console.facts({"DID": str(asset.did), "anybody sees on IPFS": first})

        url = f"asset://{asset.did}/penguins.csv"
        with console.refusal("A stranger asks the gateways and gets no share", AccessDenied, refused):
            pd.read_csv(url, storage_options={"registry": stranger})

        rows, warned = _read(console, buyer, asset.did, gateways)

        with console.step("The buyer passes the token on: the access goes with it"):
            token = buyer.chain.call(buyer.assets.functions.datatokenOf(asset.did.asset_id, 0))
            buyer.act("pass the seat on", buyer.erc20(token).functions.transfer(friend.address, 10**18))
        with console.refusal("So the buyer, who still has the encrypted blocks, is refused", AccessDenied, refused):
            buyer.open(asset.did, "penguins.csv")
        with console.step("and the new holder of the token reads"), _heard(warned):
            theirs = pd.read_csv(url, storage_options={"registry": friend})
        console.facts({"rows": str(len(theirs))})
    return Chapter(str(asset.did), first, rows, len(theirs), tuple(warned))


def _read(console: Console, buyer: Registry, asset: DID, gateways: list[_Gateway]) -> tuple[int, list[str]]:
    """Read as the buyer while gateways are down or lie; returns the rows, and what was told about the gateways."""
    import pandas as pd

    url, warned = f"asset://{asset}/penguins.csv", list[str]()
    with console.step("The buyer buys a seat as a token. One gateway is down; pandas reads all the same"):
        buyer.buy(asset, "seat", as_tokens=True, max_total="20 USD")
        gateways[0].stop()
        with _heard(warned):
            frame = pd.read_csv(url, storage_options={"registry": buyer})
    console.facts({"rows": str(len(frame)), "told": warned[-1] if warned else ""})

    with console.step("It is back, and another one lies: the key is made of the two others', and the liar is named"):
        gateways[0].start()
        gateways[1].tamper()
        buyer.forget_keys()
        with _heard(warned):
            frame = pd.read_csv(url, storage_options={"registry": buyer})
    console.facts({"rows": str(len(frame)), "told": warned[-1] if len(warned) > 1 else ""})
    return len(frame), warned


class _Gateway:
    """A key gateway on loopback, in a thread of its own."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        from registry.gateway.keys import KeyLock, Keys, make_key_file

        self.name = folder.name
        self.url = ""
        self._registry, self._folder, self._port = registry, folder, 0
        make_key_file(folder / "key.txt")
        self._keys = Keys.make(folder / "keys.age", KeyLock(key_file=folder / "key.txt"))
        self._running = ExitStack()
        self._service: GatewayService | None = None

    def start(self) -> None:
        from registry.gateway.gateway_server import GatewayServer
        from registry.gateway.service import GatewayService
        from registry.gateway.settings import Settings
        from registry.system.serving import listen

        sock = listen("127.0.0.1", self._port)
        self._port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        # A chain in one process has no other history: the head is as good as any depth.
        settings = Settings(self.url, depth=0, head_age=None)
        self._service = GatewayService(
            self._folder, self._keys, self._registry.chain, self._registry.deployment, settings
        )
        self._running.callback(self._service.close)
        self._running.enter_context(GatewayServer(self._service, sock))

    def stop(self) -> None:
        self._running.close()

    def tamper(self) -> None:
        """Its operator puts a share of some other key in the place of each."""
        from registry.gated.identity import Identity, seal
        from registry.gated.shares import split

        assert self._service is not None
        database = self._service.database
        for kept in database.shares():
            wrong = split(Identity.generate(), kept.threshold, 3)[kept.index]
            database.reseal(kept.id, seal(wrong, self._keys.recipient))


def _first_bytes(author: Registry, did: DID) -> str:
    """What is on IPFS, to whoever has no key."""
    from registry.ipfs.unixfs import cat

    content = author.get(did).ddo.content
    assert content is not None
    first: bytes = next(iter(cat(content.files[0].cid, author.store)))[:21]
    return first.decode("ascii", "replace")


@contextmanager
def _heard(told: list[str]) -> Iterator[None]:
    """Gather what the client warns of."""
    from registry.content.unlocking import GatewayWarning

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", GatewayWarning)
        yield
    told.extend(str(warning.message) for warning in heard if issubclass(warning.category, GatewayWarning))


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="registry-gateways-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
