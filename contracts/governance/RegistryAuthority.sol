// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title RegistryAuthority: decides who may call what on the shared parameters.
/// @dev OpenZeppelin's AccessManager, unchanged; the name makes it one of the project's compiled contracts.
contract RegistryAuthority is AccessManager {
    constructor(address initialAdmin) AccessManager(initialAdmin) {}
}
