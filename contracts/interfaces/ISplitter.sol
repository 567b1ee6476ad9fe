// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Splitter: passes what it receives on to its payees, in shares that never change.
/// @notice Works for the native coin (token zero) and any ERC-20. Nobody owns it and nobody can stop it.
/// @dev What each payee has had is a function of all that ever arrived, rounded down; so neither how often nor in which
/// order it is distributed matters. Less than one unit for each payee waits here until it makes a whole one.
interface ISplitter {
    /* EVENTS */

    /// @notice `amount` of a token was divided among all payees, or among those of the `ChunkPaid` just before.
    event Distributed(address indexed token, uint256 amount);

    /// @notice In a round of chunks it was the turn of `count` payees, from place `first` in `payees` on.
    event ChunkPaid(address indexed token, uint256 first, uint256 count);

    /// @notice A payee could not be paid; the amount waits for its claim.
    event Parked(address indexed token, address indexed payee, uint256 amount);

    /// @notice A payee had its parked amount sent to an account of its choice.
    event Claimed(address indexed token, address indexed payee, address indexed to, uint256 amount);

    /* ERRORS */

    /// @dev Nothing is parked for the caller.
    error NothingToClaim(address token, address payee);

    /// @dev A claim cannot go to the zero address or back to the splitter.
    error InvalidClaimReceiver(address to);

    /// @dev The receiver of the claim refused the native coin.
    error ClaimRefused(address to, uint256 amount);

    /// @dev A payee must get its full allowance of gas, or whoever distributes could make payments fail at will.
    error NotEnoughGas(uint256 left, uint256 needed);

    /// @dev The contract that splitters are clones of has no payees and takes no coins.
    error NotASplitter();

    /// @dev There is no token at this address, or it does not say what the splitter holds.
    error NotAToken(address token);

    /// @dev A chunk is one payee or more.
    error EmptyChunk();

    /* PAYING */

    /// @notice Pay all payees what has arrived, or finish a round that was begun in chunks. For anybody.
    /// @return amount What was paid or parked.
    function distribute(address token) external returns (uint256 amount);

    /// @notice Pay the next `count` payees only; the round goes on where it stopped.
    function distributeChunk(address token, uint256 count) external returns (uint256 amount);

    /// @notice Send what is parked for the caller to `to`.
    function claim(address token, address to) external returns (uint256 amount);

    /* VIEWS */

    /// @notice The payees and their shares, in the order of payment.
    function payees() external view returns (address[] memory accounts, uint256[] memory shares);

    /// @notice What a payee would have if everything were distributed now: its share of what waits, and what is parked.
    /// @dev Not while a payment is under way, when some of it is on both sides.
    function pending(address token, address payee) external view returns (uint256 amount);

    /// @notice What is parked for a payee.
    function parkedOf(address token, address payee) external view returns (uint256 amount);

    /// @notice All that arrived and was counted so far, in the token's units.
    function received(address token) external view returns (uint256 amount);
}
