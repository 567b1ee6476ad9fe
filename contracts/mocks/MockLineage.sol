// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ILineage} from "../interfaces/ILineage.sol";

/// @title MockLineage: a lineage module that asks for what it was told to.
contract MockLineage is ILineage {
    address private _receiver;
    uint256 private _royaltyBps;
    bool private _broken;
    mapping(uint256 assetId => uint256[]) private _parents;

    /// @dev It was told to fail.
    error LineageBroken(uint256 assetId);

    /// @notice Ask for this royalty, whatever the asset.
    function setRoyalty(address receiver, uint256 royaltyBps) external {
        (_receiver, _royaltyBps) = (receiver, royaltyBps);
    }

    /// @notice Fail from now on, or work again.
    function setBroken(bool broken) external {
        _broken = broken;
    }

    /// @inheritdoc ILineage
    function declareParents(uint256 assetId, uint256[] calldata parents) external {
        if (_broken) revert LineageBroken(assetId);
        _parents[assetId] = parents;
    }

    /// @inheritdoc ILineage
    function royaltyOf(uint256 assetId) external view returns (address receiver, uint256 royaltyBps) {
        if (_broken) revert LineageBroken(assetId);
        return (_receiver, _royaltyBps);
    }

    /// @notice The parents that an asset declared.
    function parentsOf(uint256 assetId) external view returns (uint256[] memory) {
        return _parents[assetId];
    }
}
