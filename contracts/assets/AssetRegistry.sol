// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Utils} from "@openzeppelin/contracts/token/ERC721/utils/ERC721Utils.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {AssetState, BPS, IAssets, MAX_ROYALTY_BPS} from "../interfaces/IAssets.sol";
import {IAssetRegistry, PaymentToken, Publication} from "../interfaces/IAssetRegistry.sol";
import {Entry, IDirectory} from "../interfaces/IDirectory.sol";
import {LicenceTerms} from "../interfaces/ILicences.sol";
import {ILineage, Parent} from "../interfaces/ILineage.sol";
import {CidLib} from "../libraries/CidLib.sol";
import {Asset, SlotLib} from "../libraries/SlotLib.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ItemId} from "../libraries/ItemId.sol";
import {LeafLib} from "../libraries/LeafLib.sol";
import {Sales} from "../market/Sales.sol";
import {Grants} from "./Grants.sol";
import {Licences} from "./Licences.sol";

/// @title AssetRegistry: one contract for all assets.
/// @dev Holds no money and takes none: nothing here is payable, so `multicall` cannot spend a value twice.
contract AssetRegistry is Grants, Multicall, IERC2981, IAssetRegistry {
    using SlotLib for Asset;

    uint256 private constant MAX_PAYMENT_TOKENS = 256;
    /// ERC-4906 declares no function, so its interface id is its number.
    bytes4 private constant ERC_4906 = 0x49064906;

    /// @inheritdoc IAssetRegistry
    ILineage public immutable lineage;
    IDirectory private immutable _directory;
    /// @dev Known from the start, so that a sale need not ask.
    address private immutable _lineageSplitter;

    /// @dev A whole slot, which keeps the next three together in one: a publication writes that one and reads no other.
    bytes32 private _contractDigest;
    uint64 private _nextAssetId = 1;
    /// @inheritdoc IAssetRegistry
    uint48 public publicationsPausedUntil;
    uint16 private _tokenCount;

    constructor(address authority, IDirectory directory, ILineage lineage_, address treasury, uint256 feeBps)
        AccessManaged(authority)
        Sales(treasury, feeBps)
    {
        _directory = directory;
        lineage = lineage_;
        _lineageSplitter = lineage_.splitterImplementation();
        // The native coin has index 0.
        _addPaymentToken(address(0), true);
    }

    /* PUBLISHING */

    /// @inheritdoc IAssetRegistry
    function publish(address owner, Publication calldata publication) public returns (uint256 assetId) {
        assetId = _reserveIds(1);
        _countAssets(owner, 1);
        _publish(owner, assetId, publication);
    }

    /// @inheritdoc IAssetRegistry
    function publishMany(address owner, Publication[] calldata publications)
        external
        returns (uint256 firstAssetId)
    {
        uint256 count = publications.length;
        if (count == 0) revert NothingToPublish();
        firstAssetId = _reserveIds(count);
        _countAssets(owner, count);
        for (uint256 i = 0; i < count; ++i) {
            _publish(owner, firstAssetId + i, publications[i]);
        }
    }

    /* COLLECTIONS */

    /// @inheritdoc IAssetRegistry
    function publishCollection(address owner, Publication calldata publication, bytes32 root, uint32 size)
        external
        returns (uint256 collection)
    {
        if (root == 0 || size == 0) revert EmptyCollection();
        collection = _reserveIds(1);
        if (collection >> ItemId.COLLECTION_BITS != 0) revert CollectionsAreOver(collection);
        _collections[collection] = Collection(root, size);
        emit CollectionPublished(collection, root, size);
        _countAssets(owner, 1);
        _publish(owner, collection, publication);
    }

    /// @inheritdoc IAssetRegistry
    function mintItem(uint256 item, bytes32 digest, bytes32[] calldata proof) external {
        Found memory found = _find(item);
        if (found.home == item) revert ItemIsMinted(item);
        bytes32 leaf = LeafLib.leaf(abi.encode(ItemId.indexOf(item), digest));
        if (!MerkleProof.verifyCalldata(proof, _collections[found.home].root, leaf)) {
            revert InvalidItemProof(item, digest);
        }
        Asset storage stored = _assets[item];
        Asset memory asset = found.asset;
        address payout = asset.status & FLAG_PAYOUT == 0 ? address(0) : _payouts[found.home];
        // It may be delisted already.
        asset.status = stored.status;
        (asset.licenceCount, asset.derivativeBps, asset.royaltyBps) = (0, 0, 0);
        stored.write(asset);
        _countAssets(asset.owner, 1);
        emit Transfer(address(0), asset.owner, item);
        _setDigest(item, 1, digest);
        if (payout != address(0)) _setPayout(item, payout);
    }

    /// @inheritdoc IAssetRegistry
    function collectionOf(uint256 collection) external view returns (bytes32 root, uint256 size) {
        return (_collections[collection].root, _collections[collection].size);
    }

    /* SETTINGS */

    /// @inheritdoc IAssetRegistry
    function setPaymentToken(address token, bool allowed) external restricted returns (uint256 index) {
        uint256 count = _tokenCount;
        while (index < count && _paymentTokens[index].token != token) ++index;
        if (index == count) {
            _checkIsContract(token);
            _addPaymentToken(token, allowed);
        } else {
            _paymentTokens[index].allowed = allowed;
            emit PaymentTokenChanged(index, token, allowed);
        }
    }

    /// @inheritdoc IAssetRegistry
    function pausePublications(uint48 until) external restricted {
        publicationsPausedUntil = until;
        emit PublicationsPaused(until);
    }

    /// @inheritdoc IAssetRegistry
    function setContractURI(bytes32 digest) external restricted {
        if (digest == 0) revert EmptyDigest();
        _contractDigest = digest;
        emit ContractURIUpdated();
    }

    /// @inheritdoc IAssets
    function setDelisted(uint256 assetId, bool delisted) external restricted {
        _setDelisted(assetId, delisted);
    }

    /* VIEWS */

    /// @inheritdoc IAssetRegistry
    function contracts() external view returns (Entry[] memory) {
        return _directory.allEntries();
    }

    /// @inheritdoc IAssetRegistry
    function paymentTokens() external view returns (PaymentToken[] memory tokens) {
        tokens = new PaymentToken[](_tokenCount);
        for (uint256 i = 0; i < tokens.length; ++i) {
            tokens[i] = _paymentTokens[i];
        }
    }

    /// @inheritdoc IAssetRegistry
    function contractURI() external view returns (string memory) {
        return _contractDigest == 0 ? "" : CidLib.uri(_contractDigest);
    }

    /// @notice ERC-2981: what a resale of the asset itself owes its ancestors.
    /// @param assetId The asset.
    /// @param salePrice The price, in any unit.
    /// @return receiver Who receives it for them; zero if there are none.
    /// @return amount What they are owed, in the same unit.
    function royaltyInfo(uint256 assetId, uint256 salePrice)
        external
        view
        returns (address receiver, uint256 amount)
    {
        Found memory found = _find(assetId);
        uint256 royaltyBps = found.asset.royaltyBps;
        if (royaltyBps == 0) return (address(0), 0);
        receiver = _lineageSplitterOf(found.terms);
        // In two parts, so that no price overflows. Nothing is lost: what the division leaves is in the second.
        amount = (salePrice / BPS) * royaltyBps + (salePrice % BPS) * royaltyBps / BPS;
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, IERC165) returns (bool) {
        return interfaceId == type(IERC2981).interfaceId || interfaceId == ERC_4906
            || interfaceId == this.getStateFingerprint.selector || super.supportsInterface(interfaceId);
    }

    /* INTERNAL */

    function _reserveIds(uint256 count) private returns (uint256 firstAssetId) {
        if (block.timestamp < publicationsPausedUntil) revert PublicationsArePaused(publicationsPausedUntil);
        firstAssetId = _nextAssetId;
        _nextAssetId = uint64(firstAssetId + count);
    }

    function _publish(address owner, uint256 assetId, Publication calldata publication) private {
        (LicenceTerms[] calldata licences, Parent[] calldata parents) =
            (publication.licences, publication.parents);
        uint256 licenceCount = licences.length;
        if (licenceCount > MAX_LICENCES) revert TooManyLicences(assetId, MAX_LICENCES);
        bool derivativesAllowed = publication.derivatives.allowed;
        Asset memory asset = Asset({
            owner: owner,
            version: 1,
            epoch: 0,
            licenceCount: uint8(licenceCount),
            status: uint8(AssetState.Active) | (derivativesAllowed ? FLAG_DERIVATIVES_ALLOWED : 0)
                | (parents.length != 0 ? FLAG_DERIVED : 0),
            derivativeBps: _checkDerivativeTerms(publication.derivatives),
            royaltyBps: 0
        });
        _assets[assetId].write(asset);
        emit Transfer(address(0), owner, assetId);
        _setDigest(assetId, 1, publication.digest);
        if (derivativesAllowed || asset.derivativeBps != 0) {
            emit DerivativeTermsChanged(assetId, derivativesAllowed, asset.derivativeBps);
        }
        if (publication.payout != address(0)) {
            if (owner != msg.sender) revert NotAssetOwner(assetId, msg.sender);
            _setPayout(assetId, publication.payout);
        }
        for (uint256 i = 0; i < licenceCount; ++i) {
            _addLicence(assetId, i, licences[i]);
        }
        if (parents.length != 0) {
            // The lineage is the constructor's, and asks views only.
            uint16 royaltyBps = lineage.declareParents(assetId, parents);
            uint256 maximum = publication.maxRoyaltyBps;
            if (maximum > MAX_ROYALTY_BPS) maximum = MAX_ROYALTY_BPS;
            if (royaltyBps > maximum) revert RoyaltyTooHigh(royaltyBps, maximum);
            _assets[assetId].royaltyBps = royaltyBps;
        }
        // Last, since it calls a stranger. Whoever publishes for themselves can hold a token.
        if (owner != msg.sender) {
            ERC721Utils.checkOnERC721Received(msg.sender, address(0), owner, assetId, "");
        }
    }

    function _addPaymentToken(address token, bool allowed) private {
        uint256 index = _tokenCount;
        if (index == MAX_PAYMENT_TOKENS) revert TooManyPaymentTokens(MAX_PAYMENT_TOKENS);
        _tokenCount = uint16(index + 1);
        _paymentTokens[index] = PaymentToken({token: token, allowed: allowed});
        emit PaymentTokenChanged(index, token, allowed);
    }

    /// @inheritdoc Licences
    function _lineageSplitterOf(uint256 assetId) internal view override returns (address) {
        return Clones.predictDeterministicAddressWithImmutableArgs(
            _lineageSplitter, abi.encodePacked(address(this), uint64(assetId)), _salt(), address(lineage)
        );
    }

    /// @inheritdoc Licences
    function _paymentTokenCount() internal view override returns (uint256) {
        return _tokenCount;
    }
}
