// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title VanishingToken: says yes to every transfer and moves nothing.
contract VanishingToken {
    /// @notice Nobody has any.
    function balanceOf(address) external pure returns (uint256) {
        return 0;
    }

    /// @notice Nothing moves.
    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}
