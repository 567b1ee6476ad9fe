// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IAssetRegistry} from "../interfaces/IAssetRegistry.sol";
import {IBrake} from "../interfaces/IBrake.sol";
import {IRegistryGovernor} from "../interfaces/IRegistryGovernor.sol";

/// @title Brake: the only way to pause, and its bounds.
/// @dev It alone holds the role that may pause. The pauses end by themselves.
contract Brake is IBrake, AccessManaged {
    /// Seven days.
    uint256 public constant MAX_PAUSE = 7 days;

    /// What it pauses.
    IAssetRegistry public immutable registry;
    /// Whose guardian may pull it.
    IRegistryGovernor public immutable governor;

    /// @inheritdoc IBrake
    bool public armed = true;

    constructor(address authority, IAssetRegistry registry_, IRegistryGovernor governor_)
        AccessManaged(authority)
    {
        (registry, governor) = (registry_, governor_);
    }

    /// @inheritdoc IBrake
    function brake(bool publications, bool sales, uint48 duration) external {
        if (msg.sender != governor.guardian()) revert NotGuardian(msg.sender);
        if (!armed) revert BrakeIsSpent();
        if (duration == 0 || duration > MAX_PAUSE) revert InvalidPause(duration, MAX_PAUSE);
        if (!publications && !sales) revert NothingToPause();
        armed = false;
        uint48 until = uint48(block.timestamp) + duration;
        emit Braked(msg.sender, publications, sales, until);
        if (publications) registry.pausePublications(until);
        if (sales) registry.pauseSales(until);
    }

    /// @inheritdoc IBrake
    function release(bool publications, bool sales) external {
        if (msg.sender != governor.guardian()) _checkCanCall(msg.sender, msg.data);
        if (!publications && !sales) revert NothingToPause();
        emit Released(msg.sender, publications, sales);
        if (publications) registry.pausePublications(0);
        if (sales) registry.pauseSales(0);
    }

    /// @inheritdoc IBrake
    function rearm() external restricted {
        armed = true;
        emit Rearmed();
    }
}
