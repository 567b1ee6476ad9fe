// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Lineage: what an asset owes the assets that it was made from.
/// @dev The registry calls it for assets that declare parents; it is set once and never replaced.
interface ILineage {
    /// @notice Fix the ancestors of an asset that is being published. For the registry.
    /// @dev Reverts if a parent does not allow it.
    function declareParents(uint256 assetId, uint256[] calldata parents) external;

    /// @notice The royalty that each sale of the asset owes its ancestors.
    /// @return receiver Who takes it in for all of them.
    /// @return royaltyBps Basis points of the price.
    function royaltyOf(uint256 assetId) external view returns (address receiver, uint256 royaltyBps);
}
