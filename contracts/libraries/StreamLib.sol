// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BPS} from "../interfaces/IAssets.sol";
import {Parts} from "../interfaces/IStreams.sol";
import {ShareTable} from "./ShareTable.sol";

/// @title StreamLib: what time costs, and who gets which part of it.
/// @dev All is a function of the whole time since the start. What a step costs or earns is the difference of two values, so
/// it does not matter in how many steps it comes, and no remainder is left.
library StreamLib {
    /// @notice What so much time costs: its share of the price, rounded up.
    /// @param price The price, of 96 bits.
    /// @param amount The seconds that it pays for, more than zero.
    /// @param time Seconds, of 48 bits.
    /// @return total In units of the payment token.
    function owed(uint256 price, uint256 amount, uint256 time) internal pure returns (uint256 total) {
        unchecked {
            return (price * time + amount - 1) / amount;
        }
    }

    /// @notice An amount, divided. The fee is taken first; the royalty is the ancestors' share of what the fee leaves, so
    /// that it comes to their share of the whole. Each part only ever grows with the amount.
    /// @param total The amount, of 120 bits.
    /// @param feeBps The fee, in basis points, less than all.
    /// @param royaltyBps The royalty, in basis points; with the fee not more than all.
    /// @return parts The parts, which together are the amount.
    function divide(uint256 total, uint256 feeBps, uint256 royaltyBps)
        internal
        pure
        returns (Parts memory parts)
    {
        uint256 fee = ShareTable.part(total, feeBps, BPS);
        uint256 rest = total - fee;
        uint256 royalty = ShareTable.part(rest, royaltyBps, BPS - feeBps);
        return Parts(uint128(fee), uint128(royalty), uint128(rest - royalty));
    }
}
