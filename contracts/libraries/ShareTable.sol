// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ShareTable: payees and their shares as splitters carry them, and what a share of a total is.
/// @dev 20 bytes of a payee and 4 of its share for each, and at the end 5 of the sum of all shares. Totals have at most
/// 120 bits and the sum of 256 shares at most 40: no product here has more than 160, so nothing can overflow.
library ShareTable {
    uint256 private constant ENTRY = 24;
    uint256 private constant SUM = 5;

    /// @notice A table of `count` entries, all zero.
    function create(uint256 count) internal pure returns (bytes memory table) {
        return new bytes(count * ENTRY + SUM);
    }

    /// @notice Add an entry and its share to the sum. The entries are set in ascending order, each once.
    function set(bytes memory table, uint256 index, address payee, uint32 share) internal pure {
        uint256 whole = sum(table) + share;
        uint256 entry = (uint256(uint160(payee)) << 96) | (uint256(share) << 64);
        assembly ("memory-safe") {
            let end := add(table, mload(table))
            // Zero bytes follow the entry; what comes after it is not written yet.
            mstore(add(add(table, 0x20), mul(index, ENTRY)), entry)
            mstore(end, or(and(mload(end), not(0xffffffffff)), whole))
        }
    }

    /// @notice How many entries there are.
    function size(bytes memory table) internal pure returns (uint256) {
        return table.length / ENTRY;
    }

    /// @notice The payee at an index, which is less than the size.
    function payeeAt(bytes memory table, uint256 index) internal pure returns (address payee) {
        assembly ("memory-safe") {
            payee := shr(96, mload(add(add(table, 0x20), mul(index, ENTRY))))
        }
    }

    /// @notice The share at an index, which is less than the size.
    function shareAt(bytes memory table, uint256 index) internal pure returns (uint256 share) {
        assembly ("memory-safe") {
            // The word that ends where the entry ends.
            share := and(mload(add(add(table, ENTRY), mul(index, ENTRY))), 0xffffffff)
        }
    }

    /// @notice The sum of all shares.
    function sum(bytes memory table) internal pure returns (uint256 whole) {
        assembly ("memory-safe") {
            // The word that ends where the table ends; that of an empty table is its length.
            whole := and(mload(add(table, mload(table))), 0xffffffffff)
        }
    }

    /// @notice What the payees from `first` up to `end` have had together once `total` was divided.
    function partsOf(bytes memory table, uint256 first, uint256 end, uint256 total, uint256 whole)
        internal
        pure
        returns (uint256 amount)
    {
        unchecked {
            for (uint256 i = first; i < end; ++i) {
                amount += part(total, shareAt(table, i), whole);
            }
        }
    }

    /// @notice What a payee has had once `total` was divided: its share, rounded down. Nothing if there are no shares.
    function part(uint256 total, uint256 share, uint256 whole) internal pure returns (uint256 amount) {
        assembly ("memory-safe") {
            amount := div(mul(total, share), whole)
        }
    }
}
