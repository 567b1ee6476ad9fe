// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Entry, IDirectory} from "../interfaces/IDirectory.sol";

/// @title Directory: keeps the names of a registry's contracts.
contract Directory is IDirectory, AccessManaged {
    bytes32[] private _names;
    mapping(bytes32 name => bool) private _known;
    /// @inheritdoc IDirectory
    mapping(bytes32 name => address) public entryOf;

    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IDirectory
    function setEntries(Entry[] calldata entries) external restricted {
        for (uint256 i = 0; i < entries.length; ++i) {
            (bytes32 name, address account) = (entries[i].name, entries[i].account);
            if (name == 0) revert EntryWithoutName(account);
            if (account != address(0) && account.code.length == 0) revert NoContractAt(name, account);
            if (!_known[name]) {
                _known[name] = true;
                _names.push(name);
            }
            entryOf[name] = account;
            emit EntrySet(name, account);
        }
    }

    /// @inheritdoc IDirectory
    function allEntries() external view returns (Entry[] memory entries) {
        entries = new Entry[](_names.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            entries[i] = Entry(_names[i], entryOf[_names[i]]);
        }
    }
}
