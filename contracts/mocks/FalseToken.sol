// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {MockToken} from "./MockToken.sol";

/// @title FalseToken: says false and moves nothing.
contract FalseToken is MockToken {
    constructor() MockToken(18) {}

    /// @inheritdoc ERC20
    function transfer(address, uint256) public pure override returns (bool) {
        return false;
    }

    /// @inheritdoc ERC20
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}
