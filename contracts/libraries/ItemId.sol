// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title ItemId: the ids of the items of collections.
/// @dev `1 << 62 | collection << 32 | index`: an id tells its collection, and fits a signed integer of 64 bits. Other assets
/// are numbered from 1 on, and no chain could ever number so many.
library ItemId {
    /// Ids of collections have fewer than this many bits.
    uint256 internal constant COLLECTION_BITS = 30;

    /// @notice Whether an id is one of an item, of a collection that may or may not be.
    /// @param id The id.
    /// @return Whether it has the form of one.
    function isItem(uint256 id) internal pure returns (bool) {
        return id >> 62 == 1;
    }

    /// @notice The collection of an item.
    /// @param item The item.
    /// @return The id of its collection.
    function collectionOf(uint256 item) internal pure returns (uint256) {
        return (item >> 32) & ((1 << COLLECTION_BITS) - 1);
    }

    /// @notice The place of an item in its collection.
    /// @param item The item.
    /// @return Its index, from 0.
    function indexOf(uint256 item) internal pure returns (uint256) {
        return uint32(item);
    }

    /// @notice The asset whose licences, royalty and terms for derivatives hold for an asset.
    /// @param id The asset.
    /// @return Its collection, if it is an item, or itself.
    function termsOf(uint256 id) internal pure returns (uint256) {
        return isItem(id) ? collectionOf(id) : id;
    }
}
