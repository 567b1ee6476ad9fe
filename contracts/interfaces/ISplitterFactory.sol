// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev A payee of a new splitter and its share of the sum of all shares.
struct Share {
    address payee;
    uint32 share;
}

/// @title SplitterFactory: makes splitters at addresses that their payees and shares decide.
/// @dev Money can be sent to the address before the splitter is made. Made twice, it is the same one. The address is a hash of
/// the payees, so no splitter can be its own payee.
interface ISplitterFactory {
    /// @notice A splitter was made.
    /// @param splitter The splitter.
    /// @param shares Its payees and their shares.
    event SplitterCreated(address indexed splitter, Share[] shares);

    /// @dev A splitter has 1 to 256 payees.
    error InvalidPayeeCount(uint256 count, uint256 maximum);

    /// @dev Payees are listed by ascending address; so none can be the zero address, and none can come twice.
    error PayeesNotAscending(address previous, address payee);

    /// @dev A share is more than zero.
    error EmptyShare(address payee);

    /// @notice Make the splitter of these shares, if it is not there yet.
    /// @param shares The payees, by ascending address, and their shares.
    /// @return splitter The splitter.
    function createSplitter(Share[] calldata shares) external returns (address splitter);

    /// @notice The address of the splitter of these shares, made or not.
    /// @param shares The payees, by ascending address, and their shares.
    /// @return splitter The splitter.
    function splitterOf(Share[] calldata shares) external view returns (address splitter);

    /// @notice The contract that splitters are clones of.
    /// @return Its address.
    function implementation() external view returns (address);
}
