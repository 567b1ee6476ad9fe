// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ITokenHook} from "./HookToken.sol";
import {MockToken} from "./MockToken.sol";

/// @title CallbackToken: calls the receiver after each transfer, and pays those too who know no such call.
contract CallbackToken is MockToken {
    constructor() MockToken(18) {}

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (to.code.length == 0) return;
        try ITokenHook(to).tokensMoved() {} catch {}
    }
}
