// SPDX-License-Identifier: MIT
pragma solidity ^0.8.27;

import {ILicences} from "../interfaces/ILicences.sol";

/// @title Gate: lets in whoever has access to an asset, as the registry has it at this moment.
contract Gate {
    ILicences public immutable REGISTRY;
    uint256 public immutable ASSET;

    mapping(address account => uint256 visits) public visits;

    /// @dev The account may not open the asset.
    error NoAccess(address account);

    constructor(ILicences registry, uint256 asset) {
        REGISTRY = registry;
        ASSET = asset;
    }

    /// @notice Come in. Any of the asset's licences will do; owning the asset alone will not.
    function enter() external {
        require(REGISTRY.hasAccess(ASSET, msg.sender), NoAccess(msg.sender));
        ++visits[msg.sender];
    }
}
