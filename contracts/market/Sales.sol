// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ISales} from "../interfaces/ISales.sol";

/// @title Sales: who may sell, and what all sellers keep to.
abstract contract Sales is AccessManaged, ISales {
    /// @dev One slot, read by every sale.
    struct Rules {
        address treasury;
        uint16 feeBps;
        uint48 pausedUntil;
    }

    /// @dev The most that the fee can ever be: 5 %.
    uint256 private constant MAX_FEE_BPS = 500;

    /// @inheritdoc ISales
    Rules public salesRules;
    /// @inheritdoc ISales
    mapping(address seller => bool) public isSeller;

    constructor(address treasury, uint256 feeBps) {
        _setTreasury(treasury);
        _setFee(feeBps);
    }

    /* SETTINGS */

    /// @inheritdoc ISales
    function setSeller(address seller, bool allowed) external restricted {
        _checkIsContract(seller);
        if (seller == salesRules.treasury) revert InvalidTreasury(seller);
        isSeller[seller] = allowed;
        emit SellerChanged(seller, allowed);
    }

    /// @inheritdoc ISales
    function setFee(uint256 feeBps) external restricted {
        _setFee(feeBps);
    }

    /// @inheritdoc ISales
    function setTreasury(address treasury) external restricted {
        _setTreasury(treasury);
    }

    /// @inheritdoc ISales
    function pauseSales(uint48 until) external restricted {
        salesRules.pausedUntil = until;
        emit SalesPaused(until);
    }

    /* INTERNAL */

    /// @return rules What the caller, which is a seller and is not paused, keeps to.
    function _checkSeller() internal view returns (Rules memory rules) {
        if (!isSeller[msg.sender]) revert NotSeller(msg.sender);
        rules = salesRules;
        if (block.timestamp < rules.pausedUntil) revert SalesArePaused(rules.pausedUntil);
    }

    function _checkIsContract(address account) internal view {
        if (account.code.length == 0) revert NotAContract(account);
    }

    function _setFee(uint256 feeBps) private {
        if (feeBps > MAX_FEE_BPS) revert FeeAboveCap(feeBps, MAX_FEE_BPS);
        salesRules.feeBps = uint16(feeBps);
        emit FeeChanged(feeBps);
    }

    function _setTreasury(address treasury) private {
        if (treasury == address(0) || isSeller[treasury]) revert InvalidTreasury(treasury);
        salesRules.treasury = treasury;
        emit TreasuryChanged(treasury);
    }
}
