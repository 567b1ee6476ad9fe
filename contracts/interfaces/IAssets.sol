// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev Parts of a whole are counted in basis points: 10,000 are all of it.
uint256 constant BPS = 10_000;

/// @dev The most that the ancestors of an asset may take of its sales, together: 30 %.
uint16 constant MAX_ROYALTY_BPS = 3000;

/// @dev Role: may update the DDO.
uint8 constant EDITOR = 1;
/// @dev Role: may add, reprice, close and open licences.
uint8 constant SELLER = 2;
/// @dev Role: may give licences away.
uint8 constant MINTER = 4;

/// @dev What the owner says of an asset. Active <-> Suspended, either -> Retired, which is final.
enum AssetState {
    Active,
    Suspended,
    Retired
}

/// @dev Whether others may publish assets derived from this one, and at which royalty.
struct DerivativeTerms {
    bool allowed;
    /// Royalty asked of each sale of a derivative, in basis points.
    uint16 royaltyBps;
}

/// @dev All that the registry keeps of one asset, but for its licences and grants. An item of a collection has the
/// collection's licences, royalty and terms for derivatives; until it is minted, all else is the collection's, too.
struct AssetInfo {
    address owner;
    /// sha2-256 of the DDO: its CID is CIDv1, raw, of this digest. Of an item that is not minted, its collection's root.
    bytes32 digest;
    /// 1 at publication, one more with each update of the DDO.
    uint256 version;
    /// Of an item also that of its collection, whichever is graver.
    AssetState state;
    /// True while curation keeps the asset from being ordered; an item also while it does so with its collection.
    bool delisted;
    uint256 licenceCount;
    /// Who receives the revenue: the owner unless set otherwise.
    address payout;
    /// Number of transfers so far; roles are valid within one epoch only.
    uint256 epoch;
    /// True if the asset declared parents when it was published.
    bool derived;
    /// Royalty that each sale owes the ancestors, in basis points.
    uint16 royaltyBps;
    DerivativeTerms derivatives;
}

/// @title Assets: one ERC-721 token each, with a document, a state, roles and a payout.
interface IAssets {
    /* EVENTS */

    /// @notice The DDO of an asset was set: version 1 is the publication.
    /// @dev The CID of the document is CIDv1, raw, sha2-256 of `digest`; an asset can be found by it.
    /// @param assetId The asset.
    /// @param version 1 at publication, one more with each update.
    /// @param digest sha2-256 of the DDO.
    /// @param publisher Who called: anybody may publish for an owner, so the owner need not be the author.
    event MetadataPublished(
        uint256 indexed assetId, uint256 version, bytes32 indexed digest, address indexed publisher
    );

    /// @notice The owner moved the asset to another state.
    /// @param assetId The asset.
    /// @param state The state from now on.
    event StateChanged(uint256 indexed assetId, AssetState state);

    /// @notice Curation delisted the asset or listed it again.
    /// @param assetId The asset.
    /// @param delisted Whether it is kept from being ordered.
    event DelistedChanged(uint256 indexed assetId, bool delisted);

    /// @notice The roles of an account on an asset were set.
    /// @param assetId The asset.
    /// @param account Whose roles they are.
    /// @param epoch Within which they are valid.
    /// @param roles All that the account has from now on.
    event RolesChanged(uint256 indexed assetId, address indexed account, uint256 epoch, uint8 roles);

    /// @notice The revenue of the asset goes elsewhere until it changes hands.
    /// @param assetId The asset.
    /// @param payout Who receives it; zero for the owner.
    event PayoutChanged(uint256 indexed assetId, address payout);

    /// @notice The terms for future derivatives of the asset changed.
    /// @param assetId The asset.
    /// @param allowed Whether others may derive from it.
    /// @param royaltyBps Royalty asked of each sale of a derivative, in basis points.
    event DerivativeTermsChanged(uint256 indexed assetId, bool allowed, uint16 royaltyBps);

    /* ERRORS */

    /// @dev No asset has this id.
    error AssetNotFound(uint256 assetId);

