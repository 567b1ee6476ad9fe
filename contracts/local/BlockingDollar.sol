// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {LocalDollar} from "./LocalDollar.sol";

/// @title BlockingDollar: play money that shuts accounts out, as the issuers of live stablecoins can.
/// @dev Here everybody may play the issuer. For demonstrations and tests, never for a live chain.
contract BlockingDollar is LocalDollar {
    mapping(address account => bool) public isBlocked;

    /// @dev The issuer has shut this account out.
    error AccountBlocked(address account);

    /// @notice Shut an account out, or let it in again.
    /// @param account The account.
    /// @param blocked Whether it is shut out from now on.
    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    /// @inheritdoc ERC20
    function symbol() public pure override returns (string memory) {
        return "USDB";
    }

    /// @inheritdoc ERC20
    function _update(address from, address to, uint256 amount) internal override {
        if (isBlocked[from]) revert AccountBlocked(from);
        if (isBlocked[to]) revert AccountBlocked(to);
        super._update(from, to, amount);
    }
}
