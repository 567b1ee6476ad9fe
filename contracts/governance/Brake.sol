// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IAssetRegistry} from "../interfaces/IAssetRegistry.sol";
import {IBrake} from "../interfaces/IBrake.sol";
import {IMarketplace} from "../interfaces/IMarketplace.sol";
import {IRegistryGovernor} from "../interfaces/IRegistryGovernor.sol";

/// @title Brake: the only way to pause, and its bounds.
/// @dev It alone holds the role that may pause. The pauses end by themselves.
contract Brake is IBrake, AccessManaged {
    /// Seven days.
    uint256 public constant MAX_PAUSE = 7 days;

    /// What it pauses; the marketplace is the registry's of the day.
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
        if (sales) IMarketplace(registry.marketplace()).pauseSales(until);
    }

    /// @inheritdoc IBrake
    function release() external {
        if (msg.sender != governor.guardian()) _checkCanCall(msg.sender, msg.data);
        emit Released(msg.sender);
        registry.pausePublications(0);
        IMarketplace(registry.marketplace()).pauseSales(0);
    }

    /// @inheritdoc IBrake
    function rearm() external restricted {
        armed = true;
        emit Rearmed();
    }
}
