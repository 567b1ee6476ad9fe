// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ILedger} from "./ILedger.sol";
import {ISeller} from "./ISeller.sol";

/// @title Deposits: what sellers refuse that hold money until it is earned.
interface IDeposits is ISeller, ILedger {
    /// @dev Less arrived than was sent: nothing is paid in a token that keeps a fee.
    error PaymentIncomplete(address token, uint256 arrived, uint256 total);
}
