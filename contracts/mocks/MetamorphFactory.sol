// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title MetamorphFactory: puts code of its choice at an address that was known, and empty, before.
contract MetamorphFactory {
    /// @notice Where `create` puts the code.
    function addressOf(bytes32 salt, bytes calldata code) external view returns (address) {
        return address(
            uint160(uint256(keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, keccak256(code)))))
        );
    }

    /// @notice Put it there.
    function create(bytes32 salt, bytes memory code) external returns (address made) {
        assembly ("memory-safe") {
            made := create2(0, add(code, 0x20), mload(code), salt)
        }
    }
}
