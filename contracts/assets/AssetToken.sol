// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Asset, SlotLib} from "../libraries/SlotLib.sol";

/// @title AssetToken: ERC-721 whose owner sits in the asset's own slot.
/// @dev OpenZeppelin's ERC721 with its ownership storage replaced through the hooks made for that (`_ownerOf`,
/// `_update`, `balanceOf`); approvals and checks stay OpenZeppelin's. This saves a storage slot an asset.
abstract contract AssetToken is ERC721 {
    using SlotLib for Asset;

    /// @dev The bits of `Asset.status` that hold its `AssetState`; the flags come above them.
    uint8 internal constant STATE_MASK = 3;
    uint8 internal constant FLAG_DELISTED = 4;
    uint8 internal constant FLAG_PAYOUT = 8;
    uint8 internal constant FLAG_DERIVED = 16;
    uint8 internal constant FLAG_DERIVATIVES_ALLOWED = 32;

    mapping(uint256 assetId => Asset) internal _assets;
    mapping(address owner => uint256) private _assetCount;

    constructor() ERC721("AI Asset Registry", "ASSET") {}

    /// @inheritdoc ERC721
    function balanceOf(address owner) public view override returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(address(0));
        return _assetCount[owner];
    }

    /// @dev Count new assets, which somebody else writes.
    function _countAssets(address owner, uint256 count) internal {
        if (owner == address(0)) revert ERC721InvalidReceiver(address(0));
        _assetCount[owner] += count;
    }

    /// @inheritdoc ERC721
    function _ownerOf(uint256 assetId) internal view override returns (address) {
        return _assets[assetId].owner;
    }

    /// @dev A change of hands starts a new epoch, which ends all roles, and returns the payout to the owner. Constant cost.
    /// Only transfers reach this hook, and they all name an authority: assets are minted elsewhere and never burned.
    function _update(address to, uint256 assetId, address auth) internal override returns (address from) {
        Asset memory asset = _assets[assetId];
        from = asset.owner;
        // Reverts for an asset that does not exist.
        _checkAuthorized(from, auth, assetId);
        _approve(address(0), assetId, address(0), false);
        if (from != to) {
            unchecked {
                --_assetCount[from];
                ++_assetCount[to];
            }
            asset.owner = to;
            ++asset.epoch;
            asset.status &= ~FLAG_PAYOUT;
            _assets[assetId].write(asset);
        }
        emit Transfer(from, to, assetId);
    }
}
