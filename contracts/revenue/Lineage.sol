// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {AssetState, IAssets, MAX_ROYALTY_BPS} from "../interfaces/IAssets.sol";
import {Ancestor, ILineage, Parent} from "../interfaces/ILineage.sol";
import {CallLib} from "../libraries/CallLib.sol";
import {ItemId} from "../libraries/ItemId.sol";
import {AncestorRow, SlotLib} from "../libraries/SlotLib.sol";
import {LineageSplitter} from "./LineageSplitter.sol";

/// @title Lineage: the flattened table of ancestors of each derived asset.
/// @dev A table has all ancestors of its asset, and never changes. An asset may be declared late only by a registry that
/// lies, and only while no asset of another registry has it among its ancestors: then it is fixed, with a table or without.
/// So whatever way leads from one registry to another ends in assets that were fixed before it began, and none comes back.
contract Lineage is ILineage {
    using SlotLib for AncestorRow;

    uint256 private constant MAX_ANCESTORS = 8;
    /// Gas for the question what an asset is: several times what this registry takes for the answer.
    uint256 private constant QUESTION_GAS = 150_000;
    /// `AssetInfo` as it is encoded: twelve words.
    uint256 private constant INFO_SIZE = 12 * 32;
    /// In place of a count of ancestors: the asset has none, for good.
    uint16 private constant NONE = type(uint16).max;

    /// @inheritdoc ILineage
    address public immutable splitterImplementation = address(new LineageSplitter());

    mapping(address registry => mapping(uint256 assetId => AncestorRow[MAX_ANCESTORS])) private _tables;

    /// @inheritdoc ILineage
    function declareParents(uint256 assetId, Parent[] calldata parents) external returns (uint16 royaltyBps) {
        if (assetId > type(uint64).max || ItemId.isItem(assetId)) revert InvalidAssetId(assetId);
        AncestorRow[MAX_ANCESTORS] storage table = _tables[msg.sender][assetId];
        if (table[0].count != 0) revert AlreadyDeclared(assetId);
        Ancestor[] memory found = new Ancestor[](MAX_ANCESTORS);
        uint256 count = 0;
        bool crossed = false;
        for (uint256 i = 0; i < parents.length; ++i) {
            (address registry, uint256 parent) = (parents[i].registry, parents[i].assetId);
            count = _merge(found, count, _ask(registry, parent, assetId), assetId);
            count = _mergeTable(found, count, registry, parent, assetId);
            if (registry != msg.sender) crossed = true;
        }
        if (crossed) count = _fix(found, count, assetId);
        royaltyBps = _store(table, found, count, assetId);
        assembly ("memory-safe") {
            mstore(found, count)
        }
        emit ParentsDeclared(msg.sender, assetId, parents, found);
    }

    /// @inheritdoc ILineage
    function createSplitter(address registry, uint256 assetId) external returns (address splitter) {
        splitter = splitterOf(registry, assetId);
        if (splitter.code.length != 0) return splitter;
        Clones.cloneDeterministicWithImmutableArgs(splitterImplementation, _args(registry, assetId), _salt());
        emit LineageSplitterCreated(registry, assetId, splitter);
    }

    /// @inheritdoc ILineage
    function splitterOf(address registry, uint256 assetId) public view returns (address splitter) {
        return Clones.predictDeterministicAddressWithImmutableArgs(
            splitterImplementation, _args(registry, assetId), _salt()
        );
    }

    /// @inheritdoc ILineage
    function ancestorsOf(address registry, uint256 assetId)
        external
        view
        returns (Ancestor[] memory ancestors)
    {
        AncestorRow[MAX_ANCESTORS] storage table = _tables[registry][ItemId.termsOf(assetId)];
        ancestors = new Ancestor[](_size(table));
        for (uint256 i = 0; i < ancestors.length; ++i) {
            ancestors[i] = _read(table[i]);
        }
    }

    /* INTERNAL */

    /// @dev What a parent asks for, as its registry says: the words of an `AssetInfo`, read one by one, as a registry may
    /// answer with what is none.
    function _ask(address registry, uint256 parent, uint256 assetId) private view returns (Ancestor memory) {
        (bool answered, bytes memory answer) =
            CallLib.ask(registry, QUESTION_GAS, abi.encodeCall(IAssets.assetInfo, (parent)), INFO_SIZE);
        if (!answered || parent > type(uint64).max) revert ParentNotFound(registry, parent);
        (uint256 state, uint256 delisted) = (CallLib.word(answer, 3), CallLib.word(answer, 4));
        (uint256 allowed, uint256 royaltyBps) = (CallLib.word(answer, 10), CallLib.word(answer, 11));
        if (allowed != 1 || delisted != 0 || state != uint256(AssetState.Active)) {
            revert DerivativesNotAllowed(registry, parent);
        }
        if (royaltyBps > MAX_ROYALTY_BPS) revert RoyaltiesTooHigh(assetId, royaltyBps, MAX_ROYALTY_BPS);
        return Ancestor(registry, uint64(parent), uint16(royaltyBps));
    }

    /// @dev Add an ancestor, or keep the dearer of two ways to it.
    function _merge(Ancestor[] memory found, uint256 count, Ancestor memory ancestor, uint256 assetId)
        private
        view
        returns (uint256)
    {
        if (ancestor.registry == msg.sender && ItemId.termsOf(ancestor.assetId) == assetId) {
            revert OwnAncestor(assetId);
        }
        for (uint256 i = 0; i < count; ++i) {
            if (found[i].registry != ancestor.registry || found[i].assetId != ancestor.assetId) continue;
            if (found[i].royaltyBps < ancestor.royaltyBps) found[i].royaltyBps = ancestor.royaltyBps;
            return count;
        }
        if (count == MAX_ANCESTORS) revert TooManyAncestors(assetId, MAX_ANCESTORS);
        found[count] = ancestor;
        return count + 1;
    }

    /// @dev Add the ancestors of an ancestor.
    function _mergeTable(
        Ancestor[] memory found,
        uint256 count,
        address registry,
        uint256 ancestor,
        uint256 assetId
    ) private view returns (uint256) {
        AncestorRow[MAX_ANCESTORS] storage table = _tables[registry][ItemId.termsOf(ancestor)];
        uint256 size = _size(table);
        for (uint256 i = 0; i < size; ++i) {
            count = _merge(found, count, _read(table[i]), assetId);
        }
        return count;
    }

    /// @dev Follow all ways from an asset that has a parent in another registry to their ends: ancestors that were declared
    /// since, too. Where one ends in another registry, it ends there for good.
    function _fix(Ancestor[] memory found, uint256 count, uint256 assetId) private returns (uint256) {
        for (uint256 i = 0; i < count; ++i) {
            (address registry, uint256 ancestor) = (found[i].registry, found[i].assetId);
            AncestorRow storage first = _tables[registry][ItemId.termsOf(ancestor)][0];
            if (first.count != 0) count = _mergeTable(found, count, registry, ancestor, assetId);
            else if (registry != msg.sender) first.count = NONE;
        }
        return count;
    }

    function _store(
        AncestorRow[MAX_ANCESTORS] storage table,
        Ancestor[] memory found,
        uint256 count,
        uint256 assetId
    ) private returns (uint16 royaltyBps) {
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            sum += found[i].royaltyBps;
            table[i].write(
                AncestorRow(found[i].registry, found[i].assetId, found[i].royaltyBps, uint16(count))
            );
        }
        if (sum > MAX_ROYALTY_BPS) revert RoyaltiesTooHigh(assetId, sum, MAX_ROYALTY_BPS);
        return uint16(sum);
    }

    function _size(AncestorRow[MAX_ANCESTORS] storage table) private view returns (uint256 size) {
        size = table[0].count;
        if (size == NONE) return 0;
    }

    function _read(AncestorRow storage row) private view returns (Ancestor memory) {
        return Ancestor(row.registry, row.assetId, row.royaltyBps);
    }

    function _args(address registry, uint256 assetId) private pure returns (bytes memory) {
        if (assetId > type(uint64).max) revert InvalidAssetId(assetId);
        return abi.encodePacked(registry, uint64(assetId));
    }

    /// @dev On another chain the same registry and asset are something else, and so is their splitter.
    function _salt() private view returns (bytes32) {
        return bytes32(block.chainid);
    }
}
