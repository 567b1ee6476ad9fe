// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Treasuries: the receivers of fees that the DAO approved.
/// @notice The issuer of a token may block the treasury, and every sale in that token with it. The DAO approves receivers
/// beforehand, with all its delays; among them the guardian may switch at once.
interface ITreasuries {
    /// @notice A receiver of fees was approved, or no longer is.
    /// @param treasury The receiver.
    /// @param approved Whether it may be switched to.
    event TreasuryApproved(address indexed treasury, bool approved);

    /// @notice Fees go to another receiver from now on.
    /// @param account Who switched.
    /// @param treasury The receiver.
    event TreasurySwitched(address indexed account, address indexed treasury);

    /// @dev The DAO did not approve this receiver.
    error TreasuryNotApproved(address treasury);

    /// @notice Approve a receiver of fees, or take the approval back: by the DAO. Fees that go there go on until a switch.
    /// @param treasury The receiver.
    /// @param approved Whether it may be switched to.
    function approveTreasury(address treasury, bool approved) external;

    /// @notice Have the fees go to an approved receiver from now on: by the guardian or the DAO.
    /// @param treasury The receiver.
    function switchTreasury(address treasury) external;

    /// @notice Whether fees may be switched to a receiver.
    /// @param treasury The receiver.
    /// @return Whether the DAO approved it.
    function isApproved(address treasury) external view returns (bool);
}
