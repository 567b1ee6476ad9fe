"""A registry on an anvil, people who act on it in blocks of their own choice, and indexes that follow them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from registry.chain.connection import Chain
from registry.chain.local import deploy_local
from registry.chain.raw_blocks import Blocks
from registry.chain.signers import dev_signer
from registry.index.events import Contracts
from registry.index.indexer import Finality, Indexer
from registry.index.stores import open_store
from registry.index.tables_store import Store
from registry.types import ZERO_ADDRESS

PEOPLE = [dev_signer(number).address for number in range(4)]
DOLLAR = 1


class Place:
    """A deployment on a node, whose blocks are made by hand: what is sent waits for `mine`."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.session = requests.Session()
        self.chain = Chain.connect(node.url)
        self.deployment = deploy_local(self.chain)
        self.assets = self.chain.contract("AssetRegistry", self.deployment.registry)
        self.market = self.chain.contract("Marketplace", self.deployment.marketplace)
        self.splitters = self.chain.contract("SplitterFactory", self.deployment.splitters)
        datatoken = self.chain.call(self.assets.functions.datatokenImplementation())
        self.contracts = Contracts(self.deployment, datatoken)
        dollar = self.chain.contract("LocalDollar", self.deployment.tokens["USD"])
        for person in PEOPLE:
            self.send(person, dollar.functions.mint(person, 10**15))
            self.send(person, dollar.functions.approve(self.deployment.marketplace, 2**256 - 1))
        self.rpc("evm_setAutomine", False)

    def rpc(self, method: str, *params: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = self.session.post(self.node.url, json=body, timeout=60).json()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def send(self, sender: str, call: Any, *, value: int = 0, gas: int = 2_000_000) -> str:
        """Send a transaction of an account whose key the node has; whether it works is seen in its block."""
        data = call if isinstance(call, str) else call._encode_transaction_data()
        to = self.deployment.registry if isinstance(call, str) else str(call.address)
        fields = {"from": sender, "to": to, "data": data, "value": hex(value), "gas": hex(gas)}
        return str(self.rpc("eth_sendTransaction", fields))

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    @property
    def head(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def hash_at(self, number: int) -> str:
        return str(self.rpc("eth_getBlockByNumber", hex(number), False)["hash"])

    def owned(self) -> list[int]:
        """The numbers of all assets that there are."""
        return list(range(1, sum(self.chain.call(self.assets.functions.balanceOf(one)) for one in PEOPLE) + 1))

    # --- Acts ------------------------------------------------------------------------------------

    def publish(
        self, owner: str, digest: bytes, licences: Sequence[tuple[int, ...]] = (), parents: Sequence[int] = ()
    ) -> str:
        listed = [(self.deployment.registry, parent) for parent in parents]
        terms = [(*one, 0, ZERO_ADDRESS) for one in licences]
        publication = (digest, ZERO_ADDRESS, (True, 500), listed, 3_000, terms)
        return self.send(owner, self.assets.functions.publish(owner, publication))

    def buy(self, buyer: str, asset: int, licence: int, units: int = 1, *, tokens: bool = False) -> str:
        order = (asset, licence, buyer, units, 2**95, bytes(32))
        function = self.market.functions.buyTokens if tokens else self.market.functions.buyAccess
        return self.send(buyer, function(order))

    def act(self, chance: random.Random) -> None:
        """Something that somebody might do; much of it will fail, as in life."""
        who = chance.choice(PEOPLE)
        asset = chance.randrange(1, 6)
        functions = self.assets.functions
        match chance.randrange(9):
            case 0:
                terms = [(chance.choice([0, 10**6]), DOLLAR, 1, 3600, chance.choice([0, 9]), 0), (0, 0, 2, 5, 0, 0)]
                parents = [chance.randrange(1, asset)] if asset > 1 and chance.random() < 0.3 else []
                self.publish(who, chance.randbytes(32), terms, parents)
            case 1:
                self.buy(who, asset, 0, chance.randrange(1, 3))
            case 2:
                self.buy(who, asset, chance.randrange(2), tokens=True)
            case 3:
                self.send(who, functions.transferFrom(PEOPLE[0], chance.choice(PEOPLE), asset))
            case 4:
                self.send(who, functions.updateMetadata(asset, chance.randbytes(32), chance.randrange(1, 3)))
            case 5:
                self.send(who, functions.setRoles(asset, chance.choice(PEOPLE), chance.randrange(8)))
            case 6:
                self.send(who, functions.setState(asset, chance.randrange(2)))
            case 7:
                self.send(who, functions.consume(asset, 1, chance.randrange(1, 3), bytes(32)))
            case 8:
                shares = sorted({person: chance.randrange(1, 9) for person in chance.sample(PEOPLE, 2)}.items())
                self.send(who, self.splitters.functions.createSplitter(shares))

    def block(self, chance: random.Random, most: int = 4) -> None:
        """A block of some acts, now and then an empty one."""
        for _ in range(chance.randrange(most + 1)):
            self.act(chance)
        self.mine()

    # --- Indexes ---------------------------------------------------------------------------------

    def index(
        self, where: str | Path = ":memory:", *, url: str | None = None, final: int | None = 64, **options: Any
    ) -> Indexer:
        """An index of this registry, through this node or a proxy before it."""
        store = open_store(str(where))
        store.prepare({"registry": self.deployment.registry})
        return self.on(store, url=url, final=final, **options)

    def on(self, store: Store, *, url: str | None = None, final: int | None = 64, **options: Any) -> Indexer:
        source = Blocks(Chain.connect(url or self.node.url))
        if witness := options.pop("witness", None):
            options["witness"] = Blocks(Chain.connect(witness))
        return Indexer(
            store,
            source,
            self.contracts,
            first=self.deployment.block,
            finality=Finality(final),
            sleep=lambda _: None,
            **options,
        )


def dump(indexer: Indexer, *, undo: bool = False) -> list[Any]:
    return list(indexer.store.dump(undo=undo))
