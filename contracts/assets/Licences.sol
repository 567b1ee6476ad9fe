// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {AssetState} from "../interfaces/IAssets.sol";
import {IDatatoken} from "../interfaces/IDatatoken.sol";
import {Charge, ILicences, Licence, LicenceKind, LicenceTerms} from "../interfaces/ILicences.sol";
import {PaymentToken} from "../interfaces/IAssetRegistry.sol";
import {Asset, Grant, SlotLib} from "../libraries/SlotLib.sol";
import {Assets} from "./Assets.sol";
import {Datatoken} from "./Datatoken.sol";

/// @title Licences: the offers of each asset and the issuing of what they promise.
abstract contract Licences is Assets, ILicences {
    using SlotLib for Grant;
    using SlotLib for Licence;

    /// `hasAccess` walks over all licences, so there is an end to them.
    uint256 public constant MAX_LICENCES = 32;
    /// One unit of a licence as datatokens.
    uint256 internal constant UNIT = 1e18;

    /// @inheritdoc ILicences
    address public immutable datatokenImplementation;

    mapping(uint256 licenceKey => Licence) internal _licences;
    mapping(uint256 licenceKey => mapping(address account => Grant)) internal _grants;
    mapping(uint256 index => PaymentToken) internal _paymentTokens;

    constructor() {
        datatokenImplementation = address(new Datatoken());
    }

    /* OFFERS */

    /// @inheritdoc ILicences
    function addLicence(uint256 assetId, LicenceTerms calldata terms)
        external
        onlyAssetRole(assetId, SELLER)
        returns (uint256 licence)
    {
        Asset storage asset = _assets[assetId];
        if (_stateOf(asset.status) == AssetState.Retired) revert AssetIsRetired(assetId);
        licence = asset.licenceCount;
        if (licence == MAX_LICENCES) revert TooManyLicences(assetId, MAX_LICENCES);
        asset.licenceCount = uint8(licence + 1);
        _addLicence(assetId, licence, terms);
    }

    /// @inheritdoc ILicences
    function setPrice(uint256 assetId, uint256 licence, uint96 price)
        external
        onlyAssetRole(assetId, SELLER)
    {
        Licence storage offer = _licenceAt(assetId, licence);
        offer.price = price;
        emit LicenceChanged(assetId, licence, price, offer.open);
    }

    /// @inheritdoc ILicences
    function setOpen(uint256 assetId, uint256 licence, bool open) external onlyAssetRole(assetId, SELLER) {
        Licence storage offer = _licenceAt(assetId, licence);
        offer.open = open;
        emit LicenceChanged(assetId, licence, offer.price, open);
    }

    /* ISSUING */

    /// @inheritdoc ILicences
    function grant(uint256 assetId, uint256 licence, address account, uint32 units, bool asTokens)
        external
        onlyAssetRole(assetId, MINTER)
    {
        // A gift has no buyer who could use up the limit of another.
        _issue(assetId, licence, account, units, asTokens, account);
    }

    /// @inheritdoc ILicences
    function sell(
        uint256 assetId,
        uint256 licence,
        address account,
        uint32 units,
        bool asTokens,
        address buyer
    ) external returns (Charge memory charge) {
        _checkMarketplace();
        (Asset memory asset, Licence memory offer) = _issue(assetId, licence, account, units, asTokens, buyer);
        return _charge(assetId, asset, offer, units);
    }

    /// @inheritdoc ILicences
    function quote(uint256 assetId, uint256 licence, uint32 units) external view returns (Charge memory) {
        Asset memory asset = _requireAsset(assetId);
        return _charge(assetId, asset, _licenceAt(assetId, licence), units);
    }

    /* VIEWS */

    /// @inheritdoc ILicences
    function licenceOf(uint256 assetId, uint256 licence) external view returns (Licence memory) {
        return _licenceAt(assetId, licence);
    }

    /// @inheritdoc ILicences
    function licencesOf(uint256 assetId) external view returns (Licence[] memory licences) {
        licences = new Licence[](_requireAsset(assetId).licenceCount);
        for (uint256 i = 0; i < licences.length; ++i) {
            licences[i] = _licences[_key(assetId, i)];
        }
    }

    /// @inheritdoc ILicences
    function datatokenOf(uint256 assetId, uint256 licence) external view returns (address) {
        _licenceAt(assetId, licence);
        return _datatoken(_key(assetId, licence));
    }

    /* INTERNAL */

    function _addLicence(uint256 assetId, uint256 licence, LicenceTerms calldata terms) internal {
        if ((terms.kind == LicenceKind.Hold) != (terms.amount == 0)) {
            revert InvalidLicenceAmount(terms.kind, terms.amount);
        }
        // Whether the token is still allowed is asked when money moves.
        if (terms.paymentToken >= _paymentTokenCount()) revert PaymentTokenNotAllowed(terms.paymentToken);
        Licence memory offer = Licence({
            price: terms.price,
            amount: terms.amount,
            cap: terms.cap,
            issued: 0,
            limit: terms.limit,
            paymentToken: terms.paymentToken,
            kind: terms.kind,
            open: true
        });
        _licences[_key(assetId, licence)].write(offer);
        emit LicenceAdded(assetId, licence, terms);
    }

    /// @dev All checks and all writes of a sale or a gift.
    function _issue(
        uint256 assetId,
        uint256 licence,
        address account,
        uint32 units,
        bool asTokens,
        address buyer
    ) private returns (Asset memory asset, Licence memory offer) {
        asset = _requireAsset(assetId);
        if (asset.status & (STATE_MASK | FLAG_DELISTED) != uint8(AssetState.Active)) {
            revert NotForSale(assetId);
        }
        if (licence >= asset.licenceCount) revert LicenceNotFound(assetId, licence);
        uint256 key = _key(assetId, licence);
        offer = _licences[key];
        if (!offer.open) revert LicenceClosed(assetId, licence);
        if (units == 0) revert NoUnits();
        if (account == address(0)) revert InvalidAccount(account);
        if (offer.cap != 0) {
            uint256 left = offer.cap - offer.issued;
            if (units > left) revert CapExceeded(assetId, licence, units, left);
            _licences[key].issued = offer.issued + units;
        }

        if (!asTokens || offer.limit != 0) {
            Grant memory held = _grants[key][account];
            if (offer.limit != 0) {
                if (account != buyer) revert OnlyForOneself(account, buyer);
                uint256 left = offer.limit > held.taken ? offer.limit - held.taken : 0;
                if (units > left) revert LimitExceeded(assetId, licence, account, units, left);
            }
            // Only limits look at it, and they are far below the end of the field.
            held.taken = units < type(uint32).max - held.taken ? held.taken + units : type(uint32).max;
            if (!asTokens) _addAccess(held, assetId, licence, account, offer, units);
            _grants[key][account].write(held);
        }
        emit LicenceIssued(assetId, licence, account, units, asTokens);
        if (asTokens) _mintTokens(key, account, units);
    }

    /// @dev Add the access of `units` to a grant in memory.
    function _addAccess(
        Grant memory held,
        uint256 assetId,
        uint256 licence,
        address account,
        Licence memory offer,
        uint32 units
    ) internal view {
        if (offer.kind == LicenceKind.Hold) {
            if (held.held || units > 1) revert AlreadyHeld(assetId, licence, account);
            held.held = true;
        } else if (offer.kind == LicenceKind.Period) {
            uint256 start = held.expiresAt > block.timestamp ? held.expiresAt : block.timestamp;
            uint256 end = start + uint256(offer.amount) * units;
            // 2^48 seconds are nine million years; whoever buys more gets that much. Likewise 2^64 uses.
            held.expiresAt = end > type(uint48).max ? type(uint48).max : uint48(end);
        } else {
            uint256 uses = held.uses + uint256(offer.amount) * units;
            held.uses = uses > type(uint64).max ? type(uint64).max : uint64(uses);
        }
    }

    function _mintTokens(uint256 key, address account, uint256 units) private {
        address token = _datatoken(key);
        if (token.code.length == 0) {
            // Its address is known, and it reverts if it makes none.
            // slither-disable-next-line unused-return
            Clones.cloneDeterministicWithImmutableArgs(
                datatokenImplementation, _datatokenArgs(key), bytes32(0)
            );
        }
        IDatatoken(token).mint(account, units * UNIT);
    }

    function _charge(uint256 assetId, Asset memory asset, Licence memory offer, uint32 units)
        private
        view
        returns (Charge memory charge)
    {
        charge.total = uint256(offer.price) * units;
        if (charge.total == 0) return charge;
        PaymentToken memory payment = _paymentTokens[offer.paymentToken];
        if (!payment.allowed) revert PaymentTokenNotAllowed(offer.paymentToken);
        charge.token = payment.token;
        charge.payout = _payoutOf(assetId, asset);
        if (asset.royaltyBps != 0) {
            charge.royaltyTo = _lineageSplitterOf(assetId);
            charge.royalty = charge.total * asset.royaltyBps / 10_000;
        }
    }

    function _licenceAt(uint256 assetId, uint256 licence) internal view returns (Licence storage) {
        if (licence >= _requireAsset(assetId).licenceCount) revert LicenceNotFound(assetId, licence);
        return _licences[_key(assetId, licence)];
    }

    function _datatoken(uint256 key) internal view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(
            datatokenImplementation, _datatokenArgs(key), bytes32(0)
        );
    }

    /// @dev Asset ids have 64 bits and licence numbers 8: the key is unique for ids that exist.
    function _key(uint256 assetId, uint256 licence) internal pure returns (uint256) {
        return (assetId << 8) | licence;
    }

    function _datatokenArgs(uint256 key) private pure returns (bytes memory) {
        return abi.encodePacked(uint72(key));
    }

    function _checkMarketplace() internal view virtual;

    function _lineageSplitterOf(uint256 assetId) internal view virtual returns (address);

    function _paymentTokenCount() internal view virtual returns (uint256);
}
