"""Random walks over the contracts in step with the reference model: same verdicts, same state, after every step.

`DEEP_SECONDS` walks further and each time elsewhere (see `profile`).
"""

from __future__ import annotations

from hypothesis.stateful import invariant

from .machine import Access, RegistryMachine
from .model import BPS, COIN, UNIT, Refused, ancestors_of
from .profile import may_miss, walk
from .world import COINS, DOLLARS, PEOPLE


class CheckedMachine(RegistryMachine):
    """After each step, the whole state of the chain is that of the model, and no more than one step could do."""

    def __init__(self) -> None:
        super().__init__()
        self.active: set[Access] = set()

    @invariant()
    def the_chain_is_the_model(self) -> None:
        """After a step that was refused nothing can have changed: reverting is the machine's own promise."""
        if self.changed:
            self.access_is_what_was_paid_or_given()
            self.licences_add_up()
            self.assets_are_those_of_the_model()
            self.money_is_where_the_model_has_it_and_none_is_made_or_lost()
            self.settings_are_those_of_the_model()
        self.changed, self.gains, self.loses = False, set(), set()

    def access_is_what_was_paid_or_given(self) -> None:
        """Nobody gains access but by the step that gives it to him; nobody loses it but by time, giving or using."""
        active: set[Access] = set()
        for asset_id, asset in self.model.assets.items():
            for account in self.holders:
                some = False
                for number in range(len(asset.licences)):
                    access = self.chain.words(self.registry, "accessOf", asset_id, number, account)
                    assert access == self.model.access_of(asset_id, number, account)
                    if access[0]:
                        some = True
                        active.add((asset_id, number, account))
                assert self.chain.words(self.registry, "hasAccess", asset_id, account) == (some,)
                assert some == self.model.has_access(asset_id, account)
        assert active - self.active <= self.gains, "access came from nowhere"
        assert self.active - active <= self.loses, "access was lost"
        self.active = active

    def licences_add_up(self) -> None:
        for asset_id, asset in self.model.assets.items():
            for number, licence in enumerate(asset.licences):
                assert self.chain.words(self.registry, "licenceOf", asset_id, number) == (
                    licence.price,
                    licence.amount,
                    licence.cap,
                    licence.issued if licence.cap else 0,
                    licence.limit,
                    licence.payment,
                    licence.kind,
                    licence.open,
                    0,
                )
                self.a_sale_costs_what_the_model_says(asset_id, number)
                assert not licence.cap or licence.issued <= licence.cap
                token = self.world.datatoken(asset_id, number)
                assert self.chain.words(self.registry, "datatokenOf", asset_id, number) == (int(token.address, 16),)
                assert self.chain.has_code(token.address) == (licence.minted > 0)
                if licence.minted:
                    supply = (licence.minted - licence.redeemed) * UNIT
                    assert self.chain.words(token, "totalSupply") == (supply,)
                    assert sum(licence.tokens.values()) == supply
                if licence.limit:
                    assert all(grant.taken <= licence.limit for grant in licence.grants.values())

    def a_sale_costs_what_the_model_says(self, asset_id: int, number: int) -> None:
        try:
            token, total, royalty = self.model.charge(asset_id, number, 3)
        except Refused:
            return  # its token is not allowed any more
        asset = self.model.assets[asset_id]
        owed = bool(total and asset.royalty_bps)
        assert self.chain.words(self.market, "quote", asset_id, number, 3) == (
            int(token, 16),
            total,
            total * self.model.fee_bps // BPS,
            int(self.model.treasury, 16) if total else 0,
            royalty,
            int(self.model.splitter_of(asset_id), 16) if owed else 0,
            int(asset.payee, 16) if total else 0,
        )

    def assets_are_those_of_the_model(self) -> None:
        for asset_id, asset in self.model.assets.items():
            owner, payee = int(asset.owner, 16), int(asset.payee, 16)
            allowed, royalty_bps = asset.royalty_terms
            assert self.chain.words(self.registry, "assetInfo", asset_id) == (
                owner,
                int.from_bytes(asset.digest),
                asset.version,
                asset.state,
                asset.delisted,
                len(asset.licences),
                payee,
                asset.epoch,
                bool(asset.parents),
                asset.royalty_bps,
                allowed,
                royalty_bps,
            )
            home = self.registry.address
            table = tuple((home, *row) for row in ancestors_of(self.model.assets, asset).items())
            assert self.chain.call(self.world.lineage, "ancestorsOf", self.registry.address, asset_id) == table
            splitter = self.model.splitter_of(asset_id) if asset.royalty_bps else COIN
            royalty = (int(splitter, 16), 9_999 * asset.royalty_bps // BPS)
            assert self.chain.words(self.registry, "royaltyInfo", asset_id, 9_999) == royalty
            assert self.chain.words(self.registry, "ownerOf", asset_id) == (owner,)
            assert self.chain.words(self.registry, "payoutOf", asset_id) == (payee,)
            assert self.chain.words(self.registry, "getApproved", asset_id) == (int(asset.approved, 16),)
            for account in PEOPLE.values():
                assert self.chain.words(self.registry, "rolesOf", asset_id, account) == (asset.roles[account],)
        for account in self.accounts:
            count = sum(asset.owner == account for asset in self.model.assets.values())
            assert self.chain.words(self.registry, "balanceOf", account) == (count,)

    def money_is_where_the_model_has_it_and_none_is_made_or_lost(self) -> None:
        for token in (self.world.dollar, self.world.other_dollar):
            purse = self.model.money[token.address]
            for account in self.accounts:
                assert self.chain.words(token, "balanceOf", account) == (purse[account],)
            for account in PEOPLE.values():
                allowance = self.model.allowances[token.address][account]
                assert self.chain.words(token, "allowance", account, self.market.address) == (allowance,)
            assert sum(purse.values()) == DOLLARS * len(PEOPLE)
            assert purse[self.market.address] == 0
        coins = self.model.money[COIN]
        for account in self.accounts:
            assert self.chain.balance(account) == coins[account]
        assert sum(coins.values()) == COINS * len(PEOPLE)
        assert coins[self.market.address] == 0

    def settings_are_those_of_the_model(self) -> None:
        model = self.model
        rules = (int(model.treasury, 16), model.fee_bps, model.sales_paused_until)
        assert self.chain.words(self.registry, "salesRules") == rules
        assert self.chain.words(self.registry, "isSeller", self.market.address) == (
            self.market.address in model.sellers,
        )
        assert self.chain.words(self.registry, "publicationsPausedUntil") == (model.publications_paused_until,)
        for account in PEOPLE.values():
            for key in range(3):
                nonce = (key << 64) | model.nonces[account, key]
                assert self.chain.words(self.world.receipts, "nonces(address,uint192)", account, key) == (nonce,)


# What a walk must have seen for its silence to mean anything: each action done, and refused for each of these reasons.
DONE = {
    "publish", "publishMany", "transferFrom", "approve", "setApprovalForAll", "updateMetadata", "setState", "setRoles",
    "renounceRoles", "setPayout", "setDerivativeTerms", "addLicence", "setPrice", "setOpen", "grant", "buyAccess",
    "buyTokens", "buyAccessWithPermit", "buyTokensWithPermit", "transfer", "redeem", "consume", "consumeWithReceipt",
    "cancelReceipt", "setDelisted", "setPaymentToken", "setSeller", "setFee", "setTreasury", "pausePublications",
    "pauseSales",
}  # fmt: skip
REFUSED = {
    "AssetNotFound", "NotAssetOwner", "MissingAssetRole", "UnknownRoles", "EmptyDigest", "VersionConflict",
    "IllegalStateChange", "AssetIsRetired", "RoyaltyTooHigh", "LicenceNotFound", "InvalidLicenceAmount",
    "PaymentTokenNotAllowed", "NotForSale", "LicenceClosed", "NoUnits", "CapExceeded", "LimitExceeded",
    "OnlyForOneself", "AlreadyHeld", "InvalidAccount", "NotRedeemable", "NotConsumable", "NotEnoughUses",
    "ReceiptExpired", "WrongService", "InvalidReceiptSignature", "InvalidAccountNonce", "NotSeller", "NotReceipts",
    "OtherDocument", "NotRegistry", "NothingToPublish", "PublicationsArePaused", "OwnAncestor", "ParentNotFound",
    "DerivativesNotAllowed",
    "RoyaltiesTooHigh", "NotAContract", "SalesArePaused",
    "TotalAboveMaximum", "ValueTooLow", "UnexpectedValue", "PaymentRefused", "FeeAboveCap", "InvalidTreasury",
    "AccessManagedUnauthorized", "ERC721NonexistentToken", "ERC721InsufficientApproval", "ERC721IncorrectOwner",
    "ERC721InvalidReceiver", "ERC721InvalidApprover", "ERC721InvalidOperator", "ERC20InsufficientAllowance",
    "ERC20InsufficientBalance", "ERC20InvalidReceiver",
}  # fmt: skip


def test_chain_and_model_never_disagree() -> None:
    RegistryMachine.tally.clear()
    steps = walk(CheckedMachine, examples=140, steps=50)
    tally = RegistryMachine.tally
    missing = DONE - {function for function, result in tally if result == "done"}
    missing |= REFUSED - {result for _, result in tally}
    assert len(missing) <= may_miss(steps, len(DONE | REFUSED) // 10), f"never seen in {steps} actions: {missing}"
