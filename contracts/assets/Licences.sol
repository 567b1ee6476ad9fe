// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {AssetState, IAssets, MINTER, SELLER} from "../interfaces/IAssets.sol";
import {IDatatoken} from "../interfaces/IDatatoken.sol";
import {ILicences, Issue, Licence, LicenceKind, LicenceTerms, Offer} from "../interfaces/ILicences.sol";
import {PaymentToken} from "../interfaces/IAssetRegistry.sol";
import {ItemId} from "../libraries/ItemId.sol";
import {Asset, Grant, SlotLib} from "../libraries/SlotLib.sol";
import {Sales} from "../market/Sales.sol";
import {Assets} from "./Assets.sol";
import {Datatoken} from "./Datatoken.sol";

/// @title Licences: the offers of each asset and the issuing of what they promise.
abstract contract Licences is Assets, Sales, ILicences {
    using SlotLib for Grant;
    using SlotLib for Licence;

    /// `hasAccess` walks over all licences, so there is an end to them.
    uint256 internal constant MAX_LICENCES = 32;
    /// The rest of the numbers only the owner may use up: they do not come back when a seller's role ends.
    uint256 private constant MAX_LICENCES_OF_SELLERS = 16;
    /// One unit of a licence as datatokens.
    uint256 internal constant UNIT = 1e18;

    /// @inheritdoc ILicences
    address public immutable datatokenImplementation;

    mapping(uint256 licenceKey => Licence) internal _licences;
    mapping(uint256 licenceKey => mapping(address account => Grant)) internal _grants;
    mapping(uint256 index => PaymentToken) internal _paymentTokens;
    /// @dev Of a licence of the kind Stream, who keeps account of it.
    mapping(uint256 licenceKey => address) internal _streams;

    constructor() {
        datatokenImplementation = address(new Datatoken());
    }

    /* OFFERS */

    /// @inheritdoc ILicences
    function addLicence(uint256 assetId, LicenceTerms calldata terms) external returns (uint256 licence) {
        Asset memory asset = _checkMaySell(assetId);
        _checkNotRetired(assetId, asset.status);
        licence = asset.licenceCount;
        uint256 maximum = asset.owner == msg.sender ? MAX_LICENCES : MAX_LICENCES_OF_SELLERS;
        if (licence >= maximum) revert TooManyLicences(assetId, maximum);
        _assets[assetId].licenceCount = uint8(licence + 1);
        _addLicence(assetId, licence, terms);
    }

    /// @inheritdoc ILicences
    function setPrice(uint256 assetId, uint256 licence, uint96 price) external {
        _checkMaySell(assetId);
        Licence storage offer = _licenceAt(assetId, licence);
        offer.price = price;
        emit LicenceChanged(assetId, licence, price, offer.open);
    }

    /// @inheritdoc ILicences
    function setOpen(uint256 assetId, uint256 licence, bool open) external {
        _checkMaySell(assetId);
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
        Found memory found = _find(assetId);
        Licence memory offer = _licences[_key(found.terms, licence)];
        _checkForSale(assetId, licence, found.asset, offer);
        if (offer.kind == LicenceKind.Stream) revert SoldByTheSecond(assetId, licence);
        // The cap is the collection's: who owns one item cannot use it up.
        if (offer.cap != 0 && found.terms != assetId) revert CapOfCollection(assetId, licence);
        // A gift has no buyer who could use up the limit of another.
        _take(Issue(assetId, licence, account, units, asTokens, account, 0), found.terms, offer);
    }

    /// @inheritdoc ILicences
    function sell(Issue memory issue) external returns (Offer memory) {
        Rules memory rules = _checkSeller();
        Found memory found = _find(issue.assetId);
        Licence memory offer = _licences[_key(found.terms, issue.licence)];
        _checkForSale(issue.assetId, issue.licence, found.asset, offer);
        if (issue.digest != 0) {
            bytes32 digest = _digestOf(issue.assetId, found);
            if (issue.digest != digest) revert OtherDocument(issue.assetId, issue.digest, digest);
        }
        if (offer.kind != LicenceKind.Stream) {
            _take(issue, found.terms, offer);
        } else if (_streams[_key(found.terms, issue.licence)] != msg.sender) {
            revert SoldByTheSecond(issue.assetId, issue.licence);
        }
        return _offer(found, offer, rules);
    }

    /// @inheritdoc ILicences
    function offerOf(uint256 assetId, uint256 licence) external view returns (Offer memory) {
        return _offer(_find(assetId), _licenceAt(assetId, licence), _salesRules());
    }

    /* VIEWS */

    /// @inheritdoc ILicences
    function licenceOf(uint256 assetId, uint256 licence) external view returns (Licence memory) {
        return _licenceAt(assetId, licence);
    }

    /// @inheritdoc ILicences
    function licencesOf(uint256 assetId) external view returns (Licence[] memory) {
        return _licencesOf(_find(assetId));
    }

    /// @inheritdoc IAssets
    function getStateFingerprint(uint256 assetId) external view returns (bytes32) {
        Found memory found = _find(assetId);
        return keccak256(
            abi.encode(
                _digestOf(assetId, found),
                found.asset.status & ~FLAG_PAYOUT,
                found.asset.derivativeBps,
                _licencesOf(found)
            )
        );
    }

    /// @inheritdoc ILicences
    function streamsOf(uint256 assetId, uint256 licence) external view returns (address) {
        _licenceAt(assetId, licence);
        return _streams[_key(ItemId.termsOf(assetId), licence)];
    }

    /// @inheritdoc ILicences
    function datatokenOf(uint256 assetId, uint256 licence) external view returns (address) {
        _licenceAt(assetId, licence);
        return _datatoken(_key(assetId, licence));
    }

    /* INTERNAL */

    function _addLicence(uint256 assetId, uint256 licence, LicenceTerms memory terms) internal {
        if ((terms.kind == LicenceKind.Hold) != (terms.amount == 0)) {
            revert InvalidLicenceAmount(terms.kind, terms.amount);
        }
        uint256 key = _key(assetId, licence);
        if (terms.kind == LicenceKind.Stream) {
            if (terms.cap != 0 || terms.limit != 0) revert InvalidStream(assetId, licence);
            if (!isSeller(terms.streams)) revert NotSeller(terms.streams);
            _streams[key] = terms.streams;
        } else if (terms.minimum != 0 || terms.streams != address(0)) {
            revert InvalidStream(assetId, licence);
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
            open: true,
            minimum: terms.minimum
        });
        _licences[key].write(offer);
        emit LicenceAdded(assetId, licence, terms);
    }

    function _licencesOf(Found memory found) private view returns (Licence[] memory licences) {
        licences = new Licence[](found.asset.licenceCount);
        for (uint256 i = 0; i < licences.length; ++i) {
            licences[i] = _licences[_key(found.terms, i)];
        }
    }

    function _checkMaySell(uint256 assetId) private view returns (Asset memory asset) {
        _checkHasTerms(assetId);
        return _checkAssetRole(assetId, SELLER);
    }

    /// @dev First step of a sale or a gift: reverts for what is not issued now.
    function _checkForSale(uint256 assetId, uint256 licence, Asset memory asset, Licence memory offer)
        private
        pure
    {
        if (asset.status & (STATE_MASK | FLAG_DELISTED) != uint8(AssetState.Active)) {
            revert NotForSale(assetId);
        }
        if (licence >= asset.licenceCount) revert LicenceNotFound(assetId, licence);
        if (!offer.open) revert LicenceClosed(assetId, licence);
    }

    /// @dev Second step: takes the units from what is left of the cap and the account's limit, and issues them.
    function _take(Issue memory issue, uint256 terms, Licence memory offer) private {
        (uint256 assetId, uint256 licence) = (issue.assetId, issue.licence);
        (address account, uint32 units) = (issue.account, issue.units);
        if (units == 0) revert NoUnits();
        if (account == address(0)) revert InvalidAccount(account);
        uint256 key = _key(assetId, licence);
        if (offer.cap != 0) {
            uint256 left = offer.cap - offer.issued;
            if (units > left) revert CapExceeded(assetId, licence, units, left);
            _licences[_key(terms, licence)].issued = offer.issued + units;
        }

        if (!issue.asTokens || offer.limit != 0) {
            Grant storage stored = _grants[key][account];
            Grant memory grant_ = stored;
            if (offer.limit != 0) {
                if (account != issue.buyer) revert OnlyForOneself(account, issue.buyer);
                uint256 left = offer.limit > grant_.taken ? offer.limit - grant_.taken : 0;
                if (units > left) revert LimitExceeded(assetId, licence, account, units, left);
            }
            // Only limits look at it, and they are far below the end of the field.
            grant_.taken = units < type(uint32).max - grant_.taken ? grant_.taken + units : type(uint32).max;
            if (!issue.asTokens) _addAccess(grant_, assetId, licence, account, offer, units);
            stored.write(grant_);
        }
        emit LicenceIssued(assetId, licence, account, units, issue.asTokens);
        if (issue.asTokens) _mintTokens(key, account, units);
    }

    /// @dev Add the access of `units` to a grant in memory.
    function _addAccess(
        Grant memory grant_,
        uint256 assetId,
        uint256 licence,
        address account,
        Licence memory offer,
        uint32 units
    ) internal view {
        if (offer.kind == LicenceKind.Hold) {
            if (grant_.held || units > 1) revert AlreadyHeld(assetId, licence, account);
            grant_.held = true;
        } else if (offer.kind == LicenceKind.Period) {
            uint256 start = grant_.expiresAt > block.timestamp ? grant_.expiresAt : block.timestamp;
            uint256 end = start + uint256(offer.amount) * units;
            // 2^48 seconds are nine million years; whoever buys more gets that much. Likewise 2^64 uses.
            grant_.expiresAt = end > type(uint48).max ? type(uint48).max : uint48(end);
        } else if (offer.kind == LicenceKind.Use) {
            uint256 uses = grant_.uses + uint256(offer.amount) * units;
            grant_.uses = uses > type(uint64).max ? type(uint64).max : uint64(uses);
        } else {
            revert SoldByTheSecond(assetId, licence);
        }
    }

    function _mintTokens(uint256 key, address account, uint256 units) private {
        address token = _datatoken(key);
        if (token.code.length == 0) {
            Clones.cloneDeterministicWithImmutableArgs(datatokenImplementation, _datatokenArgs(key), _salt());
        }
        IDatatoken(token).mint(account, units * UNIT);
    }

    /// @dev What is free asks for no token, and nobody is paid.
    function _offer(Found memory found, Licence memory licence, Rules memory rules)
        private
        view
        returns (Offer memory offer)
    {
        if (licence.price == 0) return offer;
        PaymentToken memory payment = _paymentTokens[licence.paymentToken];
        if (!payment.allowed) revert PaymentTokenNotAllowed(licence.paymentToken);
        (offer.token, offer.price) = (payment.token, licence.price);
        offer.payout = _payoutOf(found);
        (offer.feeBps, offer.treasury) = (rules.feeBps, rules.treasury);
        if (found.asset.royaltyBps != 0) {
            offer.royaltyBps = found.asset.royaltyBps;
            offer.royaltyTo = _lineageSplitterOf(found.terms);
        }
    }

    function _licenceAt(uint256 assetId, uint256 licence) internal view returns (Licence storage) {
        Found memory found = _find(assetId);
        if (licence >= found.asset.licenceCount) revert LicenceNotFound(assetId, licence);
        return _licences[_key(found.terms, licence)];
    }

    function _datatoken(uint256 key) internal view returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(
            datatokenImplementation, _datatokenArgs(key), _salt()
        );
    }

    /// @dev Asset ids have 64 bits and licence numbers 8: the key is unique for ids that exist.
    function _key(uint256 assetId, uint256 licence) internal pure returns (uint256) {
        return (assetId << 8) | licence;
    }

    function _datatokenArgs(uint256 key) private pure returns (bytes memory) {
        return abi.encodePacked(uint72(key));
    }

    /// @dev On another chain the same ids are something else, and so are the contracts that stand for them.
    function _salt() internal view returns (bytes32) {
        return bytes32(block.chainid);
    }

    function _lineageSplitterOf(uint256 assetId) internal view virtual returns (address);

    function _paymentTokenCount() internal view virtual returns (uint256);
}
