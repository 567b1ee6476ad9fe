// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BPS} from "../interfaces/IAssets.sol";
import {ILicences, Issue, Offer} from "../interfaces/ILicences.sol";
import {Charge, IMarketplace, Order} from "../interfaces/IMarketplace.sol";
import {Permit} from "../interfaces/ISeller.sol";
import {PermitLib} from "../libraries/PermitLib.sol";
import {Seller} from "./Seller.sol";

/// @title Marketplace: sells licences of one registry.
/// @dev The registry writes all state first; then the money moves from the buyer to its receivers.
contract Marketplace is Seller, ReentrancyGuardTransient, IMarketplace {
    using PermitLib for Permit;
    using SafeERC20 for IERC20;

    /// The registry whose licences are sold here.
    ILicences public immutable registry;

    constructor(ILicences registry_) {
        registry = registry_;
    }

    /* BUYING */

    /// @inheritdoc IMarketplace
    function buyAccess(Order calldata order) external payable {
        _buy(order, false);
    }

    /// @inheritdoc IMarketplace
    function buyTokens(Order calldata order) external payable {
        _buy(order, true);
    }

    /// @inheritdoc IMarketplace
    function buyAccessWithPermit(Order calldata order, Permit calldata permit) external {
        permit.use();
        _buy(order, false);
    }

    /// @inheritdoc IMarketplace
    function buyTokensWithPermit(Order calldata order, Permit calldata permit) external {
        permit.use();
        _buy(order, true);
    }

    /* VIEWS */

    /// @inheritdoc IMarketplace
    function quote(uint256 assetId, uint256 licence, uint32 units) external view returns (Charge memory) {
        Offer memory offer = registry.offerOf(assetId, licence);
        (uint256 total, uint256 fee, uint256 royalty) = _divide(offer, units);
        return Charge(offer.token, total, fee, offer.treasury, royalty, offer.royaltyTo, offer.payout);
    }

    /* INTERNAL */

    function _buy(Order calldata order, bool asTokens) private nonReentrant {
        Issue memory issue = Issue({
            assetId: order.assetId,
            licence: order.licence,
            account: order.account,
            units: order.units,
            asTokens: asTokens,
            buyer: msg.sender,
            digest: order.digest
        });
        Offer memory offer = registry.sell(issue);
        (uint256 total, uint256 fee, uint256 royalty) = _divide(offer, order.units);
        if (total > order.maxTotal) revert TotalAboveMaximum(total, order.maxTotal);
        emit Sale(order.assetId, order.licence, msg.sender, offer.token, total, fee, royalty);

        uint256 change = _changeOf(offer.token, total);
        _pay(offer.token, offer.treasury, fee);
        _pay(offer.token, offer.royaltyTo, royalty);
        _pay(offer.token, offer.payout, total - fee - royalty);
        _sendCoin(msg.sender, change);
    }

    function _divide(Offer memory offer, uint256 units)
        private
        pure
        returns (uint256 total, uint256 fee, uint256 royalty)
    {
        total = offer.price * units;
        fee = total * offer.feeBps / BPS;
        royalty = total * offer.royaltyBps / BPS;
    }

    /// @dev From the buyer in a token, or from the value that came with the call.
    function _pay(address token, address receiver, uint256 amount) private {
        if (amount == 0) return;
        // An owner could name this contract as payout; nobody could ever take the money out again.
        if (receiver == address(this)) revert PaymentRefused(receiver, amount);
        if (token == address(0)) _sendCoin(receiver, amount);
        else IERC20(token).safeTransferFrom(msg.sender, receiver, amount);
    }
}
