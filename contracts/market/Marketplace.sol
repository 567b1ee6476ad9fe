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
        return _charge(registry.offerOf(assetId, licence), units);
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
        Charge memory charge = _charge(registry.sell(issue), order.units);
        if (charge.total > order.maxTotal) revert TotalAboveMaximum(charge.total, order.maxTotal);
        emit Sale(
            order.assetId, order.licence, msg.sender, charge.token, charge.total, charge.fee, charge.royalty
        );

        uint256 change = _changeOf(charge.token, charge.total);
        _pay(charge.token, charge.treasury, charge.fee);
        _pay(charge.token, charge.royaltyTo, charge.royalty);
        _pay(charge.token, charge.payout, charge.total - charge.fee - charge.royalty);
        _sendCoin(msg.sender, change);
    }

    function _charge(Offer memory offer, uint256 units) private pure returns (Charge memory charge) {
        uint256 total = offer.price * units;
        return Charge({
            token: offer.token,
            total: total,
            fee: total * offer.feeBps / BPS,
            treasury: offer.treasury,
            royalty: total * offer.royaltyBps / BPS,
            royaltyTo: offer.royaltyTo,
            payout: offer.payout
        });
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
