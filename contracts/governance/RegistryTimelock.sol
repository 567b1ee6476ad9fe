// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title RegistryTimelock: what the DAO decided waits here before it happens; it is the treasury too.
/// @dev OpenZeppelin's TimelockController, whose delay cannot leave its bounds: none would take away the time to leave, a
/// century would lock up the DAO.
contract RegistryTimelock is TimelockController {
    uint256 public constant MIN_DELAY = 1 days;
    uint256 public constant MAX_DELAY = 30 days;

    /// @param admin Sets up the roles and then renounces; afterwards only the timelock itself can change them.
    constructor(uint256 delay, address admin)
        TimelockController(delay, new address[](0), new address[](0), admin)
    {}

    /// @inheritdoc TimelockController
    function getMinDelay() public view override returns (uint256) {
        uint256 delay = super.getMinDelay();
        if (delay < MIN_DELAY) return MIN_DELAY;
        return delay < MAX_DELAY ? delay : MAX_DELAY;
    }
}
