// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {MockToken} from "./MockToken.sol";

/// @dev Who wants to be called when such a token moves.
interface ITokenHook {
    /// @notice Money is about to leave or has come.
    function tokensMoved() external;
}

/// @title HookToken: calls the sender before and the receiver after each transfer, as ERC-777 does.
contract HookToken is MockToken {
    constructor() MockToken(18) {}

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        if (from.code.length != 0) ITokenHook(from).tokensMoved();
        super._update(from, to, amount);
        if (to.code.length != 0) ITokenHook(to).tokensMoved();
    }
}
