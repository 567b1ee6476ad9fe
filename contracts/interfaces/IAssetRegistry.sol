// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {DerivativeTerms, IAssets} from "./IAssets.sol";
import {Entry} from "./IDirectory.sol";
import {ILicences, LicenceTerms} from "./ILicences.sol";
import {ILineage, Parent} from "./ILineage.sol";
import {ISales} from "./ISales.sol";

/// @dev One asset to publish.
struct Publication {
    /// sha2-256 of the DDO.
    bytes32 digest;
    /// Who receives the revenue, if the owner publishes itself and names somebody; zero for the owner.
    address payout;
    DerivativeTerms derivatives;
    /// Assets that this one was made from.
    Parent[] parents;
    /// The most, in basis points, that the publisher agrees to owe their owners of each sale, for good.
    uint16 maxRoyaltyBps;
    LicenceTerms[] licences;
}

/// @dev A token that prices may be set in.
struct PaymentToken {
    /// Zero for the native coin.
    address token;
    bool allowed;
}

/// @title The registry of AI assets.
/// @notice Publishes assets as ERC-721 tokens and keeps who may use them. Holds no money.
interface IAssetRegistry is IAssets, ISales, ILicences {
    /* EVENTS */

    /// @notice A payment token was allowed or disallowed for new licences and new sales.
    /// @param index Its index, for ever.
    /// @param token The token; zero for the native coin.
    /// @param allowed Whether it is taken from now on.
    event PaymentTokenChanged(uint256 indexed index, address indexed token, bool allowed);

    /// @notice A collection was published.
    /// @param collection Its id.
    /// @param root The root of all items.
    /// @param size How many items there are.
    event CollectionPublished(uint256 indexed collection, bytes32 root, uint256 size);

    /// @notice New publications are paused.
    /// @param until When they go on (seconds since 1970); zero for at once.
    event PublicationsPaused(uint48 until);

    /// @notice ERC-7572: the document of the registry as a whole changed.
    event ContractURIUpdated();

    /* ERRORS */

    /// @dev Publications are paused by the guardian.
    error PublicationsArePaused(uint48 until);

    /// @dev A batch holds at least one publication.
    error NothingToPublish();

    /// @dev A collection has a root and one item or more.
    error EmptyCollection();

    /// @dev There are so many assets that a collection of this id could not tell its items apart from others'.
    error CollectionsAreOver(uint256 assetId);

    /// @dev The asset is no item, or was minted before.
    error ItemIsMinted(uint256 item);

    /// @dev The collection does not list this document at this place.
    error InvalidItemProof(uint256 item, bytes32 digest);

    /// @dev The registry knows at most this many payment tokens.
    error TooManyPaymentTokens(uint256 maximum);

    /* PUBLISHING */

    /// @notice Publish an asset and its licences. Anybody may for anybody, but only the owner names a payout.
    /// @param owner Who will own it.
    /// @param publication The asset.
    /// @return assetId The id of the new ERC-721 token.
    function publish(address owner, Publication calldata publication) external returns (uint256 assetId);

    /// @notice Publish several assets of one owner; their ids are consecutive.
    /// @param owner Who will own them.
    /// @param publications The assets.
    /// @return firstAssetId The id of the first.
    function publishMany(address owner, Publication[] calldata publications)
        external
        returns (uint256 firstAssetId);

    /// @notice Publish a collection: an asset whose items are listed by a Merkle root, and are assets of their own.
    /// @dev The items' ids are `1 << 62 | collection << 32 | index`. A leaf is that of OpenZeppelin's StandardMerkleTree over
    /// `(uint256 index, bytes32 digest)`: the place of an item and sha2-256 of its DDO. Licences, royalty and terms for
    /// derivatives of all items are the collection's, now and later. An item can be bought at once, without being minted.
    /// @param owner Who will own it.
    /// @param publication The collection as an asset, with the licences of its items.
    /// @param root The root of all items, for good.
    /// @param size How many items there are.
    /// @return collection The id of the new ERC-721 token.
    function publishCollection(address owner, Publication calldata publication, bytes32 root, uint32 size)
        external
        returns (uint256 collection);

    /// @notice Mint an item to the owner of its collection, with the collection's payout. For anybody: it changes nothing but
    /// that from now on the item has a document, an owner, a payout, a state and roles of its own.
    /// @param item The item.
    /// @param digest sha2-256 of its DDO.
    /// @param proof That the collection lists it: the hashes beside the way from its leaf to the root.
    function mintItem(uint256 item, bytes32 digest, bytes32[] calldata proof) external;

    /* SETTINGS: for those whom the access manager lets */

    /// @notice Allow prices and sales in a token, or end them. Tokens keep their index for ever.
    /// @param token The token; zero for the native coin.
    /// @param allowed Whether it is taken.
    /// @return index Its index.
    function setPaymentToken(address token, bool allowed) external returns (uint256 index);

    /// @notice Pause new publications, or let them go on.
    /// @param until When they go on by themselves (seconds since 1970); zero for at once.
    function pausePublications(uint48 until) external;

    /// @notice Set the ERC-7572 document of the registry as a whole.
    /// @param digest sha2-256 of the document.
    function setContractURI(bytes32 digest) external;

    /* VIEWS */

    /// @notice All contracts of the registry by name: what a client needs to know beside this address.
    /// @return The entries of its directory.
    function contracts() external view returns (Entry[] memory);

    /// @notice What a collection lists.
    /// @param collection The collection.
    /// @return root The root of all items; zero if the asset is no collection.
    /// @return size How many items there are.
    function collectionOf(uint256 collection) external view returns (bytes32 root, uint256 size);

    /// @notice All payment tokens by index; index 0 is the native coin.
    /// @return The tokens.
    function paymentTokens() external view returns (PaymentToken[] memory);

    /// @notice Keeps the ancestors of derived assets, and where their royalties go.
    /// @return The contract.
    function lineage() external view returns (ILineage);

    /// @notice Until when new publications are paused, if that is not over.
    /// @return Seconds since 1970.
    function publicationsPausedUntil() external view returns (uint48);

    /// @notice ERC-7572: the document of the registry as a whole.
    /// @return Its address; empty until it is set.
    function contractURI() external view returns (string memory);
}
