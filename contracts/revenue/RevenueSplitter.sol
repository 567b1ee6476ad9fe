// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Splitter} from "./Splitter.sol";

/// @title RevenueSplitter: divides revenue among people.
/// @dev A clone; its payees and shares stand in its code, 24 bytes each: there is nothing to initialise or to change.
contract RevenueSplitter is Splitter {
    uint256 private constant ENTRY = 24;

    /// @inheritdoc Splitter
    function _payees()
        internal
        view
        override
        returns (address[] memory accounts, uint256[] memory shares, uint256 sum)
    {
        bytes memory table = Clones.fetchCloneArgs(address(this));
        uint256 count = table.length / ENTRY;
        accounts = new address[](count);
        shares = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 entry;
            assembly ("memory-safe") {
                entry := shr(64, mload(add(add(table, 0x20), mul(i, ENTRY))))
            }
            accounts[i] = address(uint160(entry >> 32));
            sum += shares[i] = uint32(entry);
        }
    }
}
