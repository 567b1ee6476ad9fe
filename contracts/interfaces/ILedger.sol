// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Ledger: what is owed to whom, until it is fetched.
/// @notice What could not be paid, or is not to be paid at once, waits here for its payee. Anybody may have it sent to the
/// payee itself, so nothing waits for an account that cannot call; only the payee may have it sent elsewhere.
interface ILedger {
    /* EVENTS */

    /// @notice An amount waits for its payee.
    /// @param token The token; zero for the native coin.
    /// @param payee Whose it is.
    /// @param amount What came to wait, in the token's units.
    event Parked(address indexed token, address indexed payee, uint256 amount);

    /// @notice What waited was sent.
    /// @param token The token; zero for the native coin.
    /// @param payee Whose it was.
    /// @param to Where it went.
    /// @param amount What was sent.
    event Claimed(address indexed token, address indexed payee, address indexed to, uint256 amount);

    /* ERRORS */

    /// @dev Nothing waits for this payee.
    error NothingToClaim(address token, address payee);

    /// @dev Only the payee may have it sent to another account.
    error NotPayee(address payee, address caller);

    /// @dev A claim cannot go to the zero address or back to where it waits.
    error InvalidClaimReceiver(address to);

    /// @dev The receiver of the claim refused the native coin.
    error ClaimRefused(address to, uint256 amount);

    /// @dev A payee must get its full allowance of gas, or whoever pays could make payments fail at will.
    error NotEnoughGas(uint256 left, uint256 needed);

    /// @dev There is no token at this address, or it does not say what is held here.
    error NotAToken(address token);

    /* ACTS */

    /// @notice Send what waits for a payee: anybody to the payee itself, the payee to any account.
    /// @param token The token; zero for the native coin.
    /// @param payee Whose it is.
    /// @param to Where it goes.
    /// @return amount What was sent.
    function claim(address token, address payee, address to) external returns (uint256 amount);

    /* VIEWS */

    /// @notice What waits for a payee.
    /// @param token The token; zero for the native coin.
    /// @param payee The payee.
    /// @return amount In the token's units.
    function owedTo(address token, address payee) external view returns (uint256 amount);
}
