// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {MockToken} from "./MockToken.sol";

/// @title HugeReturnToken: answers each payment with true and a megabyte more, and each permit with a megabyte.
contract HugeReturnToken is MockToken {
    uint256 private constant MEGABYTE = 1 << 20;

    constructor() MockToken(18) {}

    /// @inheritdoc ERC20
    function transfer(address to, uint256 amount) public override returns (bool) {
        _transfer(msg.sender, to, amount);
        _answer();
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _spendAllowance(from, msg.sender, amount);
        _transfer(from, to, amount);
        _answer();
    }

    /// @inheritdoc ERC20Permit
    function permit(address, address, uint256, uint256, uint8, bytes32, bytes32) public pure override {
        assembly {
            revert(0, MEGABYTE)
        }
    }

    function _answer() private pure {
        // Not memory-safe on purpose: the call ends here.
        assembly {
            mstore(0, 1)
            return(0, MEGABYTE)
        }
    }
}
