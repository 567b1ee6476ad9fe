// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {VestingWallet} from "@openzeppelin/contracts/finance/VestingWallet.sol";
import {VestingWalletCliff} from "@openzeppelin/contracts/finance/VestingWalletCliff.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";

/// @title TokenVesting: tokens that become somebody's over time, and vote from the start.
/// @dev OpenZeppelin's VestingWallet with a cliff, whose owner may delegate the votes of what it holds.
contract TokenVesting is VestingWalletCliff {
    constructor(address beneficiary, uint64 start_, uint64 duration_, uint64 cliff_)
        VestingWallet(beneficiary, start_, duration_)
        VestingWalletCliff(cliff_)
    {}

    /// @notice Refused: what vests would belong to nobody, and be lost.
    function renounceOwnership() public view override onlyOwner {
        revert OwnableInvalidOwner(address(0));
    }

    /// @notice Let somebody vote with what is here: by the owner.
    /// @param token The token.
    /// @param delegatee Who votes.
    function delegateVotes(IVotes token, address delegatee) external onlyOwner {
        token.delegate(delegatee);
    }
}
