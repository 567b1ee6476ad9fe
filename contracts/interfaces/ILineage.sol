// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev An asset that another is made from.
struct Parent {
    /// The registry that it is published in, of any kind that answers as `IAssets` does.
    address registry;
    uint256 assetId;
}

/// @dev An ancestor and what each sale of the descendant owes it.
struct Ancestor {
    address registry;
    uint64 assetId;
    uint16 royaltyBps;
}

/// @title Lineage: what an asset owes the assets that it was made from, fixed when it is published.
/// @dev Serves any registry: what a registry declares is kept under its own address, and nobody else can write there.
/// An ancestor is owed what its own terms asked for when the first descendant on the way was published, in basis points
/// of the price. No asset in between can dilute it, and two ways to the same ancestor count once, the dearer one.
/// Nobody vouches for other registries: they are asked with bounded gas, and of what an asset of another registry is made
/// is fixed once something is made from it. So there are no cycles, whatever registries say. Items of collections have the
/// ids of `ItemId` in every registry, and the ancestors of their collection.
interface ILineage {
    /// @notice The ancestors of an asset were fixed.
    /// @param registry Where the asset is published.
    /// @param assetId The asset.
    /// @param parents What it was made from.
    /// @param ancestors All that it owes something, its parents among them.
    event ParentsDeclared(
        address indexed registry, uint256 indexed assetId, Parent[] parents, Ancestor[] ancestors
    );

    /// @notice The splitter of an asset's royalties was made.
    /// @param registry Where the asset is published.
    /// @param assetId The asset.
    /// @param splitter The splitter.
    event LineageSplitterCreated(address indexed registry, uint256 indexed assetId, address splitter);

    /// @dev The registry does not say that there is such an asset.
    error ParentNotFound(address registry, uint256 parent);

    /// @dev The parent cannot be derived from: it allows no derivatives, or is suspended, retired or delisted.
    error DerivativesNotAllowed(address registry, uint256 parent);

    /// @dev An asset cannot be among its own ancestors.
    error OwnAncestor(uint256 assetId);

    /// @dev An asset has at most this many ancestors.
    error TooManyAncestors(uint256 assetId, uint256 maximum);

    /// @dev The ancestors together would take more than the cap.
    error RoyaltiesTooHigh(uint256 assetId, uint256 royaltyBps, uint256 maximum);

    /// @dev What an asset owes is fixed once: when it is declared, or when an asset of another registry is made from it.
    error AlreadyDeclared(uint256 assetId);

    /// @dev Ids of assets have 64 bits, and an item of a collection has no ancestors but the collection's.
    error InvalidAssetId(uint256 assetId);

    /// @notice Fix the ancestors of an asset that the calling registry is publishing.
    /// @param assetId The asset.
    /// @param parents What it was made from.
    /// @return royaltyBps What each sale owes them in all, in basis points.
    function declareParents(uint256 assetId, Parent[] calldata parents) external returns (uint16 royaltyBps);

    /// @notice Make the splitter of an asset's royalties, if it is not there yet. For anybody.
    /// @param registry Where the asset is published.
    /// @param assetId The asset.
    /// @return splitter The splitter.
    function createSplitter(address registry, uint256 assetId) external returns (address splitter);

    /// @notice Where the royalties of an asset go, whether the splitter is made or not.
    /// @param registry Where the asset is published.
    /// @param assetId The asset.
    /// @return splitter The splitter.
    function splitterOf(address registry, uint256 assetId) external view returns (address splitter);

    /// @notice The ancestors of an asset and what each sale owes them.
    /// @param registry Where the asset is published.
    /// @param assetId The asset.
    /// @return All ancestors, in the order in which they were found.
    function ancestorsOf(address registry, uint256 assetId) external view returns (Ancestor[] memory);

    /// @notice The contract that lineage splitters are clones of.
    /// @return Its address.
    function splitterImplementation() external view returns (address);
}
