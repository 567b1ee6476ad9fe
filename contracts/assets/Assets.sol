// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {
    AssetInfo,
    AssetState,
    DerivativeTerms,
    EDITOR,
    IAssets,
    MAX_ROYALTY_BPS,
    MINTER,
    SELLER
} from "../interfaces/IAssets.sol";
import {CidLib} from "../libraries/CidLib.sol";
import {ItemId} from "../libraries/ItemId.sol";
import {Asset} from "../libraries/SlotLib.sol";
import {AssetToken} from "./AssetToken.sol";

/// @title Assets: document, state, roles and payout of each asset.
abstract contract Assets is AssetToken, IAssets, IERC4906 {
    /// @dev An asset as it stands: an item with all that it has of its collection.
    struct Found {
        Asset asset;
        /// Under which its document, payout and roles are kept: itself, or its collection until it is minted.
        uint256 home;
        /// Under which its licences are kept: itself, or its collection.
        uint256 terms;
    }

    /// @dev What is known of a collection beside what it is as an asset.
    struct Collection {
        bytes32 root;
        uint256 size;
    }

    uint8 private constant ALL_ROLES = EDITOR | SELLER | MINTER;

    mapping(uint256 assetId => bytes32) internal _digests;
    mapping(uint256 assetId => address) internal _payouts;
    mapping(uint256 assetId => mapping(uint256 epoch => mapping(address account => uint8))) private _roles;
    mapping(uint256 collection => Collection) internal _collections;

    modifier onlyAssetOwner(uint256 assetId) {
        _checkAssetOwner(assetId);
        _;
    }

    modifier onlyAssetRole(uint256 assetId, uint8 role) {
        _checkAssetRole(assetId, role);
        _;
    }

    /* METADATA */

    /// @inheritdoc IAssets
    function updateMetadata(uint256 assetId, bytes32 digest, uint256 expectedVersion)
        external
        onlyAssetRole(assetId, EDITOR)
    {
        Asset storage asset = _assets[assetId];
        _checkNotRetired(assetId, asset.status);
        if (asset.version != expectedVersion) {
            revert VersionConflict(assetId, expectedVersion, asset.version);
        }
        _setDigest(assetId, ++asset.version, digest);
        emit MetadataUpdate(assetId);
    }

    /// @notice Where the asset's DDO is: `ipfs://` and its CID, computed from its digest.
    /// @param assetId The asset.
    /// @return The address.
    function tokenURI(uint256 assetId) public view override returns (string memory) {
        _requireMinted(assetId);
        return CidLib.uri(_digests[assetId]);
    }

    /* STATE */

    /// @inheritdoc IAssets
    function setState(uint256 assetId, AssetState state) external onlyAssetOwner(assetId) {
        Asset storage asset = _assets[assetId];
        AssetState from = _stateOf(asset.status);
        if (from == state || from == AssetState.Retired) revert IllegalStateChange(assetId, from, state);
        asset.status = (asset.status & ~STATE_MASK) | uint8(state);
        emit StateChanged(assetId, state);
    }

    /* ROLES AND MONEY */

    /// @inheritdoc IAssets
    function setRoles(uint256 assetId, address account, uint8 roles) external onlyAssetOwner(assetId) {
        if (roles & ~ALL_ROLES != 0) revert UnknownRoles(roles);
        _setRoles(assetId, account, roles);
    }

    /// @inheritdoc IAssets
    function renounceRoles(uint256 assetId) external {
        _requireMinted(assetId);
        _setRoles(assetId, msg.sender, 0);
    }

    /// @inheritdoc IAssets
    function setPayout(uint256 assetId, address payout) external onlyAssetOwner(assetId) {
        _setPayout(assetId, payout);
    }

    /// @inheritdoc IAssets
    function setDerivativeTerms(uint256 assetId, DerivativeTerms calldata terms)
        external
        onlyAssetOwner(assetId)
    {
        _checkHasTerms(assetId);
        Asset storage asset = _assets[assetId];
        asset.status = terms.allowed
            ? asset.status | FLAG_DERIVATIVES_ALLOWED
            : asset.status & ~FLAG_DERIVATIVES_ALLOWED;
        asset.derivativeBps = _checkDerivativeTerms(terms);
        emit DerivativeTermsChanged(assetId, terms.allowed, terms.royaltyBps);
    }

    /* VIEWS */

    /// @inheritdoc IAssets
    function assetInfo(uint256 assetId) external view returns (AssetInfo memory) {
        Found memory found = _find(assetId);
        Asset memory asset = found.asset;
        return AssetInfo({
            owner: asset.owner,
            digest: _digestOf(assetId, found),
            version: asset.version,
            state: _stateOf(asset.status),
            delisted: asset.status & FLAG_DELISTED != 0,
            licenceCount: asset.licenceCount,
            payout: _payoutOf(found),
            epoch: asset.epoch,
            derived: asset.status & FLAG_DERIVED != 0,
            royaltyBps: asset.royaltyBps,
            derivatives: DerivativeTerms({
                allowed: asset.status & FLAG_DERIVATIVES_ALLOWED != 0, royaltyBps: asset.derivativeBps
            })
        });
    }

    /// @inheritdoc IAssets
    function rolesOf(uint256 assetId, address account) external view returns (uint8) {
        Found memory found = _find(assetId);
        return _roles[found.home][found.asset.epoch][account];
    }

    /// @inheritdoc IAssets
    function payoutOf(uint256 assetId) external view returns (address) {
        return _payoutOf(_find(assetId));
    }

    /* INTERNAL */

    function _setDelisted(uint256 assetId, bool delisted) internal {
        // Reverts for an asset that is not there; an item need not be minted.
        _find(assetId);
        Asset storage asset = _assets[assetId];
        asset.status = delisted ? asset.status | FLAG_DELISTED : asset.status & ~FLAG_DELISTED;
        emit DelistedChanged(assetId, delisted);
    }

    function _setDigest(uint256 assetId, uint256 version, bytes32 digest) internal {
        if (digest == 0) revert EmptyDigest();
        _digests[assetId] = digest;
        emit MetadataPublished(assetId, version, digest, msg.sender);
    }

    function _setPayout(uint256 assetId, address payout) internal {
        Asset storage asset = _assets[assetId];
        if (payout == address(0)) {
            asset.status &= ~FLAG_PAYOUT;
        } else {
            asset.status |= FLAG_PAYOUT;
            _payouts[assetId] = payout;
        }
        emit PayoutChanged(assetId, payout);
    }

    function _setRoles(uint256 assetId, address account, uint8 roles) private {
        uint256 epoch = _assets[assetId].epoch;
        _roles[assetId][epoch][account] = roles;
        emit RolesChanged(assetId, account, epoch, roles);
    }

    function _checkAssetOwner(uint256 assetId) internal view {
        if (_requireMinted(assetId).owner != msg.sender) revert NotAssetOwner(assetId, msg.sender);
    }

    /// @return asset The asset, whose owner or helper calls.
    function _checkAssetRole(uint256 assetId, uint8 role) internal view returns (Asset memory asset) {
        asset = _requireMinted(assetId);
        if (asset.owner != msg.sender && _roles[assetId][asset.epoch][msg.sender] & role == 0) {
            revert MissingAssetRole(assetId, msg.sender, role);
        }
    }

    /// @dev The terms of an item are its collection's, whoever owns the item.
    function _checkHasTerms(uint256 assetId) internal pure {
        if (ItemId.isItem(assetId)) revert TermsOfCollection(assetId, ItemId.collectionOf(assetId));
    }

    /// @return asset The asset itself, without what an item has of its collection.
    function _requireMinted(uint256 assetId) internal view returns (Asset memory asset) {
        asset = _assets[assetId];
        if (asset.owner == address(0)) {
            _find(assetId);
            revert ItemNotMinted(assetId);
        }
    }

    /// @return found The asset, which is there for sure; an item need not be minted.
    function _find(uint256 assetId) internal view returns (Found memory found) {
        Asset memory asset = _assets[assetId];
        (found.asset, found.home, found.terms) = (asset, assetId, assetId);
        if (ItemId.isItem(assetId)) {
            uint256 collection = ItemId.collectionOf(assetId);
            Asset memory whole = _assets[collection];
            found.terms = collection;
            (asset.licenceCount, asset.derivativeBps, asset.royaltyBps) =
            (whole.licenceCount, whole.derivativeBps, whole.royaltyBps);
            if (asset.owner != address(0)) {
                whole.status &= ~FLAG_PAYOUT;
            } else if (ItemId.indexOf(assetId) < _collections[collection].size) {
                found.home = collection;
                // As it is once it is minted: that changes nothing but who writes.
                (asset.owner, asset.version, asset.epoch) = (whole.owner, 1, whole.epoch);
            }
            // Delisted, suspended or retired if either is.
            asset.status |= whole.status;
        }
        if (asset.owner == address(0)) revert AssetNotFound(assetId);
    }

    /// @dev What an order may name: the document, or the root of an item that is not minted.
    function _digestOf(uint256 assetId, Found memory found) internal view returns (bytes32) {
        return found.home == assetId ? _digests[assetId] : _collections[found.home].root;
    }

    function _checkNotRetired(uint256 assetId, uint8 status) internal pure {
        if (_stateOf(status) == AssetState.Retired) revert AssetIsRetired(assetId);
    }

    function _payoutOf(Found memory found) internal view returns (address) {
        return found.asset.status & FLAG_PAYOUT == 0 ? found.asset.owner : _payouts[found.home];
    }

    /// @dev Of an item and its collection, one may be suspended and the other retired: both bits are set.
    function _stateOf(uint8 status) internal pure returns (AssetState) {
        if (status & uint8(AssetState.Retired) != 0) return AssetState.Retired;
        return AssetState(status & STATE_MASK);
    }

    function _checkDerivativeTerms(DerivativeTerms calldata terms) internal pure returns (uint16) {
        if (terms.royaltyBps > MAX_ROYALTY_BPS) revert RoyaltyTooHigh(terms.royaltyBps, MAX_ROYALTY_BPS);
        return terms.royaltyBps;
    }
}
