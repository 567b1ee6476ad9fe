// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {DerivativeTerms, IAssets} from "./IAssets.sol";
import {ILicences, LicenceTerms} from "./ILicences.sol";
import {ILineage} from "./ILineage.sol";

/// @dev One asset to publish.
struct Publication {
    /// sha2-256 of the DDO.
    bytes32 digest;
    /// Who receives the revenue; zero for the owner.
    address payout;
    DerivativeTerms derivatives;
    /// Assets that this one was made from.
    uint256[] parents;
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
interface IAssetRegistry is IAssets, ILicences {
    /* EVENTS */

    /// @notice A payment token was allowed or disallowed for new licences and new sales.
    event PaymentTokenChanged(uint256 indexed index, address indexed token, bool allowed);

    /// @notice Sales are made by this marketplace from now on.
    event MarketplaceChanged(address marketplace);

    /// @notice New publications are paused until then; zero lets them go on.
    event PublicationsPaused(uint48 until);

    /// @notice ERC-7572: the document of the collection changed.
    event ContractURIUpdated();

    /* ERRORS */

    /// @dev Publications are paused by the guardian.
    error PublicationsArePaused(uint48 until);

    /// @dev A batch holds at least one publication.
    error NothingToPublish();

    /// @dev The registry knows at most this many payment tokens.
    error TooManyPaymentTokens(uint256 maximum);

    /// @dev There is no contract at this address.
    error NotAContract(address account);

    /* PUBLISHING */

    /// @notice Publish an asset and its licences.
    /// @param owner Who will own it.
    /// @return assetId The id of the new ERC-721 token.
    function publish(address owner, Publication calldata publication) external returns (uint256 assetId);

    /// @notice Publish several assets of one owner; their ids are consecutive.
    /// @return firstAssetId The id of the first.
    function publishMany(address owner, Publication[] calldata publications)
        external
        returns (uint256 firstAssetId);

    /* SETTINGS: for those whom the access manager lets */

    /// @notice Allow prices and sales in a token, or end them. Tokens keep their index for ever.
    function setPaymentToken(address token, bool allowed) external returns (uint256 index);

    /// @notice Name the contract that may sell.
    function setMarketplace(address marketplace) external;

    /// @notice Pause new publications until then, or let them go on (zero).
    function pausePublications(uint48 until) external;

    /// @notice Set the ERC-7572 document of the collection by its sha2-256 digest.
    function setContractURI(bytes32 digest) external;

    /* VIEWS */

    /// @notice All payment tokens by index; index 0 is the native coin.
    function paymentTokens() external view returns (PaymentToken[] memory);

    /// @notice The contract that sells.
    function marketplace() external view returns (address);

    /// @notice Keeps the ancestors of derived assets, and where their royalties go.
    function lineage() external view returns (ILineage);

    /// @notice Until when new publications are paused, if that is not over.
    function publicationsPausedUntil() external view returns (uint48);

    /// @notice ERC-7572: the document of the collection; empty until it is set.
    function contractURI() external view returns (string memory);
}
