// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Recipient: a contract that takes coins and remembers a call.
contract Recipient {
    /// @notice What it was last told.
    uint256 public told;

    receive() external payable {}

    /// @notice Tell it something.
    function tell(uint256 what) external payable {
        told = what;
    }
}
