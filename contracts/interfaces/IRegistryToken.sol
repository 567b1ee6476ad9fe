// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev What an account gets when the token is made.
struct Allocation {
    address account;
    uint256 amount;
}

/// @title The token whose holders decide.
/// @notice ERC-20 with permit (ERC-2612) and votes (ERC-5805, time in seconds). A balance votes once it is delegated, to
/// its holder or to somebody else.
interface IRegistryToken {
    /// @dev A token that nobody has could never decide anything.
    error NothingAllocated();
}