    /// @dev The item is not minted: nobody owns it by itself yet.
    error ItemNotMinted(uint256 item);

    /// @dev Licences and terms for derivatives of an item are its collection's.
    error TermsOfCollection(uint256 item, uint256 collection);

    /// @dev Only the owner may do this.
    error NotAssetOwner(uint256 assetId, address caller);

    /// @dev Only the owner or an account with this role may do this.
    error MissingAssetRole(uint256 assetId, address caller, uint8 role);

    /// @dev The roles contain a bit that stands for none.
    error UnknownRoles(uint8 roles);

    /// @dev A DDO cannot have the digest zero.
    error EmptyDigest();

    /// @dev Someone else updated the document first: read it again before you change it.
    error VersionConflict(uint256 assetId, uint256 expected, uint256 actual);

    /// @dev The state machine has no such move.
    error IllegalStateChange(uint256 assetId, AssetState from, AssetState to);

    /// @dev A retired asset does not change any more.
    error AssetIsRetired(uint256 assetId);

    /// @dev A royalty is over the cap, or over what the publisher of the derivative agreed to.
    error RoyaltyTooHigh(uint256 royaltyBps, uint256 maximum);

    /* METADATA */

    /// @notice Replace the DDO. For the owner or an editor.
    /// @param assetId The asset.
    /// @param digest sha2-256 of the new DDO.
    /// @param expectedVersion The version that the change was made from, so that no update is lost.
    function updateMetadata(uint256 assetId, bytes32 digest, uint256 expectedVersion) external;

    /* STATE */

    /// @notice Move the asset to another state. For the owner.
    /// @param assetId The asset.
    /// @param state Where it goes.
    function setState(uint256 assetId, AssetState state) external;

    /// @notice Keep the asset from being ordered, or let it be ordered again. For curation.
    /// @param assetId The asset; an item need not be minted.
    /// @param delisted Whether it is kept from being ordered.
    function setDelisted(uint256 assetId, bool delisted) external;

    /* ROLES AND MONEY */

    /// @notice Set all roles of an account on an asset. For the owner.
    /// @param assetId The asset.
    /// @param account Whose roles they are.
    /// @param roles A sum of EDITOR 1, SELLER 2 and MINTER 4.
    function setRoles(uint256 assetId, address account, uint8 roles) external;

    /// @notice Give up one's own roles on an asset.
    /// @param assetId The asset.
    function renounceRoles(uint256 assetId) external;

    /// @notice Say who receives the revenue. For the owner.
    /// @dev Falls back to the owner when the asset changes hands.
    /// @param assetId The asset.
    /// @param payout The receiver; zero stands for the owner.
    function setPayout(uint256 assetId, address payout) external;

    /// @notice Set the terms for future derivatives; those already made keep theirs. For the owner.
    /// @param assetId The asset.
    /// @param terms The terms from now on.
    function setDerivativeTerms(uint256 assetId, DerivativeTerms calldata terms) external;

    /* VIEWS */

    /// @notice All about an asset.
    /// @param assetId The asset.
    /// @return What the registry keeps of it.
    function assetInfo(uint256 assetId) external view returns (AssetInfo memory);

    /// @notice The roles that an account holds by grant in the current epoch; the owner needs none.
    /// @param assetId The asset; of an item that is not minted, the roles are those on its collection.
    /// @param account The account.
    /// @return A sum of EDITOR 1, SELLER 2 and MINTER 4.
    function rolesOf(uint256 assetId, address account) external view returns (uint8);

    /// @notice Who receives the revenue of the asset now.
    /// @param assetId The asset.
    /// @return The receiver.
    function payoutOf(uint256 assetId) external view returns (address);

    /// @notice ERC-5646: changes with whatever a new owner of the asset takes over: document, state, terms, licences.
    /// @dev What ends with a transfer is not in it: roles, payout, approvals.
    /// @param assetId The asset.
    /// @return The same value as long as all that is the same.
    function getStateFingerprint(uint256 assetId) external view returns (bytes32);
}
