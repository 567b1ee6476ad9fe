// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title LocalDollar: play money for chains that start empty.
/// @dev A well-behaved stablecoin with 6 decimals and permit, which anybody may mint. Deployed by `Registry.local()`
/// and by tests, never by a deployment plan for a live chain.
contract LocalDollar is ERC20Permit {
    constructor() ERC20("Local Dollar", "USD") ERC20Permit("Local Dollar") {}

    /// @notice Make play money.
    /// @param account Who gets it.
    /// @param amount How much, in units of 6 decimals.
    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
