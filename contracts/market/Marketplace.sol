// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Charge, ILicences} from "../interfaces/ILicences.sol";
import {IMarketplace, Order, Permit} from "../interfaces/IMarketplace.sol";

/// @title Marketplace: sells licences of one registry.
/// @dev The registry writes all state first; then the money moves from the buyer to its receivers.
contract Marketplace is IMarketplace, AccessManaged, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// The most that the fee can ever be: 5 %.
    uint256 public constant MAX_FEE_BPS = 500;
    /// Gas for a receiver of native coin: enough for a Safe or a splitter, too little to hurt.
    uint256 private constant NATIVE_GAS = 100_000;

    /// The registry whose licences are sold here.
    ILicences public immutable registry;

    /// @dev One slot, read by every sale.
    address private _treasury;
    uint16 private _feeBps;
    uint48 private _salesPausedUntil;

    constructor(address authority, ILicences registry_, address treasury_, uint256 feeBps_)
        AccessManaged(authority)
    {
        registry = registry_;
        _setTreasury(treasury_);
        _setFee(feeBps_);
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
        _usePermit(order, permit);
        _buy(order, false);
    }

    /// @inheritdoc IMarketplace
    function buyTokensWithPermit(Order calldata order, Permit calldata permit) external {
        _usePermit(order, permit);
        _buy(order, true);
    }

    /* SETTINGS */

    /// @inheritdoc IMarketplace
    function setFee(uint256 feeBps_) external restricted {
        _setFee(feeBps_);
    }

    /// @inheritdoc IMarketplace
    function setTreasury(address treasury_) external restricted {
        _setTreasury(treasury_);
    }

    /// @inheritdoc IMarketplace
    function pauseSales(uint48 until) external restricted {
        _salesPausedUntil = until;
        emit SalesPaused(until);
    }

    /* VIEWS */

    /// @inheritdoc IMarketplace
    function feeBps() external view returns (uint256) {
        return _feeBps;
    }

    /// @inheritdoc IMarketplace
    function treasury() external view returns (address) {
        return _treasury;
    }

    /// @inheritdoc IMarketplace
    function salesPausedUntil() external view returns (uint48) {
        return _salesPausedUntil;
    }

    /* INTERNAL */

    function _buy(Order calldata order, bool asTokens) private nonReentrant {
        (address treasury_, uint256 feeBps_, uint48 pausedUntil) = (_treasury, _feeBps, _salesPausedUntil);
        if (block.timestamp < pausedUntil) revert SalesArePaused(pausedUntil);
        Charge memory charge =
            registry.sell(order.assetId, order.licence, order.account, order.units, asTokens, msg.sender);
        if (charge.total > order.maxTotal) revert TotalAboveMaximum(charge.total, order.maxTotal);

        uint256 fee = charge.total * feeBps_ / 10_000;
        emit Sale(order.assetId, order.licence, msg.sender, charge.token, charge.total, fee, charge.royalty);

        uint256 change = msg.value;
        if (charge.token != address(0)) {
            if (msg.value != 0) revert UnexpectedValue(msg.value);
        } else {
            if (msg.value < charge.total) revert ValueTooLow(msg.value, charge.total);
            change = msg.value - charge.total;
        }
        _pay(charge.token, treasury_, fee);
        _pay(charge.token, charge.royaltyTo, charge.royalty);
        _pay(charge.token, charge.payout, charge.total - fee - charge.royalty);
        _pay(address(0), msg.sender, change);
    }

    /// @dev From the buyer in a token, or from the value that came with the call.
    function _pay(address token, address receiver, uint256 amount) private {
        if (amount == 0) return;
        // An owner could name this contract as payout; nobody could ever take the money out again.
        if (receiver == address(this)) revert PaymentRefused(receiver, amount);
        if (token != address(0)) {
            IERC20(token).safeTransferFrom(msg.sender, receiver, amount);
        } else if (!_send(receiver, amount)) {
            revert PaymentRefused(receiver, amount);
        }
    }

    /// @dev Bounded gas, and no copy of what the receiver returns.
    function _send(address receiver, uint256 amount) private returns (bool sent) {
        assembly ("memory-safe") {
            sent := call(NATIVE_GAS, receiver, amount, 0, 0, 0, 0)
        }
    }

    /// @dev A permit can be spent by anybody who sees it. What counts is the allowance when the price is taken.
    function _usePermit(Order calldata order, Permit calldata permit) private {
        address token = registry.quote(order.assetId, order.licence, order.units).token;
        if (token == address(0)) return;
        try IERC20Permit(token)
            .permit(msg.sender, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s) {}
            catch {}
    }

    function _setFee(uint256 feeBps_) private {
        if (feeBps_ > MAX_FEE_BPS) revert FeeAboveCap(feeBps_, MAX_FEE_BPS);
        _feeBps = uint16(feeBps_);
        emit FeeChanged(feeBps_);
    }

    function _setTreasury(address treasury_) private {
        if (treasury_ == address(0) || treasury_ == address(this)) revert InvalidTreasury(treasury_);
        _treasury = treasury_;
        emit TreasuryChanged(treasury_);
    }
}
