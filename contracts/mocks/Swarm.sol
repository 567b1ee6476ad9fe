// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Swarm: makes many of the smallest contracts that there can be, or many of any other.
contract Swarm {
    /// @notice These were made.
    event Hatched(address[] contracts);

    /// @notice Make `count` contracts of one byte.
    function hatch(uint256 count) external {
        address[] memory contracts = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            address made;
            // PUSH1 1, PUSH1 0, RETURN: the code is one zero byte, which is STOP.
            assembly ("memory-safe") {
                mstore(0, 0x60016000f3000000000000000000000000000000000000000000000000000000)
                made := create(0, 0, 5)
            }
            contracts[i] = made;
        }
        emit Hatched(contracts);
    }

    /// @notice Make `count` contracts of a creation code.
    function hatchCode(uint256 count, bytes memory creation) external {
        address[] memory contracts = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            address made;
            assembly ("memory-safe") {
                made := create(0, add(creation, 0x20), mload(creation))
            }
            contracts[i] = made;
        }
        emit Hatched(contracts);
    }
}
