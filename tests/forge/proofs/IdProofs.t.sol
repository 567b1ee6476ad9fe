// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ItemId} from "../../../contracts/libraries/ItemId.sol";

/// @title IdProofs: the id of an item tells its collection and its place, and is nobody else's.
/// @dev Proven by halmos (`make prove`), fuzzed by forge.
contract IdProofs {
    function testProve_anIdTellsCollectionAndPlace(uint32 collection, uint32 index) external pure {
        if (collection >> ItemId.COLLECTION_BITS != 0) return;
        uint256 id = _idOf(collection, index);
        assert(ItemId.isItem(id));
        assert(ItemId.collectionOf(id) == collection && ItemId.indexOf(id) == index);
        assert(ItemId.termsOf(id) == collection);
    }

    /// @notice It fits a signed integer of 64 bits, and the eight bytes that clones carry.
    function testProve_anIdFitsASignedWord(uint32 collection, uint32 index) external pure {
        if (collection >> ItemId.COLLECTION_BITS != 0) return;
        assert(_idOf(collection, index) <= uint256(uint64(type(int64).max)));
    }

    /// @notice Each item is the item of one collection at one place: what looks like one is one.
    function testProve_whatLooksLikeAnItemIsOneOfOneCollection(uint256 id) external pure {
        if (!ItemId.isItem(id)) return;
        assert(id == _idOf(uint32(ItemId.collectionOf(id)), uint32(ItemId.indexOf(id))));
        assert(ItemId.collectionOf(id) >> ItemId.COLLECTION_BITS == 0);
    }

    /// @notice No asset that is numbered is an item, and none has another's terms.
    function testProve_aNumberIsNoItem(uint256 id) external pure {
        if (id >> 62 != 0) return;
        assert(!ItemId.isItem(id) && ItemId.termsOf(id) == id);
    }

    function refute_everyCollectionFits(uint32 collection, uint32 index) external pure {
        assert(ItemId.collectionOf(_idOf(collection, index)) == collection);
    }

    function _idOf(uint32 collection, uint32 index) private pure returns (uint256) {
        return (1 << 62) | (uint256(collection) << 32) | index;
    }
}
