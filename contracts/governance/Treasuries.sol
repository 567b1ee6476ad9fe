// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IRegistryGovernor} from "../interfaces/IRegistryGovernor.sol";
import {ISales} from "../interfaces/ISales.sol";
import {ITreasuries} from "../interfaces/ITreasuries.sol";

/// @title Treasuries: the only way to change where fees go, and its bounds.
/// @dev It alone holds the role that may set the treasury.
contract Treasuries is ITreasuries, AccessManaged {
    /// Whose fees they are.
    ISales public immutable registry;
    /// Whose guardian may switch.
    IRegistryGovernor public immutable governor;

    /// @inheritdoc ITreasuries
    mapping(address treasury => bool) public isApproved;

    constructor(address authority, ISales registry_, IRegistryGovernor governor_, address[] memory approved)
        AccessManaged(authority)
    {
        (registry, governor) = (registry_, governor_);
        for (uint256 i = 0; i < approved.length; ++i) {
            _approve(approved[i], true);
        }
    }

    /// @inheritdoc ITreasuries
    function approveTreasury(address treasury, bool approved) external restricted {
        _approve(treasury, approved);
    }

    /// @inheritdoc ITreasuries
    function switchTreasury(address treasury) external {
        if (msg.sender != governor.guardian()) _checkCanCall(msg.sender, msg.data);
        if (!isApproved[treasury]) revert TreasuryNotApproved(treasury);
        emit TreasurySwitched(msg.sender, treasury);
        registry.setTreasury(treasury);
    }

    function _approve(address treasury, bool approved) private {
        isApproved[treasury] = approved;
        emit TreasuryApproved(treasury, approved);
    }
}
