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
import {Asset} from "../libraries/SlotLib.sol";
import {AssetToken} from "./AssetToken.sol";

/// @title Assets: document, state, roles and payout of each asset.
abstract contract Assets is AssetToken, IAssets, IERC4906 {
    uint8 private constant ALL_ROLES = EDITOR | SELLER | MINTER;

    mapping(uint256 assetId => bytes32) internal _digests;
    mapping(uint256 assetId => address) private _payouts;
    mapping(uint256 assetId => mapping(uint256 epoch => mapping(address account => uint8))) private _roles;

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
        _requireAsset(assetId);
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
        _requireAsset(assetId);
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
        Asset memory asset = _requireAsset(assetId);
        return AssetInfo({
            owner: asset.owner,
            digest: _digests[assetId],
            version: asset.version,
            state: _stateOf(asset.status),
            delisted: asset.status & FLAG_DELISTED != 0,
            licenceCount: asset.licenceCount,
            payout: _payoutOf(assetId, asset),
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
        return _roles[assetId][_requireAsset(assetId).epoch][account];
    }

    /// @inheritdoc IAssets
    function payoutOf(uint256 assetId) external view returns (address) {
        return _payoutOf(assetId, _requireAsset(assetId));
    }

    /* INTERNAL */

    function _setDelisted(uint256 assetId, bool delisted) internal {
        _requireAsset(assetId);
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
        if (_requireAsset(assetId).owner != msg.sender) revert NotAssetOwner(assetId, msg.sender);
    }

    /// @return asset The asset, whose owner or helper calls.
    function _checkAssetRole(uint256 assetId, uint8 role) internal view returns (Asset memory asset) {
        asset = _requireAsset(assetId);
        if (asset.owner != msg.sender && _roles[assetId][asset.epoch][msg.sender] & role == 0) {
            revert MissingAssetRole(assetId, msg.sender, role);
        }
    }

    /// @return asset The asset, which exists for sure.
    function _requireAsset(uint256 assetId) internal view returns (Asset memory asset) {
        asset = _assets[assetId];
        if (asset.owner == address(0)) revert AssetNotFound(assetId);
    }

    function _checkNotRetired(uint256 assetId, uint8 status) internal pure {
        if (_stateOf(status) == AssetState.Retired) revert AssetIsRetired(assetId);
    }

    function _payoutOf(uint256 assetId, Asset memory asset) internal view returns (address) {
        return asset.status & FLAG_PAYOUT == 0 ? asset.owner : _payouts[assetId];
    }

    function _stateOf(uint8 status) internal pure returns (AssetState) {
        return AssetState(status & STATE_MASK);
    }

    function _checkDerivativeTerms(DerivativeTerms calldata terms) internal pure returns (uint16) {
        if (terms.royaltyBps > MAX_ROYALTY_BPS) revert RoyaltyTooHigh(terms.royaltyBps, MAX_ROYALTY_BPS);
        return terms.royaltyBps;
    }
}
