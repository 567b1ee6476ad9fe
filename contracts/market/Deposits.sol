// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IDeposits} from "../interfaces/IDeposits.sol";
import {Ledger} from "../revenue/Ledger.sol";
import {Seller} from "./Seller.sol";

/// @title Deposits: how sellers take money that is not earned yet, and pay it out.
abstract contract Deposits is Ledger, Seller, IDeposits {
    using SafeERC20 for IERC20;

    /// @dev From the caller, in full: what a token keeps of it would be missing to somebody later.
    function _take(address token, uint256 total) internal {
        uint256 change = _changeOf(token, total);
        if (token != address(0) && total != 0) {
            uint256 before = _balance(token);
            IERC20(token).safeTransferFrom(msg.sender, address(this), total);
            uint256 arrived = _balance(token) - before;
            if (arrived != total) revert PaymentIncomplete(token, arrived, total);
        }
        _sendCoin(msg.sender, change);
    }

    function _payOrPark(address token, address payee, uint256 amount) internal {
        if (amount == 0) return;
        if (!_push(token, payee, amount)) _park(token, payee, amount);
    }
}
