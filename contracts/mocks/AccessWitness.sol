// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILicences} from "../interfaces/ILicences.sol";

/// @title AccessWitness: what the registry says of an access, and when it was asked.
/// @dev Providers differ in the time that a call sees; here the answer comes with it.
contract AccessWitness {
    /// @notice Whether an account has access by this licence and by any, and the time of the question.
    function look(ILicences registry, uint256 assetId, uint256 licence, address account)
        external
        view
        returns (bool active, bool any, uint256 time)
    {
        active = registry.accessOf(assetId, licence, account).active;
        return (active, registry.hasAccess(assetId, account), block.timestamp);
    }
}
