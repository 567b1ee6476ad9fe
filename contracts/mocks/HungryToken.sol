// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {MockToken} from "./MockToken.sol";

/// @title HungryToken: a sound token each transfer of which takes about as much gas as it was told to.
contract HungryToken is MockToken {
    uint256 private immutable _appetite;

    constructor(uint256 appetite) MockToken(18) {
        _appetite = appetite;
    }

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from == address(0)) return;
        uint256 before = gasleft();
        while (before - gasleft() + 45_000 < _appetite) {}
    }
}
