// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {MockToken} from "./MockToken.sol";

/// @title BlockingToken: its issuer blocks accounts, or everybody.
contract BlockingToken is MockToken {
    bool private _paused;
    mapping(address account => bool) private _blocked;

    /// @dev The account is blocked.
    error Blocked(address account);

    /// @dev Nothing moves while the token is paused.
    error Paused();

    constructor() MockToken(6) {}

    /// @notice Pause all transfers, or let them go on.
    function setPaused(bool paused) external {
        _paused = paused;
    }

    /// @notice Block an account, or let it go.
    function setBlocked(address account, bool blocked) external {
        _blocked[account] = blocked;
    }

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal virtual override {
        if (_paused) revert Paused();
        if (_blocked[from]) revert Blocked(from);
        if (_blocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}
