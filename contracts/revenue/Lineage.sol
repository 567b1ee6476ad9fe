// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {AssetInfo, AssetState, IAssets} from "../interfaces/IAssets.sol";
import {Ancestor, ILineage} from "../interfaces/ILineage.sol";
import {LineageSplitter} from "./LineageSplitter.sol";

/// @title Lineage: the flattened table of ancestors of each derived asset.
contract Lineage is ILineage {
    uint256 private constant MAX_ANCESTORS = 8;
    uint256 private constant MAX_ROYALTY_BPS = 3000;

    /// @inheritdoc ILineage
    address public immutable splitterImplementation = address(new LineageSplitter());

    // Written through a storage pointer.
    // slither-disable-next-line uninitialized-state
    mapping(address registry => mapping(uint256 assetId => Ancestor[])) private _ancestors;

    /// @inheritdoc ILineage
    function declareParents(uint256 assetId, uint256[] calldata parents)
        external
        returns (uint16 royaltyBps)
    {
        Ancestor[] storage table = _ancestors[msg.sender][assetId];
        if (table.length != 0) revert AlreadyDeclared(assetId);
        Ancestor[] memory found = new Ancestor[](MAX_ANCESTORS);
        uint256 count;
        for (uint256 i = 0; i < parents.length; ++i) {
            uint256 parent = parents[i];
            if (parent == assetId) revert OwnParent(assetId);
            // Reverts for a parent that does not exist; so parents come first in time, and there are no cycles.
            AssetInfo memory info = IAssets(msg.sender).assetInfo(parent);
            if (!info.derivatives.allowed || info.delisted || info.state != AssetState.Active) {
                revert DerivativesNotAllowed(parent);
            }
            count = _merge(found, count, uint64(parent), info.derivatives.royaltyBps, assetId);
            Ancestor[] memory inherited = _ancestors[msg.sender][parent];
            for (uint256 j = 0; j < inherited.length; ++j) {
                count = _merge(found, count, inherited[j].assetId, inherited[j].royaltyBps, assetId);
            }
        }
        assembly ("memory-safe") {
            mstore(found, count)
        }
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) {
            sum += found[i].royaltyBps;
            table.push(found[i]);
        }
        if (sum > MAX_ROYALTY_BPS) revert RoyaltiesTooHigh(assetId, sum, MAX_ROYALTY_BPS);
        emit ParentsDeclared(msg.sender, assetId, parents, found);
        return uint16(sum);
    }

    /// @inheritdoc ILineage
    function createSplitter(address registry, uint256 assetId) external returns (address splitter) {
        splitter = splitterOf(registry, assetId);
        if (splitter.code.length != 0) return splitter;
        // Its address is known, and it reverts if it makes none.
        // slither-disable-next-line unused-return
        Clones.cloneDeterministicWithImmutableArgs(
            splitterImplementation, _args(registry, assetId), bytes32(0)
        );
        emit LineageSplitterCreated(registry, assetId, splitter);
    }

    /// @inheritdoc ILineage
    function splitterOf(address registry, uint256 assetId) public view returns (address splitter) {
        return Clones.predictDeterministicAddressWithImmutableArgs(
            splitterImplementation, _args(registry, assetId), bytes32(0)
        );
    }

    /// @inheritdoc ILineage
    function ancestorsOf(address registry, uint256 assetId) external view returns (Ancestor[] memory) {
        return _ancestors[registry][assetId];
    }

    /// @dev Add an ancestor, or keep the dearer of two ways to it.
    function _merge(
        Ancestor[] memory found,
        uint256 count,
        uint64 ancestor,
        uint16 royaltyBps,
        uint256 assetId
    ) private pure returns (uint256) {
        for (uint256 i = 0; i < count; ++i) {
            if (found[i].assetId != ancestor) continue;
            if (found[i].royaltyBps < royaltyBps) found[i].royaltyBps = royaltyBps;
            return count;
        }
        if (count == MAX_ANCESTORS) revert TooManyAncestors(assetId, MAX_ANCESTORS);
        found[count] = Ancestor({assetId: ancestor, royaltyBps: royaltyBps});
        return count + 1;
    }

    function _args(address registry, uint256 assetId) private pure returns (bytes memory) {
        if (assetId > type(uint64).max) revert InvalidAssetId(assetId);
        return abi.encodePacked(registry, uint64(assetId));
    }
}
