// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {MockToken} from "./MockToken.sol";

/// @title BrokenPermitToken: has a permit that always reverts.
contract BrokenPermitToken is MockToken {
    /// @dev This permit never works.
    error NoPermit(address owner);

    constructor() MockToken(18) {}

    /// @inheritdoc ERC20Permit
    function permit(address owner, address, uint256, uint256, uint8, bytes32, bytes32) public pure override {
        revert NoPermit(owner);
    }
}
