// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ISales} from "../interfaces/ISales.sol";

/// @title Sales: who may sell, and what all sellers keep to.
abstract contract Sales is AccessManaged, ISales {
    /// @dev What a seller keeps to, and whether it may sell at all: one slot, all that a sale reads about its seller.
    struct Rules {
        address treasury;
        uint16 feeBps;
        uint48 pausedUntil;
        bool selling;
    }

    /// @dev The most that the fee can ever be: 5 %.
    uint256 private constant MAX_FEE_BPS = 500;

    /// @dev Each seller has its own copy of what holds for all; the zero address, which sells nothing, has the first.
    mapping(address seller => Rules) private _rules;
    /// @dev All that have a copy: the zero address, and whoever was ever named. Those are few, each named by a vote.
    address[] private _sellers;

    constructor(address treasury, uint256 feeBps) {
        _sellers.push(address(0));
        _setTreasury(treasury);
        _setFee(feeBps);
    }

    /* SETTINGS */

    /// @inheritdoc ISales
    function setSeller(address seller, bool allowed) external restricted {
        _checkIsContract(seller);
        Rules memory rules = _salesRules();
        if (seller == rules.treasury) revert InvalidTreasury(seller);
        if (_rules[seller].treasury == address(0)) _sellers.push(seller);
        rules.selling = allowed;
        _rules[seller] = rules;
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
        Rules memory rules = _salesRules();
        rules.pausedUntil = until;
        _setRules(rules);
        emit SalesPaused(until);
    }

    /* VIEWS */

    /// @inheritdoc ISales
    function isSeller(address seller) public view returns (bool) {
        return _rules[seller].selling;
    }

    /// @inheritdoc ISales
    function salesRules() external view returns (address treasury, uint16 feeBps, uint48 pausedUntil) {
        Rules memory rules = _salesRules();
        return (rules.treasury, rules.feeBps, rules.pausedUntil);
    }

    /* INTERNAL */

    /// @return rules What the caller, which is a seller and is not paused, keeps to.
    function _checkSeller() internal view returns (Rules memory rules) {
        rules = _rules[msg.sender];
        if (!rules.selling) revert NotSeller(msg.sender);
        if (block.timestamp < rules.pausedUntil) revert SalesArePaused(rules.pausedUntil);
    }

    function _salesRules() internal view returns (Rules memory) {
        return _rules[address(0)];
    }

    function _checkIsContract(address account) internal view {
        if (account.code.length == 0) revert NotAContract(account);
    }

    function _setFee(uint256 feeBps) private {
        if (feeBps > MAX_FEE_BPS) revert FeeAboveCap(feeBps, MAX_FEE_BPS);
        Rules memory rules = _salesRules();
        rules.feeBps = uint16(feeBps);
        _setRules(rules);
        emit FeeChanged(feeBps);
    }

    function _setTreasury(address treasury) private {
        if (treasury == address(0) || isSeller(treasury)) revert InvalidTreasury(treasury);
        Rules memory rules = _salesRules();
        rules.treasury = treasury;
        _setRules(rules);
        emit TreasuryChanged(treasury);
    }

    /// @dev In all copies, each of which keeps whether its seller may sell.
    function _setRules(Rules memory rules) private {
        for (uint256 i = 0; i < _sellers.length; ++i) {
            address seller = _sellers[i];
            rules.selling = isSeller(seller);
            _rules[seller] = rules;
        }
    }
}
