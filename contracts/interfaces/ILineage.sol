// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev An ancestor and what each sale of the descendant owes it.
struct Ancestor {
    uint64 assetId;
    uint16 royaltyBps;
}

/// @title Lineage: what an asset owes the assets that it was made from, fixed when it is published.
/// @dev Serves any registry: what a registry declares is kept under its own address, and nobody else can write there.
/// An ancestor is owed what its own terms asked for when the first descendant on the way was published, in basis points
/// of the price. No asset in between can dilute it, and two ways to the same ancestor count once, the dearer one.
interface ILineage {
    /// @notice The ancestors of an asset were fixed.
    event ParentsDeclared(
        address indexed registry, uint256 indexed assetId, uint256[] parents, Ancestor[] ancestors
    );

    /// @notice The splitter of an asset's royalties was made.
    event LineageSplitterCreated(address indexed registry, uint256 indexed assetId, address splitter);

    /// @dev The parent cannot be derived from: it allows no derivatives, or is suspended, retired or delisted.
    error DerivativesNotAllowed(uint256 parent);

    /// @dev An asset cannot be its own parent.
    error OwnParent(uint256 assetId);

    /// @dev An asset has at most this many ancestors.
    error TooManyAncestors(uint256 assetId, uint256 maximum);

    /// @dev The ancestors together would take more than the cap.
    error RoyaltiesTooHigh(uint256 assetId, uint256 royaltyBps, uint256 maximum);

    /// @dev What an asset owes is fixed once.
    error AlreadyDeclared(uint256 assetId);

    /// @dev Ids of assets have 64 bits.
    error InvalidAssetId(uint256 assetId);

    /// @notice Fix the ancestors of an asset that the calling registry is publishing.
    /// @return royaltyBps What each sale owes them in all.
    function declareParents(uint256 assetId, uint256[] calldata parents) external returns (uint16 royaltyBps);

    /// @notice Make the splitter of an asset's royalties, if it is not there yet. For anybody.
    function createSplitter(address registry, uint256 assetId) external returns (address splitter);

    /// @notice Where the royalties of an asset go, whether the splitter is made or not.
    function splitterOf(address registry, uint256 assetId) external view returns (address splitter);

    /// @notice The ancestors of an asset and what each sale owes them.
    function ancestorsOf(address registry, uint256 assetId) external view returns (Ancestor[] memory);

    /// @notice The contract that lineage splitters are clones of.
    function splitterImplementation() external view returns (address);
}
