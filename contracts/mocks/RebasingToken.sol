// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {BlockingToken} from "./BlockingToken.sol";

/// @title RebasingToken: all balances grow or shrink by what its issuer says, who also blocks accounts.
contract RebasingToken is BlockingToken {
    uint256 private constant ONE = 1e18;

    /// @notice How much of a unit each unit that was made is worth now, of 1e18.
    uint256 public index = ONE;

    /// @notice Grow or shrink all balances.
    function rebase(uint256 index_) external {
        index = index_;
    }

    /// @inheritdoc ERC20
    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * index / ONE;
    }

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        // Rounded up: what is sent is never less than what is said.
        super._update(from, to, (amount * ONE + index - 1) / index);
    }
}
