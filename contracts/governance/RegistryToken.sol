// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Allocation, IRegistryToken} from "../interfaces/IRegistryToken.sol";

/// @title RegistryToken: votes in the DAO.
/// @dev All there ever is of it is made at once, so nobody can ever make more, and it needs no owner.
contract RegistryToken is ERC20, ERC20Permit, ERC20Votes, IRegistryToken {
    constructor(string memory name_, string memory symbol_, Allocation[] memory allocations)
        ERC20(name_, symbol_)
        ERC20Permit(name_)
    {
        for (uint256 i = 0; i < allocations.length; ++i) {
            _mint(allocations[i].account, allocations[i].amount);
        }
        if (totalSupply() == 0) revert NothingAllocated();
    }

    /// @notice ERC-6372: time is told in seconds, so that it means the same on chains of any block time.
    /// @return Seconds.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372: what `clock` counts.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    /// @dev 79 billion whole tokens; two tallies of the governor share a slot for that.
    function _maxSupply() internal pure override returns (uint256) {
        return type(uint96).max;
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, ERC20Votes) {
        super._update(from, to, amount);
    }
}
