// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev An EIP-2612 approval of the seller, signed by the buyer.
struct Permit {
    address token;
    uint256 value;
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @title Seller: what all contracts that sell licences refuse.
interface ISeller {
    /// @dev The price is above what the buyer agreed to.
    error TotalAboveMaximum(uint256 total, uint256 maxTotal);

    /// @dev Less native coin was sent than the total.
    error ValueTooLow(uint256 value, uint256 total);

    /// @dev Native coin was sent for a licence that is priced in a token.
    error UnexpectedValue(uint256 value);

    /// @dev The receiver refused the native coin, or is the seller itself.
    error PaymentRefused(address receiver, uint256 amount);
}
