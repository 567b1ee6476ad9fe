// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";

/// @title FlashVoter: has votes for the length of a transaction, as if lent by a pool, and tries to rule with them.
contract FlashVoter {
    /// @notice What it had during the loan.
    uint256 public held;

    /// @notice Borrow, delegate to itself, propose, and give back.
    function proposeWithLoan(
        ERC20Votes token,
        IGovernor governor,
        address pool,
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata calldatas,
        string calldata description
    ) external returns (uint256 id) {
        _borrow(token, pool);
        id = governor.propose(targets, values, calldatas, description);
        token.transfer(pool, token.balanceOf(address(this)));
    }

    /// @notice Borrow, delegate to itself, vote, and give back.
    function voteWithLoan(ERC20Votes token, IGovernor governor, address pool, uint256 id)
        external
        returns (uint256 weight)
    {
        _borrow(token, pool);
        weight = governor.castVote(id, 1);
        token.transfer(pool, token.balanceOf(address(this)));
    }

    function _borrow(ERC20Votes token, address pool) private {
        token.transferFrom(pool, address(this), token.balanceOf(pool));
        token.delegate(address(this));
        held = token.getVotes(address(this));
    }
}
