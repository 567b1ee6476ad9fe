// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ILedger} from "./ILedger.sol";

/// @title Splitter: passes what it receives on to its payees, in shares that never change.
/// @notice Works for the native coin (token zero) and any ERC-20. Nobody owns it and nobody can stop it. What a payee could
/// not be paid waits in its ledger.
/// @dev What each payee has had is a function of all that ever arrived, rounded down; so neither how often nor in which
/// order it is distributed matters. Less than one unit for each payee waits here until it makes a whole one.
interface ISplitter is ILedger {
    /* EVENTS */

    /// @notice An amount was divided among all payees, or among those of the `ChunkPaid` just before.
    /// @param token The token; zero for the native coin.
    /// @param amount What was paid or parked.
    event Distributed(address indexed token, uint256 amount);

    /// @notice In a round of chunks it was the turn of some payees.
    /// @param token The token; zero for the native coin.
    /// @param first The place in `payees` of the first of them.
    /// @param count How many they were.
    event ChunkPaid(address indexed token, uint256 first, uint256 count);

    /* ERRORS */

    /// @dev The contract that splitters are clones of has no payees and takes no coins.
    error NotASplitter();

    /// @dev A chunk is one payee or more.
    error EmptyChunk();

    /* PAYING */

    /// @notice Pay all payees what has arrived, or finish a round that was begun in chunks. For anybody.
    /// @param token The token; zero for the native coin.
    /// @return amount What was paid or parked.
    function distribute(address token) external returns (uint256 amount);

    /// @notice Pay the next payees only; the round goes on where it stopped. For anybody.
    /// @param token The token; zero for the native coin.
    /// @param count How many payees.
    /// @return amount What was paid or parked.
    function distributeChunk(address token, uint256 count) external returns (uint256 amount);

    /* VIEWS */

    /// @notice The payees and their shares, in the order of payment.
    /// @return accounts The payees.
    /// @return shares The share of each in the sum of all shares.
    function payees() external view returns (address[] memory accounts, uint256[] memory shares);

    /// @notice What a payee would have if everything were distributed now: its share of what arrived, and what is parked.
    /// @dev Not while a payment is under way, when some of it is on both sides.
    /// @param token The token; zero for the native coin.
    /// @param payee The payee.
    /// @return amount In the token's units.
    function pending(address token, address payee) external view returns (uint256 amount);

    /// @notice All that arrived and was counted so far.
    /// @param token The token; zero for the native coin.
    /// @return amount In the token's units.
    function received(address token) external view returns (uint256 amount);
}
