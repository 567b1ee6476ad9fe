// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ShareTable: payees and their shares as splitters carry them, and what a share of a total is.
/// @dev 20 bytes of a payee and 4 of its share for each, and at the end 5 of the sum of all shares. Totals have at most
/// 120 bits and the sum of 256 shares at most 40: no product here has more than 160, so nothing can overflow.
library ShareTable {
    uint256 private constant ENTRY = 24;
    uint256 private constant SUM = 5;

    /// @notice A new table, all zero.
    /// @param count How many entries it has.
    /// @return table The table.
    function create(uint256 count) internal pure returns (bytes memory table) {
        return new bytes(count * ENTRY + SUM);
    }

    /// @notice Set an entry, and add its share to the sum. The entries are set in ascending order, each once.
    /// @param table The table.
    /// @param index The place of the entry.
    /// @param payee The payee.
    /// @param share Its share.
    function set(bytes memory table, uint256 index, address payee, uint32 share) internal pure {
        uint256 shareSum = sum(table) + share;
        uint256 entry = (uint256(uint160(payee)) << 96) | (uint256(share) << 64);
        assembly ("memory-safe") {
            let end := add(table, mload(table))
            // Zero bytes follow the entry; what comes after it is not written yet.
            mstore(add(add(table, 0x20), mul(index, ENTRY)), entry)
            mstore(end, or(and(mload(end), not(0xffffffffff)), shareSum))
        }
    }

    /// @notice The size of a table.
    /// @param table The table.
    /// @return How many entries it has.
    function size(bytes memory table) internal pure returns (uint256) {
        return table.length / ENTRY;
    }

    /// @notice The payee at a place.
    /// @param table The table.
    /// @param index The place, which is less than the size.
    /// @return payee The payee.
    function payeeAt(bytes memory table, uint256 index) internal pure returns (address payee) {
        assembly ("memory-safe") {
            payee := shr(96, mload(add(add(table, 0x20), mul(index, ENTRY))))
        }
    }

    /// @notice The share at a place.
    /// @param table The table.
    /// @param index The place, which is less than the size.
    /// @return share The share.
    function shareAt(bytes memory table, uint256 index) internal pure returns (uint256 share) {
        assembly ("memory-safe") {
            // The word that ends where the entry ends.
            share := and(mload(add(add(table, ENTRY), mul(index, ENTRY))), 0xffffffff)
        }
    }

    /// @notice The sum of all shares.
    /// @param table The table, or nothing, of which the sum is zero.
    /// @return shareSum The sum.
    function sum(bytes memory table) internal pure returns (uint256 shareSum) {
        assembly ("memory-safe") {
            // The word that ends where the table ends. If the table is nothing, that is the word of its length, zero.
            shareSum := and(mload(add(table, mload(table))), 0xffffffffff)
        }
    }

    /// @notice What some payees have had together once a total was divided.
    /// @param table The table.
    /// @param first The place of the first of them.
    /// @param end The place after the last of them.
    /// @param total The total.
    /// @param shareSum The sum of all shares.
    /// @return amount The sum of their parts.
    function partsOf(bytes memory table, uint256 first, uint256 end, uint256 total, uint256 shareSum)
        internal
        pure
        returns (uint256 amount)
    {
        assembly ("memory-safe") {
            // As `shareAt` and `part` have it, entry by entry.
            let word := add(add(table, ENTRY), mul(first, ENTRY))
            for { let last := add(add(table, ENTRY), mul(end, ENTRY)) } lt(word, last) {
                word := add(word, ENTRY)
            } {
                amount := add(amount, div(mul(total, and(mload(word), 0xffffffff)), shareSum))
            }
        }
    }

    /// @notice What a payee has had once a total was divided: its share, rounded down. Nothing if there are no shares.
    /// @param total The total.
    /// @param share The payee's share.
    /// @param shareSum The sum of all shares.
    /// @return amount The part.
    function part(uint256 total, uint256 share, uint256 shareSum) internal pure returns (uint256 amount) {
        assembly ("memory-safe") {
            amount := div(mul(total, share), shareSum)
        }
    }
}
